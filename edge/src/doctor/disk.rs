//! The file system that the device directory lies on.

use super::facts::{Disk, Sight};
use super::{Check, Facts, Finding};
use brink_store::journal::BLOCK_BYTES_MIN;

/// Accepting an answer writes at most two bundles of 2 MiB beside each other and a log of 4 MiB: with less free, the next
/// one may not fit.
const FREE_BYTES_MIN: u64 = 8 * MIB;
/// Somebody should make room before it comes to that.
const FREE_BYTES_LOW: u64 = 64 * MIB;
/// Names that an acceptance may add: temporaries, logs, pieces of the vault.
const FREE_FILES_MIN: u64 = 16;
const MIB: u64 = 1024 * 1024;

pub(super) fn space(facts: &Facts) -> Finding {
    let check = Check::DiskSpace;
    let disk = match seen(check, facts) {
        Ok(disk) => disk,
        Err(finding) => return finding,
    };
    let found = format!("{} MiB free", disk.free_bytes / MIB);
    let mend = format!("make room on the file system of {}: see df -h {0}", facts.dir);
    if disk.free_files.is_some_and(|free| free < FREE_FILES_MIN) {
        let mend = format!("remove files from the file system of {}: see df -i {0}", facts.dir);
        return Finding::fail(check, "no room for the names of new files", mend);
    }
    if disk.free_bytes < FREE_BYTES_MIN {
        return Finding::fail(
            check,
            format!("{found}, and an answer may need {}", FREE_BYTES_MIN / MIB),
            mend,
        );
    }
    if disk.free_bytes < FREE_BYTES_LOW {
        return Finding::warn(check, format!("only {found}"), mend);
    }
    Finding::ok(check, found)
}

pub(super) fn blocks(facts: &Facts) -> Finding {
    let check = Check::BlockSize;
    match seen(check, facts) {
        Ok(disk) if disk.block_bytes < BLOCK_BYTES_MIN => Finding::fail(
            check,
            format!("blocks of {} bytes: on a full disk the agent and verbs may be killed", disk.block_bytes),
            format!(
                "move {} to a file system with blocks of {BLOCK_BYTES_MIN} bytes (mkfs.ext4 -b 4096)",
                facts.dir
            ),
        ),
        Ok(disk) => Finding::ok(check, format!("blocks of {} bytes", disk.block_bytes)),
        Err(finding) => finding,
    }
}

pub(super) fn writable(facts: &Facts) -> Finding {
    let check = Check::ReadOnly;
    match seen(check, facts) {
        Ok(disk) if disk.read_only => Finding::fail(
            check,
            "the file system is mounted read-only: decisions go on, nothing new is accepted",
            format!("see dmesg for why, then: mount -o remount,rw $(findmnt -n -o TARGET -T {})", facts.dir),
        ),
        Ok(_) => Finding::ok(check, "mounted for writing"),
        Err(finding) => finding,
    }
}

fn seen(check: Check, facts: &Facts) -> Result<&Disk, Finding> {
    match &facts.disk {
        Sight::Seen(disk) => Ok(disk),
        Sight::Hidden => Err(Finding::hidden(check, facts)),
        Sight::Broken { problem, mend } => Err(Finding::fail(check, problem.as_str(), mend.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn on(disk: Disk) -> [Finding; 3] {
        let facts = Facts { disk: Sight::Seen(disk), ..Facts::healthy() };
        [space(&facts), blocks(&facts), writable(&facts)]
    }

    fn roomy() -> Disk {
        Disk { free_bytes: 1 << 30, free_files: Some(1000), block_bytes: 4096, read_only: false }
    }

    #[test]
    fn room_is_judged_by_what_the_next_answer_needs() {
        for (free_bytes, level) in [
            (FREE_BYTES_LOW, Level::Ok),
            (FREE_BYTES_LOW - 1, Level::Warn),
            (FREE_BYTES_MIN - 1, Level::Fail),
        ] {
            assert_eq!(on(Disk { free_bytes, ..roomy() })[0].level, level, "{free_bytes}");
        }
        let [space, ..] = on(Disk { free_files: Some(3), ..roomy() });
        assert!(space.level == Level::Fail && space.mend.unwrap().contains("df -i"));
        assert_eq!(
            on(Disk { free_files: None, ..roomy() })[0].level,
            Level::Ok,
            "some file systems do not count"
        );
    }

    #[test]
    fn small_blocks_and_a_read_only_mount_fail() {
        let [_, blocks, writable] = on(Disk { block_bytes: 1024, read_only: true, ..roomy() });
        assert!(blocks.level == Level::Fail && blocks.mend.unwrap().contains("-b 4096"));
        assert!(writable.level == Level::Fail && writable.mend.unwrap().contains("remount,rw"));
        assert!(on(roomy()).iter().all(|finding| finding.level == Level::Ok));
    }
}
