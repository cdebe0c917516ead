use super::{Old, migrate, number};
use brink_databases::{Server, run, try_ask};
use brink_installation::Plan;
use std::path::Path;
use std::process::Command;

/// A file system in memory, gone when this is dropped.
struct Small<'p>(&'p Path);

impl<'p> Small<'p> {
    fn mount(path: &'p Path, options: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(path);
        mount.status().is_ok_and(|status| status.success()).then_some(Self(path))
    }

    fn grow(&self, size: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_with_room_again_it_goes_on() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT RUN: only root can mount a disk that is full");
        return;
    }
    let old = Old::generate(&Plan { cameras: 4, rows: 30_000, ..Plan::default() });
    let server = Server::start();
    let folder = tempfile::Builder::new().prefix("brink-full-").tempdir_in("/dev/shm").unwrap();
    // Everybody may look for it; what is in it is the server's.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let place = folder.path().join("disk");
    std::fs::create_dir(&place).unwrap();
    let Some(small) = Small::mount(&place, "size=28m,mode=0700,uid=postgres") else {
        eprintln!("NOT RUN: this machine does not let root mount a disk");
        return;
    };
    let admin = format!("{}/postgres", server.url());
    run(&admin, &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
    run(&admin, "CREATE DATABASE edge TABLESPACE small TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'");
    let url = format!("{}/edge", server.url());
    migrate(&url);
    let full = old.run("run", &url);
    assert_eq!(full.code, 1);
    assert!(full.said.contains("[DATABASE_FULL]") && full.said.contains("make room"), "{}", full.said);
    let checkpoint = "SELECT coalesce(sum(copied + rejected), 0)::bigint FROM transfer_progress";
    let before = number(&url, checkpoint);
    assert!(before > 0, "nothing was copied before the disk was full");
    small.grow("400m");
    let went_on = old.run("run", &url).ok();
    assert!(went_on.sum("copied") + went_on.sum("rejected") > before.unsigned_abs());
    old.run("verify", &url).ok();
    let _ = try_ask(&admin, "DROP DATABASE edge WITH (FORCE)");
}
