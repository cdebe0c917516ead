//! What is in force, as `status` and a gate tell it.

use std::path::Path;

use brink_license::clock::State;
use brink_license::keyset::TrustAnchor;
use brink_store::Gate;
use serde_json::Value;

use crate::{Device, Ran};

/// The camera and the feature that every round asks for.
pub(super) const CAMERA: &str = "cam-1";
pub(super) const FEATURE: &str = "analytics/near_miss";
/// The camera that a verb puts on an unnamed seat.
pub(super) const SPARE: &str = "cam-spare";

/// Every state that a device may say it is in.
const STATES: [State; 9] = [
    State::StoreTampered,
    State::Revoked,
    State::Suspended,
    State::Unlicensed,
    State::ClockTampered,
    State::NotYetValid,
    State::Expired,
    State::Grace,
    State::Active,
];

/// Numbers that never go back; zero where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Of the licence.
    pub(super) licence: u64,
    /// Of the receipt.
    pub(super) receipt: u64,
    /// Of the keyset.
    pub(super) keyset: u64,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The state's name, or the code of a refusal.
    pub(super) state: String,
    /// What is in force.
    pub(super) numbers: Numbers,
    /// What has no number of its own: seats and extensions, as far as this way shows them.
    pub(super) beside: String,
}

/// What `status` says, and the whole document for whoever looks closer.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) seen: Seen,
    pub(super) document: Value,
}

/// Whether a process ended as no process of ours may.
pub(super) fn unharmed(ran: &Ran) -> Result<(), String> {
    // SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV.
    if ran.signal.is_some_and(|signal| [4, 6, 7, 8, 11].contains(&signal)) {
        return Err(format!("crashed\n{ran}"));
    }
    if ran.code == Some(101) || ran.stderr.contains("panicked at") {
        return Err(format!("panicked\n{ran}"));
    }
    Ok(())
}

/// The code of a refusal by `--json`; every refusal has one, and says something.
pub(super) fn refusal(ran: &Ran) -> Result<String, String> {
    let document: Value = serde_json::from_str(&ran.stdout).map_err(|error| format!("{error}\n{ran}"))?;
    let error = &document["error"];
    match (error["code"].as_str(), error["message"].as_str()) {
        (Some(code), Some(message)) if !code.is_empty() && !message.is_empty() => Ok(code.to_owned()),
        _ => Err(format!("a refusal without a code\n{ran}")),
    }
}

/// What the device says of itself. A refusal to say anything counts as a state by its code.
pub(super) fn told(device: &Device) -> Result<Told, String> {
    let ran = device.run(&["status", "--json"]);
    unharmed(&ran)?;
    if ran.code != Some(0) {
        let beside = String::new();
        let seen = Seen { state: refusal(&ran)?, numbers: Numbers::default(), beside };
        return Ok(Told { seen, document: Value::Null });
    }
    let document: Value = serde_json::from_str(&ran.stdout).map_err(|error| format!("{error}\n{ran}"))?;
    let state = document["state"].as_str().unwrap_or_default().to_owned();
    if !STATES.iter().any(|known| known.as_str() == state) {
        return Err(format!("no clear state\n{ran}"));
    }
    let number = |of: &str, name: &str| document[of][name].as_u64().unwrap_or(0);
    let numbers = Numbers {
        licence: number("licence", "seq"),
        receipt: number("receipt", "seq"),
        keyset: number("keyset", "version"),
    };
    let beside = format!(
        "{} seats taken, extended until {}",
        document["seats"]["taken"], document["deadlines"]["extended_until"]
    );
    Ok(Told { seen: Seen { state, numbers, beside }, document })
}

/// What a host that starts now sees: numbers, and the reason of its answer.
pub(super) fn through_a_gate(directory: &Path, anchor: &TrustAnchor) -> Seen {
    let gate = Gate::open(directory.join("licence.bundle"), anchor.clone()).expect("a gate can be opened");
    of_gate(&gate)
}

/// The same of a gate that is open already.
pub(super) fn of_gate(gate: &Gate) -> Seen {
    let status = gate.status().expect("a gate of this process");
    let numbers = status.bundle().map_or_else(Numbers::default, |bundle| Numbers {
        licence: bundle.licence().claims().seq,
        receipt: bundle.receipt().map_or(0, |receipt| receipt.claims().seq),
        keyset: bundle.keyset().version(),
    });
    let reason = |camera| gate.check(camera, FEATURE).reason.as_str().to_owned();
    Seen { state: reason(CAMERA), numbers, beside: reason(SPARE) }
}
