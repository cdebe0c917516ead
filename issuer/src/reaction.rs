//! What only a device vouches for may make the issuer write: once, and then not again for a while.
//!
//! A device holds its own key, so it can sign as many requests as it likes that look like a copy's, or that claim a
//! licence number of its choice. Rows in the ledgers are for good; so each reason is worth one row a day and device.

use crate::request::Proven;
use crate::secret::sha256;
use crate::storage::{DeviceView, Reaction};
use brink_license::UnixSeconds;

/// How long one reaction of a kind stands for all that follow: somebody looks at the audit once a day at best.
pub(crate) const QUIET_SECONDS: i64 = 86_400;

/// Requests of a device that are remembered after they were answered, so that one of them which is carried here once more
/// is told from a copy's: two days of exchanges by network, and years of those by file.
pub(crate) const REQUESTS_KEPT: u32 = 600;

/// The reaction to remember; `None` when there has been one to this very request, or one for this reason lately.
pub(crate) fn reaction(
    view: &DeviceView,
    reason: &'static str,
    proven: &Proven,
    now: UnixSeconds,
) -> Option<Reaction> {
    let proof_sha256 = sha256(proven.sent.proof.as_bytes());
    let before = view.reactions.iter().find(|before| before.reason == reason);
    // A clock that was set back begins a new day.
    let quiet = |before: &Reaction| {
        before.proof_sha256 == proof_sha256 || (0..QUIET_SECONDS).contains(&now.since(before.at))
    };
    if before.is_some_and(quiet) {
        return None;
    }
    Some(Reaction { reason: reason.to_owned(), at: now, proof_sha256 })
}
