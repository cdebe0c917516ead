//! The licence that everything here is measured with, and the questions asked of it.

use brink_license::clock::BootId;
use brink_license::token::{DeviceGrant, Grant, LicenceClaims, LicenceStanding, Seats};
use brink_license::{CameraId, Feature, Slug, UnixSeconds};
use brink_store::machine;
use brink_tests::forge::{self, DAY};
use std::cell::Cell;

/// What is asked for: a feature that two cameras of three have.
pub const FEATURE: &str = "analytics/near_miss";
/// The sizes that decisions are measured at. No document is as large as the last two; tables are built without one.
pub const SIZES: [usize; 3] = [100, 10_000, 1_000_000];

/// The product's own catalogue.
const CATALOGUE: [(&str, &str); 4] = [
    (
        "base",
        "cv_models/person cv_models/car cv_models/van cv_models/truck cv_models/bus cv_models/motorcycle \
         analytics/detection analytics/tracking analytics/counting analytics/dwell analytics/heatmap \
         analytics/direction analytics/speed analytics/privacy_mask analytics/line_zone analytics/polygon_zone \
         outputs/edge_io outputs/dashboard outputs/email outputs/webhook outputs/api outputs/file_sink \
         outputs/database_sink",
    ),
    (
        "advanced_analytics",
        "analytics/near_miss analytics/interaction_time analytics/queue_counter analytics/object_size",
    ),
    ("retail", "cv_models/trolley cv_models/staff cv_models/customer"),
    ("integration", "outputs/sms outputs/cloud_export outputs/vms_connectors"),
];

/// A camera's name, as the field gives them: 32 hexadecimal digits.
pub fn camera(index: usize) -> String {
    format!("{:032x}", (index as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

/// A licence as the catalogue makes it: its packs with all their features, and three grants.
pub fn claims(cameras: usize) -> LicenceClaims {
    let slug = |text: &str| Slug::parse(text).expect("a slug");
    let name = |index: usize| CameraId::parse(&camera(index)).expect("a name");
    let named = |kind: usize| (0..cameras).filter(|i| i % 3 == kind).map(name).collect();
    let grant = |kind: usize, packs: &[&str]| Grant {
        seats: Seats::Cameras(named(kind)),
        packs: packs.iter().map(|pack| slug(pack)).collect(),
        until: None,
    };
    let packs = CATALOGUE.map(|(pack, features)| {
        let features = features.split_whitespace().map(|name| Feature::parse(name).expect("a feature"));
        (slug(pack), features.collect())
    });
    let iat = today();
    LicenceClaims {
        iat,
        nbf: iat,
        exp: iat.saturating_add(30 * DAY),
        packs: packs.into(),
        grants: vec![
            grant(0, &["base"]),
            grant(1, &["base", "advanced_analytics"]),
            grant(2, &["base", "advanced_analytics", "retail"]),
        ],
        device: DeviceGrant { packs: vec![slug("integration")] },
        ..forge::licence(0)
    }
}

/// Today, and never before the forge's own keyset was issued.
pub fn today() -> UnixSeconds {
    machine::read().expect("a clock").wall.max(forge::at(0))
}

/// The bytes of a bundle with this licence, at home in `boot`.
pub fn bundle(claims: &LicenceClaims, boot: BootId) -> Vec<u8> {
    let receipt = forge::receipt(claims, claims.seq, claims.iat.since(forge::at(0)), LicenceStanding::Active);
    forge::bundle(claims, &receipt, boot).encode().expect("a bundle")
}

/// Questions in the order they are asked: every camera once, no two neighbours of the licence in a row, since which
/// camera has news next is not known to any cache.
pub struct Questions {
    /// Which camera of the licence.
    pub order: Vec<u32>,
    pub cameras: Vec<String>,
    /// Camera and feature as one text, for whoever keeps one key.
    pub keys: Vec<String>,
}

impl Questions {
    pub fn of(cameras: usize) -> Self {
        let order = shuffled(cameras);
        let cameras: Vec<String> = order.iter().map(|index| camera(*index as usize)).collect();
        let keys = cameras.iter().map(|camera| key(camera)).collect();
        Self { order, cameras, keys }
    }
}

/// Every camera's key in the order of the licence: what is stored is stored in this order, and not in the order in which
/// it is asked for, which would lay it out for the questions.
pub fn keys(cameras: usize) -> Vec<String> {
    (0..cameras).map(|index| key(&camera(index))).collect()
}

fn key(camera: &str) -> String {
    format!("{camera}|{FEATURE}")
}

/// Fisher and Yates with a fixed seed: the same order in every run.
fn shuffled(count: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(count).expect("a size")).collect();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for last in (1..count).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(last, (state % (last as u64 + 1)) as usize);
    }
    order
}

/// Asks for another item each time, as a host with many cameras does.
pub struct Turn<'a, T> {
    items: &'a [T],
    next: Cell<usize>,
}

impl<'a, T> Turn<'a, T> {
    pub fn of(items: &'a [T]) -> Self {
        Self { items, next: Cell::new(0) }
    }

    #[inline]
    pub fn next(&self) -> &'a T {
        let at = self.next.get();
        self.next.set(if at + 1 == self.items.len() { 0 } else { at + 1 });
        &self.items[at]
    }
}
