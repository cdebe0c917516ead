//! The one place that prints: a JSON document or text on standard output, errors on standard error.

use crate::command::{Reply, Report};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

/// A text in which nothing steers a terminal: neither control characters nor those that turn the direction of writing.
pub(crate) fn steady(text: &str) -> String {
    let steers = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|character| if steers(character) { '\u{fffd}' } else { character }).collect()
}

/// Where a verb's answer goes.
pub struct Output<'w> {
    out: &'w mut dyn Write,
    err: &'w mut dyn Write,
    json: bool,
}

/// Where an agent is reached.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'r> {
    /// `agent.sock`.
    pub socket: &'r Path,
    /// The page of metrics.
    pub metrics: Option<SocketAddr>,
    /// The API on the loopback.
    pub api: Option<SocketAddr>,
    /// The API on a socket of its own.
    pub api_socket: Option<&'r Path>,
}

impl<'w> Output<'w> {
    /// Prints to `out` and `err`; with `json`, every verb puts exactly one JSON document on `out`.
    pub fn new(out: &'w mut dyn Write, err: &'w mut dyn Write, json: bool) -> Self {
        Self { out, err, json }
    }

    /// Prints an answer and gives its exit code.
    pub fn reply(&mut self, reply: &Reply) -> io::Result<u8> {
        if self.json {
            self.document(reply)?;
        } else if !reply.text.is_empty() {
            writeln!(self.out, "{}", reply.text)?;
        }
        if let Some(report) = &reply.error {
            self.report(report)?;
        }
        self.out.flush()?;
        Ok(reply.exit_code)
    }

    /// Says at once that an agent is ready, for a reader that waits for it. That is all that an agent prints.
    pub fn ready(&mut self, ready: &Ready<'_>) -> io::Result<()> {
        let Ready { socket, metrics, api, api_socket } = ready;
        let metrics = metrics.map(|address| format!("http://{address}/metrics"));
        let api = api.map(|address| format!("http://{address}/api/v1"));
        if self.json {
            let mut document = serde_json::json!({ "agent": "ready", "socket": socket });
            let more = [("metrics", metrics), ("api", api)];
            more.into_iter().for_each(|(name, place)| {
                if let Some(place) = place {
                    document[name] = place.into();
                }
            });
            if let Some(path) = api_socket {
                document["api_socket"] = serde_json::json!(path);
            }
            writeln!(self.out, "{document}")?;
        } else {
            let mut line = format!("agent ready on {}", socket.display());
            let api_socket = api_socket.map(|path| path.display().to_string());
            for (what, place) in [("metrics", metrics), ("API", api), ("API", api_socket)] {
                line.extend(place.map(|place| format!(", {what} on {place}")));
            }
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    fn document(&mut self, reply: &Reply) -> io::Result<()> {
        match &reply.error {
            Some(report) if reply.document.is_null() => {
                let document = serde_json::json!({ "error": report });
                writeln!(self.out, "{document:#}")
            }
            Some(_) | None if reply.document.is_null() => Ok(()),
            Some(_) | None => writeln!(self.out, "{:#}", reply.document),
        }
    }

    fn report(&mut self, report: &Report) -> io::Result<()> {
        writeln!(self.err, "error: {} [{}]", report.message, report.code)?;
        if let Some(mend) = &report.mend {
            writeln!(self.err, "  mend: {mend}")?;
        }
        self.err.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EdgeError;

    fn printed(reply: &Reply, json: bool) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = Output::new(&mut out, &mut err, json).reply(reply).unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn text_for_people_one_document_for_scripts() {
        let reply = Reply::done(serde_json::json!({"state": "active"}), "state: active");
        assert_eq!(printed(&reply, false), (0, "state: active\n".to_owned(), String::new()));
        let (code, out, err) = printed(&reply, true);
        assert_eq!((code, err.as_str()), (0, ""));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), reply.document);
    }

    #[test]
    fn an_agent_says_once_that_it_is_ready() {
        let bare = Ready { socket: Path::new("E/agent.sock"), metrics: None, api: None, api_socket: None };
        let port = |port| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        let full =
            Ready { metrics: port(1), api: port(2), api_socket: Some(Path::new("E/api.sock")), ..bare };
        for (json, ready, expected) in [
            (false, bare, "agent ready on E/agent.sock\n"),
            (true, bare, "{\"agent\":\"ready\",\"socket\":\"E/agent.sock\"}\n"),
            (
                false,
                full,
                "agent ready on E/agent.sock, metrics on http://127.0.0.1:1/metrics, API on http://127.0.0.1:2/api/v1, API on E/api.sock\n",
            ),
            (
                true,
                full,
                "{\"agent\":\"ready\",\"api\":\"http://127.0.0.1:2/api/v1\",\"api_socket\":\"E/api.sock\",\"metrics\":\"http://127.0.0.1:1/metrics\",\"socket\":\"E/agent.sock\"}\n",
            ),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut output = Output::new(&mut out, &mut err, json);
            output.ready(&ready).unwrap();
            output.reply(&Reply::done(serde_json::Value::Null, "")).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn an_error_names_code_and_mend_in_both_forms() {
        let reply = Reply::from(&EdgeError::NoIssuerUrl);
        for json in [false, true] {
            let (code, out, err) = printed(&reply, json);
            assert_eq!(code, 1);
            assert!(err.contains("[NO_ISSUER_URL]") && err.contains("mend: give --issuer"), "{err}");
            assert_eq!(out.is_empty(), !json);
            if json {
                let document: serde_json::Value = serde_json::from_str(&out).unwrap();
                assert_eq!(document["error"]["code"], "NO_ISSUER_URL");
            }
        }
    }
}
