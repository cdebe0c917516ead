//! What a reader sees: the published bundle as any host reads it, without the lock.

use crate::command::{EXIT_NOT_ALLOWED, Question, Reply};
use crate::error::EdgeError;
use crate::words::rfc3339;
use brink_license::clock::{Reading, State};
use brink_license::keyset::TrustAnchor;
use brink_license::{Decision, Flags, UnixSeconds};
use brink_store::{BundleError, BundleReader, Layout, Snapshot};
use serde_json::json;
use std::sync::Arc;

/// Reads one device's bundle again and again.
#[derive(Debug)]
pub struct Look {
    reader: BundleReader,
    anchor: TrustAnchor,
}

impl Look {
    /// A look with the device's own roots.
    pub fn new(layout: &Layout) -> Result<Self, EdgeError> {
        let anchor = layout.trust_anchor()?;
        Ok(Self { reader: BundleReader::new(&layout.bundle(), anchor.clone()), anchor })
    }

    /// A look that leaves no trace.
    pub fn observing(layout: &Layout) -> Result<Self, EdgeError> {
        let anchor = layout.trust_anchor()?;
        Ok(Self { reader: BundleReader::observing(&layout.bundle(), anchor.clone()), anchor })
    }

    /// What this device trusts.
    #[must_use]
    pub const fn anchor(&self) -> &TrustAnchor {
        &self.anchor
    }

    /// What is in force at this reading.
    pub fn at(&mut self, reading: &Reading) -> Arc<Snapshot> {
        self.reader.tick(reading)
    }

    /// Why the bundle as it stands is not in force.
    #[must_use]
    pub const fn refused(&self) -> Option<&BundleError> {
        self.reader.refused()
    }

    /// Whether whoever holds the lock could make the bundle better: it is absent, refused, older than the anchor, or not
    /// at home in this boot.
    #[must_use]
    pub fn wants_repair(&self, snapshot: &Snapshot) -> bool {
        let standing = snapshot.standing();
        let is_older = standing.state == State::StoreTampered;
        self.refused().is_some() || is_older || standing.flags.contains(Flags::UNATTESTED)
    }
}

/// Answers `check`.
pub fn decide(snapshot: &Snapshot, question: &Question) -> Result<Reply, EdgeError> {
    let now = snapshot.standing().now;
    let at = question.at.unwrap_or(now);
    if at < now {
        return Err(EdgeError::LooksBack { at, now });
    }
    let decision = snapshot.decide(question.camera.as_str(), question.feature.as_str(), at);
    Ok(answer(question, &decision, at))
}

fn answer(question: &Question, decision: &Decision, at: UnixSeconds) -> Reply {
    let until = decision.until.and_then(rfc3339);
    let flags: Vec<_> = decision.flags.names().collect();
    let document = json!({
        "verdict": decision.verdict.as_str(),
        "allowed": decision.allowed,
        "reason": decision.reason.as_str(),
        "state": decision.state.as_str(),
        "until": until,
        "flags": flags,
        "camera": question.camera,
        "feature": question.feature,
        "at": rfc3339(at),
        "mend": decision.reason.mend(),
    });
    let mut reply = Reply::done(document, text(question, decision, until.as_deref(), &flags));
    if !decision.allowed {
        reply.exit_code = EXIT_NOT_ALLOWED;
    }
    reply
}

fn text(question: &Question, decision: &Decision, until: Option<&str>, flags: &[&str]) -> String {
    let answer = match (decision.allowed, decision.verdict) {
        (true, brink_license::Verdict::Allow) => "ALLOWED",
        (true, brink_license::Verdict::Deny) => "ALLOWED, although not licensed",
        (false, _) => "NOT ALLOWED",
    };
    let Question { camera, feature, .. } = question;
    let (reason, state) = (decision.reason.as_str(), decision.state.as_str());
    let mut text = format!("{answer}: {camera} {feature}\n  reason: {reason}\n  state: {state}");
    if let Some(until) = until {
        text.push_str(&format!("\n  until: {until}"));
    }
    if !flags.is_empty() {
        text.push_str(&format!("\n  flags: {}", flags.join(", ")));
    }
    if decision.verdict == brink_license::Verdict::Deny {
        text.push_str(&format!("\n  mend: {}", decision.reason.mend()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use brink_license::clock::BootId;
    use brink_license::{CameraId, Feature, IssuerName, Kid};

    const WALL: i64 = 1_800_000_000;

    fn not_activated() -> (Arc<Snapshot>, Option<BundleError>) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let roots = vec![Kid::from_digest([1; 32])];
        let anchor = TrustAnchor::new(IssuerName::parse("dev-acme").unwrap(), 1, roots).unwrap();
        std::fs::write(layout.trust(), anchor.to_json().unwrap()).unwrap();
        let boot = BootId::parse("0a1b2c3d-0000-4000-8000-00000000ff01").unwrap();
        let reading = Reading { wall: UnixSeconds::new(WALL), boot, boottime: 10 };
        let mut look = Look::new(&layout).unwrap();
        (look.at(&reading), look.refused().cloned())
    }

    fn question(at: Option<i64>) -> Question {
        Question {
            camera: CameraId::parse("cam-001").unwrap(),
            feature: Feature::parse("analytics/near_miss").unwrap(),
            at: at.map(UnixSeconds::new),
        }
    }

    #[test]
    fn a_device_without_a_licence_says_no_why_and_what_helps() {
        let (snapshot, refused) = not_activated();
        assert!(refused.is_some());
        let reply = decide(&snapshot, &question(None)).unwrap();
        assert_eq!(reply.exit_code, 3);
        assert_eq!(reply.document["verdict"], "deny");
        assert_eq!(reply.document["reason"], "unlicensed");
        assert_eq!(reply.document["until"], serde_json::Value::Null);
        assert!(reply.text.starts_with("NOT ALLOWED: cam-001 analytics/near_miss"), "{}", reply.text);
        assert!(reply.text.contains("mend: activate the device"), "{}", reply.text);
    }

    #[test]
    fn a_check_looks_forward_only_and_says_from_when() {
        let (snapshot, _) = not_activated();
        assert!(decide(&snapshot, &question(Some(WALL))).is_ok());
        let error = decide(&snapshot, &question(Some(WALL - 1))).unwrap_err();
        assert_eq!((error.exit_code(), error.code().as_ref()), (2, "LOOKS_BACK"));
        let said = error.to_string();
        assert!(said.contains("2027-01-15T07:59:59Z") && said.contains("2027-01-15T08:00:00Z"), "{said}");
    }
}
