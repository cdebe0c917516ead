//! `legacy-installation`: see the crate's documentation.
#![allow(clippy::print_stdout, reason = "a program whose output is its purpose")]

use anyhow::Result;
use brink_installation::{Fate, Manifest, Plan, Writer, Written};
use clap::Parser;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Makes an installation of tAPI as a transfer meets it: tapi.db, data/telemetry_CAMERA.db and manifest.json
///
/// The same options make the same rows. Unless --plain is given, there are rows, files and cameras among them that a transfer
/// stumbles over; manifest.json lists each with its file, table and rowid, and whether PostgreSQL can hold it.
#[derive(Debug, Parser)]
#[command(name = "legacy-installation", version)]
struct Options {
    /// The folder to make it in; it may hold no installation yet, unless --write-only is given
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Cameras with an ordinary name; without --plain there are eight more
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    cameras: u32,
    /// Ordinary rows of all telemetry files together
    #[arg(long, value_name = "N", default_value_t = 2000)]
    rows: u64,
    /// What makes two installations alike
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Nothing to stumble over
    #[arg(long)]
    plain: bool,
    /// No telemetry.db with rows of several cameras
    #[arg(long)]
    no_mixed: bool,
    /// One thumbnail of 50 million bytes
    #[arg(long)]
    big_blob: bool,
    /// Bytes of a thumbnail at most
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(200..=1_000_000))]
    thumbnail_bytes: u32,
    /// Then keep writing to it for so many seconds, as a site at work does
    #[arg(long, value_name = "SECONDS")]
    write_for: Option<u64>,
    /// Make nothing: only write to the installation that is there
    #[arg(long, requires = "write_for")]
    write_only: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if !options.write_only {
        let plan = Plan {
            cameras: options.cameras,
            rows: options.rows,
            seed: options.seed,
            traps: !options.plain,
            thumbnail_bytes: 200..options.thumbnail_bytes as usize + 1,
            mixed: !options.no_mixed,
            big_blob: options.big_blob,
        };
        say_made(&plan.generate(&options.to)?);
    }
    if let Some(seconds) = options.write_for {
        let writer = Writer::start(&options.to, options.seed)?;
        println!("writing for {seconds} s");
        // Nobody sends: it is over when the time is.
        let (_nobody, over) = channel::<()>();
        let _ = over.recv_timeout(Duration::from_secs(seconds));
        say_written(&writer.stop()?);
    }
    Ok(())
}

fn say_made(manifest: &Manifest) {
    let rejected = manifest.traps.iter().filter(|one| one.fate == Fate::Rejected).count();
    println!("files                {:>12}", manifest.files.len());
    for table in [
        "config",
        "camera_config",
        "telemetry_events",
        "frames",
        "analytics_summary",
        "time_series_buckets",
        "class_distribution",
        "dwell_times",
        "event_type_counts",
    ] {
        println!("{table:<20} {:>12}", manifest.rows(table));
    }
    println!("traps                {:>12}", manifest.traps.len());
    println!("of them rejected     {rejected:>12}");
}

fn say_written(written: &Written) {
    println!("events written       {:>12}", written.events.values().sum::<u64>());
    println!("frames written       {:>12}", written.frames.values().sum::<u64>());
    println!("sums updated         {:>12}", written.upserts);
}
