//! `brink-edge check`

use super::{DataDirectory, agent_first};
use crate::command::{Command, Question, Reply};
use crate::error::EdgeError;
use crate::look::decide;
use crate::words::parse_rfc3339;
use brink_license::{CameraId, Feature, UnixSeconds};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
    /// The camera, as its operator named it
    #[arg(long, value_name = "ID")]
    camera: String,
    /// The feature, as category/name, for example analytics/near_miss
    #[arg(long, value_name = "FEATURE")]
    feature: String,
    /// Ask for a later moment instead of now
    #[arg(long, value_name = "RFC3339", value_parser = parse_rfc3339)]
    at: Option<UnixSeconds>,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let camera = CameraId::parse(&arguments.camera)?;
    let feature = Feature::parse(&arguments.feature)?;
    let question = Question { camera, feature, at: arguments.at };
    let layout = arguments.data.layout();
    if let Ok(reply) = agent_first::glance(&layout, &Command::Check(question.clone())) {
        return Ok(reply);
    }
    let (_, snapshot, _) = agent_first::look(&layout)?;
    decide(&snapshot, &question)
}
