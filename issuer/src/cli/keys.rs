//! `brink-issuer keys`.

use super::EXIT_CODES;
use super::ceremony::Ceremony;
use super::error::CliError;
use super::opening::{PassphraseSource, Target};
use super::output::Output;
use crate::calendar::rfc3339;
use crate::keyring::{Keyring, unsigned, write_out};
use crate::shown_keys::{ShownKeyset, shown_keys};
use brink_license::Kid;
use brink_license::keyset::{KeyUse, Keyset, ManifestPayload};
use brink_signing::Passphrase;
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Show the keyset in force, and which of its keys are here
    #[command(after_help = EXIT_CODES)]
    List(List),
    /// Make new signing keys; the old ones go on to verify what they signed
    #[command(after_help = EXIT_CODES)]
    Rotate(Rotate),
    /// Take signing keys out of force, with everything that they signed
    #[command(after_help = EXIT_CODES)]
    Revoke(Revoke),
    /// Renew the manifest and sign it with the root keys that lie here, which is for development
    #[command(after_help = EXIT_CODES)]
    SignManifest(SignManifest),
    /// Put a manifest in force that the root keys have signed
    #[command(after_help = EXIT_CODES)]
    Publish(Publish),
    /// Root keys that are kept elsewhere: prepare, sign, assemble
    #[command(subcommand, after_help = EXIT_CODES)]
    Ceremony(Ceremony),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

/// Where the next manifest goes: to the root keys here, or to a file.
#[derive(Debug, Args)]
pub(super) struct Next {
    #[command(flatten)]
    target: Target,
    /// Write the manifest unsigned, to be carried to the root keys
    #[arg(long, value_name = "M.unsigned")]
    out: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    next: Next,
    /// Which keys; may be given more than once
    #[arg(long = "use", value_name = "USE", required = true)]
    uses: Vec<Use>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Use {
    License,
    Receipt,
    Audit,
}

impl From<Use> for KeyUse {
    fn from(use_: Use) -> Self {
        match use_ {
            Use::License => Self::License,
            Use::Receipt => Self::Receipt,
            Use::Audit => Self::Audit,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    next: Next,
    /// The key's thumbprint, as `keys list` shows it; may be given more than once
    // One thumbprint in 64 begins with a hyphen.
    #[arg(long = "kid", value_name = "K", required = true, allow_hyphen_values = true)]
    kids: Vec<Kid>,
}

#[derive(Debug, Args)]
pub(super) struct SignManifest {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

#[derive(Debug, Args)]
pub(super) struct Publish {
    #[command(flatten)]
    target: Target,
    /// The manifest, as `keys ceremony assemble` wrote it
    #[arg(long, value_name = "M.signed")]
    manifest: PathBuf,
}

impl Keys {
    pub(super) const fn wants_json(&self) -> bool {
        match self {
            Keys::List(list) => list.target.json,
            Keys::Rotate(rotate) => rotate.next.target.json,
            Keys::Revoke(revoke) => revoke.next.target.json,
            Keys::SignManifest(sign) => sign.target.json,
            Keys::Publish(publish) => publish.target.json,
            Keys::Ceremony(ceremony) => ceremony.wants_json(),
        }
    }

    pub(super) fn run(self, output: &mut Output<'_>) -> Result<(), CliError> {
        match self {
            Keys::List(list) => {
                let shown = shown_keys(&list.target.data.keyring()?)?;
                Ok(output.result(list.target.json, &shown, &describe(&shown))?)
            }
            Keys::Rotate(rotate) => {
                let uses: Vec<KeyUse> = rotate.uses.into_iter().map(KeyUse::from).collect();
                rotate.next.run(output, |keyring, passphrase| Ok(keyring.rotated(&uses, passphrase)?))
            }
            Keys::Revoke(revoke) => {
                let kids = revoke.kids;
                revoke.next.run(output, |keyring, passphrase| Ok(keyring.revoked(&kids, passphrase)?))
            }
            Keys::SignManifest(sign) => {
                let keyring = sign.target.data.keyring()?;
                if !keyring.is_development() {
                    output.warn("The root keys lie beside the keys of the server: move them offline.")?;
                }
                let passphrase = sign.passphrase.read()?;
                let signed = keyring.sign_here(&keyring.renewed(None)?, passphrase.as_ref())?;
                let keyset = keyring.publish(&signed, Path::new("the signed manifest"))?;
                published(output, sign.target.json, &keyset)
            }
            Keys::Publish(publish) => {
                let keyset = publish.target.data.keyring()?.publish_file(&publish.manifest)?;
                published(output, publish.target.json, &keyset)
            }
            Keys::Ceremony(ceremony) => ceremony.run(output),
        }
    }
}

impl Next {
    /// Publishes at once where the root key lies here by right, and else writes what has to be carried.
    fn run(
        self,
        output: &mut Output<'_>,
        next: impl FnOnce(&Keyring, Option<&Passphrase>) -> Result<ManifestPayload, CliError>,
    ) -> Result<(), CliError> {
        let keyring = self.target.data.keyring()?;
        if self.out.is_none() && !keyring.is_development() {
            return Err(keyring.roots_elsewhere().into());
        }
        let passphrase = self.passphrase.read()?;
        let payload = next(&keyring, passphrase.as_ref())?;
        if let Some(out) = &self.out {
            return prepared(output, self.target.json, (&payload, out));
        }
        let signed = keyring.sign_here(&payload, passphrase.as_ref())?;
        let keyset = keyring.publish(&signed, Path::new("the signed manifest"))?;
        published(output, self.target.json, &keyset)
    }
}

/// Writes a manifest for the root keys, and says what comes next.
pub(super) fn prepared(
    output: &mut Output<'_>,
    json: bool,
    (payload, out): (&ManifestPayload, &Path),
) -> Result<(), CliError> {
    write_out(out, &unsigned(payload)?)?;
    let document = serde_json::json!({ "version": payload.version, "manifest": out, "published": false });
    let lines = format!(
        "version {} is prepared in {}; nothing has changed yet\nsign it where the root keys are: brink-issuer keys \
         ceremony sign --manifest {} --root-key F --out M.sig",
        payload.version,
        out.display(),
        out.display()
    );
    Ok(output.result(json, &document, &lines)?)
}

fn published(output: &mut Output<'_>, json: bool, keyset: &Keyset) -> Result<(), CliError> {
    let document = serde_json::json!({
        "version": keyset.version(), "expires_at": rfc3339(keyset.expires_at()), "published": true,
        "keys": keyset.keys(),
    });
    let lines = format!(
        "keyset version {} is in force, until {}; a running server takes it up with its next request, devices with \
         their next exchange",
        keyset.version(),
        rfc3339(keyset.expires_at())
    );
    Ok(output.result(json, &document, &lines)?)
}

fn describe(shown: &ShownKeyset) -> String {
    let mut lines = vec![format!(
        "keyset version {} of issuer {}, issued {}, expires {}",
        shown.version, shown.issuer, shown.issued_at, shown.expires_at
    )];
    lines.push(format!("root: {} of {} sign", shown.root.threshold, shown.root.keys.len()));
    for root in &shown.root.keys {
        lines.push(format!("  {}  {}", root.kid, if root.here { "here" } else { "elsewhere" }));
    }
    for key in &shown.keys {
        let file = key.file.as_deref().unwrap_or("not here");
        lines.push(format!(
            "{:<8} {}  {:<8} from {} until {}  {file}{}",
            key.key_use,
            key.kid,
            key.state,
            key.valid_from,
            key.expires_at,
            if key.signs { ", signs" } else { "" }
        ));
    }
    lines.join("\n")
}
