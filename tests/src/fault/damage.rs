//! What may happen to a file that lies still.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::Random;

/// What happens to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// One to eight bits change.
    Flipped,
    /// From a sector on there are zeros.
    Zeroed,
    /// From a sector on there is noise.
    Noise,
    /// From a sector on there is what was there before.
    Torn,
    /// It ends early.
    Truncated,
    /// It is gone.
    Deleted,
    /// It is an older copy of itself.
    Older,
}

impl Damage {
    /// All of them.
    pub(super) const ALL: [Damage; 7] = [
        Damage::Flipped,
        Damage::Zeroed,
        Damage::Noise,
        Damage::Torn,
        Damage::Truncated,
        Damage::Deleted,
        Damage::Older,
    ];
}

/// A disk writes whole sectors.
const SECTOR: usize = 512;

/// Every file of a directory, by its path in it.
pub(super) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut places = vec![directory.to_owned()];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(&place).expect("a directory of ours") {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                places.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path().strip_prefix(directory).expect("below it").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Does it, and says what was done; `None` where it would change nothing.
pub(super) fn inflict(damage: Damage, file: &Path, older: &Path, random: &mut Random) -> Option<String> {
    let was = fs::read(file).expect("a file of ours");
    let before = fs::read(older).ok();
    let mut bytes = was.clone();
    if bytes.is_empty() && !matches!(damage, Damage::Deleted | Damage::Older) {
        return None;
    }
    let said = match damage {
        Damage::Flipped => {
            let bits: Vec<usize> = (0..=random.below(8)).map(|_| random.below(bytes.len() * 8)).collect();
            for bit in &bits {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            format!("bits {bits:?} flipped")
        }
        Damage::Zeroed | Damage::Noise | Damage::Torn => {
            let from = random.below(bytes.len().div_ceil(SECTOR)) * SECTOR;
            for (at, byte) in bytes.iter_mut().enumerate().skip(from) {
                *byte = match damage {
                    Damage::Noise => random.next().to_le_bytes()[0],
                    Damage::Torn => before.as_ref().and_then(|before| before.get(at)).copied().unwrap_or(0),
                    Damage::Zeroed
                    | Damage::Flipped
                    | Damage::Truncated
                    | Damage::Deleted
                    | Damage::Older => 0,
                };
            }
            format!("{damage:?} from {from}")
        }
        Damage::Truncated => {
            let near = [0, 1, bytes.len() - 1, bytes.len() / 2, bytes.len() / 4096 * 4096];
            let to = if random.below(2) == 0 { *random.among(&near) } else { random.below(bytes.len()) };
            bytes.truncate(to);
            format!("cut to {to} bytes")
        }
        Damage::Deleted => {
            fs::remove_file(file).expect("a file of ours");
            return Some("deleted".to_owned());
        }
        Damage::Older => {
            bytes = before?;
            "replaced by an older copy".to_owned()
        }
    };
    if bytes == was {
        return None;
    }
    // In place, so that its mode and its owner stay.
    let opened = File::options().write(true).truncate(true).open(file).expect("a file of ours");
    std::io::Write::write_all(&mut &opened, &bytes).expect("a file of ours");
    Some(said)
}
