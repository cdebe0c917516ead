//! A table larger than any document, held and asked as a gate's slot does it: behind a swap, with a published time that
//! a coarse clock vouches for, and with places that handles point to. At 100 cameras it stands beside a real gate.

use crate::scene::{self, FEATURE, Questions};
use arc_swap::ArcSwap;
use brink_license::clock::{Guarded, Standing, Terms, evaluate};
use brink_license::token::LicenceClaims;
use brink_license::{CameraAt, Decision, FeatureAt, Flags, Reason, Table, UnixSeconds};
use brink_store::machine;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// Nothing ticks here, and no run is that long.
const LATE_SECONDS: i64 = 1 << 40;

pub struct Wide {
    published: ArcSwap<Published>,
    now: AtomicI64,
    ticked_at: AtomicI64,
    table: Arc<Table>,
}

struct Published {
    table: Arc<Table>,
    standing: Standing,
    cameras: Box<[AtomicU32]>,
    features: Box<[AtomicU32]>,
}

impl Wide {
    /// Handles are numbered as the cameras of the licence are.
    pub fn of(claims: &LicenceClaims, questions: &Questions) -> Self {
        let now = scene::today();
        let guarded = Guarded { now, flags: Flags::NONE, tampered: false, ran: 0 };
        let standing = evaluate(&guarded, Some(&Terms::of(claims, None)), Flags::NONE);
        let table = Arc::new(Table::unverified(claims));
        let mut cameras = vec![0; questions.cameras.len()];
        for (name, index) in questions.cameras.iter().zip(&questions.order) {
            cameras[*index as usize] = table.camera(name).number();
        }
        let features = Box::new([AtomicU32::new(table.feature(FEATURE).number())]);
        let cameras = cameras.into_iter().map(AtomicU32::new).collect();
        let published = Published { table: Arc::clone(&table), standing, cameras, features };
        let wide = Self {
            published: ArcSwap::new(Arc::new(published)),
            now: AtomicI64::new(now.as_i64()),
            ticked_at: AtomicI64::new(machine::coarse_seconds()),
            table,
        };
        let allowed = questions.cameras.iter().filter(|name| wide.check(name, FEATURE).allowed).count();
        let wanted = questions.order.iter().filter(|index| *index % 3 != 0).count();
        assert_eq!(allowed, wanted, "two of three, or nothing below means anything");
        wide
    }

    pub fn table(&self) -> &Table {
        &self.table
    }

    #[inline]
    fn now(&self) -> UnixSeconds {
        let ticked_at = self.ticked_at.load(Ordering::Acquire);
        let now = UnixSeconds::new(self.now.load(Ordering::Acquire));
        if machine::coarse_seconds().wrapping_sub(ticked_at) <= LATE_SECONDS { now } else { scene::today() }
    }

    #[inline]
    pub fn check(&self, camera: &str, feature: &str) -> Decision {
        let published = self.published.load();
        published.table.decide(&published.standing, camera, feature, self.now())
    }

    #[inline]
    pub fn check_at(&self, camera: u32, feature: u32) -> Decision {
        let published = self.published.load();
        let place = |places: &[AtomicU32], at: u32| {
            places.get(at as usize).map(|place| place.load(Ordering::Acquire))
        };
        let places = (place(&published.cameras, camera), place(&published.features, feature));
        let (Some(camera), Some(feature)) = places else { return Decision::refused(Reason::UnknownHandle) };
        let (camera, feature) = (CameraAt::from_number(camera), FeatureAt::from_number(feature));
        published.table.decide_at(&published.standing, camera, feature, self.now())
    }
}
