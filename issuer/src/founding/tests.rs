use super::*;
use crate::catalog::Catalog;
use crate::clock::{Clock, SystemClock};
use crate::storage::Storage;
use crate::{Issuer, OpenError};
use std::sync::Arc;

const NOW: UnixSeconds = UnixSeconds::new(1_772_323_200);

struct At(UnixSeconds);

impl Clock for At {
    fn now(&self) -> UnixSeconds {
        self.0
    }
}

fn passphrase(folder: &Path, text: &str) -> Passphrase {
    let path = folder.join(format!("{text}.passphrase"));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Passphrase::from_file(&path).unwrap()
}

fn open(data: &DataDir, passphrase: Option<Passphrase>) -> Result<Issuer, OpenError> {
    let storage: Arc<dyn Storage> = Arc::new(crate::storage::sqlite::SqliteStorage::open(&data.database())?);
    Issuer::open(data, (storage, Arc::new(At(NOW))), Catalog::embedded().unwrap(), passphrase)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn production_has_three_roots_of_which_two_sign_and_opens_with_its_passphrase_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::new(folder.path().join("d"));
    let right = passphrase(folder.path(), "right");
    let founded = found(&data, "acme".parse().unwrap(), (false, Some(&right)), NOW).unwrap();
    assert_eq!(
        (founded.anchor.threshold(), founded.anchor.roots().len(), founded.root_files.len()),
        (2, 3, 3)
    );
    assert_eq!((mode(data.path()), mode(&data.keys()), mode(&data.database())), (0o700, 0o700, 0o600));
    for entry in fs::read_dir(data.keys()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "key") {
            assert!(fs::read_to_string(&path).unwrap().contains("ENCRYPTED"), "{}", path.display());
            assert_eq!(mode(&path), 0o600);
        }
    }
    // The roots are offline from now on.
    founded.root_files.iter().for_each(|path| fs::remove_file(path).unwrap());
    open(&data, Some(passphrase(folder.path(), "right"))).unwrap();
    let wrong = open(&data, Some(passphrase(folder.path(), "wrong"))).err().unwrap().to_string();
    assert!(wrong.contains("license-1.key") && wrong.contains("passphrase"), "{wrong}");
    let missing = open(&data, None).err().unwrap().to_string();
    assert!(missing.contains("--passphrase-file"), "{missing}");
    fs::set_permissions(data.keys().join("license-1.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let loose = open(&data, Some(passphrase(folder.path(), "right"))).err().unwrap().to_string();
    assert!(loose.contains("license-1.key") && loose.contains("chmod 600"), "{loose}");
}

#[test]
fn development_is_for_names_that_say_so_and_nothing_is_left_of_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::new(folder.path().join("d"));
    let refused = |name: &str, development| {
        let error = found(&data, name.parse().unwrap(), (development, None), NOW).unwrap_err();
        assert!(error.is_usage() && !data.path().exists(), "{error}");
        error.to_string()
    };
    assert!(refused("acme", true).contains("dev-"));
    assert!(refused("dev.acme", true).contains("dev-"));
    assert!(refused("dev-acme", false).contains("--passphrase-file"));
    let founded = found(&data, "dev-acme".parse().unwrap(), (true, None), NOW).unwrap();
    assert_eq!((founded.anchor.threshold(), founded.root_files.len()), (1, 1));
    assert_eq!(format!("{:?}", founded.admin_key), "(redacted)");
    open(&data, None).unwrap();
}

#[test]
fn an_issuer_is_never_overwritten_and_an_empty_directory_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::new(folder.path());
    found(&data, "dev-a".parse().unwrap(), (true, None), NOW).unwrap();
    assert_eq!(mode(data.path()), 0o700);
    let before = fs::read(data.trust()).unwrap();
    let again = found(&data, "dev-b".parse().unwrap(), (true, None), NOW).unwrap_err();
    assert!(matches!(again, FoundingError::Exists(_)), "{again}");
    assert_eq!(fs::read(data.trust()).unwrap(), before);
}

#[test]
fn two_parts_of_different_backups_do_not_open_together() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| DataDir::new(folder.path().join(name)));
    found(&a, "dev-a".parse().unwrap(), (true, None), NOW).unwrap();
    found(&b, "dev-b".parse().unwrap(), (true, None), NOW).unwrap();
    fs::copy(b.trust(), a.trust()).unwrap();
    let other = open(&a, None).err().unwrap().to_string();
    assert!(other.contains("dev-a") && other.contains("dev-b"), "{other}");
    let missing = DataDir::new(folder.path().join("c"));
    assert!(matches!(open(&missing, None), Err(OpenError::Storage(StorageError::Missing { .. }))));
}

#[test]
fn the_system_clock_is_past_the_day_this_was_written() {
    assert!(SystemClock.now() > UnixSeconds::new(1_700_000_000));
}
