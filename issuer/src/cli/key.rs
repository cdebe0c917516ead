//! `brink-issuer key`: the keys of the admin API. Those that sign are `brink-issuer keys`.

use super::EXIT_CODES;
use super::error::CliError;
use super::input::read_bounded;
use super::opening::Target;
use super::output::Output;
use crate::access::{EXPIRES_DAYS, Grantor, KeyId, KeyOrder, MadeKey, Scope};
use crate::calendar::rfc3339;
use crate::secret::Redacted;
use crate::storage::ApiKeyRow;
use brink_license::TenantId;
use clap::{Args, Subcommand};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Keys that are read at once: the list is written as a whole, and memory does not grow with what is on record.
const KEYS_AT_ONCE: u32 = 500;
/// Largest file with a key: the longest of them, and the end of its line.
const VALUE_BYTES_MAX: usize = 514;

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make an API key; prints it once
    #[command(after_help = EXIT_CODES)]
    Create(Create),
    /// List the API keys: what each may do, for whom, until when, and when it was used last
    #[command(after_help = EXIT_CODES)]
    List(List),
    /// Take an API key back; the next request with it is refused
    #[command(after_help = EXIT_CODES)]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    target: Target,
    /// What it may do, for example devices:read; may be given several times. `*` is everything; `legacy` is for old clients of
    /// one tenant, and wants --tenant
    #[arg(long = "scope", value_name = "S", required = true)]
    scopes: Vec<Scope>,
    /// For this tenant alone: there is no other for whoever has the key
    #[arg(long, value_name = "T")]
    tenant: Option<TenantId>,
    /// Days until it ends, 1 to 3650; without, it has to be revoked
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(*EXPIRES_DAYS.start())..=i64::from(*EXPIRES_DAYS.end())))]
    expires_days: Option<u32>,
    /// For people: who has it, and what for
    #[arg(long, value_name = "X", default_value = "")]
    name: String,
    /// A file with a key that clients of before Brink show already, in place of a fresh one; for the scope legacy alone
    #[arg(long, value_name = "F")]
    value_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
    /// Only those for this tenant alone
    #[arg(long, value_name = "T")]
    tenant: Option<TenantId>,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    target: Target,
    /// The id of the key: the twelve digits after brk_
    #[arg(long, value_name = "K", value_parser = key_id)]
    key: KeyId,
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "write the twelve digits that follow brk_ in the key".to_owned())
}

impl Key {
    pub(super) const fn target(&self) -> &Target {
        match self {
            Key::Create(create) => &create.target,
            Key::List(list) => &list.target,
            Key::Revoke(revoke) => &revoke.target,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Key::Create(create) => create.run(output),
            Key::List(list) => list.run(output),
            Key::Revoke(revoke) => revoke.run(output),
        }
    }
}

impl Create {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let Self { target, scopes, tenant, expires_days, name, value_file } = self;
        let value = value_file.as_deref().map(read_value).transpose()?;
        if let Some(path) = value_file.as_deref().filter(|path| is_open(path)) {
            output.warn(&format!(
                "{} can be read by others, and with it the key; chmod 0600",
                path.display()
            ))?;
        }
        let order = KeyOrder { name, scopes: scopes.into_iter().collect(), tenant, expires_days, value };
        let MadeKey { key, row } = target.data.admin()?.create_key(&order, Grantor::Operator)?;
        let mut document = document(&row);
        document["key"] = key.reveal().into();
        let lines = format!("key {}, shown this once\n{}", key.reveal(), line(&row));
        Ok(output.result(target.json, &document, &lines)?)
    }
}

/// Whether others than its owner may read a file.
fn is_open(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

/// One line. What is no text is no key, and is refused as one.
fn read_value(path: &Path) -> Result<Redacted, CliError> {
    let bytes = Zeroizing::new(read_bounded(path, VALUE_BYTES_MAX)?);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    Ok(Redacted::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

impl List {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let admin = self.target.data.admin()?;
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = admin.keys(self.tenant.as_ref(), after.as_ref(), KEYS_AT_ONCE)?;
            after = page.last().map(ApiKeyRow::place);
            keys.extend(page);
            if after.is_none() {
                break;
            }
        }
        let document = serde_json::json!({ "keys": keys.iter().map(document).collect::<Vec<_>>() });
        let lines: Vec<_> = keys.iter().map(line).collect();
        Ok(output.result(self.target.json, &document, &lines.join("\n"))?)
    }
}

impl Revoke {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let row = self.target.data.admin()?.revoke_key(&self.key, Grantor::Operator)?;
        let lines = format!("key {} is revoked; the next request with it is refused", row.id);
        Ok(output.result(self.target.json, &document(&row), &lines)?)
    }
}

fn document(row: &ApiKeyRow) -> serde_json::Value {
    serde_json::json!({
        "id": row.id, "name": row.name, "scopes": row.scopes.iter().collect::<Vec<_>>(), "tenant": row.tenant,
        "created_at": rfc3339(row.created_at), "created_by": row.created_by, "expires_at": row.expires_at.map(rfc3339),
        "last_used_at": row.last_used_at.map(rfc3339), "revoked_at": row.revoked_at.map(rfc3339),
    })
}

fn line(row: &ApiKeyRow) -> String {
    let tenant =
        row.tenant.as_ref().map_or_else(|| "every tenant".to_owned(), |id| format!("tenant {id} alone"));
    let until =
        row.expires_at.map_or_else(|| "until revoked".to_owned(), |at| format!("until {}", rfc3339(at)));
    let used = row.last_used_at.map_or_else(|| "never".to_owned(), rfc3339);
    let revoked = row.revoked_at.map(|at| format!(", revoked at {}", rfc3339(at))).unwrap_or_default();
    // What somebody typed: quoted, so that it cannot pass for another part of the line.
    format!(
        "{} {:?}, {}, for {tenant}, {until}, last used {used}, made by {}{revoked}",
        row.id, row.name, row.scopes, row.created_by
    )
}
