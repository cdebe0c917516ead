use super::*;
use crate::Layout;
use brink_license::UnixSeconds;
use brink_license::clock::{BootId, Reading, ReceiptMark, ResetMark};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const START: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

struct Device(TempDir);

impl Device {
    fn new() -> Self {
        let device = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(device.directory()).unwrap();
        Journal::ensure(&device.layout(), None).unwrap();
        device
    }

    fn layout(&self) -> Layout {
        Layout::new(self.0.path())
    }

    fn directory(&self) -> PathBuf {
        self.layout().journal()
    }

    /// Another process of the device.
    fn process(&self) -> ClockKeeper {
        ClockKeeper::new(self.directory())
    }

    fn corrupt(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let path = Journal::path(&self.directory());
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
    }
}

fn reading(boot: u8, wall: i64, boottime: i64) -> Reading {
    let boot = BootId::parse(&format!("00000000-0000-4000-8000-0000000000{boot:02x}")).unwrap();
    Reading { wall: UnixSeconds::new(START + wall), boot, boottime }
}

fn learned(seq: u64) -> Learned {
    let server_time = UnixSeconds::new(START);
    let receipt = Some(ReceiptMark { device: [1; 32], epoch: 1, seq, server_time });
    Learned { floor: UnixSeconds::new(START), receipt, reset: None }
}

#[test]
fn marks_outlive_processes_and_boots_and_a_clock_set_back_gains_nothing() {
    let device = Device::new();
    let first = device.process().advance(&learned(1), &reading(1, 5 * DAY, 100));
    assert_eq!(first.now, UnixSeconds::new(START + 5 * DAY));
    // Booted again with the clock at the receipt's time, in a process that knows nothing.
    let next = device.process().advance(&learned(1), &reading(2, 0, 60));
    assert_eq!(next.now, UnixSeconds::new(START + 5 * DAY + 60));
    assert!(next.flags.contains(brink_license::Flags::CLOCK_BACK));
}

#[test]
fn seconds_are_counted_once_however_many_processes_tick() {
    let device = Device::new();
    let mut processes: Vec<_> = (0..5).map(|_| device.process()).collect();
    let mut last = None;
    for second in 0..600 {
        for process in &mut processes {
            last = Some(process.advance(&learned(1), &reading(1, second, 10 + second)));
        }
    }
    assert_eq!(last.unwrap().ran, 599);
    let late = device.process().advance(&learned(1), &reading(1, 600, 610));
    assert_eq!(late.ran, 600, "a process that starts late counts from what is kept");
    let receipt = device.process().advance(&learned(2), &reading(1, 601, 611));
    assert_eq!(receipt.ran, 0, "a new receipt starts it again");
    for process in &mut processes {
        let ran = process.advance(&learned(1), &reading(1, 661, 671)).ran;
        assert!((659..=661).contains(&ran), "but for those that have not verified it: {ran}");
    }
    assert_eq!(device.process().advance(&learned(2), &reading(1, 661, 671)).ran, 60, "whom the row outlives");
    for process in &mut processes {
        assert_eq!(process.advance(&learned(2), &reading(1, 662, 672)).ran, 61, "until they have");
    }
}

#[test]
fn what_is_run_between_two_turns_of_keeping_is_bounded() {
    let device = Device::new();
    let mut process = device.process();
    for second in 0..=65 {
        process.advance(&learned(1), &reading(1, 0, 10 + second));
    }
    drop(process);
    let next = device.process().advance(&learned(1), &reading(2, 0, 0));
    assert!((36..=65).contains(&next.ran), "{next:?}");
}

#[test]
fn a_flipped_bit_in_the_row_is_noticed_and_the_process_goes_on_from_what_it_knows() {
    let device = Device::new();
    let mut process = device.process();
    process.advance(&learned(1), &reading(1, 5 * DAY, 100));
    let conn = rusqlite::Connection::open(Journal::path(&device.directory())).unwrap();
    conn.execute("UPDATE clock SET marks = zeroblob(length(marks))", []).unwrap();
    let next = process.advance(&learned(1), &reading(1, 0, 200));
    assert!(matches!(process.kept(), Kept::Damaged(_)), "{:?}", process.kept());
    assert_eq!(next.now, UnixSeconds::new(START + 5 * DAY + 100));
    process.advance(&learned(1), &reading(1, 0, 300));
    assert_eq!(process.kept(), &Kept::Shared, "the row is whole again");
    assert_eq!(
        device.process().advance(&learned(1), &reading(1, 0, 400)).now,
        UnixSeconds::new(START + 5 * DAY + 300)
    );
}

#[test]
fn a_row_put_back_to_an_earlier_one_does_not_set_a_running_process_back() {
    let device = Device::new();
    let mut process = device.process();
    process.advance(&learned(1), &reading(1, 0, 0));
    let conn = rusqlite::Connection::open(Journal::path(&device.directory())).unwrap();
    let row = |conn: &rusqlite::Connection| -> (Vec<u8>, Vec<u8>) {
        conn.query_row("SELECT marks, sha256 FROM clock", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let early = row(&conn);
    process.advance(&learned(1), &reading(1, 72_000, 60));
    conn.execute("UPDATE clock SET marks = ?1, sha256 = ?2", [&early.0, &early.1]).unwrap();
    let next = process.advance(&learned(1), &reading(1, 0, 120));
    assert_eq!((next.now, next.ran), (UnixSeconds::new(START + 72_060), 120));
}

#[test]
fn a_damaged_file_is_set_aside_by_the_agent_and_hosts_follow_to_the_new_one() {
    let device = Device::new();
    let mut host = device.process();
    host.advance(&learned(1), &reading(1, 3 * DAY, 100));
    host.journal = None;
    device.corrupt(|bytes| bytes[..64].fill(0xff));
    let alone = host.advance(&learned(1), &reading(1, 0, 200));
    assert!(matches!(host.kept(), Kept::Damaged(_)), "{:?}", host.kept());
    assert_eq!(alone.now, UnixSeconds::new(START + 3 * DAY + 100), "nothing is lost while the process lives");
    assert!(matches!(Journal::ensure(&device.layout(), None), Ok(Some(JournalFault::Damaged(_)))));
    assert!(device.directory().join("journal.db.damaged-1").exists());
    let again = host.advance(&learned(1), &reading(1, 0, 300));
    assert_eq!((host.kept(), again.now), (&Kept::Shared, UnixSeconds::new(START + 3 * DAY + 200)));
    let other = device.process().advance(&learned(1), &reading(1, 0, 400));
    assert_eq!(other.now, UnixSeconds::new(START + 3 * DAY + 300), "and the new file has it");
}

#[test]
fn without_a_journal_or_with_a_locked_one_time_goes_on_from_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut alone = ClockKeeper::new(dir.path().join("journal"));
    assert_eq!(alone.advance(&learned(1), &reading(1, 10, 10)).now, UnixSeconds::new(START + 10));
    assert_eq!(alone.kept(), &Kept::Alone);

    let device = Device::new();
    let mut process = device.process();
    process.advance(&learned(1), &reading(1, 10, 10));
    let mut holder = rusqlite::Connection::open(Journal::path(&device.directory())).unwrap();
    let held = holder.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let now = process.advance(&learned(1), &reading(1, 100, 100));
    assert!(matches!(process.kept(), Kept::Unusable(_)), "{:?}", process.kept());
    assert_eq!((now.now, now.ran), (UnixSeconds::new(START + 100), 90));
    drop(held);
    let now = process.advance(&learned(1), &reading(1, 200, 200));
    assert_eq!((process.kept(), now.ran), (&Kept::Shared, 190), "and nothing is counted twice");
}

#[test]
fn an_observer_sees_what_is_kept_and_leaves_no_trace() {
    let device = Device::new();
    let look = || ClockKeeper::observer(device.directory()).advance(&learned(1), &reading(1, 0, 200)).now;
    let listing = || {
        let files = std::fs::read_dir(device.directory()).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> = files.map(|f| (f.file_name(), std::fs::read(f.path()).unwrap())).collect();
        files.sort();
        files
    };
    device.process().advance(&learned(1), &reading(1, 3 * DAY, 100));
    let before = listing();
    assert_eq!((look(), listing() == before), (UnixSeconds::new(START + 3 * DAY + 100), true));
    let mut writer = device.process();
    writer.advance(&learned(1), &reading(1, 3 * DAY + 50, 150));
    assert_eq!(look(), UnixSeconds::new(START + 3 * DAY + 100), "beside a process that has it open");
}

#[test]
fn hosts_of_the_group_may_write_and_others_may_not() {
    let device = Device::new();
    let mode = std::fs::metadata(Journal::path(&device.directory())).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    assert_eq!(Journal::ensure(&device.layout(), None), Ok(None), "making it again changes nothing");
}

#[test]
fn every_flipped_bit_of_the_file_leaves_a_clock_that_never_falls_below_the_documents() {
    let device = Device::new();
    device.process().advance(&learned(1), &reading(1, 3 * DAY, 100));
    let path = Journal::path(&device.directory());
    // Into one file, so that a flipped bit is read.
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(conn);
    let good = std::fs::read(&path).unwrap();
    let mut noticed = 0;
    for at in (0..good.len()).step_by(41) {
        let _ = std::fs::remove_file(path.with_extension("db-wal"));
        let _ = std::fs::remove_file(path.with_extension("db-shm"));
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, bytes).unwrap();
        let mut process = device.process();
        let now = process.advance(&learned(1), &reading(1, 0, 200)).now;
        assert!(now >= UnixSeconds::new(START), "byte {at}");
        noticed += u32::from(process.kept() != &Kept::Shared);
    }
    assert!(noticed > 0, "some bits matter");
}

/// What the anchor would have copied: the marks as they are kept now.
fn copied(device: &Device) -> Option<Marks> {
    let copied = Journal::glimpse(&device.directory());
    assert!(copied.is_some());
    copied
}

#[test]
fn a_deleted_journal_makes_nobody_forget_what_the_anchor_remembers() {
    for boot in [1, 2] {
        let device = Device::new();
        device.process().advance(&learned(1), &reading(1, 5 * DAY, 100));
        device.process().advance(&learned(1), &reading(1, 5 * DAY + 900, 1000));
        let anchored = copied(&device);
        std::fs::remove_dir_all(device.directory()).unwrap();
        let alone = |mut process: ClockKeeper| {
            process.remember(anchored.clone());
            let now = process.advance(&learned(1), &reading(boot, 0, 1100));
            (now.now, now.ran)
        };
        // In the same boot by the seconds since, in another by all that it has run.
        let on = if boot == 1 { 100 } else { 1100 };
        let known = (UnixSeconds::new(START + 5 * DAY + 900 + on), 900 + on);
        assert_eq!(alone(device.process()), known, "without a journal");
        assert_eq!(alone(ClockKeeper::observer(device.directory())), known, "an observer");
        std::fs::create_dir(device.directory()).unwrap();
        Journal::ensure(&device.layout(), None).unwrap();
        assert_eq!(alone(device.process()), known, "in a new journal");
        let next = device.process().advance(&learned(1), &reading(boot, 0, 1100));
        assert_eq!((next.now, next.ran), known, "where those find it who know nothing");
    }
}

#[test]
fn a_journal_that_was_put_back_is_joined_with_the_anchor_and_nothing_is_counted_twice() {
    let device = Device::new();
    let path = Journal::path(&device.directory());
    device.process().advance(&learned(1), &reading(1, 0, 100));
    let older = std::fs::read(&path).unwrap();
    let long = 40 * DAY;
    device.process().advance(&learned(1), &reading(2, DAY, 10));
    device.process().advance(&learned(1), &reading(2, DAY + long, 10 + long));
    let anchored = copied(&device);
    for leftover in ["db-wal", "db-shm"] {
        let _ = std::fs::remove_file(path.with_extension(leftover));
    }
    std::fs::write(&path, older).unwrap();
    let mut process = device.process();
    process.remember(anchored);
    let now = process.advance(&learned(1), &reading(2, DAY + long + 60, 70 + long));
    assert_eq!(now.now, UnixSeconds::new(START + DAY + long + 60), "not forty days more");
    assert_eq!(now.flags, brink_license::Flags::NONE, "an honest clock");
}

/// What the device itself knows after it accepted a reset to so many seconds after the start.
fn with_reset(number: u64, server_time: i64, at: Reading) -> Learned {
    let server_time = UnixSeconds::new(START + server_time);
    let reset = ResetMark { number, server_time, boot: at.boot, boottime: at.boottime };
    Learned { reset: Some(reset), ..learned(1) }
}

#[test]
fn a_clock_reset_reaches_every_process_through_the_row_and_no_older_row_undoes_it() {
    let device = Device::new();
    let conn = rusqlite::Connection::open(Journal::path(&device.directory())).unwrap();
    let row = || -> (Vec<u8>, Vec<u8>) {
        conn.query_row("SELECT marks, sha256 FROM clock", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let (mut agent, mut host) = (device.process(), device.process());
    for hour in 0..30 {
        let ahead = reading(1, 3650 * DAY + hour * 3600, 10 + hour * 3600);
        agent.advance(&learned(1), &ahead);
        host.advance(&learned(1), &ahead);
    }
    let now = reading(1, 30 * 3600, 10 + 30 * 3600);
    assert!(host.advance(&learned(1), &now).flags.contains(brink_license::Flags::CLOCK_BACK), "poisoned");
    let poisoned = row();
    let number = agent.resets() + 1;
    let reset = agent.advance(&with_reset(number, 30 * 3600, now), &now);
    assert_eq!((reset.now, reset.flags), (now.wall, brink_license::Flags::NONE));
    let later = |seconds: i64| Reading {
        wall: now.wall.saturating_add(seconds),
        boottime: now.boottime + seconds,
        ..now
    };
    let heard = host.advance(&learned(1), &later(31));
    assert_eq!((heard.now, heard.flags, host.resets()), (later(31).wall, brink_license::Flags::NONE, 1));
    assert_eq!(heard.ran, reset.ran + 31, "run time stays charged");
    // Somebody puts the poisoned row back: what runs goes on as it was, and mends the row.
    conn.execute("UPDATE clock SET marks = ?1, sha256 = ?2", [&poisoned.0, &poisoned.1]).unwrap();
    assert_eq!(host.advance(&learned(1), &later(62)).now, later(62).wall);
    assert_eq!(device.process().advance(&learned(1), &later(93)).now, later(93).wall);
}

#[test]
fn a_reset_that_was_accepted_just_before_a_kill_is_heard_by_the_next_process() {
    let device = Device::new();
    let mut killed = device.process();
    for hour in 0..30 {
        killed.advance(&learned(1), &reading(1, 3650 * DAY + hour * 3600, 10 + hour * 3600));
    }
    drop(killed);
    let accepted = reading(1, 30 * 3600, 10 + 30 * 3600);
    let state = with_reset(1, 29 * 3600, accepted);
    let next = device.process().advance(&state, &reading(1, 31 * 3600, 10 + 31 * 3600));
    assert_eq!(next.now, UnixSeconds::new(START + 31 * 3600));
    assert!(next.flags == brink_license::Flags::NONE && next.ran >= 30 * 3600, "{next:?}");
    let booted = device.process().advance(&state, &reading(2, 40 * 3600, 60));
    assert_eq!(booted.now, UnixSeconds::new(START + 40 * 3600), "and once");
}

/// A row that somebody of the group made up: a floor, a moment of the issuer's and a receipt that nobody has given.
fn made_up(device: &Device) -> Marks {
    let far = UnixSeconds::new(START + 4000 * DAY);
    let mut forged = Marks::new(far);
    let since = ReceiptMark { device: [9; 32], epoch: u32::MAX, seq: u64::MAX, server_time: far };
    let boot = reading(1, 0, 0).boot;
    forged.anchor(since, brink_license::clock::Anchored { server_time: far, boot, boottime: 1 });
    forged.advance(&reading(1, 4000 * DAY, 100));
    forged.advance(&reading(1, 4000 * DAY, 90 * DAY));
    let mut journal = Journal::open(&device.directory()).unwrap();
    journal.change_marks(|_| (forged.clone(), ())).unwrap();
    forged
}

#[test]
fn whatever_somebody_wrote_into_the_row_one_reset_mends_the_time_and_the_next_receipt_the_run_time() {
    let device = Device::new();
    device.process().advance(&learned(1), &reading(1, 0, 10));
    made_up(&device);
    let now = reading(1, 91 * DAY, 91 * DAY);
    let mut agent = device.process();
    let locked = agent.advance(&learned(1), &now);
    assert!(locked.now > UnixSeconds::new(START + 3999 * DAY), "{locked:?}");
    let reset = with_reset(agent.resets() + 1, 91 * DAY, now);
    assert_eq!(agent.advance(&reset, &now).now, now.wall);
    let next = reading(1, 91 * DAY + 60, 91 * DAY + 60);
    let answered = Learned { reset: reset.reset, ..learned(2) };
    assert_eq!(agent.advance(&answered, &next).ran, 0, "a receipt starts it again");
    let mut host = device.process();
    let guarded = host.advance(&learned(2), &reading(1, 91 * DAY + 90, 91 * DAY + 90));
    assert_eq!((guarded.now, guarded.ran), (UnixSeconds::new(START + 91 * DAY + 90), 30));
}

#[test]
fn no_row_stops_the_run_time_of_a_process_that_runs() {
    // A reading that is still to come would stop the count until then; one that is renewed at every turn, for ever.
    for forged_at in [i64::MAX, 0] {
        let device = Device::new();
        let mut host = device.process();
        host.advance(&learned(1), &reading(1, 0, 100));
        let mut journal = Journal::open(&device.directory()).unwrap();
        let mut guarded = None;
        for turn in 1..=10 {
            let boottime = 100 + turn * 40;
            let forge = |kept: Option<Marks>| {
                let mut fresh = Marks::new(UnixSeconds::new(START));
                fresh.join(&kept.unwrap());
                let mut still = Marks::new(UnixSeconds::new(START));
                still.advance(&reading(1, 0, boottime.max(forged_at)));
                still.receipt(fresh.since().unwrap());
                (still, ())
            };
            journal.change_marks(forge).unwrap();
            guarded = Some(host.advance(&learned(1), &reading(1, 0, boottime)));
        }
        let guarded = guarded.unwrap();
        assert!(
            guarded.ran >= 398 && guarded.now >= UnixSeconds::new(START + 398),
            "{forged_at}: {guarded:?}"
        );
    }
}
