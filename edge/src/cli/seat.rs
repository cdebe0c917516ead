//! `brink-edge seat`

use super::{DataDirectory, EXIT_CODES, agent_first};
use crate::command::{Command, Reply};
use crate::error::EdgeError;
use brink_license::{CameraId, Slug};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Put a camera on a free unnamed seat: it is licensed at once, and for good
    #[command(after_help = EXIT_CODES)]
    Assign(Assign),
    /// Take a camera off its unnamed seat; only a few may be moved between two exchanges
    #[command(after_help = EXIT_CODES)]
    Release(Release),
    /// Show who sits where, what is free, and what may still be moved
    #[command(after_help = EXIT_CODES)]
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct Assign {
    #[command(flatten)]
    data: DataDirectory,
    /// The camera, as its operator names it
    #[arg(value_name = "CAMERA")]
    camera: String,
    /// A seat with exactly these packs; else the first that is free
    #[arg(long, value_name = "P,...", value_delimiter = ',')]
    packs: Option<Vec<String>>,
}

#[derive(Debug, Args)]
pub(super) struct Release {
    #[command(flatten)]
    data: DataDirectory,
    /// The camera
    #[arg(value_name = "CAMERA")]
    camera: String,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    data: DataDirectory,
}

pub(super) fn carry_out(verb: &Verb) -> Result<Reply, EdgeError> {
    let (data, command) = match verb {
        Verb::Assign(Assign { data, camera, packs }) => {
            let packs = packs.as_ref().map(|packs| packs.iter().map(|pack| Slug::parse(pack)).collect());
            (data, Command::SeatAssign { camera: CameraId::parse(camera)?, packs: packs.transpose()? })
        }
        Verb::Release(Release { data, camera }) => {
            (data, Command::SeatRelease { camera: CameraId::parse(camera)? })
        }
        Verb::List(List { data }) => (data, Command::SeatList),
    };
    agent_first::change(&data.layout(), &command)
}
