//! What the `seat` verbs answer: who sits on which unnamed seat, what is free, and what may still be moved.

use crate::command::Reply;
use crate::words::rfc3339;
use brink_license::seating::{allowance, pools, unnamed};
use brink_license::token::{LicenceClaims, SeatsClaims};
use brink_license::{CameraId, Slug, UnixSeconds};
use brink_store::Held;
use serde_json::{Value, json};

/// The seats of a device at one moment.
pub struct Seating<'s> {
    /// The licence in force.
    pub licence: &'s LicenceClaims,
    /// Who sits there.
    pub seats: &'s SeatsClaims,
    /// The exchange state.
    pub held: &'s Held,
}

impl Seating<'_> {
    /// How many may still be moved.
    fn left(&self) -> u64 {
        allowance(self.licence).saturating_sub(self.seats.released.len() as u64)
    }

    fn dropped(&self) -> &[CameraId] {
        self.held.seats.as_ref().map_or(&[], |seats| &seats.dropped)
    }

    fn next_exchange(&self) -> Option<UnixSeconds> {
        self.held.next_exchange_after.filter(|_| self.held.issuer_url.is_some())
    }

    fn document(&self) -> Value {
        let pools = pools(self.licence);
        let pool = |pool: &brink_license::seating::Pool| json!({ "packs": pool.packs, "seats": pool.seats, "cameras": self.seats.on(pool) });
        json!({
            "seats": unnamed(self.licence),
            "free": self.seats.free(self.licence),
            "pools": pools.iter().map(pool).collect::<Vec<_>>(),
            "swap": {
                "allowance": allowance(self.licence),
                "left": self.left(),
                "released": self.seats.released,
                "renewed_by": "the next exchange",
                "next_exchange": self.next_exchange().and_then(rfc3339),
            },
            "dropped": self.dropped(),
        })
    }

    /// Answers `seat list`.
    #[must_use]
    pub fn list(&self) -> Reply {
        let mut lines = vec![format!(
            "{} unnamed seats, {} free; {} of {} may still be moved until the next exchange{}",
            unnamed(self.licence),
            self.seats.free(self.licence),
            self.left(),
            allowance(self.licence),
            self.next_exchange().and_then(rfc3339).map_or_else(String::new, |at| format!(", due {at}")),
        )];
        for pool in pools(self.licence) {
            let packs: Vec<_> = pool.packs.iter().map(Slug::as_str).collect();
            let (packs, taken) = (packs.join(","), self.seats.taken(&pool));
            lines.push(format!("{packs}: {taken} of {} taken", pool.seats));
            lines.extend(self.seats.on(&pool).iter().map(|camera| format!("  {camera}")));
        }
        lines.extend(warning(self.dropped()));
        Reply::done(self.document(), lines.join("\n"))
    }

    /// Answers a verb that moved this camera.
    #[must_use]
    pub fn moved(&self, camera: &CameraId) -> Reply {
        let mut document = self.document();
        let packs =
            self.seats.seated.iter().find(|group| group.cameras.contains(camera)).map(|group| &group.packs);
        document["camera"] = json!(camera);
        document["packs"] = json!(packs);
        let free = self.seats.free(self.licence);
        let text = match packs {
            Some(packs) => {
                let packs: Vec<_> = packs.iter().map(Slug::as_str).collect();
                format!(
                    "camera {camera} sits on an unnamed seat with {}; {free} seats are free",
                    packs.join(",")
                )
            }
            None => format!(
                "camera {camera} sits on no unnamed seat any more; {free} seats are free, {} may still be moved",
                self.left()
            ),
        };
        Reply::done(document, text)
    }
}

/// What is said about cameras that a licence has left no seat for.
#[must_use]
pub fn warning(dropped: &[CameraId]) -> Option<String> {
    if dropped.is_empty() {
        return None;
    }
    let cameras: Vec<_> = dropped.iter().map(CameraId::as_str).collect();
    Some(format!(
        "warning: a new licence left no unnamed seat for {}; ask the issuer's admin, or forget them with seat release",
        cameras.join(", ")
    ))
}
