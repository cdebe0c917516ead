use super::*;

fn directory(url: Option<(&str, u32)>) -> (tempfile::TempDir, DataDir) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::new(folder.path());
    if let Some((text, mode)) = url {
        let file = OpenOptions::new().write(true).create_new(true).open(data.database_url());
        file.unwrap().write_all(text.as_bytes()).unwrap();
        std::fs::set_permissions(data.database_url(), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    (folder, data)
}

fn refused(place: Result<DatabasePlace, PlaceError>) -> PlaceError {
    let error = place.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    error
}

#[test]
fn a_directory_without_a_url_keeps_its_database_itself() {
    let (_folder, data) = directory(None);
    let place = DatabasePlace::of(&data).unwrap();
    assert!(matches!(place, DatabasePlace::File(path) if path == data.database()));
    let password = refused(DatabasePlace::chosen(&data, None, Some(Path::new("/nonexistent"))));
    assert!(matches!(password, PlaceError::NoServer) && password.is_usage());
}

#[test]
fn the_file_that_names_a_server_is_for_nobody_else() {
    let url = "postgres://brink:hunter2@db.example/issuer\n";
    let (_folder, data) = directory(Some((url, 0o600)));
    let DatabasePlace::Server(address) = DatabasePlace::of(&data).unwrap() else { panic!("a server") };
    assert_eq!(address.to_string(), "postgres://brink@db.example:5432/issuer");
    assert_eq!((address.with_secrets(), address.has_password()), (url.trim(), true));
    let (_folder, data) = directory(Some((url, 0o640)));
    assert!(matches!(refused(DatabasePlace::of(&data)), PlaceError::Mode { mode: 0o640, .. }));
    for text in ["", "\n", "postgres://a@b/c\npostgres://a@b/d\n"] {
        let (_folder, data) = directory(Some((text, 0o600)));
        assert!(matches!(refused(DatabasePlace::of(&data)), PlaceError::NotALine { .. }), "{text:?}");
    }
    let (_folder, data) = directory(Some(("mysql://brink:hunter2@db/issuer", 0o600)));
    let error = refused(DatabasePlace::of(&data));
    assert!(error.to_string().contains("database.url") && !error.is_usage(), "{error}");
}

#[test]
fn a_password_comes_from_a_file_and_never_from_the_command_line() {
    let (_folder, data) = directory(None);
    let shown = refused(DatabasePlace::chosen(&data, Some("postgres://brink:hunter2@db/issuer"), None));
    assert!(matches!(shown, PlaceError::PasswordShown) && shown.is_usage());
    let file = data.path().join("password");
    create_secret(&file, "hunter2 @:/%ö\n".as_bytes()).unwrap();
    let place = DatabasePlace::chosen(&data, Some("postgres://brink@db/issuer"), Some(&file)).unwrap();
    let DatabasePlace::Server(url) = place else { panic!("a server") };
    assert!(url.has_password());
    assert!(!format!("{url} {url:?}").contains("hunter2"));
    let kept: DatabaseUrl = url.with_secrets().parse().unwrap();
    assert_eq!(kept.with_secrets(), url.with_secrets(), "what is kept reads back");
    assert!(kept.has_password());
}
