//! What is written is what is read: claims of every shape survive signing and verifying.

use brink_license::keyset::KeyUse;
use brink_license::token::{
    Authority, DeviceGrant, Enforce, Grant, LicenceClaims, LicenceExpected, LicenceStanding, Mode, Over,
    Period, Quota, ReceiptClaims, ReceiptExpected, Seats, Swap, ZoneOffset, verify,
};
use brink_license::{CameraId, Feature, Slug};
use brink_tests::forge::{self, DAY, at};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn slugs() -> impl Strategy<Value = Slug> {
    "[a-z0-9][a-z0-9._:-]{0,20}".prop_map(|text| Slug::parse(&text).unwrap())
}

fn features() -> impl Strategy<Value = Vec<Feature>> {
    prop::collection::vec(
        "[a-z0-9][a-z0-9_]{0,7}/[a-z0-9_]{1,8}".prop_map(|text| Feature::parse(&text).unwrap()),
        0..6,
    )
}

fn cameras() -> impl Strategy<Value = BTreeSet<String>> {
    // Names as people write them: quotes, spaces, letters beyond ASCII.
    prop::collection::btree_set(r#"[a-zA-Z0-9 '"\\/äöüß中-]{1,24}"#, 0..40)
}

prop_compose! {
    fn licences()(
        packs in prop::collection::btree_map(slugs(), features(), 1..5),
        cameras in cameras(),
        any in 0u32..1000,
        until in prop::option::of(1i64..1000),
        offset in -57_600i32..=57_600,
        percent in 0u32..=100,
        limit in 0u64..=(1 << 53) - 1,
        enforce in prop::sample::select(vec![Enforce::Observe, Enforce::Warn, Enforce::Degrade, Enforce::Deny]),
        mode in prop::sample::select(vec![Mode::Trial, Mode::Base, Mode::Unlicensed]),
        seq in 1u64..(1 << 40),
        days in 0i64..=400,
    ) -> LicenceClaims {
        claims_of(packs, cameras, |claims| {
            claims.grants.push(Grant { seats: Seats::Any(any), packs: Vec::new(), until: until.map(at) });
            claims.zone = vec![ZoneOffset { from: at(0), offset_seconds: offset }];
            claims.swap = Some(Swap { percent, min: 0, max: percent });
            let meter = Slug::parse("api_call").unwrap();
            claims.quotas = vec![Quota { meter, limit, period: Period::Month, over: Over::Deny }];
            claims.must = vec!["grants".into()];
            (claims.enforce, claims.mode, claims.seq) = (enforce, mode, seq);
            claims.exp = at(days * DAY);
        })
    }
}

fn claims_of(
    packs: BTreeMap<Slug, Vec<Feature>>,
    cameras: BTreeSet<String>,
    finish: impl Fn(&mut LicenceClaims),
) -> LicenceClaims {
    let granted: Vec<Slug> = packs.keys().cloned().collect();
    let cameras = cameras.iter().map(|name| CameraId::parse(name).unwrap()).collect();
    let mut claims = forge::licence(0);
    claims.grants = vec![Grant { seats: Seats::Cameras(cameras), packs: granted.clone(), until: None }];
    claims.device = DeviceGrant { packs: granted };
    claims.packs = packs.into_iter().map(|(slug, features)| (slug, features.into_iter().collect())).collect();
    finish(&mut claims);
    claims
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn licences_come_back_as_they_went(claims in licences()) {
        let token = forge::licence_token(&claims);
        let keyset = forge::keyset();
        let expected = LicenceExpected::of_issuer(forge::issuer());
        let authority = Authority::Issuer(&keyset, KeyUse::License);
        let verified = verify::<LicenceClaims>(token.as_bytes(), authority, &expected).unwrap();
        prop_assert_eq!(verified.claims(), &claims);
        prop_assert_eq!(verified.token(), token);
    }
}

#[test]
fn receipts_come_back_as_they_went() {
    let keyset = forge::keyset();
    for (seq, state) in
        [LicenceStanding::Active, LicenceStanding::Suspended, LicenceStanding::Revoked].iter().enumerate()
    {
        let claims = forge::receipt(&forge::licence(1), seq as u64, 5, *state);
        let expected = ReceiptExpected {
            issuer: forge::issuer(),
            device: Some(claims.dev.clone()),
            epoch: Some(1),
            pending: Some((claims.nonce, claims.ctr)),
        };
        let authority = Authority::Issuer(&keyset, KeyUse::Receipt);
        let token = forge::receipt_token(&claims);
        let verified = verify::<ReceiptClaims>(token.as_bytes(), authority, &expected).unwrap();
        assert_eq!(verified.claims(), &claims);
    }
}
