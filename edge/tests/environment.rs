//! The variables on the command line, by the real program in environments of its own; and the files that are written
//! from their table.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions beside the tests belong to the tests")]

use brink_edge::environment::TABLE;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A device directory whose issuer has this name.
struct Desk(tempfile::TempDir);

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn of(issuer: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let roots = ["A".repeat(43), format!("{}8", "b".repeat(42)), format!("{}E", "c".repeat(42))];
        let (threshold, roots) = if issuer.starts_with("dev-") { (1, &roots[..1]) } else { (2, &roots[..]) };
        let trust = json!({ "issuer": issuer, "threshold": threshold, "roots": roots }).to_string();
        fs::write(desk.path("trust.json"), trust).unwrap();
        let ran = desk.run(&["init", "--data", "E", "--trust", "trust.json"], &[]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, words: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brink-edge"));
        command.current_dir(self.0.path()).args(words).env_clear().envs(variables.iter().copied());
        command
    }

    fn run(&self, words: &[&str], variables: &[(&str, &str)]) -> Ran {
        let output = self.command(words, variables).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts an agent, waits until it is ready, ends it, and gives what it said and logged.
    fn started(&self, words: &[&str], variables: &[(&str, &str)]) -> String {
        let run = [&["run", "--data", "E"], words].concat();
        let mut command = self.command(&run, variables);
        let mut agent = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, mut said) = (BufReader::new(agent.stdout.take().unwrap()), String::new());
        out.read_line(&mut said).unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
        agent.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.starts_with("agent ready"), "{said}");
        said
    }
}

fn problems(document: &Value) -> Vec<(String, String)> {
    let one = |problem: &Value| {
        let text = |member: &str| problem[member].as_str().unwrap_or("-").to_owned();
        (format!("{} {}", text("level"), text("source")), format!("{} {}", text("variable"), text("code")))
    };
    document["problems"].as_array().unwrap().iter().map(one).collect()
}

const SHOW: [&str; 5] = ["config", "show", "--data", "E", "--json"];

/// Values that would be told from everything else.
const SECRETS: [(&str, &str); 3] =
    [("BILLING_API_KEY", "hush-key"), ("POSTGRES_PASSWORD", "hush-word"), ("REDIS_PASSWORD", "hush-redis")];

#[test]
fn show_names_every_variable_with_value_and_source() {
    let desk = Desk::of("acme");
    fs::write(desk.path("a.env"), "# mine\nexport API_PORT=8090\nTENANT_ID='tenant 1'\n").unwrap();
    let ran = desk
        .run(&[&SHOW[..], &["--env-file", "a.env"]].concat(), &[("API_THREADS", "8"), ("TENANT_ID", "t")]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&document["development"], &document["problems"]), (&json!(false), &json!([])));
    let variables = document["variables"].as_array().unwrap();
    assert_eq!(variables.len(), 45);
    let found = |name: &str| {
        let one = variables.iter().find(|one| one["name"] == name).unwrap();
        (one["value"].as_str().unwrap(), one["source"].as_str().unwrap())
    };
    assert_eq!(found("API_PORT"), ("8090", "a.env:2"));
    assert_eq!(found("API_THREADS"), ("8", "environment"));
    assert_eq!(found("TENANT_ID"), ("t", "environment"), "the environment goes before the file");
    assert_eq!(found("LOG_LEVEL"), ("INFO", "default"));
    let ran = desk.run(&["config", "show"], &[]);
    assert!(ran.out.contains("  API_PORT ") && ran.out.contains("no problems"), "{}", ran.out);
}

#[test]
fn every_error_is_named_at_once_by_show_and_by_run_and_nothing_is_started() {
    let desk = Desk::of("acme");
    let file =
        "BILLING_API_KEY=\nAPI_PORT=0\nLOG_LEVEL=LOUD\nwhat is this\nREDIS_HOST=\nAPI_PROT=1\nREDIS_HOST=x\n";
    fs::write(desk.path("a.env"), file).unwrap();
    let variables =
        [("BYPASS_LICENSE_CHECK", "1"), ("BILLING_SERVICE_URL", "http://10.0.0.1"), ("TRACK_SMS", "on")];
    let errors = [
        ("a.env:4", "-", "BAD_LINE"),
        ("a.env:7", "REDIS_HOST", "DUPLICATE_NAME"),
        ("environment", "BILLING_SERVICE_URL", "PLAIN_HTTP"),
        ("a.env:1", "BILLING_API_KEY", "EMPTY_KEY"),
        ("a.env:5", "REDIS_HOST", "EMPTY"),
        ("environment", "TRACK_SMS", "NOT_A_BOOLEAN"),
        ("environment", "BYPASS_LICENSE_CHECK", "CHECKS_OFF"),
        ("a.env:2", "API_PORT", "OUT_OF_BOUNDS"),
        ("a.env:3", "LOG_LEVEL", "NOT_A_CHOICE"),
    ];
    let shown = desk.run(&[&SHOW[..], &["--env-file", "a.env"]].concat(), &variables);
    assert_eq!(shown.code, 2, "{}", shown.err);
    let mut found = problems(&serde_json::from_str(&shown.out).unwrap());
    let misspelt = found.remove(1);
    assert_eq!(misspelt, ("warning a.env:6".to_owned(), "API_PROT MISSPELT_NAME".to_owned()));
    let expected: Vec<_> =
        errors.iter().map(|(at, name, code)| (format!("error {at}"), format!("{name} {code}"))).collect();
    assert_eq!(found, expected);
    assert!(shown.err.contains("9 errors in the environment, named above [ENVIRONMENT]"), "{}", shown.err);

    let before = fs::read_dir(desk.path("E")).unwrap().count();
    for json in [&[][..], &["--json"]] {
        let ran = desk.run(&[&["run", "--data", "E", "--env-file", "a.env"], json].concat(), &variables);
        assert_eq!(ran.code, 2, "{}", ran.err);
        for (at, name, code) in errors {
            let place = if name == "-" { format!("{at}: ") } else { format!("{name} ({at}): ") };
            let line =
                ran.err.lines().find(|line| line.trim_start().starts_with(&place) && line.contains(code));
            let line = line.unwrap_or_else(|| panic!("{place} {code}: {}", ran.err));
            assert!(line.contains(&format!("[{code}]; ")), "with its mend: {line}");
        }
        assert!(ran.err.contains("9 errors in the environment [ENVIRONMENT]"), "{}", ran.err);
        assert_eq!(ran.out.is_empty(), json.is_empty(), "{}", ran.out);
    }
    assert_eq!(fs::read_dir(desk.path("E")).unwrap().count(), before, "nothing was made");
}

#[test]
fn each_unsafe_value_is_refused_with_the_reason_outside_of_development_and_warned_of_in_it() {
    let (outside, inside) = (Desk::of("acme"), Desk::of("dev-acme"));
    for (name, value, code, reason) in [
        ("BYPASS_LICENSE_CHECK", "true", "CHECKS_OFF", "run without a licence"),
        ("ENABLE_LICENSE_VALIDATION", "false", "CHECKS_OFF", "nobody verifies"),
        ("BILLING_API_KEY", "", "EMPTY_KEY", "without a key"),
        ("BILLING_API_KEY", "your_api_key_here", "KNOWN_SECRET", "anybody can read it"),
        ("POSTGRES_PASSWORD", "tapi_dev_password", "KNOWN_SECRET", "anybody can read it"),
        ("BILLING_SERVICE_URL", "http://billing.example", "PLAIN_HTTP", "on the way"),
        ("MOCK_BILLING_SERVICE", "true", "DEVELOPMENT_ONLY", "made up"),
    ] {
        let ran = outside.run(&["run", "--data", "E"], &[(name, value)]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{name}: {}", ran.err);
        let said = format!("{name} (environment): ");
        assert!(
            [said.as_str(), code, reason].iter().all(|text| ran.err.contains(text)),
            "{name}: {}",
            ran.err
        );
        let said = inside.started(&[], &[(name, value)]);
        assert!(said.contains("WARN") && said.contains(code) && said.contains(reason), "{name}: {said}");
        // Where nobody says whose directory it is, it is no development.
        assert_eq!(inside.run(&["config", "show"], &[(name, value)]).code, 2, "{name}");
        assert_eq!(inside.run(&SHOW, &[(name, value)]).code, 0, "{name}");
    }
}

#[test]
fn no_secret_is_shown_said_or_logged() {
    let desk = Desk::of("dev-acme");
    let hush = [&SECRETS[..], &[("BILLING_SERVICE_URL", "https://me:hush-url@billing.example")]].concat();
    let mut said = String::new();
    for words in [&SHOW[..], &SHOW[..4], &["run", "--data", "E", "--log", "trace"]] {
        let ran = desk.run(words, &hush);
        assert_eq!(ran.code, 2, "the address is refused: {}", ran.err);
        said.push_str(&(ran.out + &ran.err));
    }
    said.push_str(&desk.started(&["--log", "trace"], &[&SECRETS[..], &[("DEBUG_MODE", "true")]].concat()));
    let lines: String = SECRETS.iter().map(|(name, value)| format!("{name}={value} {value}\n")).collect();
    fs::write(desk.path("bad.env"), format!("{lines}hush-line\nBILLING_API_KYE=hush-near\n")).unwrap();
    let ran = desk.run(&["run", "--data", "E", "--env-file", "bad.env"], &[]);
    assert_eq!(ran.code, 2);
    said.push_str(&ran.err);
    assert!(!said.contains("hush"), "{said}");
    let text = desk.run(&SHOW[..4], &SECRETS).out;
    let line = text.lines().find(|line| line.contains("BILLING_API_KEY")).unwrap();
    assert!(line.contains(" *** ") && line.ends_with("environment"), "{line}");
    let text = desk.run(&["config", "show"], &[]).out;
    let line = text.lines().find(|line| line.contains("BILLING_API_KEY")).unwrap();
    assert!(line.contains(" (empty) ") && line.ends_with("default"), "{line}");
}

#[test]
fn log_level_counts_where_no_flag_says_it() {
    let desk = Desk::of("acme");
    fs::write(desk.path("a.env"), "LOG_LEVEL=warning\nREDIS_MAX_MEMORY_MB=64\n").unwrap();
    let said = desk.started(&[], &[]);
    assert!(said.contains(" INFO ") && said.contains("ready"), "{said}");
    let said = desk.started(&["--env-file", "a.env"], &[]);
    assert!(!said.contains(" INFO "), "{said}");
    let said = desk.started(&["--env-file", "a.env", "--log", "info"], &[]);
    assert!(said.contains("without effect") && said.contains("REDIS_MAX_MEMORY_MB"), "{said}");
    let said = desk.started(&["--env-file", "a.env"], &[("LOG_LEVEL", "DEBUG")]);
    assert!(said.contains(" INFO "), "the environment goes before the file: {said}");
}

#[test]
fn a_file_with_secrets_that_others_may_read_is_warned_of() {
    let desk = Desk::of("acme");
    fs::write(desk.path("a.env"), "BILLING_API_KEY=hush\n").unwrap();
    for (mode, count) in [(0o644, 1), (0o640, 1), (0o600, 0)] {
        fs::set_permissions(desk.path("a.env"), fs::Permissions::from_mode(mode)).unwrap();
        let ran = desk.run(&[&SHOW[..], &["--env-file", "a.env"]].concat(), &[]);
        assert_eq!((ran.code, ran.out.matches("FILE_MODE").count()), (0, count), "{mode:o}: {}", ran.out);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let desk = Desk::of("acme");
    for words in
        [&["run", "--data", "E", "--env-file", "absent.env"][..], &["config", "show", "--env-file", "E"]]
    {
        let ran = desk.run(words, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
        assert!(ran.err.contains("cannot read") && ran.err.contains("[FILE]"), "{}", ran.err);
    }
    let ran = desk.run(&["config", "show", "--data", "nowhere"], &[]);
    assert!(ran.code == 1 && ran.err.contains("TRUST_MISSING"), "{}", ran.err);
}

/// The files that are written from the table, each with what it has to say.
fn written() -> [(PathBuf, String); 2] {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (page, mark) =
        (here.join("../docs/ENVIRONMENT.md"), "<!-- brink-edge config template --markdown -->\n");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(mark).unwrap_or_else(|| panic!("docs/ENVIRONMENT.md has no {mark}"));
    let behind =
        rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("docs/ENVIRONMENT.md has no end")).1;
    let fresh = format!("{before}{mark}{}<!-- end -->{behind}", TABLE.page());
    [(here.join("env.template"), TABLE.template()), (page, fresh)]
}

#[test]
fn template_and_guide_are_those_that_the_table_says() {
    for (path, text) in written() {
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == text,
            "{} is not what edge/src/environment/table.rs says: write it with\n  \
             cargo test -p brink-edge --test environment -- --ignored",
            path.display()
        );
    }
    let desk = Desk::of("acme");
    assert_eq!(desk.run(&["config", "template"], &[]).out, TABLE.template());
    assert_eq!(desk.run(&["config", "template", "--markdown"], &[]).out, TABLE.page());
}

#[test]
fn the_template_as_it_is_changes_nothing() {
    let desk = Desk::of("acme");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("env.template");
    let ran = desk.run(&[&SHOW[..], &["--env-file", template.to_str().unwrap()]].concat(), &[]);
    assert_eq!((ran.code, ran.out), (0, desk.run(&SHOW, &[]).out));
}

#[test]
#[ignore = "writes edge/env.template and the agent's table in docs/ENVIRONMENT.md"]
fn write_template_and_guide() {
    for (path, text) in written() {
        fs::write(path, text).unwrap();
    }
}
