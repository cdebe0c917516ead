//! What is read for many at once is what each would have read alone.

use super::super::devices;
use super::*;
use crate::testkit::{Bench, START, TENANT};

/// What one device asks of the others, as plainly as it can be said.
fn plainly(bench: &Bench, device: &str, (month, (part, of)): (i64, (i64, i64))) -> Vec<u64> {
    let live = format!("held_until > {START} AND overlap_from IS NULL");
    let shares = format!(
        "retired_at IS NULL AND (status = 'active' OR (status = 'pending' AND code_expires_at > {START}))"
    );
    let quota = format!(
        "CASE WHEN overlap_from IS NOT NULL THEN 0
              ELSE greatest(CASE WHEN held_until > {month} THEN quota_ppm_held ELSE 0 END,
                            CASE WHEN quota_month >= {month} THEN quota_month_ppm ELSE 0 END) END"
    );
    let tenant = format!("tenant = (SELECT tenant FROM devices WHERE id = '{device}')");
    let others = format!("FROM devices WHERE {tenant} AND id <> '{device}'");
    let asked = [
        format!("SELECT coalesce(sum(cameras_named), 0)::bigint {others}"),
        format!(
            "SELECT coalesce(sum(greatest(cameras_named * {part} / {of}, CASE WHEN {live} THEN seats_held ELSE 0 END)), 0)::bigint {others}"
        ),
        format!("SELECT coalesce(sum({quota}), 0)::bigint {others}"),
        format!("SELECT count(*) FROM devices WHERE {tenant} AND {shares}"),
        format!("SELECT count(*) {others} AND {shares} AND id < '{device}'"),
        format!("SELECT count(*) FROM devices WHERE id = '{device}' AND {shares}"),
    ];
    asked.iter().map(|sql| u64::try_from(bench.number(sql)).unwrap()).collect()
}

#[test]
fn many_that_ask_at_once_are_told_what_each_is_told_alone() {
    let bench = Bench::on_postgres(10, str::to_owned);
    bench.meddle();
    let mut ids: Vec<DeviceId> = (0..12).map(|_| bench.activated().id()).collect();
    ids.sort();
    let now = UnixSeconds::new(START);
    let month = month_start(now, bench.view(&ids[0]).tenant.zone).as_i64();
    bench.another_tenant("other");
    for (at, device) in ids.iter().enumerate() {
        // Every way of being counted, or not, beside every other.
        let tenant = if at % 5 == 3 { "other".to_owned() } else { TENANT.to_owned() };
        let state = match at % 4 {
            0 => "status = 'active'".to_owned(),
            1 => "status = 'suspended'".to_owned(),
            2 => format!(
                "status = 'pending', public_key = NULL, jkt = NULL, code_expires_at = {}",
                START + 1 - at as i64 / 6
            ),
            _ => format!("retired_at = {START}, overlap_from = CASE WHEN {at} % 8 = 3 THEN {START} END"),
        };
        let held = [START, START + 1, month, month - 1][at / 3];
        let kept = [month, month - 1, month + 1][at % 3];
        let sql = format!(
            "UPDATE devices SET tenant = '{tenant}', {state}, held_until = {held}, quota_month = {kept}, cameras_named = {at} % 5,
                    seats_held = 7 * ({at} % 3), quota_ppm_held = 1000 + {at}, quota_month_ppm = 990 + 2 * {at}
             WHERE id = '{device}'"
        );
        bench.sql(&sql, &[]);
    }
    let storage = bench.postgres();
    let (together, alone) = storage
        .write(async |tx| {
            let mut rows = BTreeMap::new();
            for device in &ids {
                rows.extend(devices::locked_rows(tx, &[device]).await?);
            }
            let together = of_rows(tx, rows.values().map(|row| (row, now))).await?;
            let mut alone = BTreeMap::new();
            for row in rows.values() {
                alone.extend(of_rows(tx, [(row, now)]).await?);
            }
            Ok((together, alone))
        })
        .unwrap();
    assert_eq!((together.len(), &together), (ids.len(), &alone));
    for device in &ids {
        let around = &together[device];
        assert_eq!(around.subscription, bench.view(device).subscription, "{device}");
        let told = &around.elsewhere;
        let shares = u64::from(told.rank.is_some());
        // Each tenant's month begins with its own midnight.
        let month = month_start(now, bench.view(device).tenant.zone).as_i64();
        // One has more assigned than is subscribed, the other has nothing subscribed.
        let part = if bench.view(device).tenant.id.as_str() == TENANT { (10, 15) } else { (1, 1) };
        let plain = plainly(&bench, device.as_str(), (month, part));
        let rank = told.rank.unwrap_or(plain[4]);
        assert_eq!(
            [told.named, told.reserved, told.quota_ppm, told.sharers, rank, shares],
            plain[..],
            "{device}"
        );
    }
}
