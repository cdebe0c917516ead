//! Owners, groups and modes of the device directory.

use super::{Finding, HOST_GROUP, Layout};
use crate::StoreError;
use crate::anchor::{FILE_MODE, FILES};
use rustix::fs::{Gid, Mode, OFlags, fchown, open};
use rustix::io::Errno;
use std::fs::{File, Permissions, set_permissions, symlink_metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(super) const DIR_MODE: u32 = 0o755;
pub(super) const PRIVATE_DIR_MODE: u32 = 0o700;
pub(super) const TRUST_MODE: u32 = 0o644;
/// Set-group-id, so that what any host creates in it belongs to the group.
const JOURNAL_MODE: u32 = 0o2770;
/// Where groups are listed (group(5)). Groups of a directory service are not in it: then the group is set by hand.
const GROUP_FILE: &str = "/etc/group";

/// Makes a directory with exactly this mode; one that exists keeps the mode that somebody gave it.
pub(super) fn create_directory(path: &Path, mode: u32) -> Result<(), StoreError> {
    match std::fs::DirBuilder::new().mode(mode).create(path) {
        // The umask may have taken bits away.
        Ok(()) => {
            set_permissions(path, Permissions::from_mode(mode)).map_err(StoreError::io(path, "set its mode"))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(StoreError::io(path, "create it")(error)),
    }
}

/// Makes the directory that hosts share. A missing group, or not being root, is a finding and no failure: on a
/// developer's machine everything runs as one user.
///
/// What is not a directory is refused, a link to one too: this may run as root, and whoever owns the device directory
/// could have any directory of the machine opened to the group. So owner and mode are set through one open handle.
pub(super) fn create_journal(path: &Path, group: &str) -> Result<Option<Finding>, StoreError> {
    match std::fs::DirBuilder::new().mode(PRIVATE_DIR_MODE).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(StoreError::io(path, "create it")(error));
        }
        Ok(()) | Err(_) => {}
    }
    let journal = open_directory(path)?;
    let finding = give_to_group(path, &journal, group)?;
    // After the group: chown(2) takes the set-group-id bit away.
    let permissions = Permissions::from_mode(JOURNAL_MODE);
    journal.set_permissions(permissions).map_err(StoreError::io(path, "set its mode"))?;
    Ok(finding)
}

/// Opens the directory itself, never what a link points to.
fn open_directory(path: &Path) -> Result<File, StoreError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match open(path, flags, Mode::empty()) {
        Ok(directory) => Ok(directory.into()),
        Err(Errno::LOOP | Errno::NOTDIR) => Err(StoreError::NotADirectory { path: path.to_owned() }),
        Err(errno) => Err(StoreError::io(path, "open it")(errno.into())),
    }
}

fn give_to_group(path: &Path, journal: &File, group: &str) -> Result<Option<Finding>, StoreError> {
    let finding = |problem: String| {
        let mend = format!("as root: groupadd -f {group} && chgrp {group} {}", path.display());
        Ok(Some(Finding { path: path.to_owned(), problem, mend }))
    };
    let Some(gid) = group_id(group) else {
        return finding(format!("there is no group {group}, so hosts need this user or group"));
    };
    if journal.metadata().map_err(StoreError::io(path, "look at it"))?.gid() == gid {
        return Ok(None);
    }
    if !rustix::process::geteuid().is_root() {
        return finding(format!("only root can give it to group {group}"));
    }
    let given = fchown(journal, None, Some(Gid::from_raw(gid)));
    given.map_err(|errno| StoreError::io(path, "give it to the hosts' group")(errno.into()))?;
    Ok(None)
}

fn group_id(group: &str) -> Option<u32> {
    gid_in(&std::fs::read_to_string(GROUP_FILE).ok()?, group)
}

/// The id in a line `name:password:gid:members`.
fn gid_in(listing: &str, group: &str) -> Option<u32> {
    listing.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// What one path should look like.
struct Rule {
    name: &'static str,
    mode: u32,
}

const RULES: [Rule; 13] = [
    Rule { name: "trust.json", mode: TRUST_MODE },
    Rule { name: "device.key", mode: 0o600 },
    Rule { name: "state.db", mode: 0o600 },
    Rule { name: "state.db-wal", mode: 0o600 },
    Rule { name: "state.db-shm", mode: 0o600 },
    Rule { name: "vault", mode: PRIVATE_DIR_MODE },
    Rule { name: "licence.bundle", mode: 0o644 },
    Rule { name: FILES[0], mode: FILE_MODE },
    Rule { name: FILES[1], mode: FILE_MODE },
    Rule { name: "agent.lock", mode: 0o600 },
    Rule { name: "agent.sock", mode: 0o660 },
    Rule { name: "journal", mode: JOURNAL_MODE },
    Rule { name: "journal/journal.db", mode: 0o660 },
];

/// Compares what exists with the rules; what does not exist is for others to miss.
pub(super) fn check(layout: &Layout) -> Vec<Finding> {
    // The directory itself may well be reached by a link; what is in it may not.
    let Ok(dir) = std::fs::metadata(layout.dir()) else {
        return vec![Finding {
            path: layout.dir().to_owned(),
            problem: "is absent".into(),
            mend: "run brink-edge init".into(),
        }];
    };
    let mut findings = Vec::new();
    if dir.mode() & 0o022 != 0 {
        // Whoever can write here can put another file in the place of any of ours.
        findings.push(wrong_mode(layout.dir(), dir.mode(), DIR_MODE));
    }
    for rule in RULES {
        let path = layout.dir().join(rule.name);
        let Ok(metadata) = symlink_metadata(&path) else { continue };
        if metadata.is_symlink() {
            // Its own mode and owner say nothing, and what it leads to is not ours to judge.
            findings.push(a_link(path, rule.name));
            continue;
        }
        if metadata.mode() & 0o7777 != rule.mode {
            findings.push(wrong_mode(&path, metadata.mode(), rule.mode));
        }
        if metadata.uid() != dir.uid() {
            findings.push(Finding {
                problem: format!("belongs to user {}, the directory to user {}", metadata.uid(), dir.uid()),
                mend: format!("chown {} {}", dir.uid(), path.display()),
                path,
            });
        }
    }
    findings.extend(check_journal_group(layout));
    findings
}

fn a_link(path: PathBuf, name: &str) -> Finding {
    let mend = match name {
        "journal" => format!("rm {}, then run brink-edge init again", path.display()),
        _ => "put in its place what it leads to".into(),
    };
    Finding { problem: "is a symbolic link".into(), mend, path }
}

fn wrong_mode(path: &Path, found: u32, wanted: u32) -> Finding {
    Finding {
        path: path.to_owned(),
        problem: format!("has mode {:04o}", found & 0o7777),
        mend: format!("chmod {wanted:04o} {}", path.display()),
    }
}

fn check_journal_group(layout: &Layout) -> Option<Finding> {
    let journal = layout.journal();
    let found = symlink_metadata(&journal).ok().filter(std::fs::Metadata::is_dir)?.gid();
    let wanted = group_id(HOST_GROUP)?;
    (found != wanted).then(|| Finding {
        problem: format!("belongs to group {found}, not to {HOST_GROUP}"),
        mend: format!("as root: chgrp {HOST_GROUP} {}", journal.display()),
        path: journal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_exact_name() {
        let listing = "root:x:0:\nbrinkx:x:7:\nbrink:x:998:a,b\nbad:x:nine:\n";
        assert_eq!(gid_in(listing, "brink"), Some(998));
        assert_eq!(gid_in(listing, "bri"), None);
        assert_eq!(gid_in(listing, "bad"), None);
    }

    #[test]
    fn a_missing_group_is_a_finding_and_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let finding = create_journal(&path, "no-such-group-here").unwrap().unwrap();
        assert!(finding.mend.contains("groupadd"), "{finding}");
        assert_eq!(symlink_metadata(&path).unwrap().mode() & 0o7777, JOURNAL_MODE);
    }
}
