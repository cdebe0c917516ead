//! Usage of old clients. They number nothing, so the issuer keeps a chain for each of their devices as the device itself would,
//! and everything behind it, sums, checks, corrections and exports, is the same for all.
//!
//! A body that comes again within a day is the same batch, because a client whose answer was lost sends the very same again.
//! Events that are equal within one body both count: two calls in one second look the same. What is wrong with an event is
//! said, and the event set aside; it is told to be accepted all the same, or its client would send its whole batch for ever.

use super::event::{Event, EventError};
use super::{Client, LegacyError, NAMELESS, sound};
use crate::admin::ran;
use crate::storage::{
    CursorRow, Evidence, LEGACY_EPOCH, LegacyAsked, LegacyPosting, LegacyView, NewBatch, NewUsage,
    Quarantine, QuarantineReason, UsageView,
};
use crate::usage::{Books, Link, Timeline};
use brink_license::clock::BootId;
use brink_license::usage::{Entry, Genesis, Head, Moment, Quantity, Record, Usage};
use brink_license::{DeviceId, Kid, Slug, TenantId, UnixSeconds};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A body that comes again within this time is the same batch.
const SAME_SECONDS: i64 = 86_400;
/// The same of one with an event that does not say when it was: two of these may be equal and be two. It is longer than the
/// longest pause of a client that tries again (256 s and four attempts), and shorter than that between two of its batches.
const SAME_UNDATED_SECONDS: i64 = 290;
/// Errors that are told of one body: the quarantine has them all.
const ERRORS_MAX: usize = 100;

/// The thumbprint of chains that the issuer keeps itself: that of no key.
fn nobody() -> Kid {
    Kid::from_digest([0; 32])
}

/// What became of a body.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Taken {
    /// Events that need not be sent again: all of them.
    pub(crate) accepted_count: usize,
    /// None, ever.
    pub(crate) rejected_count: usize,
    /// What was set aside, and why.
    pub(crate) errors: Vec<String>,
}

/// An event of a body, with its place in it.
type Placed<'v> = (usize, &'v Value, Result<Event, String>);

impl Client<'_> {
    /// Takes a body of usage, once; answers whether it was new.
    pub(crate) fn usage(
        &self,
        events: &[Value],
        body_sha256: [u8; 32],
    ) -> Result<(Taken, bool), LegacyError> {
        let (now, key) = (self.now(), self.credential.key.id());
        let read: Vec<_> = events.iter().map(|value| (value, self.read(value))).collect();
        let is_dated = read.iter().all(|(_, event)| event.as_ref().is_ok_and(|event| event.at_ms.is_some()));
        let since = now.saturating_add(if is_dated { -SAME_SECONDS } else { -SAME_UNDATED_SECONDS });
        // Most of what comes again comes when nothing is written any more.
        if let Some(answer) = self.issuer.storage.legacy_answer(key, &body_sha256, since)? {
            return Ok((again(&answer, events.len()), false));
        }
        let of_devices = self.placed(read)?;
        let asked = LegacyAsked {
            api_key: key.clone(),
            body_sha256,
            since,
            kept_since: now.saturating_add(-SAME_SECONDS),
            devices: of_devices.keys().cloned().collect(),
        };
        let mut outcome = None;
        self.issuer.storage.settle_legacy(&asked, &mut |view| match &view.answered {
            Some(answer) => {
                outcome = Some((again(answer, events.len()), false));
                None
            }
            None => {
                let (taken, posting) = self.posting(view, &of_devices, now);
                outcome = Some((taken, true));
                Some(posting)
            }
        })?;
        Ok(ran(outcome)?)
    }

    /// The events of each device, in the order of the body.
    fn placed<'v>(
        &self,
        read: Vec<(&'v Value, Result<Event, String>)>,
    ) -> Result<BTreeMap<DeviceId, Vec<Placed<'v>>>, LegacyError> {
        let name_of = |event: &Result<Event, String>| match event {
            Ok(event) => sound(&event.device).to_owned(),
            Err(_) => NAMELESS.to_owned(),
        };
        let names: BTreeSet<String> = read.iter().map(|(_, event)| name_of(event)).collect();
        let devices = self.devices(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        let mut of_devices: BTreeMap<DeviceId, Vec<Placed<'v>>> = BTreeMap::new();
        for (place, (value, event)) in read.into_iter().enumerate() {
            if let Some(device) = devices.get(&name_of(&event)) {
                of_devices.entry(device.clone()).or_default().push((place, value, event));
            }
        }
        Ok(of_devices)
    }

    fn read(&self, value: &Value) -> Result<Event, String> {
        let event = Event::read(value).map_err(|error: EventError| error.to_string())?;
        if !event.tenant.is_empty() && event.tenant != self.tenant.as_str() {
            let other: String = event.tenant.chars().take(64).collect();
            return Err(format!("tenant_id {other:?} is not the tenant of this key"));
        }
        let meters = &self.issuer.catalog.meters;
        // What no catalogue counts would be on no invoice, and a misspelling is all that it can be.
        if !meters.is_named(meters.meant(&event.meter)) {
            return Err(format!("event_type {:?} is no meter of the catalogue", event.meter.as_str()));
        }
        Ok(event)
    }

    fn posting(
        &self,
        view: &LegacyView,
        of_devices: &BTreeMap<DeviceId, Vec<Placed<'_>>>,
        now: UnixSeconds,
    ) -> (Taken, LegacyPosting) {
        let (mut usage, mut errors, mut count) = (Vec::new(), Vec::new(), 0);
        for (device, events) in of_devices {
            let nothing = UsageView::default();
            let before = view.usage.get(device).unwrap_or(&nothing);
            let mut chain = OwnChain::open(device, (self.tenant, before), now, &self.issuer.catalog.meters);
            for (place, value, event) in events {
                let problem = match event {
                    Ok(event) => chain.enter(event, value),
                    Err(why) => Some(chain.set_aside(value, why.clone())),
                };
                count += 1;
                errors.extend(problem.map(|problem| (*place, problem)));
            }
            usage.push((device.clone(), chain.close()));
        }
        errors.sort();
        let more = errors.len().saturating_sub(ERRORS_MAX);
        let told = errors.into_iter().take(ERRORS_MAX);
        let mut errors: Vec<String> =
            told.map(|(place, why)| format!("event {place} was set aside: {why}")).collect();
        if more > 0 {
            errors.push(format!("and {more} more"));
        }
        // An old client takes none accepted for a failure, and sends even an empty body again.
        let taken = Taken { accepted_count: count.max(1), rejected_count: 0, errors };
        let answer = serde_json::json!(taken).to_string();
        (taken, LegacyPosting { at: now, answer, usage })
    }
}

/// What was told of the same body. It was written here, so that it can be read; if not, it was taken all the same.
fn again(answer: &str, events: usize) -> Taken {
    let taken = Taken { accepted_count: events.max(1), rejected_count: 0, errors: Vec::new() };
    serde_json::from_str(answer).unwrap_or(taken)
}

/// A chain that the issuer keeps itself, while events are entered.
struct OwnChain<'a> {
    device: &'a DeviceId,
    tenant: &'a TenantId,
    books: Books<'a>,
    cursor: CursorRow,
    totals: BTreeMap<Slug, Quantity>,
    received_ms: i64,
}

impl<'a> OwnChain<'a> {
    fn open(
        device: &'a DeviceId,
        (tenant, before): (&'a TenantId, &UsageView),
        now: UnixSeconds,
        meters: &'a crate::catalog::Meters,
    ) -> Self {
        let received_ms = now.as_i64().saturating_mul(1000).saturating_add(999);
        let on_record = before.chains.get(&LEGACY_EPOCH).and_then(|chain| chain.cursor.clone());
        let cursor = on_record.unwrap_or_else(|| begun(device, tenant, received_ms));
        let line = Timeline { sent: moment(received_ms), received_ms, floor_ms: i64::MIN };
        let books = Books::open(meters, line, before.totals.clone(), cursor.incomplete);
        Self { device, tenant, books, cursor, totals: before.totals.clone(), received_ms }
    }

    /// Enters an event; answers why it is set aside, if it is.
    fn enter(&mut self, event: &Event, value: &Value) -> Option<String> {
        let before = self.totals.get(&event.meter).copied().unwrap_or(Quantity::ZERO);
        let Ok(total) = before.plus(event.quantity) else {
            return Some(
                self.set_aside(value, format!("{} has come to more than can be counted", event.meter)),
            );
        };
        // Nothing was used after it was told.
        let at_ms = event.at_ms.unwrap_or(self.received_ms).min(self.received_ms);
        let Head { seq, hash } = self.cursor.head;
        let record = Record {
            device: self.device.clone(),
            epoch: LEGACY_EPOCH,
            seq: seq.saturating_add(1),
            at: moment(at_ms),
            licence: None,
            entry: Entry::Usage(Usage {
                meter: event.meter.clone(),
                resource: event.resource.clone(),
                quantity: event.quantity,
                count: 1,
                total,
            }),
            prev: hash,
        };
        self.totals.insert(event.meter.clone(), total);
        let link = Link::own(record);
        self.cursor.head = Head { seq: link.seq, hash: link.hash };
        self.cursor.event_ms = self.cursor.event_ms.max(at_ms);
        self.books.enter_at(&link, at_ms).map(|quarantine| quarantine.detail)
    }

    /// Keeps what is no event as it came: it takes a number, and can be looked at.
    fn set_aside(&mut self, value: &Value, why: String) -> String {
        let link = Link::unreadable(self.cursor.head.seq.saturating_add(1), value.to_string().into_bytes());
        self.cursor.head = Head { seq: link.seq, hash: link.hash };
        // As with every chain, what meters have come to is not known behind it.
        self.totals.clear();
        let quarantine = Quarantine { reason: QuarantineReason::Unreadable, detail: why.clone() };
        self.books.set_aside(&link, self.received_ms, quarantine);
        why
    }

    fn close(mut self) -> NewUsage {
        let booked = self.books.close();
        self.cursor.incomplete = booked.incomplete;
        self.cursor.received_ms = self.received_ms;
        self.cursor.reported = self.cursor.head;
        let evidence = Evidence::unsigned(self.cursor.head);
        let batch = NewBatch {
            epoch: LEGACY_EPOCH,
            tenant: self.tenant.clone(),
            received_ms: self.received_ms,
            records: booked.records,
            sums: booked.sums,
            totals_lost: booked.totals_lost,
            totals: booked.totals,
            losses: Vec::new(),
            evidence,
        };
        NewUsage { cursors: vec![self.cursor], batch: Some(batch), fork: None }
    }
}

/// A chain before its first record.
fn begun(device: &DeviceId, tenant: &TenantId, received_ms: i64) -> CursorRow {
    let head = Genesis::new(device.clone(), LEGACY_EPOCH, nobody()).head();
    CursorRow {
        epoch: LEGACY_EPOCH,
        tenant: tenant.clone(),
        jkt: nobody(),
        head,
        event_ms: 0,
        closed: false,
        incomplete: false,
        forked_at: None,
        acknowledged: None,
        reported: head,
        recoveries: 0,
        received_ms,
    }
}

fn moment(at_ms: i64) -> Moment {
    Moment { boot: BootId::NONE, boottime_ms: 0, wall_ms: at_ms, est_ms: at_ms }
}
