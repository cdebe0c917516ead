//! One command per verb that reads or changes the store, and what comes back. They are carried out by whoever holds
//! the lock: this process, or the agent behind `agent.sock`, to which they travel as one line of JSON.

use crate::error::EdgeError;
use crate::uplink::IssuerUrl;
use brink_license::{CameraId, Feature, Slug, UnixSeconds, b64};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Something to be done with the device's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Pin a trust anchor.
    Init {
        /// The content of trust.json.
        trust: String,
    },
    /// Become a device over the network.
    ActivateOnline {
        /// The activation code.
        code: Secret,
        /// Where to, now and for exchanges; where the device before it called, if absent.
        issuer: Option<IssuerUrl>,
        /// Trust these certificates instead of Mozilla's.
        ca_pem: Option<String>,
        /// Set an earlier store aside and make a new device.
        again: bool,
    },
    /// Make the file that asks to become a device.
    ActivateExport {
        /// The activation code.
        code: Secret,
        /// Where exchanges go later, if there will be a network.
        issuer: Option<IssuerUrl>,
        /// Set an earlier store aside and make a new device.
        again: bool,
    },
    /// Accept the issuer's answer to an activation.
    ActivateImport {
        /// The response file.
        response: Payload,
    },
    /// Report and be answered over the network.
    ExchangeOnline {
        /// Where to; else where the device was activated.
        issuer: Option<IssuerUrl>,
        /// Trust these certificates instead of Mozilla's.
        ca_pem: Option<String>,
    },
    /// Make the file that reports.
    ExchangeExport,
    /// Accept the issuer's answer to a report.
    ExchangeImport {
        /// The response file.
        response: Payload,
    },
    /// Take up what the issuer signed beside licence and receipt, from a file.
    Accept {
        /// The token.
        notice: String,
    },
    /// Put a camera on an unnamed seat.
    SeatAssign {
        /// Which camera.
        camera: CameraId,
        /// The packs of the seat; else the first that is free.
        packs: Option<Vec<Slug>>,
    },
    /// Take a camera off its unnamed seat.
    SeatRelease {
        /// Which camera.
        camera: CameraId,
    },
    /// Who sits on the unnamed seats?
    SeatList,
    /// Take up an extension that somebody typed in.
    AcceptTyped {
        /// Its lines.
        text: String,
    },
    /// Make the file that asks to set the mark of time back.
    ClockChallenge,
    /// May this camera use this feature?
    Check(Question),
    /// What is in force and how is the store?
    Status,
}

/// What `check` asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Which camera.
    pub camera: CameraId,
    /// Which feature.
    pub feature: Feature,
    /// When, if not now. Never before the guarded time.
    pub at: Option<UnixSeconds>,
}

impl Command {
    /// The verb as people write it.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Command::Init { .. } => "init",
            Command::ActivateOnline { .. }
            | Command::ActivateExport { .. }
            | Command::ActivateImport { .. } => "activate",
            Command::ExchangeOnline { .. } | Command::ExchangeExport | Command::ExchangeImport { .. } => {
                "exchange"
            }
            Command::Accept { .. } | Command::AcceptTyped { .. } => "accept",
            Command::ClockChallenge => "clock",
            Command::SeatAssign { .. } | Command::SeatRelease { .. } | Command::SeatList => "seat",
            Command::Check(_) => "check",
            Command::Status => "status",
        }
    }
}

impl Command {
    /// Whether it is about unnamed seats alone.
    #[must_use]
    pub const fn is_about_seats(&self) -> bool {
        matches!(self, Command::SeatAssign { .. } | Command::SeatRelease { .. } | Command::SeatList)
    }

    /// Whether a person wants to start over with this.
    #[must_use]
    pub const fn starts_over(&self) -> bool {
        matches!(
            self,
            Command::ActivateOnline { again: true, .. } | Command::ActivateExport { again: true, .. }
        )
    }
}

/// A text that must not be logged. Shown as three dots.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

/// The bytes of a file on their way through a line of JSON, as base64url. Shown as their number: a response holds the
/// next ratchet, a request for activation the code.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(pub Vec<u8>);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&b64::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        b64::decode(text.as_bytes()).map(Self).ok_or_else(|| D::Error::custom("not unpadded base64url"))
    }
}

/// What a verb came to: the same whether this process or the agent carried it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 0 done or allowed, 3 not allowed or not verified, 2 wrong usage, 1 failed.
    pub exit_code: u8,
    /// What `--json` prints; null when there is only an error.
    pub document: serde_json::Value,
    /// What is printed otherwise, without the final newline.
    pub text: String,
    /// What went wrong.
    pub error: Option<Report>,
    /// Bytes for the file that the caller named.
    pub file: Option<Payload>,
}

/// An error as it is printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Stable.
    pub code: String,
    /// What was wrong, with what.
    pub message: String,
    /// What helps; `None` where the message says it.
    pub mend: Option<String>,
}

/// Done, or allowed.
pub const EXIT_DONE: u8 = 0;
/// Failed.
pub const EXIT_FAILED: u8 = 1;
/// Wrong usage; clap uses the same.
pub const EXIT_USAGE: u8 = 2;
/// Not allowed, or not verified.
pub const EXIT_NOT_ALLOWED: u8 = 3;

impl Reply {
    /// A verb that was carried out.
    #[must_use]
    pub fn done(document: serde_json::Value, text: impl Into<String>) -> Self {
        Self { exit_code: EXIT_DONE, document, text: text.into(), error: None, file: None }
    }

    /// The same with bytes for a file.
    #[must_use]
    pub fn with_file(self, bytes: Vec<u8>) -> Self {
        Self { file: Some(Payload(bytes)), ..self }
    }
}

impl From<&EdgeError> for Reply {
    fn from(error: &EdgeError) -> Self {
        Self {
            exit_code: error.exit_code(),
            document: serde_json::Value::Null,
            text: String::new(),
            error: Some(Report {
                code: error.code().into_owned(),
                message: error.to_string(),
                mend: error.mend(),
            }),
            file: None,
        }
    }
}

impl From<Result<Reply, EdgeError>> for Reply {
    fn from(result: Result<Reply, EdgeError>) -> Self {
        result.unwrap_or_else(|error| Reply::from(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_command() -> Vec<Command> {
        let issuer = IssuerUrl::parse("https://issuer.example").unwrap();
        let code = Secret::new("ABCD-EFGH");
        let response = Payload(vec![0, 255, 10]);
        let camera = CameraId::parse("Cam 7 \"ä\"").unwrap();
        let feature = Feature::parse("analytics/near_miss").unwrap();
        vec![
            Command::Init { trust: "{\"issuer\":\"dev-a\"}\n".to_owned() },
            Command::ActivateOnline {
                code: code.clone(),
                issuer: Some(issuer.clone()),
                ca_pem: Some("PEM".to_owned()),
                again: false,
            },
            Command::ActivateOnline { code: code.clone(), issuer: None, ca_pem: None, again: true },
            Command::ActivateExport { code, issuer: Some(issuer.clone()), again: true },
            Command::ActivateImport { response: response.clone() },
            Command::ExchangeOnline { issuer: Some(issuer), ca_pem: None },
            Command::ExchangeOnline { issuer: None, ca_pem: None },
            Command::ExchangeExport,
            Command::ExchangeImport { response },
            Command::Check(Question {
                camera: camera.clone(),
                feature: feature.clone(),
                at: Some(UnixSeconds::new(1)),
            }),
            Command::Check(Question { camera: camera.clone(), feature, at: None }),
            Command::Status,
            Command::Accept { notice: "a.b.c".to_owned() },
            Command::SeatAssign { camera: camera.clone(), packs: None },
            Command::SeatAssign { camera: camera.clone(), packs: Some(vec![Slug::parse("base").unwrap()]) },
            Command::SeatRelease { camera },
            Command::SeatList,
            Command::AcceptTyped { text: "AAAAA\nBBBBB".to_owned() },
            Command::ClockChallenge,
        ]
    }

    #[test]
    fn every_command_is_one_line_and_comes_back() {
        for command in every_command() {
            let line = serde_json::to_string(&command).unwrap();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(serde_json::from_str::<Command>(&line).unwrap(), command, "{line}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for line in [
            "",
            "null",
            "[]",
            r#"{"verb":"destroy"}"#,
            r#"{"verb":"init","trust":"{}","more":1}"#,
            r#"{"verb":"check","camera":"a\u0000","feature":"a/b","at":null}"#,
            r#"{"verb":"check","camera":"a","feature":"a","at":null}"#,
            r#"{"verb":"exchange_import","response":"="}"#,
            r#"{"verb":"exchange_online","issuer":"http://issuer.example","ca_pem":null}"#,
        ] {
            assert!(serde_json::from_str::<Command>(line).is_err(), "{line}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        for command in every_command() {
            let shown = format!("{command:?}");
            assert!(!shown.contains("ABCD") && !shown.contains("255"), "{shown}");
        }
    }

    #[test]
    fn replies_come_back() {
        let done = Reply::done(serde_json::json!({"a": 1}), "done\nwell").with_file(vec![1, 2]);
        let error = Reply::from(&EdgeError::Usage("x".to_owned()));
        for reply in [done, error] {
            let line = serde_json::to_string(&reply).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Reply>(&line).unwrap(), reply);
        }
    }
}
