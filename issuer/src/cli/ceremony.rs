//! `brink-issuer keys ceremony`: the steps of root keys that are kept elsewhere, each with files.

use super::EXIT_CODES;
use super::error::CliError;
use super::keys::prepared;
use super::opening::{PassphraseSource, Target};
use super::output::Output;
use crate::calendar::rfc3339;
use crate::keyring::{KeyringError, Signed, sign, write_out};
use brink_license::b64;
use brink_license::keyset::{ManifestPayload, RootKeys};
use brink_signing::{KeyFile, KeyFileError, KeyUse, Passphrase, Protection, Signer};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Ceremony {
    /// At the issuer: write a manifest that renews the keyset, or brings other root keys
    #[command(after_help = EXIT_CODES)]
    Prepare(Prepare),
    /// Where a root key is: sign a manifest. Needs no issuer directory
    #[command(after_help = EXIT_CODES)]
    Sign(Sign),
    /// At the issuer: join the signatures and check them. Publish it then
    #[command(after_help = EXIT_CODES)]
    Assemble(Assemble),
    /// Where a new root key is to be: make it. Needs no issuer directory
    #[command(after_help = EXIT_CODES)]
    NewRoot(NewRoot),
}

#[derive(Debug, Args)]
pub(super) struct Prepare {
    #[command(flatten)]
    target: Target,
    /// Where to write the manifest, to be carried to the root keys
    #[arg(long, value_name = "M.unsigned")]
    out: PathBuf,
    /// The public half of a root key that is to count from now on; name all of them
    #[arg(long = "root", value_name = "F.pub", requires = "threshold")]
    roots: Vec<PathBuf>,
    /// How many of them have to sign together
    #[arg(long, value_name = "N", requires = "roots")]
    threshold: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct Sign {
    /// The manifest as it was carried here
    #[arg(long, value_name = "M.unsigned")]
    manifest: PathBuf,
    /// The root key, with its .pub beside it
    #[arg(long, value_name = "F.key")]
    root_key: PathBuf,
    /// Where to write the signature, to be carried back
    #[arg(long, value_name = "M.sig")]
    out: PathBuf,
    #[command(flatten)]
    lock: Lock,
}

#[derive(Debug, Args)]
pub(super) struct Assemble {
    #[command(flatten)]
    target: Target,
    /// The manifest that was prepared
    #[arg(long, value_name = "M.unsigned")]
    manifest: PathBuf,
    /// A signature that came back; give each
    #[arg(long = "sig", value_name = "M.sig", required = true)]
    signatures: Vec<PathBuf>,
    /// Where to write the whole
    #[arg(long, value_name = "M.signed")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct NewRoot {
    /// Where to write the key; its public half comes beside it as .pub
    #[arg(long, value_name = "F.key")]
    out: PathBuf,
    #[command(flatten)]
    lock: Lock,
}

/// How a root key lies on disk.
#[derive(Debug, Args)]
struct Lock {
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// The key lies in the clear, which is for issuers whose name starts with dev- only
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_fd"])]
    dev: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Lock {
    /// `None` for a key in the clear.
    fn read(&self) -> Result<Option<Passphrase>, CliError> {
        match self.passphrase.read()? {
            None if !self.dev => Err(CliError::usage(
                "a root key is encrypted: give --passphrase-file F or --passphrase-fd N, or --dev in development",
            )),
            passphrase => Ok(passphrase),
        }
    }
}

impl Ceremony {
    pub(super) const fn wants_json(&self) -> bool {
        match self {
            Ceremony::Prepare(prepare) => prepare.target.json,
            Ceremony::Sign(sign) => sign.lock.json,
            Ceremony::Assemble(assemble) => assemble.target.json,
            Ceremony::NewRoot(new) => new.lock.json,
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Ceremony::Prepare(prepare) => prepare.run(output),
            Ceremony::Sign(sign) => sign.run(output),
            Ceremony::Assemble(assemble) => assemble.run(output),
            Ceremony::NewRoot(new) => new.run(output),
        }
    }
}

impl Prepare {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let root = self.threshold.map(|threshold| self.root(threshold)).transpose()?;
        let payload = self.target.data.keyring()?.renewed(root)?;
        prepared(output, self.target.json, (&payload, &self.out))
    }

    fn root(&self, threshold: u32) -> Result<RootKeys, CliError> {
        let mut keys = Vec::new();
        for path in &self.roots {
            let half = KeyFile::at(path.with_extension("key"))?.read_public()?;
            if half.key_use() != KeyUse::Root {
                let found = half.key_use();
                return Err(CliError::usage(format!("{} is a {found} key, not a root key", path.display())));
            }
            keys.push(half.public_key().clone());
        }
        let bad = |error| KeyringError::NotAManifest { path: self.out.clone(), error };
        Ok(RootKeys::new(threshold, keys).map_err(bad)?)
    }
}

impl Sign {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let passphrase = self.lock.read()?;
        let Signed { manifest, kid, bytes } = sign(&self.manifest, &self.root_key, passphrase.as_ref())?;
        write_out(&self.out, &bytes)?;
        let (payload, sha256) = (manifest.payload(), b64::encode(manifest.sha256()));
        let document = serde_json::json!({
            "signed_by": kid, "sha256": sha256, "manifest": payload, "signature": self.out,
        });
        let lines = format!(
            "{}\nsigned by {kid}; the signature is in {}\ncompare with the others who sign: sha256 {sha256}",
            describe(payload),
            self.out.display()
        );
        Ok(output.result(self.lock.json, &document, &lines)?)
    }
}

/// What somebody reads before and after signing.
fn describe(payload: &ManifestPayload) -> String {
    let mut lines = vec![format!(
        "version {} of issuer {}, issued {}, expires {}",
        payload.version,
        payload.iss,
        rfc3339(payload.issued_at),
        rfc3339(payload.expires_at)
    )];
    lines.push(format!("root: {} of {} sign", payload.root.threshold(), payload.root.keys().len()));
    lines.extend(payload.root.keys().iter().map(|key| format!("  {}", key.kid())));
    lines.extend(payload.keys.iter().map(|key| {
        let (from, until) = key.validity();
        let (key_use, state) = (key.key_use().as_str(), key.state().as_str());
        format!("{key_use:<8} {}  {state:<8} from {} until {}", key.kid(), rfc3339(from), rfc3339(until))
    }));
    lines.join("\n")
}

impl Assemble {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let signed = self.target.data.keyring()?.assembled(&self.manifest, &self.signatures)?;
        write_out(&self.out, &signed)?;
        let document = serde_json::json!({ "manifest": self.out, "published": false });
        let out = self.out.display();
        let lines =
            format!("{out} is signed by enough root keys\nput it in force: keys publish --manifest {out}");
        Ok(output.result(self.target.json, &document, &lines)?)
    }
}

impl NewRoot {
    fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        let passphrase = self.lock.read()?;
        let protection =
            passphrase.as_ref().map_or(Protection::PlaintextForDevelopment, Protection::Passphrase);
        let made = || -> Result<_, KeyFileError> {
            let file = KeyFile::at(&self.out)?;
            Ok((file.generate(KeyUse::Root, protection)?.kid(), file.public_path().to_owned()))
        };
        let (kid, public) = made()?;
        let document = serde_json::json!({ "kid": kid, "key": self.out, "public": public });
        let lines = format!("root key {kid}; carry {} to the issuer, the key stays here", public.display());
        Ok(output.result(self.lock.json, &document, &lines)?)
    }
}
