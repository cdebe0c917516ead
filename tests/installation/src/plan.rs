//! What an installation is to be like, and its making.

use crate::cameras;
use crate::configuration;
use crate::manifest::Manifest;
use crate::telemetry::{Made, Order};
use crate::{Error, trap};
use fastrand::Rng;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

/// Cameras whose names are awkward in the names of files, in queries and in addresses.
const AWKWARD: [&str; 7] = [
    "Halle 3 links",
    "Kamera-Süd-東京",
    "cafe\u{301} \u{202e}x",
    "100%25 & more",
    "O'Brien \"Gate\"",
    "..cam?mode=ro#1",
    "-rf;--",
];
/// A camera that somebody deleted, and whose file was left.
const ORPHAN: &str = "cam_deleted";
/// A camera that only the file without a camera names.
const NOBODY: &str = "default";
/// Rows of each file beside those of ordinary cameras: enough for every kind of row.
const EXTRA_ROWS: Range<u64> = 40..5000;

/// What an installation is to be like. The same plan makes the same rows.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Cameras with an ordinary name, each with a configuration and a file; the smallest of several has a file without rows.
    pub cameras: u32,
    /// Ordinary rows of all telemetry files together. Snares come on top.
    pub rows: u64,
    /// What makes two installations alike.
    pub seed: u64,
    /// Whether there are rows, files and cameras to stumble over.
    pub traps: bool,
    /// Bytes of a frame's thumbnail.
    pub thumbnail_bytes: Range<usize>,
    /// Whether there is a `telemetry.db` with rows of several cameras.
    pub mixed: bool,
    /// Whether one frame has a thumbnail of 50 million bytes. It is a trap, but not one of `traps`.
    pub big_blob: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            cameras: 5,
            rows: 2000,
            seed: 1,
            traps: true,
            thumbnail_bytes: 200..600,
            mixed: true,
            big_blob: false,
        }
    }
}

impl Plan {
    /// Makes it: the configuration at `folder/tapi.db`, telemetry in `folder/data/`, and `folder/manifest.json`. The folder
    /// may exist, but hold nothing of this kind. With traps the files are left as after a crash, with a log beside them.
    ///
    /// # Errors
    /// If there is an installation already, or the folder cannot be written.
    pub fn generate(&self, folder: &Path) -> Result<Manifest, Error> {
        let data = folder.join("data");
        std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
        // Fails if it is there.
        std::fs::create_dir(&data).map_err(|error| Error::file(&data, error))?;
        let mut rng = Rng::with_seed(self.seed);
        let ids: Vec<_> = (0..self.cameras).map(|number| cameras::id(&mut rng, number)).collect();
        let mut orders = self.orders(&mut rng, &ids);
        self.spread_snares(&mut rng, &mut orders);
        let mut configured = ids;
        if self.traps {
            configured.extend(AWKWARD.map(str::to_owned));
        }
        let first = configuration::make(folder, (rng.u64(..), self.traps), &configured)?;
        let mut made = make_all(orders, folder)?;
        made.sort_by(|one, other| one.rows.file.cmp(&other.rows.file));
        made.insert(0, first);
        let mut manifest = Manifest { seed: self.seed, files: Vec::new(), traps: Vec::new() };
        for one in made {
            manifest.files.push(one.rows);
            manifest.traps.extend(one.traps);
        }
        manifest.write(folder)?;
        Ok(manifest)
    }

    /// The files: ordinary cameras, then those that are there with traps, then the one without a camera.
    fn orders(&self, rng: &mut Rng, ids: &[String]) -> Vec<Order> {
        let awkward = if self.traps { &AWKWARD[..] } else { &[] };
        let several = awkward.len() as u64 + u64::from(self.traps) + u64::from(self.mixed);
        let extra = (self.rows / 50).clamp(EXTRA_ROWS.start, EXTRA_ROWS.end).min(self.rows / (several + 1));
        let mut orders = Vec::new();
        let rows = spread(rng, self.rows - extra * several, ids.len());
        for (id, rows) in ids.iter().zip(rows) {
            orders.push(self.order(rng, (format!("data/telemetry_{id}.db"), vec![id.clone()]), rows));
        }
        for id in awkward {
            let file = format!("data/telemetry_{id}.db");
            orders.push(self.order(rng, (file, vec![(*id).to_owned()]), extra));
        }
        if self.mixed {
            let mut cameras: Vec<_> = ids.iter().take(4).cloned().collect();
            cameras.push(NOBODY.to_owned());
            orders.push(self.order(rng, ("data/telemetry.db".to_owned(), cameras), extra));
        }
        if self.traps {
            let file = format!("data/telemetry_{ORPHAN}.db");
            let order = self.order(rng, (file, vec![ORPHAN.to_owned()]), extra);
            orders.push(Order { has_end: true, ..order });
        }
        orders
    }

    fn order(&self, rng: &mut Rng, (file, cameras): (String, Vec<String>), rows: u64) -> Order {
        Order {
            file,
            cameras,
            rows,
            seed: rng.u64(..),
            thumbnail_bytes: self.thumbnail_bytes.clone(),
            is_trapped: self.traps,
            snares: Vec::new(),
            has_end: false,
        }
    }

    /// Each snare into some file that has rows.
    fn spread_snares(&self, rng: &mut Rng, orders: &mut [Order]) {
        let with_rows: Vec<_> = (0..orders.len()).filter(|at| orders[*at].rows > 0).collect();
        let mut snares = if self.traps { trap::anywhere() } else { Vec::new() };
        if self.big_blob {
            snares.push(trap::big_blob());
        }
        let mut last = 0;
        let mut before = "";
        for snare in snares {
            // Those that are about a key that is there already lie in one file.
            if snare.trap != before
                && let Some(at) = rng.choice(&with_rows)
            {
                last = *at;
            }
            before = snare.trap;
            if let Some(order) = orders.get_mut(last) {
                order.snares.push(snare);
            }
        }
    }
}

/// `rows` over `cameras`: a few have most of it, many have little, the last of several nothing; in an order of chance.
fn spread(rng: &mut Rng, rows: u64, cameras: usize) -> Vec<u64> {
    let with_rows = if cameras > 1 { cameras - 1 } else { cameras };
    let weights: Vec<_> = (1..=with_rows).map(|rank| 1_000_000 / rank as u64).collect();
    let all: u64 = weights.iter().sum();
    let mut spread: Vec<_> = weights
        .iter()
        .map(|weight| (u128::from(rows) * u128::from(*weight) / u128::from(all.max(1))) as u64)
        .collect();
    if let Some(largest) = spread.first().copied() {
        let given: u64 = spread.iter().sum();
        spread[0] = largest + rows - given;
    }
    spread.resize(cameras, 0);
    rng.shuffle(&mut spread);
    spread
}

/// Makes the largest first, on as many threads as there are cores. What a file holds does not depend on when it is made.
fn make_all(mut orders: Vec<Order>, folder: &Path) -> Result<Vec<Made>, Error> {
    orders.sort_by_key(|order| order.rows);
    let orders = Mutex::new(orders);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || -> Result<Vec<Made>, Error> {
        let mut made = Vec::new();
        loop {
            let next = orders.lock().map_err(|_| Error::Thread)?.pop();
            let Some(mut order) = next else { return Ok(made) };
            made.push(order.make(folder)?);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut made = Vec::new();
        for worker in workers {
            made.extend(worker.join().map_err(|_| Error::Thread)??);
        }
        Ok(made)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_spread_unevenly_and_none_is_lost() {
        for (rows, cameras) in [(0, 3), (7, 1), (1000, 20), (10_000_000, 100)] {
            let mut spread = spread(&mut Rng::with_seed(9), rows, cameras);
            assert_eq!(spread.iter().sum::<u64>(), rows);
            spread.sort_unstable();
            assert!(cameras == 1 || spread[0] == 0);
            assert!(cameras < 20 || spread[cameras - 1] > 10 * spread[cameras / 2]);
        }
    }
}
