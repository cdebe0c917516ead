use super::*;
use crate::table::{Bounds, Group, Kind, Remark, When};
use proptest::prelude::*;

const KNOWN: Remark = Remark {
    when: When::Among(&["change_me"]),
    code: Code::KnownSecret,
    why: "it stands in a public file",
    mend: "choose another",
};
const OFF: Remark = Remark {
    when: When::False,
    code: Code::ChecksOff,
    why: "nothing would be checked",
    mend: "leave it out",
};
const OPEN: Remark = Remark {
    when: When::Exposed,
    code: Code::PlainHttp,
    why: "anybody on the way can read it",
    mend: "write https://",
};
const NOTHING: Remark =
    Remark { when: When::Empty, code: Code::EmptyKey, why: "it opens everything", mend: "give one" };
const FILES: Remark =
    Remark { when: When::Set, code: Code::Ignored, why: "no file is written", mend: "leave it out" };

pub(crate) static TABLE: Table = Table {
    program: "sample",
    groups: &[
        Group {
            title: "One",
            variables: &[
                Variable::whole("PORT", "8080", Bounds::new(1, 65_535, ""), "Where it listens."),
                Variable::boolean("CHECKING", true, "Whether it checks.").remarks(&[OFF]),
                Variable::whole(
                    "WAITING_MS",
                    "5000",
                    Bounds::new(0, 60_000, "ms").since("0 is for those who do not wait"),
                    "How long it waits.",
                ),
                Variable::boolean("IS_WAITING", true, "Whether it waits."),
            ],
        },
        Group {
            title: "Two",
            variables: &[
                Variable::secret("KEY", "Its key.").remarks(&[KNOWN, NOTHING]),
                Variable::of("SERVER", Kind::Url, "https://a.example/b", "Whom it asks.").remarks(&[OPEN]),
                Variable::of("TIER", Kind::Choice(&["basic", "managed"]), "basic", "What it is.").idle(),
                Variable::of("NAME", Kind::Text(|_| Ok(())), "", "Who it is.").compared(),
                Variable::of("LOG_PATH", Kind::Text(|_| Ok(())), "/var/log/it", "Where to.")
                    .remarks(&[FILES]),
            ],
        },
    ],
    rules: &[|settings| {
        let waits = settings.boolean("IS_WAITING").value && settings.number::<u64>("WAITING_MS").value == 0;
        waits.then(|| Clash {
            variable: "WAITING_MS",
            code: Code::Contradiction,
            what: "it waits, for no time".to_owned(),
            mend: "write IS_WAITING=false".to_owned(),
        })
    }],
};

fn pairs(environment: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn read(environment: &[(&str, &str)], file: &str, development: bool) -> Settings {
    let file = EnvFile { name: "a.env", bytes: file.as_bytes(), is_open: false };
    TABLE.read(pairs(environment), Some(&file), development)
}

fn said(settings: &Settings) -> Vec<String> {
    let one = |problem: &Problem| {
        let variable = problem.variable.as_deref().unwrap_or("-");
        format!("{} {variable} {} {}", problem.level.as_str(), problem.source, problem.code.as_str())
    };
    settings.problems().iter().map(one).collect()
}

#[test]
fn where_nothing_is_set_nothing_is_wrong_and_the_defaults_count() {
    for development in [false, true] {
        let settings = TABLE.read(pairs(&[("PATH", "/bin"), ("port", "x")]), None, development);
        assert_eq!(said(&settings), [] as [String; 0]);
        assert!(settings.all().iter().all(|setting| setting.source == Source::Default));
        assert_eq!(settings.number::<u16>("PORT"), Given { value: 8080, is_set: false });
        assert_eq!(settings.boolean("CHECKING").set(), None);
        assert!(settings.secret("KEY").value.is_empty() && settings.text("NAME").value.is_empty());
        assert_eq!(settings.address("SERVER").value.as_str(), "https://a.example/b");
        assert_eq!(settings.choice("TIER").value, "basic");
        assert_eq!(settings.refusal(), None);
    }
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
    let file = "PORT=1\nexport TIER='managed'\nKEY=abc\n";
    let settings = read(&[("PORT", "2"), ("NAME", "x")], file, false);
    assert_eq!(said(&settings), [] as [String; 0]);
    assert_eq!(settings.number::<u16>("PORT").set(), Some(&2));
    assert_eq!(settings.choice("TIER").set(), Some(&"managed"));
    assert_eq!(settings.secret("KEY").value.reveal(), "abc");
    let sources: Vec<_> = settings.all().iter().map(|one| one.source.to_string()).collect();
    let (none, env) = ("default", "environment");
    assert_eq!(sources, [env, none, none, none, "a.env:3", none, "a.env:2", env, none]);
    // What is not in effect is not judged, but a line that is none is one.
    assert_eq!(said(&read(&[("PORT", "2")], "PORT=none\n", false)), [] as [String; 0]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_file_table_and_rules() {
    let file = "PORT=0\nWHAT\nKEY=change_me\nKEY=other\nWAITNG_MS=1\nOTHERS=1\nTIER=gold\n";
    let environment = [
        ("CHECKING", "on"),
        ("WAITING_MS", "0"),
        ("SERVER", "http://a.example"),
        ("NAME", ""),
        ("LOG_PATH", "/x"),
    ];
    let settings = read(&environment, file, false);
    assert_eq!(
        said(&settings),
        [
            "error - a.env:2 BAD_LINE",
            "error KEY a.env:4 DUPLICATE_NAME",
            "warning WAITNG_MS a.env:5 MISSPELT_NAME",
            "error PORT a.env:1 OUT_OF_BOUNDS",
            "error CHECKING environment NOT_A_BOOLEAN",
            "error KEY a.env:3 KNOWN_SECRET",
            "error SERVER environment PLAIN_HTTP",
            "error TIER a.env:7 NOT_A_CHOICE",
            "error NAME environment EMPTY",
            "warning LOG_PATH environment IGNORED",
            "error WAITING_MS environment CONTRADICTION",
        ]
    );
    let refusal = settings.refusal().unwrap();
    assert_eq!(refusal.errors.len(), 9);
    assert_eq!(settings.warnings().count(), 2);
    assert_eq!(settings.number::<u16>("PORT"), Given { value: 8080, is_set: true }, "its default stands in");
    assert_eq!(settings.all()[0].refused.as_deref(), Some("\"0\""));
}

#[test]
fn what_is_unsafe_is_refused_with_the_reason_and_in_development_a_warning() {
    for (name, value, code, says) in [
        ("CHECKING", "no", "CHECKS_OFF", "nothing would be checked"),
        ("KEY", "", "EMPTY_KEY", "it opens everything"),
        ("KEY", "change_me", "KNOWN_SECRET", "public file"),
        ("SERVER", "http://10.0.0.1/x", "PLAIN_HTTP", "on the way"),
    ] {
        for (development, level) in [(false, "error"), (true, "warning")] {
            let settings = read(&[(name, value)], "", development);
            assert_eq!(said(&settings), [format!("{level} {name} environment {code}")]);
            assert!(settings.problems()[0].what.contains(says), "{:?}", settings.problems());
            assert_eq!(settings.refusal().is_some(), !development);
        }
    }
    assert_eq!(said(&read(&[("SERVER", "http://localhost:1")], "", false)), [] as [String; 0]);
}

#[test]
fn a_secret_file_that_others_may_read_is_remarked_on() {
    let read = |text: &str, is_open| {
        let file = EnvFile { name: "a.env", bytes: text.as_bytes(), is_open };
        said(&TABLE.read(pairs(&[]), Some(&file), false))
    };
    assert_eq!(read("KEY=abc\n", true), ["warning KEY a.env:1 FILE_MODE"]);
    assert_eq!(read("KEY=abc\n", false), [] as [String; 0]);
    assert_eq!(read("PORT=1\n", true), [] as [String; 0]);
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(b"hu\xffsh".to_vec());
    let environment = [(OsString::from("PORT"), bytes()), (OsString::from("KEY"), bytes())];
    let settings = TABLE.read(environment, None, false);
    assert_eq!(said(&settings), ["error PORT environment NOT_UTF8", "error KEY environment NOT_UTF8"]);
    assert_eq!(settings.all()[4].refused.as_deref(), Some("***"));
}

#[test]
fn what_a_program_knows_from_elsewhere_is_added_with_the_source_of_its_variable() {
    let mut settings = read(&[], "NAME=x\n", false);
    let what = "it is y".to_owned();
    settings.add(Clash { variable: "NAME", code: Code::Contradiction, what, mend: "write y".to_owned() });
    assert_eq!(said(&settings), ["error NAME a.env:1 CONTRADICTION"]);
}

proptest! {
    /// Whatever is set, to whatever: no panic, every variable once, no problem without a mend, and no secret in any of it.
    #[test]
    fn whatever_is_set_is_judged_and_no_secret_is_said(
        values in proptest::collection::vec(("[A-Z_]{3,10}|PORT|CHECKING|SERVER|NAME|TIER", any::<String>()), 0..8),
        key in "hush[a-z]{4,30}[\"' $\\\\\n]{0,3}",
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        in_file in any::<bool>(),
    ) {
        let environment = values.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let mut environment: Vec<_> = environment.filter(|(name, _)| name != "KEY").collect();
        let mut file = Vec::new();
        if in_file {
            file.extend(format!("KEY={}\n", crate::quote(&key)).into_bytes());
        } else {
            environment.push(("KEY".into(), (&key).into()));
        }
        file.extend(bytes);
        let file = EnvFile { name: "a.env", bytes: &file, is_open: true };
        let settings = TABLE.read(environment, Some(&file), false);
        prop_assert_eq!(settings.all().len(), TABLE.variables().count());
        prop_assert!(settings.problems().iter().all(|problem| !problem.mend.is_empty()));
        let shown = format!("{settings:?}{}{}", settings.lines(), settings.document());
        prop_assert!(!shown.contains("hush"), "{}", shown);
    }
}
