//! The bundle reader: from a file and a clock reading to a snapshot. No thread, so tests drive it with any time.

use super::seats::SeatsSeen;
use super::watch::{STORE_TAMPERED, Watch};
use crate::bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError, VerifiedBundle};
use crate::crash::{Point, reached};
use crate::journal::{ClockKeeper, Kept};
use crate::layout::journal_beside;
use brink_license::clock::{Guarded, Hold, Reading, Standing, State, Terms, evaluate};
use brink_license::keyset::{Keyset, ManifestError, TrustAnchor};
use brink_license::seating::VerifiedSeats;
use brink_license::token::{Notices, SeqMark, TokenError};
use brink_license::{Decision, Flags, Kid, Reason, Table, UnixSeconds};
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that one answer needs. Immutable.
#[derive(Clone, Debug)]
pub struct Snapshot {
    table: Arc<Table>,
    standing: Standing,
    bundle: Option<Arc<VerifiedBundle>>,
    seats: Option<Arc<VerifiedSeats>>,
}

impl Snapshot {
    /// Nothing is licensed.
    pub(super) fn empty() -> Self {
        let standing = Standing::unlicensed(UnixSeconds::new(0), Flags::NONE);
        Self { table: Arc::default(), standing, bundle: None, seats: None }
    }

    /// Decides by name at `now`.
    #[inline]
    #[must_use]
    pub fn decide(&self, camera: &str, feature: &str, now: UnixSeconds) -> Decision {
        self.table.decide(&self.standing, camera, feature, now)
    }

    /// State, deadlines and flags.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The documents in force.
    #[must_use]
    pub fn bundle(&self) -> Option<&VerifiedBundle> {
        self.bundle.as_deref()
    }

    /// The same, for somebody who keeps them.
    pub(super) fn shared_bundle(&self) -> Option<Arc<VerifiedBundle>> {
        self.bundle.clone()
    }

    /// The cameras on unnamed seats.
    #[must_use]
    pub fn seats(&self) -> Option<&VerifiedSeats> {
        self.seats.as_deref()
    }

    /// What the licence grants.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Whether `other` says the same at every moment, so that it need not be published.
    pub(super) fn says_the_same(&self, other: &Snapshot) -> bool {
        let key = |s: &Standing| (s.window, s.hold, s.flags, s.enforce);
        let bundle = |snapshot: &Snapshot| snapshot.bundle.as_ref().map(Arc::as_ptr);
        bundle(self) == bundle(other) && key(&self.standing) == key(&other.standing)
    }
}

/// Reads one bundle file again and again, and remembers what must not go backwards while the process lives.
#[derive(Debug)]
pub struct BundleReader {
    path: PathBuf,
    anchor: TrustAnchor,
    clock: ClockKeeper,
    watch: Watch,
    seen: Option<FileState>,
    in_force: Option<InForce>,
    /// The newest keyset that any bundle proved, taken up or not.
    keyset: Option<Keyset>,
    /// The newest notices that any bundle of this device brought.
    notices: Notices,
    seats: SeatsSeen,
    refused: Option<BundleError>,
    table: Arc<Table>,
}

/// The bundle that was taken up last.
#[derive(Debug)]
struct InForce {
    bundle: Arc<VerifiedBundle>,
    mark: SeqMark,
}

/// What changes when a file is replaced or written: enough to see a rename within one clock tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl BundleReader {
    /// A reader that has not looked yet.
    #[must_use]
    pub fn new(path: &Path, anchor: TrustAnchor) -> Self {
        Self {
            path: path.to_owned(),
            anchor,
            clock: ClockKeeper::new(journal_beside(path)),
            watch: Watch::over(path),
            seen: None,
            in_force: None,
            keyset: None,
            notices: Notices::default(),
            seats: SeatsSeen::default(),
            refused: None,
            table: Arc::default(),
        }
    }

    /// A reader that leaves no trace of its looks: it keeps no marks.
    #[must_use]
    pub fn observing(path: &Path, anchor: TrustAnchor) -> Self {
        let clock = ClockKeeper::observer(journal_beside(path));
        Self { clock, ..Self::new(path, anchor) }
    }

    /// Why the file as it stands is not in force.
    #[must_use]
    pub const fn refused(&self) -> Option<&BundleError> {
        self.refused.as_ref()
    }

    /// Takes up the file if it changed, moves time by one reading, and says what is in force.
    pub fn tick(&mut self, reading: &Reading) -> Arc<Snapshot> {
        let changed = self.changed_file();
        let is_news = !matches!(changed, Ok(None));
        match changed {
            Ok(None) => {}
            Ok(Some(bytes)) => self.take_up(&bytes, reading),
            Err(error) => self.refused = Some(error),
        }
        self.watch.judge(self.in_force.as_ref().map(|held| &*held.bundle), self.refused.is_none(), is_news);
        let learned = self.in_force.as_ref().map(|held| held.bundle.learned()).unwrap_or_default();
        let guarded = self.clock.advance(&learned, reading);
        let standing = self.standing(&guarded, reading);
        let bundle = self.in_force.as_ref().map(|held| Arc::clone(&held.bundle));
        let seats = self.seats.in_force.clone();
        Arc::new(Snapshot { table: Arc::clone(&self.table), standing, bundle, seats })
    }

    /// The file's bytes if it is another than the one looked at last.
    fn changed_file(&mut self) -> Result<Option<Vec<u8>>, BundleError> {
        let looked = std::fs::metadata(&self.path);
        let state = looked.as_ref().ok().map(FileState::of);
        if state.is_some() && state == self.seen {
            return Ok(None);
        }
        self.look_at_the_anchor();
        match read_bounded(&self.path) {
            Ok((state, bytes)) => {
                self.seen = Some(state);
                Ok(Some(bytes))
            }
            Err(error) => {
                // Looked at again at every tick until it can be read.
                self.seen = None;
                Err(error)
            }
        }
    }

    fn look_at_the_anchor(&mut self) {
        let first = !self.watch.has_looked();
        self.watch.look();
        if first {
            self.clock.remember(self.watch.clock());
        }
    }

    /// A panic in here is a defect, and must cost a host neither its process nor the last good bundle.
    fn take_up(&mut self, bytes: &[u8], reading: &Reading) {
        let admit = || Bundle::decode(bytes).and_then(|bundle| self.admit(&bundle, reading));
        let admitted = catch_unwind(AssertUnwindSafe(admit)).unwrap_or(Err(BundleError::Internal));
        self.refused = admitted.err();
    }

    /// Verifies a bundle and puts it in force, unless it is older than what was seen before.
    fn admit(&mut self, bundle: &Bundle, reading: &Reading) -> Result<(), BundleError> {
        // A keyset counts even where the rest of its bundle is refused: it may be the one that revokes a key.
        let keyset = bundle.keyset(&self.anchor)?;
        check_keyset(self.keyset.as_ref(), &keyset)?;
        // And what its revoked keys signed before counts no more: a thief may have numbered his far ahead.
        self.notices = std::mem::take(&mut self.notices).standing_under(&keyset);
        self.keyset = Some(keyset.clone());
        let verified = bundle.verify_under(keyset)?;
        let held = self.in_force.as_ref();
        let started_over = held.is_some_and(|held| device_key(&held.bundle) != device_key(&verified));
        match held {
            Some(held) if started_over => check_started_over(&held.bundle, &verified, reading)?,
            Some(held) => check_same_device(&held.bundle, &verified)?,
            None => {}
        }
        let mark = held.filter(|_| !started_over).map(|held| &held.mark);
        let mark =
            SeqMark::admit(mark, verified.licence(), verified.keyset()).map_err(BundleError::Licence)?;
        let other_seats = self.seats.take_up(&verified, started_over);
        // A bundle published again for its receipt or presence alone keeps the table.
        if other_seats || held.is_none_or(|held| held.mark != mark) {
            self.table = Arc::new(Table::build(verified.licence(), self.seats.in_force.as_deref()));
        }
        let earlier = std::mem::replace(&mut self.notices, verified.notices().clone());
        self.notices.remember(earlier);
        self.in_force = Some(InForce { bundle: Arc::new(verified), mark });
        Ok(())
    }

    fn standing(&self, guarded: &Guarded, reading: &Reading) -> Standing {
        let mut flags = if self.refused.is_some() { Flags::BUNDLE_REFUSED } else { Flags::NONE };
        flags = flags.with(match self.clock.kept() {
            Kept::Shared | Kept::Alone => Flags::NONE,
            Kept::Unusable(_) => Flags::CLOCK_UNKEPT,
            Kept::Damaged(_) => Flags::JOURNAL_DAMAGED,
        });
        if self.seats.refused {
            flags = flags.with(Flags::SEATS_REFUSED);
        }
        let Some(held) = &self.in_force else {
            // Nothing is wrong with a device that has not been activated yet, and without a document that vouches
            // for a moment there is nothing to judge its clock by.
            let guarded = &Guarded { flags: Flags::NONE, ..*guarded };
            return match &self.refused {
                _ if self.watch.is_tampered() => held_back(STORE_TAMPERED, guarded, Flags::NONE),
                Some(error) if error.is_key_compromise() => held_back(KEY_COMPROMISE, guarded, flags),
                Some(BundleError::Unreadable(_)) | None => evaluate(guarded, None, Flags::NONE),
                Some(_) => evaluate(guarded, None, flags),
            };
        };
        let keyset = self.keyset.as_ref().unwrap_or(held.bundle.keyset());
        if keyset.check_fresh(guarded.now).is_err() {
            flags = flags.with(Flags::KEYSET_EXPIRED);
        }
        let licence = held.bundle.licence().claims();
        let receipt = held.bundle.receipt();
        let mut terms =
            Terms::of(licence, receipt.map(|receipt| receipt.claims())).under(&self.notices, licence);
        if receipt.is_some_and(|receipt| keyset.has_revoked(&receipt.kid())) {
            // What a receipt of a lost key says of time is nobody's word; what it forbids stays forbidden.
            terms.last_contact = licence.iat;
        }
        if keyset.has_revoked(&held.mark.kid) {
            terms.hold = Some(KEY_COMPROMISE);
        }
        if self.watch.is_tampered() {
            terms.hold = Some(STORE_TAMPERED);
        }
        if !is_at_home(&held.bundle, reading) {
            flags = flags.with(Flags::UNATTESTED);
            // "For so many seconds of boottime" ends one second after them.
            let allowed = i64::try_from(licence.unattested).unwrap_or(i64::MAX).saturating_add(1);
            let left = allowed.saturating_sub(reading.boottime);
            terms.unattested_at = Some(guarded.now.saturating_add(left));
        }
        evaluate(guarded, Some(&terms), flags)
    }
}

const KEY_COMPROMISE: Hold = Hold { state: State::Revoked, reason: Reason::KeyCompromise };

/// Without a bundle in force, and for a reason that outranks having none: the only one at hand was signed by a key that
/// has been revoked, or the one that was accepted is gone.
fn held_back(hold: Hold, guarded: &Guarded, flags: Flags) -> Standing {
    let unlicensed = evaluate(guarded, None, flags);
    Standing { state: hold.state, reason: hold.reason, hold: Some(hold), ..unlicensed }
}

/// Whether the presence speaks of the boot that runs now.
fn is_at_home(bundle: &VerifiedBundle, reading: &Reading) -> bool {
    bundle.presence().is_some_and(|presence| presence.claims().boot_id == reading.boot.to_string())
}

/// Receipts are numbered within an epoch.
fn receipt_mark(bundle: &VerifiedBundle) -> Option<(u32, u64)> {
    bundle.receipt().map(|receipt| (receipt.claims().epoch, receipt.claims().seq))
}

fn device_key(bundle: &VerifiedBundle) -> Kid {
    bundle.licence().claims().cnf.jkt
}

/// No keyset follows a newer one, and no other content the same version.
fn check_keyset(seen: Option<&Keyset>, found: &Keyset) -> Result<(), ManifestError> {
    let Some(seen) = seen else { return Ok(()) };
    if found.version() < seen.version() {
        return Err(ManifestError::Version { found: found.version(), held: seen.version() });
    }
    if found.version() == seen.version() && found.sha256() != seen.sha256() {
        return Err(ManifestError::Equivocation { version: seen.version() });
    }
    Ok(())
}

/// A key has one name, and an older receipt may lack the word that suspends.
fn check_same_device(held: &VerifiedBundle, found: &VerifiedBundle) -> Result<(), BundleError> {
    if held.licence().claims().dev != found.licence().claims().dev {
        return Err(BundleError::Licence(TokenError::WrongDevice("dev")));
    }
    let (held, found) = (receipt_mark(held), receipt_mark(found));
    if found >= held {
        return Ok(());
    }
    let seq = |mark: Option<(u32, u64)>| mark.map_or(0, |(_, seq)| seq);
    Err(BundleError::Receipt(TokenError::Rollback { seq: seq(found), held: seq(held) }))
}

/// A device that started over has another key: its numbers begin again, its time does not, and it has to show that it
/// did so on this machine.
fn check_started_over(
    held: &VerifiedBundle,
    found: &VerifiedBundle,
    reading: &Reading,
) -> Result<(), BundleError> {
    let (held, claims) = (held.licence().claims(), found.licence().claims());
    if !is_at_home(found, reading) {
        return Err(BundleError::Licence(TokenError::WrongDevice("cnf.jkt")));
    }
    if claims.iat < held.iat {
        return Err(BundleError::Licence(TokenError::Rollback { seq: claims.seq, held: held.seq }));
    }
    Ok(())
}

/// Reads a regular file of at most the limit. A pipe or a device put in its place cannot make the host wait.
fn read_bounded(path: &Path) -> Result<(FileState, Vec<u8>), BundleError> {
    let unreadable = |e: std::io::Error| BundleError::Unreadable(format!("{}: {e}", path.display()));
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file: File =
        OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(BundleError::Unreadable(format!("{}: not a regular file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(BUNDLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    reached(Point::BundleRead);
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(BundleError::TooLarge);
    }
    Ok((FileState::of(&metadata), bytes))
}
