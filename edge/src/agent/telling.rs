//! What the agent tells of itself: the status that a verb shows, and the page of a scrape.

use super::Agent;
use crate::command::Reply;
use crate::metrics;
use crate::mirror::facts::Facts;
use crate::status::{AgentSeen, Sources, StateSeen, status};
use brink_license::clock::Reading;
use brink_store::DeviceStore;
use brink_store::journal::Backlog;

impl Agent {
    pub(super) fn status(&mut self, reading: &Reading) -> Reply {
        let snapshot = self.look.at(reading);
        let layout = self.writer.layout();
        let quotas = self.quotas.at(layout);
        let anchor = self.look.anchor();
        let mirrors = self.mirrors.all();
        status(&Sources {
            issuer: anchor.issuer(),
            snapshot: &snapshot,
            refused: self.look.refused(),
            bundle_exists: layout.bundle().exists(),
            vault_is_gone: layout.vault_is_gone(),
            state: self.writer.held().map_or(StateSeen::Absent, StateSeen::Open),
            health: self.writer.store().map(DeviceStore::health),
            quotas: &quotas,
            backlog: self.writer.store().and_then(|store| store.backlog(Backlog::COUNT_MAX).ok()),
            mirrors: &mirrors,
            agent: AgentSeen::Running,
        })
    }

    /// What a mirror copies beside what is published.
    pub(super) fn facts(&mut self, with_log: bool) -> Facts {
        let log = if with_log { self.writer.log() } else { None };
        let Some(held) = self.writer.held() else { return Facts::default() };
        Facts {
            identity: held.identity.clone(),
            settled: held.settled.clone(),
            log,
            failures_in_a_row: self.schedule.failures,
            heartbeat: self.tally.heartbeat(),
            last_refusal: held.refusals.first().cloned(),
            next_exchange_after: held.next_exchange_after,
        }
    }

    /// The page of a scrape.
    pub(super) fn measure(&mut self, reading: &Reading) -> String {
        let snapshot = self.look.at(reading);
        let quotas = self.quotas.at(self.writer.layout());
        let (look, writer, counters) = (&self.look, &self.writer, &self.counters);
        let failures_in_a_row = self.schedule.failures;
        let (snapshot, quotas, api) = (&snapshot, &quotas[..], &*self.tally);
        let mirrors = &self.mirrors.all()[..];
        metrics::text(&metrics::Sources {
            snapshot,
            look,
            writer,
            counters,
            failures_in_a_row,
            quotas,
            api,
            mirrors,
        })
    }
}
