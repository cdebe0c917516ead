//! `brink-edge-mock`: the agent with a development issuer in the same process, for whoever develops against a device and has no
//! issuer. It takes the arguments of `brink-edge run`, which starts it where `MOCK_BILLING_SERVICE=true`, and nothing else.
//!
//! The issuer is a real one, with development keys, one customer and one key for old clients, in a directory beside the device's
//! (`DIR.mock-issuer`). A device directory that is not there yet is made and activated; one that trusts another issuer is left
//! alone. The only program that knows both the edge and the issuer; neither knows of it.

mod device;
mod issuer;

use anyhow::{Context as _, bail};
use brink_edge::Output;
use brink_edge::cli::{Cli, carry_out, start_logging};
use clap::Parser as _;
use std::ffi::OsString;
use std::io::{stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Who the customer is where TENANT_ID does not say.
const TENANT: &str = "tenant-123";
/// What old clients show where BILLING_API_KEY does not say: the key of the old product's development template.
const KEY: &str = "dev-api-key-123";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = Cli::parse_from(&arguments);
    let Some(data) = cli.agents_directory().map(Path::to_owned) else {
        bail!(
            "brink-edge-mock runs an agent and does nothing else; give it the arguments of `brink-edge run`"
        );
    };
    start_logging(&cli).context("cannot start the log")?;
    brink_edge::panics::tell_sleds_apart();
    let environment = cli.environment().context("the file of --env-file cannot be read")?;
    let tenant = environment.tenant.as_ref().map_or(TENANT, |tenant| tenant.as_str());
    let key = Some(environment.billing.api_key.value.reveal()).filter(|key| !key.is_empty()).unwrap_or(KEY);
    device::check(&data)?;
    let issuer = issuer::start(&beside(&data), tenant, key)?;
    device::make(&data, &issuer, tenant)?;
    let cli = Cli::parse_from(with_billing(arguments, &issuer));
    let (mut out, mut err) = (stdout(), stderr());
    let mut output = Output::new(&mut out, &mut err, cli.wants_json());
    Ok(ExitCode::from(carry_out(cli, &mut output).context("cannot print the answer")?))
}

/// The issuer's directory.
fn beside(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".mock-issuer");
    name.into()
}

/// A local API passes the console's questions on to this issuer, where nobody named another one.
fn with_billing(mut arguments: Vec<OsString>, issuer: &issuer::Mock) -> Vec<OsString> {
    let is_given = |name: &str| {
        arguments.iter().any(|argument| argument.to_string_lossy().split('=').next() == Some(name))
    };
    let has_api = is_given("--api-listen") || is_given("--api-socket");
    if has_api && !is_given("--billing-url") {
        let key_file = issuer.key_file.as_os_str().to_owned();
        let url = format!("{}/api/v1", issuer.url).into();
        arguments.extend(["--billing-url".into(), url, "--billing-key-file".into(), key_file]);
    }
    arguments
}
