//! The installed package, once for all tests, and folders in which hosts are built and run.

use crate::gate_handles::in_force;
use brink_license::clock::BootId;
use brink_license::token::{Enforce, LicenceClaims, LicenceStanding, Over, Period};
use brink_store::machine;
use brink_tests::forge;
use brink_tests::metered::{Metered, quota};
use brink_tests::{Program, Ran};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Warnings are errors, and neither exceptions nor RTTI are there.
pub(super) const CXX_FLAGS: [&str; 7] =
    ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror", "-pedantic"];

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where `scripts/install-capi` put the package. Every test process asks for it; the files move only when they changed,
/// so that no test links against a library that another is replacing.
pub(super) fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (installed, new) = (dir.join("capi"), dir.join("capi.new"));
        let lock = fs::File::create(dir.join("capi.lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let _ = fs::remove_dir_all(&new);
        run(Command::new(root().join("scripts/install-capi")).arg(&new));
        if contents(&new) == contents(&installed) {
            fs::remove_dir_all(&new).unwrap();
        } else {
            let _ = fs::remove_dir_all(&installed);
            fs::rename(&new, &installed).unwrap();
        }
        installed
    })
}

/// Every file below a folder.
pub(super) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Runs a compiler or a build to its end, however long it takes, and shows what it said when it failed.
#[track_caller]
pub(super) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    output
}

/// What pkg-config says about the package.
pub(super) fn pkg_config(package: &Path, options: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.args(options).arg("brink").env("PKG_CONFIG_PATH", package.join("lib/pkgconfig"));
    let words = String::from_utf8(run(&mut command).stdout).unwrap();
    words.split_whitespace().map(str::to_owned).collect()
}

/// A fresh folder with the header that a host compiles its trust in with.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Folder {
        let dir = tempfile::Builder::new().prefix("brink-host-").tempdir().unwrap();
        // One of the hosts is nobody for a while and reads its bundle here.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let folder = Folder(dir);
        let trust = folder.path("trust.json");
        fs::write(&trust, forge::anchor().to_json().unwrap()).unwrap();
        let header = folder.path("brink_trust.h");
        let arguments = ["trust", "header", "--trust"].map(std::ffi::OsStr::new);
        let arguments =
            arguments.into_iter().chain([trust.as_os_str(), "--out".as_ref(), header.as_os_str()]);
        Ran::run(Program::Edge.path(), &arguments.collect::<Vec<_>>()).ok();
        folder
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Copies a file of the repository here.
    pub(super) fn copy(&self, from: &str) -> PathBuf {
        let from = root().join(from);
        let to = self.path(from.file_name().unwrap().to_str().unwrap());
        fs::copy(&from, &to).unwrap();
        to
    }

    /// Writes a bundle of this licence here.
    pub(super) fn publish(&self, name: &str, licence: &LicenceClaims) -> PathBuf {
        let since = licence.iat.since(forge::at(0));
        let receipt = forge::receipt(licence, licence.seq, since, LicenceStanding::Active);
        let boot: BootId = machine::boot_id().unwrap();
        let path = self.path(name);
        fs::write(&path, forge::bundle(licence, &receipt, boot).encode().unwrap()).unwrap();
        path
    }

    /// The bundles that the sequences of `abi.cpp` work with; one of them is over in so many seconds.
    pub(super) fn publish_for_abi(&self, short_seconds: i64) {
        self.publish("licence.bundle", &in_force(2, 1));
        for seq in 2..=5 {
            self.publish(&format!("next-{seq}.bundle"), &in_force(2 + seq as usize, seq));
        }
        let licence = in_force(2, 1);
        let exp = licence.iat.saturating_add(short_seconds);
        self.publish("short.bundle", &LicenceClaims { exp, grace: 0, ..licence });
        let quotas = vec![
            quota("sms", 10, Period::Lease, Over::Deny),
            quota("frames", 1_000_000, Period::Month, Over::Deny),
        ];
        drop(Metered::activate(&self.path("metered"), quotas, Enforce::Deny));
    }
}
