//! How the devices of a tenant fare: versions, lag, and what somebody should look at. The rules are pure; the list walks the
//! storage page by page.

use crate::storage::{
    DeviceFacts, DeviceListed, DeviceQuery, DeviceStatus, NewestKeyset, Place, Storage, StorageError,
};
use brink_license::UnixSeconds;
use serde::Serialize;

/// Hours without a word after which a device is called silent, unless said otherwise: an agent with a network asks every five
/// minutes.
pub const SILENT_HOURS_DEFAULT: u32 = 24;
/// Hours that may be asked for: from one to a year.
pub const SILENT_HOURS: std::ops::RangeInclusive<u32> = 1..=24 * 366;
/// How long after something new was there a device is behind that does not have it: several of its exchanges.
const BEHIND_SECONDS: i64 = 3600;
/// How long before its end a licence is worth a look: an agent with a network renews it weeks before.
const EXPIRING_SECONDS: i64 = 7 * 86_400;
/// How long a suspicion is worth a look. The evidence stays.
const SUSPECTED_SECONDS: i64 = 30 * 86_400;
/// Devices that are read at once.
const PAGE: u32 = 500;

/// What somebody should look at. The words stay.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Alert {
    /// Its code was not spent yet.
    NeverSeen,
    /// Its code was not spent, and cannot be any more.
    CodeExpired,
    /// Not heard of for too long.
    Silent,
    /// It does not hold the licence that was minted for it.
    LicenceBehind,
    /// It does not hold the newest manifest.
    KeysetBehind,
    /// It has usage that it does not send.
    UsageBehind,
    /// Its usage contradicts itself, and nothing more of it is taken.
    UsageForked,
    /// Its journal was damaged.
    JournalDamaged,
    /// Somebody asked as a copy would.
    CloneSuspected,
    /// Every copy of it is refused until one was activated anew.
    ReactivationDue,
    /// Its licence ends soon, or is in its grace.
    Expiring,
    /// Its licence allows nothing any more.
    Expired,
    /// Seats of it may run twice, because somebody accepted that.
    HeldOverlap,
}

/// Which devices are wanted.
#[derive(Clone, Debug)]
pub struct FleetQuery {
    /// Of whom, how they stand, and behind which place.
    pub devices: DeviceQuery,
    /// Those alone that have one of these; all where it is empty.
    pub alerts: Vec<Alert>,
    /// Hours without a word after which a device is silent.
    pub silent_hours: u32,
}

/// A device, how it fares, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetDevice {
    /// Its line.
    pub listed: DeviceListed,
    /// What it said of itself.
    pub facts: DeviceFacts,
    /// What somebody should look at, in the order of the enum.
    pub alerts: Vec<Alert>,
}

/// Devices, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetPage {
    /// The oldest first.
    pub devices: Vec<FleetDevice>,
    /// Behind which place there may be more.
    pub next: Option<Place>,
}

/// Reads the devices that are wanted, at most as many as the query's limit.
pub fn list(storage: &dyn Storage, query: &FleetQuery, now: UnixSeconds) -> Result<FleetPage, StorageError> {
    let newest = storage.newest_keyset()?;
    let limit = query.devices.limit.map_or(usize::MAX, |limit| limit as usize);
    // One more says whether there are more; of those who are looked for there may be few.
    let page_max = match query.devices.limit {
        Some(limit) if query.alerts.is_empty() => PAGE.min(limit.saturating_add(1)),
        Some(_) | None => PAGE,
    };
    let (mut devices, mut after) = (Vec::new(), query.devices.after.clone());
    loop {
        let page = DeviceQuery { after: after.clone(), limit: Some(page_max), ..query.devices.clone() };
        let listed = storage.devices_page(&page, now)?;
        let ids: Vec<_> = listed.iter().map(|listed| listed.device.clone()).collect();
        let (facts, is_last) = (storage.device_facts(&ids)?, listed.len() < page_max as usize);
        for (listed, facts) in listed.into_iter().zip(facts) {
            if devices.len() == limit {
                return Ok(FleetPage { devices, next: after });
            }
            after = Some(Place { at: listed.created_at.as_i64(), id: listed.device.to_string() });
            let alerts = alerts((&listed, &facts), newest, (now, query.silent_hours));
            if query.alerts.is_empty() || alerts.iter().any(|alert| query.alerts.contains(alert)) {
                devices.push(FleetDevice { listed, facts, alerts });
            }
        }
        if is_last {
            return Ok(FleetPage { devices, next: None });
        }
    }
}

impl FleetDevice {
    /// Licences that were minted since the one it holds.
    #[must_use]
    pub fn licences_behind(&self) -> u64 {
        self.listed.licence_seq.unwrap_or(0).saturating_sub(self.listed.reported_seq)
    }
}

/// What is wrong with a device.
#[must_use]
pub fn alerts(
    (listed, facts): (&DeviceListed, &DeviceFacts),
    newest: NewestKeyset,
    (now, silent_hours): (UnixSeconds, u32),
) -> Vec<Alert> {
    let mut found = match listed.status {
        DeviceStatus::Pending => of_pending(facts, now),
        DeviceStatus::Active | DeviceStatus::Suspended => {
            of_activated((listed, facts), newest, (now, silent_hours))
        }
        // Nobody waits for them.
        DeviceStatus::Retired | DeviceStatus::Revoked => Vec::new(),
    };
    let past = listed.past.iter().any(|past| past.overlap && past.seats > 0 && past.until > now);
    if past || (listed.overlap && listed.seats_held > 0 && listed.held_until > now) {
        found.push(Alert::HeldOverlap);
    }
    found.sort_unstable();
    found
}

fn of_pending(facts: &DeviceFacts, now: UnixSeconds) -> Vec<Alert> {
    if facts.code_expires_at <= now {
        return vec![Alert::NeverSeen, Alert::CodeExpired];
    }
    vec![Alert::NeverSeen]
}

fn of_activated(
    (listed, facts): (&DeviceListed, &DeviceFacts),
    newest: NewestKeyset,
    (now, silent_hours): (UnixSeconds, u32),
) -> Vec<Alert> {
    let older = |at: Option<UnixSeconds>, seconds: i64| at.is_some_and(|at| now.since(at) >= seconds);
    let is_active = listed.status == DeviceStatus::Active;
    let newest_seq = listed.licence_seq.unwrap_or(0);
    // An extension keeps it going for as long as it says.
    let ends = listed.ends_at.max(listed.extended_until);
    let (has_ended, ends_soon) = (
        ends.is_some_and(|ends| ends <= now),
        listed.exp.max(listed.extended_until).is_some_and(|exp| exp.since(now) < EXPIRING_SECONDS),
    );
    let is_suspected = facts.suspected_at.is_some_and(|at| now.since(at) < SUSPECTED_SECONDS);
    let behind_keys =
        facts.keyset_version < newest.version && older(Some(newest.published_at), BEHIND_SECONDS);
    let all = [
        (Alert::Silent, older(listed.last_seen_at, i64::from(silent_hours) * 3600)),
        (
            Alert::LicenceBehind,
            is_active && listed.reported_seq < newest_seq && older(facts.minted_at, BEHIND_SECONDS),
        ),
        (Alert::KeysetBehind, behind_keys),
        (Alert::UsageBehind, facts.usage_behind > 0 && older(facts.usage_told_at, BEHIND_SECONDS)),
        (Alert::UsageForked, facts.usage_forked_at.is_some()),
        (Alert::JournalDamaged, facts.journal_recoveries > 0),
        (Alert::CloneSuspected, is_suspected),
        (Alert::ReactivationDue, listed.reactivate_from.is_some()),
        (Alert::Expiring, is_active && ends_soon && !has_ended),
        (Alert::Expired, is_active && has_ended),
    ];
    all.into_iter().filter_map(|(alert, is_so)| is_so.then_some(alert)).collect()
}

#[cfg(test)]
mod tests;
