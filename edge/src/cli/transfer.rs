//! `brink-edge transfer`

use super::EXIT_CODES;
use super::database::{DatabaseArguments, wait_for};
use crate::command::{EXIT_DONE, Reply, Report};
use crate::error::EdgeError;
use crate::output::steady;
use crate::transfer::{self, Failed, Files, ROLL_BACK, TransferError};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Say what there is to transfer, and how to go back; changes nothing
    #[command(after_help = EXIT_CODES)]
    Plan(PlanArguments),
    /// Copy everything that is not there yet; run again it goes on where it stood
    #[command(after_help = EXIT_CODES)]
    Run(RunArguments),
    /// Compare both ends row by row, and end with 1 where they differ
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyArguments),
    /// Say what the database knows of transfers into it
    #[command(after_help = EXIT_CODES)]
    Report(ReportArguments),
}

#[derive(Clone, Debug, Args)]
pub(super) struct FileArguments {
    /// tAPI's configuration database
    #[arg(long, value_name = "FILE")]
    config_db: Option<PathBuf>,
    /// The directory with tAPI's telemetry.db and telemetry_<camera>.db
    #[arg(long, value_name = "DIR", required_unless_present = "config_db")]
    telemetry_dir: Option<PathBuf>,
    /// Where copies of the files lie while they are read; as much room as the largest of them
    #[arg(long, value_name = "DIR", default_value = "brink-transfer")]
    work_dir: PathBuf,
    /// How long a file that another program holds is waited for: as long as tAPI itself would
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    busy_seconds: u32,
    /// Believe that a file is the one of its name, where none of the rows that were copied is left in it to tell
    #[arg(long)]
    trust_names: bool,
    /// The tenant of cameras and rows that name none
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

impl FileArguments {
    fn files(&self) -> Files {
        Files {
            config_db: self.config_db.clone(),
            telemetry_dir: self.telemetry_dir.clone(),
            work: self.work_dir.clone(),
            busy: Duration::from_secs(self.busy_seconds.into()),
            trust_names: self.trust_names,
            tenant: self.tenant.clone(),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    files: FileArguments,
    /// The PostgreSQL that they would go to, to say what is there already
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The file whose only line is its password; readable by its owner alone
    #[arg(long, value_name = "FILE", requires = "to")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    files: FileArguments,
    #[command(flatten)]
    database: DatabaseArguments,
    /// Read and convert everything, and write nothing
    #[arg(long, conflicts_with = "follow")]
    dry_run: bool,
    /// Go on until SIGINT or SIGTERM, with pauses of this length: for what tAPI writes until the switch
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    follow: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    files: FileArguments,
    #[command(flatten)]
    database: DatabaseArguments,
    /// Write both ends as CSV into this directory, for others to check
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Let rows be that tAPI's retention took out of its files since they were copied
    #[arg(long)]
    allow_removed: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) fn carry_out(verb: &Verb) -> Result<Reply, EdgeError> {
    match verb {
        Verb::Plan(arguments) => plan(arguments),
        Verb::Run(arguments) => run(arguments),
        Verb::Verify(arguments) => verify(arguments),
        Verb::Report(arguments) => report(arguments),
    }
}

fn plan(arguments: &PlanArguments) -> Result<Reply, EdgeError> {
    let database =
        arguments.to.as_ref().map(|to| DatabaseArguments::of(to, arguments.password_file.as_ref()).patient());
    let database = database.transpose()?;
    let files = arguments.files.files();
    let plan = wait_for(transfer::plan(&files, database.as_ref()))?;
    let mut text = String::new();
    for file in &plan.files {
        let rows: u64 = file.tables.values().sum();
        line(&mut text, format!("{:<13} {}: {rows} rows, {} bytes", file.kind, file.name, file.bytes));
    }
    line(&mut text, format!("{} files, {} rows of telemetry", plan.files.len(), plan.rows));
    let free = plan.free_bytes.map_or_else(|| "unknown".to_owned(), |free| free.to_string());
    let work = files.work.display();
    line(&mut text, format!("{work} needs {} bytes and has {free}", plan.largest_bytes));
    if let Some(target) = &plan.target {
        let transfer::Target { database, files_known, rows_copied, rows_rejected } = target;
        line(
            &mut text,
            format!(
                "{database} has {rows_copied} rows of {files_known} files, and {rows_rejected} set aside"
            ),
        );
    }
    Ok(answer(&plan, text + ROLL_BACK, &plan.failed, None))
}

fn run(arguments: &RunArguments) -> Result<Reply, EdgeError> {
    let files = arguments.files.files();
    let ran = if arguments.dry_run {
        transfer::dry_run(&files)?
    } else {
        let database = arguments.database.patient()?;
        match arguments.follow {
            None => wait_for(transfer::run(&database, &files))?,
            Some(pause) => {
                wait_for(transfer::follow(&database, &files, Duration::from_secs(pause.into()), told))?
            }
        }
    };
    let mut text = String::new();
    for file in &ran.files {
        for (table, ran) in file.tables.iter().filter(|(_, ran)| ran.copied_now + ran.rejected_now > 0) {
            let (copied, rejected) = (ran.copied_now, ran.rejected_now);
            line(&mut text, format!("{} {table}: {copied} copied, {rejected} set aside", file.name));
        }
    }
    let tables = || ran.files.iter().flat_map(|file| file.tables.values());
    let (copied, rejected) =
        (tables().map(|ran| ran.copied_now).sum::<u64>(), tables().map(|ran| ran.rejected_now).sum::<u64>());
    let word = if ran.dry_run { "would be" } else { "were" };
    line(
        &mut text,
        format!("{} files: {copied} rows {word} copied, {rejected} {word} set aside", ran.files.len()),
    );
    Ok(answer(&ran, text + ROLL_BACK, &ran.failed, None))
}

/// A pass of a transfer that goes on.
fn told(ran: &transfer::Ran) {
    let tables = || ran.files.iter().flat_map(|file| file.tables.values());
    let copied = tables().map(|ran| ran.copied_now).sum::<u64>();
    let rejected = tables().map(|ran| ran.rejected_now).sum::<u64>();
    tracing::info!(files = ran.files.len(), copied, rejected, failed = ran.failed.len(), "passed");
    for Failed { name, code, message, .. } in &ran.failed {
        tracing::warn!(file = name, code, message, "it does not go through");
    }
}

fn verify(arguments: &VerifyArguments) -> Result<Reply, EdgeError> {
    let database = arguments.database.patient()?;
    let files = arguments.files.files();
    let verified = wait_for(transfer::verify(&database, &files, arguments.dump.as_deref()))?;
    let mut text = String::new();
    for file in &verified.files {
        for (table, found) in &file.tables {
            for difference in &found.first {
                line(&mut text, format!("{} {table}: {difference}", file.name));
            }
        }
    }
    for transfer::FileGone { name, rows } in &verified.gone {
        line(
            &mut text,
            format!(
                "{name}: it was transferred and is not here any more; {rows} rows of it are in the database"
            ),
        );
    }
    if verified.unknown_rows > 0 {
        let rows = verified.unknown_rows;
        line(&mut text, format!("{rows} rows of the database have the number of no file that it knows"));
    }
    let transfer::Sums { rows, rejected, differences, removed } = verified.sums();
    line(
        &mut text,
        format!(
            "{} files: {rows} rows are equal, {rejected} are set aside, {differences} differ",
            verified.files.len()
        ),
    );
    if removed > 0 {
        line(
            &mut text,
            format!(
                "{removed} rows are not in the files any more: retention took them out since they were copied"
            ),
        );
    }
    let differences = if arguments.allow_removed { differences } else { differences + removed };
    let differs = (differences > 0).then_some(TransferError::Differs(differences));
    Ok(answer(&verified, text, &verified.failed, differs))
}

fn report(arguments: &ReportArguments) -> Result<Reply, EdgeError> {
    let database = arguments.database.patient()?;
    let report = wait_for(transfer::report(&database))?;
    let mut text = String::new();
    for file in &report.files {
        for (table, found) in &file.tables {
            let state = if found.is_done { "done" } else { "not done" };
            let (copied, rejected) = (found.copied, found.rejected);
            line(&mut text, format!("{} {table}: {copied} copied, {rejected} set aside, {state}", file.name));
        }
    }
    for (reason, count) in &report.rejects {
        line(&mut text, format!("set aside for {reason}: {count}"));
    }
    Ok(answer(&report, text, &[], None))
}

/// A line of the answer. Names of files come from others.
fn line(text: &mut String, line: String) {
    text.push_str(&steady(&line));
    text.push('\n');
}

/// The whole answer, also where some of it went wrong: then with an error and its exit code beside it.
fn answer(
    document: &impl Serialize,
    mut text: String,
    failed: &[Failed],
    other: Option<TransferError>,
) -> Reply {
    if !failed.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for Failed { name, code, message, mend } in failed {
        line(&mut text, format!("{name}: {message} [{code}]; {mend}"));
    }
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut reply = Reply::done(document, text.trim_end());
    let incomplete = (!failed.is_empty()).then_some(TransferError::Files(failed.len() as u64));
    if let Some(error) = other.or(incomplete).map(EdgeError::from) {
        reply.exit_code = error.exit_code();
        reply.error =
            Some(Report { code: error.code().into_owned(), message: error.to_string(), mend: error.mend() });
    }
    debug_assert!(reply.error.is_some() || reply.exit_code == EXIT_DONE);
    reply
}
