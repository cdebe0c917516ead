//! `brink-edge migrate`

use super::database::{DatabaseArguments, wait_for};
use crate::command::Reply;
use crate::error::EdgeError;
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) fn carry_out(arguments: &Arguments) -> Result<Reply, EdgeError> {
    let database = arguments.database.patient()?;
    let done = wait_for(database.migrate())?;
    let url = database.url();
    let text = match (done.from, done.to) {
        (from, to) if from == to => format!("{url} has schema {to} already"),
        (0, to) => format!("{url} has schema {to} now"),
        (from, to) => format!("{url} had schema {from} and has {to} now"),
    };
    let document = json!({
        "database": url.to_string(), "schema_before": done.from, "schema": done.to, "partitions_made": done.partitions,
    });
    Ok(Reply::done(document, text))
}
