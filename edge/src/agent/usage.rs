//! The agent's eye on usage: that it does not wait too long.

use super::Agent;
use crate::schedule;
use brink_license::UnixSeconds;
use brink_license::clock::Reading;
use brink_license::token::BatchVerdict;
use brink_store::Snapshot;

impl Agent {
    /// Usage that gets old brings the next exchange forward, unless the issuer asked for a longer pause or does not answer.
    pub(super) fn mind_lag(&mut self, snapshot: &Snapshot, reading: &Reading) {
        let Some(device) = self.writer.resident().filter(|_| self.schedule.failures == 0) else { return };
        let now = snapshot.standing().now;
        let asked = device.store().held().next_exchange_after;
        let receipt = snapshot.bundle().and_then(|bundle| bundle.receipt()).map(|receipt| receipt.claims());
        let refresh = snapshot.bundle().map_or(0, |bundle| bundle.licence().claims().refresh);
        let said = receipt.and_then(|receipt| receipt.usage.as_ref()).map(|usage| usage.batch);
        if !matches!(said, None | Some(BatchVerdict::None | BatchVerdict::Taken)) {
            // It does not get younger by being sent more often.
            return;
        }
        let is_slowed = receipt.is_some_and(|receipt| receipt.next_after > refresh);
        if is_slowed && asked.is_some_and(|asked| now < asked) {
            return;
        }
        let oldest = device.backlog(1).oldest_ms.map(|at| UnixSeconds::new(at.div_euclid(1000)));
        if oldest.is_some_and(|oldest| schedule::is_late(now.since(oldest))) {
            self.schedule.due = self.schedule.due.map(|due| due.min(reading.boottime));
        }
    }
}
