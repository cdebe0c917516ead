use super::*;
use crate::storage::{PastEpoch, Tier};
use brink_license::Kid;

const NOW: UnixSeconds = UnixSeconds::new(1_900_000_000);
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn ago(seconds: i64) -> UnixSeconds {
    NOW.saturating_add(-seconds)
}

/// A device that has everything and was heard of a minute ago.
fn healthy() -> (DeviceListed, DeviceFacts) {
    let listed = DeviceListed {
        device: "dev-1".parse().unwrap(),
        created_at: ago(100 * DAY),
        tier: Tier::Basic,
        status: DeviceStatus::Active,
        replaced_by: None,
        cameras: 2,
        seated: 0,
        last_seen_at: Some(ago(60)),
        epoch: 1,
        licence_seq: Some(4),
        reported_seq: 4,
        exp: Some(ago(-20 * DAY)),
        ends_at: Some(ago(-30 * DAY)),
        extended_until: None,
        seats_held: 2,
        held_until: ago(-30 * DAY),
        overlap: false,
        reactivate_from: None,
        past: Vec::new(),
    };
    let facts = DeviceFacts {
        code_expires_at: ago(90 * DAY),
        agent_version: Some("0.1.0".into()),
        keyset_version: 3,
        minted_at: Some(ago(10 * DAY)),
        usage_told_at: Some(ago(60)),
        ..DeviceFacts::default()
    };
    (listed, facts)
}

fn found(change: impl FnOnce(&mut DeviceListed, &mut DeviceFacts)) -> Vec<Alert> {
    let (mut listed, mut facts) = healthy();
    change(&mut listed, &mut facts);
    let newest = NewestKeyset { version: 3, published_at: ago(40 * DAY) };
    alerts((&listed, &facts), newest, (NOW, SILENT_HOURS_DEFAULT))
}

#[test]
fn a_device_that_has_everything_needs_nobody_to_look() {
    assert_eq!(found(|_, _| {}), []);
    // What is new may take a while, and what is unsettled is sent request by request.
    assert_eq!(found(|listed, facts| (listed.reported_seq, facts.minted_at) = (3, Some(ago(60)))), []);
    assert_eq!(found(|_, facts| facts.usage_behind = 9), []);
    assert_eq!(found(|_, facts| facts.suspected_at = Some(ago(31 * DAY))), []);
    assert_eq!(found(|listed, _| listed.last_seen_at = Some(ago(DAY - 1))), []);
}

#[test]
fn each_alert_has_its_reason() {
    use Alert::*;
    assert_eq!(found(|listed, _| listed.last_seen_at = Some(ago(DAY))), [Silent]);
    assert_eq!(found(|listed, _| listed.reported_seq = 3), [LicenceBehind]);
    assert_eq!(found(|_, facts| facts.keyset_version = 2), [KeysetBehind]);
    assert_eq!(
        found(|_, facts| (facts.usage_behind, facts.usage_told_at) = (1, Some(ago(HOUR)))),
        [UsageBehind]
    );
    assert_eq!(found(|_, facts| facts.usage_forked_at = Some(ago(9))), [UsageForked]);
    assert_eq!(found(|_, facts| facts.journal_recoveries = 1), [JournalDamaged]);
    assert_eq!(found(|_, facts| facts.suspected_at = Some(ago(DAY))), [CloneSuspected]);
    assert_eq!(found(|listed, _| listed.reactivate_from = Some(ago(9))), [ReactivationDue]);
    assert_eq!(found(|listed, _| listed.exp = Some(ago(-7 * DAY + 1))), [Expiring]);
    assert_eq!(found(|listed, _| listed.exp = Some(ago(9))), [Expiring], "in its grace");
    assert_eq!(found(|listed, _| (listed.exp, listed.ends_at) = (Some(ago(DAY)), Some(NOW))), [Expired]);
    assert_eq!(
        found(|listed, _| {
            (listed.exp, listed.ends_at, listed.extended_until) =
                (Some(ago(DAY)), Some(ago(9)), Some(ago(-3 * DAY)));
        }),
        [Expiring],
        "an extension keeps it going"
    );
    let overlapping = PastEpoch {
        epoch: 1,
        jkt: Kid::from_digest([1; 32]),
        seats: 2,
        quota_ppm: 0,
        until: ago(-DAY),
        overlap: true,
    };
    assert_eq!(found(|listed, _| listed.past.push(overlapping)), [HeldOverlap]);
}

#[test]
fn who_is_not_in_service_is_not_waited_for() {
    use Alert::*;
    let stands = |status| {
        found(|listed, facts| {
            (listed.status, listed.last_seen_at, listed.exp, listed.ends_at) =
                (status, Some(ago(90 * DAY)), Some(ago(9)), Some(ago(9)));
            (listed.reported_seq, facts.keyset_version) = (1, 1);
        })
    };
    assert_eq!(stands(DeviceStatus::Active), [Silent, LicenceBehind, KeysetBehind, Expired]);
    assert_eq!(stands(DeviceStatus::Suspended), [Silent, KeysetBehind], "it is meant to have no licence");
    assert_eq!(stands(DeviceStatus::Retired), []);
    assert_eq!(stands(DeviceStatus::Revoked), []);
    assert_eq!(stands(DeviceStatus::Pending), [NeverSeen, CodeExpired]);
    assert_eq!(
        found(|listed, facts| (listed.status, facts.code_expires_at) = (DeviceStatus::Pending, ago(-9))),
        [NeverSeen]
    );
    let overlap = |held_until| {
        found(|listed, _| {
            (listed.status, listed.overlap, listed.held_until) = (DeviceStatus::Retired, true, held_until);
        })
    };
    assert_eq!((overlap(ago(-9)), overlap(NOW)), (vec![HeldOverlap], vec![]));
}
