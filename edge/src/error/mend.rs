//! What helps against each error.

use super::EdgeError;
use crate::exchange::DeviceError;
use brink_license::usage::{Denial, DenialReason};
use brink_store::journal::UsageError;

fn mend_of_a_denial(denial: &Denial) -> Option<&'static str> {
    match denial.why {
        DenialReason::Spent if denial.resets_at.is_some() => None,
        DenialReason::Spent => Some("ask the issuer's admin for a larger quota"),
        DenialReason::InDoubt => Some("run brink-edge exchange, so that the issuer hears of it"),
        DenialReason::NotInForce(_) => Some("see brink-edge status"),
    }
}

impl EdgeError {
    /// What helps; `None` where the message already says it.
    #[must_use]
    pub fn mend(&self) -> Option<String> {
        let mend = match self {
            EdgeError::Usage(_) => "see --help",
            EdgeError::Uplink(error) => return Some(error.mend()),
            EdgeError::Device(DeviceError::Seat(refusal)) => return Some(refusal.mend()),
            EdgeError::Id(_) | EdgeError::Quantity(_) | EdgeError::Store(_) | EdgeError::Device(_) => {
                return None;
            }
            EdgeError::Journal(UsageError::Unusable(_)) => {
                "run brink-edge doctor; a host's user has to be in the group brink"
            }
            EdgeError::Journal(UsageError::Denied(denial)) => {
                return mend_of_a_denial(denial).map(str::to_owned);
            }
            EdgeError::Journal(_) => return None,
            EdgeError::Reported { report, .. } => return report.mend.clone(),
            EdgeError::NotForHosts { agent, .. } => {
                return Some(format!("run this as root, or as user {agent}, whose agent it is"));
            }
            EdgeError::LooksBack { .. } => "leave --at out, or name a later moment",
            EdgeError::Trust { .. } => "take the trust.json that the issuer's init wrote",
            EdgeError::NotADocument { .. } => "name a request, a response or a bundle",
            EdgeError::Clock(_) => "see that /proc is mounted",
            EdgeError::Random(_) => "see that the kernel's random source works",
            EdgeError::NoIssuerUrl => "give --issuer URL, or carry a file: --export REQ, then --import RESP",
            EdgeError::AlreadyActivated { .. } => {
                "run brink-edge exchange to renew; to make it a new device, give --again with a new code"
            }
            EdgeError::OtherPending { .. } => "import it with the verb that exported the request",
            EdgeError::NothingPending => "see brink-edge status; ask anew with --export REQ",
            EdgeError::Overtaken => "nothing is lost: see brink-edge status",
            EdgeError::AgentForbidden { .. } => "run this as the agent's user, or join the group brink",
            EdgeError::AgentLost { .. } | EdgeError::AgentEnding => {
                "run it again: what was not finished is taken up where it stood"
            }
            EdgeError::NotUnderstood(_) => "restart the agent, so that both are of one version",
            EdgeError::AgentBusy => "wait a moment and run it again",
            EdgeError::AgentRuns { .. } => "use that one, or stop it first",
            EdgeError::Socket { .. } => "see that the agent's user may write in the device directory",
            EdgeError::Database(error) => return Some(error.mend()),
            EdgeError::Transfer(error) => return Some(error.mend()),
            EdgeError::Environment(_) => {
                "mend them all; brink-edge config show has every variable with its source"
            }
            EdgeError::SecretFile { .. } => {
                "make it readable by the agent's user, or by the group of hosts, and by nobody else: chmod 0600, or 0640"
            }
            EdgeError::System { .. } => "free some of the system's resources and run it again",
        };
        Some(mend.to_owned())
    }
}
