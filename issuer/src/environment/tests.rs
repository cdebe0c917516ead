use super::*;
use brink_environment::Problem;
use std::path::PathBuf;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn read_at(variables: Pairs<'_>, development: bool, place: Option<&DatabasePlace>) -> Environment {
    let pairs = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Environment::read(pairs, None, development, place)
}

fn read(variables: Pairs<'_>, development: bool) -> Environment {
    read_at(variables, development, None)
}

/// Each problem as `LEVEL VARIABLE CODE`.
fn said(environment: &Environment) -> Vec<String> {
    let one = |problem: &Problem| {
        let (level, variable) = (problem.level.as_str(), problem.variable.as_deref().unwrap_or("-"));
        format!("{level} {variable} {}", problem.code.as_str())
    };
    environment.settings.problems().iter().map(one).collect()
}

#[test]
fn all_variables_of_before_are_there_with_their_defaults_and_none_is_a_problem() {
    let environment = read(&[], false);
    let shown: Vec<_> =
        environment.settings.all().iter().map(|one| (one.variable.name, one.shown())).collect();
    let expected = [
        ("PORT", "8081"),
        ("USE_POSTGRES", "true"),
        ("POSTGRES_HOST", "localhost"),
        ("POSTGRES_PORT", "5432"),
        ("POSTGRES_DATABASE", "billing"),
        ("POSTGRES_USER", "billing_user"),
        ("POSTGRES_PASSWORD", "(empty)"),
        ("POSTGRES_POOL_SIZE", "10"),
        ("REQUIRE_AUTH", "true"),
        ("REQUIRE_ADMIN_AUTH", "true"),
        ("ADMIN_API_KEY", "(empty)"),
        ("MOCK_BILLING_SERVICE", "false"),
        ("LOG_LEVEL", "INFO"),
    ];
    assert_eq!(shown, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(said(&environment), [] as [String; 0]);
    assert_eq!(environment.listen().to_string(), "127.0.0.1:8081");
    assert_eq!((environment.filter(), environment.is_mocked.value), (None, false));
    assert!(TABLE.variables().all(|variable| variable.meaning.ends_with('.')));
}

#[test]
fn port_and_level_are_taken() {
    let environment = read(&[("PORT", "9000"), ("LOG_LEVEL", "debug")], false);
    assert_eq!(environment.listen().to_string(), "127.0.0.1:9000");
    assert_eq!(environment.filter().as_deref(), Some("warn,brink_issuer=debug"));
    assert_eq!(read(&[("MOCK_BILLING_SERVICE", "1")], true).is_mocked.set(), Some(&true));
    assert_eq!(read(&[("LOG_LEVEL", "ERROR")], false).filter().as_deref(), Some("error"));
    assert_eq!(read(&[("LOG_LEVEL", "WARNING")], false).filter().as_deref(), Some("warn,brink_issuer=warn"));
}

#[test]
fn what_cannot_be_is_an_error_everywhere() {
    for (name, value, code) in [
        ("PORT", "0", "OUT_OF_BOUNDS"),
        ("PORT", "http", "NOT_A_NUMBER"),
        ("USE_POSTGRES", "on", "NOT_A_BOOLEAN"),
        ("REQUIRE_AUTH", "on", "NOT_A_BOOLEAN"),
        ("POSTGRES_HOST", "", "EMPTY"),
        ("POSTGRES_POOL_SIZE", "0", "OUT_OF_BOUNDS"),
        ("LOG_LEVEL", "LOUD", "NOT_A_CHOICE"),
    ] {
        for development in [false, true] {
            assert_eq!(
                said(&read(&[(name, value)], development)),
                [format!("error {name} {code}")],
                "{value}"
            );
        }
    }
}

#[test]
fn what_is_unsafe_is_refused_outside_of_development_and_warned_of_in_it() {
    let cases: [(Pairs<'_>, &str); 8] = [
        (&[("REQUIRE_AUTH", "false")], "REQUIRE_AUTH AUTHENTICATION_OFF"),
        (&[("REQUIRE_ADMIN_AUTH", "no")], "REQUIRE_ADMIN_AUTH AUTHENTICATION_OFF"),
        (&[("REQUIRE_ADMIN_AUTH", "")], "REQUIRE_ADMIN_AUTH AUTHENTICATION_OFF"),
        (&[("ADMIN_API_KEY", "")], "ADMIN_API_KEY EMPTY_KEY"),
        (&[("REQUIRE_ADMIN_AUTH", "true"), ("ADMIN_API_KEY", "")], "ADMIN_API_KEY EMPTY_KEY"),
        (&[("POSTGRES_PASSWORD", "billing_password")], "POSTGRES_PASSWORD KNOWN_SECRET"),
        (&[("POSTGRES_PASSWORD", "change_me_in_production")], "POSTGRES_PASSWORD KNOWN_SECRET"),
        (&[("MOCK_BILLING_SERVICE", "true")], "MOCK_BILLING_SERVICE DEVELOPMENT_ONLY"),
    ];
    for (variables, problem) in cases {
        assert_eq!(said(&read(variables, false)), [format!("error {problem}")]);
        assert_eq!(said(&read(variables, true)), [format!("warning {problem}")]);
    }
    let fine: [Pairs<'_>; 2] =
        [&[("REQUIRE_ADMIN_AUTH", "true")], &[("REQUIRE_AUTH", "true"), ("ADMIN_API_KEY", "long enough")]];
    for variables in fine {
        assert_eq!(said(&read(variables, false)), [] as [String; 0], "{variables:?}");
    }
}

#[test]
fn variables_and_directory_have_to_mean_one_database() {
    let file = DatabasePlace::File(PathBuf::from("D/issuer.db"));
    let server = |url: &str| DatabasePlace::Server(url.parse().unwrap());
    let (near, far) =
        (server("postgres://brink@localhost/brink"), server("postgres://u:hush@db.example:6432/books"));
    let host = ("POSTGRES_HOST", "db.example");
    let here = ("POSTGRES_HOST", "localhost");
    let cases: [(Pairs<'_>, &DatabasePlace, &[&str]); 12] = [
        (&[], &file, &[]),
        (&[], &far, &[]),
        (&[("USE_POSTGRES", "false")], &file, &[]),
        (&[("USE_POSTGRES", "false"), host], &file, &[]),
        (&[("USE_POSTGRES", "true"), host], &file, &["error USE_POSTGRES CONTRADICTION"]),
        (&[host], &file, &["warning POSTGRES_HOST IGNORED"]),
        (&[("USE_POSTGRES", "false"), host], &far, &["error USE_POSTGRES CONTRADICTION"]),
        (&[("USE_POSTGRES", "true"), host, ("POSTGRES_PORT", "6432")], &far, &[]),
        (&[here, ("POSTGRES_PORT", "5432")], &near, &[]),
        (&[("POSTGRES_PORT", "6432")], &near, &["error POSTGRES_PORT CONTRADICTION"]),
        (&[("POSTGRES_DATABASE", "books"), ("POSTGRES_USER", "u")], &far, &[]),
        (
            &[here, ("POSTGRES_PORT", "5432"), ("POSTGRES_DATABASE", "billing"), ("POSTGRES_USER", "me")],
            &far,
            &[
                "error POSTGRES_HOST CONTRADICTION",
                "error POSTGRES_PORT CONTRADICTION",
                "error POSTGRES_DATABASE CONTRADICTION",
                "error POSTGRES_USER CONTRADICTION",
            ],
        ),
    ];
    for (variables, place, expected) in cases {
        let environment = read_at(variables, true, Some(place));
        assert_eq!(said(&environment), expected, "{variables:?} at {place:?}");
        assert!(!format!("{:?}", environment.settings.problems()).contains("hush"));
    }
}
