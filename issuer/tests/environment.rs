//! The variables on the command line, by the real program in environments of its own; and the files that are written
//! from their table.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions beside the tests belong to the tests")]

use brink_environment::Code;
use brink_issuer::environment::TABLE;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with an issuer directory D.
struct Desk(tempfile::TempDir);

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    /// A development issuer.
    fn development() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let ran = desk.run(&["init", "--data", "D", "--issuer", "dev-acme", "--dev"], &[]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        desk
    }

    /// As much of another issuer as variables are judged by.
    fn production() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let roots = ["A".repeat(43), format!("{}8", "b".repeat(42)), format!("{}E", "c".repeat(42))];
        let trust = json!({ "issuer": "acme", "threshold": 2, "roots": roots }).to_string();
        fs::create_dir(desk.path("D")).unwrap();
        fs::write(desk.path("D/trust.json"), trust).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, words: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brink-issuer"));
        command.current_dir(self.0.path()).args(words).env_clear().envs(variables.iter().copied());
        command
    }

    fn run(&self, words: &[&str], variables: &[(&str, &str)]) -> Ran {
        let output = self.command(words, variables).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts a server, waits until it listens, ends it, and gives what it said and logged.
    fn served(&self, words: &[&str], variables: &[(&str, &str)]) -> String {
        let serve = [&["serve", "--data", "D"], words].concat();
        let mut command = self.command(&serve, variables);
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, mut said) = (BufReader::new(server.stdout.take().unwrap()), String::new());
        out.read_line(&mut said).unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
        server.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.starts_with("listening on"), "{said}");
        said
    }
}

const SHOW: [&str; 5] = ["config", "show", "--data", "D", "--json"];
const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn problems(shown: &Ran) -> Vec<String> {
    let document: Value = serde_json::from_str(&shown.out).unwrap();
    let text = |problem: &Value, member: &str| problem[member].as_str().unwrap_or("-").to_owned();
    let one = |problem: &Value| {
        ["level", "source", "variable", "code"].map(|member| text(problem, member)).join(" ")
    };
    document["problems"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn show_names_every_variable_with_value_and_source() {
    let desk = Desk::development();
    fs::write(desk.path("a.env"), "export PORT='9000'\r\nPOSTGRES_USER=me\r\n").unwrap();
    let with_file = [&SHOW[..], &["--env-file", "a.env"]].concat();
    let ran = desk.run(&with_file, &[("LOG_LEVEL", "debug"), ("USE_POSTGRES", "no")]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&document["development"], &document["problems"]), (&json!(true), &json!([])));
    let variables = document["variables"].as_array().unwrap();
    assert_eq!(variables.len(), 13);
    let found = |name: &str| {
        let one = variables.iter().find(|one| one["name"] == name).unwrap();
        (one["value"].as_str().unwrap(), one["source"].as_str().unwrap())
    };
    assert_eq!(found("PORT"), ("9000", "a.env:1"));
    assert_eq!(found("LOG_LEVEL"), ("DEBUG", "environment"));
    assert_eq!(found("ADMIN_API_KEY"), ("(empty)", "default"));
    let ran = desk.run(&["config", "show"], &[]);
    assert!(ran.out.contains("  PORT ") && ran.out.contains("no problems"), "{}", ran.out);
}

#[test]
fn every_error_is_named_at_once_by_show_and_by_serve() {
    let desk = Desk::production();
    let file = "PORT=0\nREQUIRE_AUTH=false\nwhat is this\nPORT=1\nADMIN_API_KYE=hush\nUSE_POSTGRES=true\n";
    fs::write(desk.path("a.env"), file).unwrap();
    let variables = [("LOG_LEVEL", "LOUD"), ("ADMIN_API_KEY", ""), ("REQUIRE_ADMIN_AUTH", "yes")];
    let errors = [
        "error a.env:3 - BAD_LINE",
        "error a.env:4 PORT DUPLICATE_NAME",
        "warning a.env:5 ADMIN_API_KYE MISSPELT_NAME",
        "error a.env:1 PORT OUT_OF_BOUNDS",
        "error a.env:2 REQUIRE_AUTH AUTHENTICATION_OFF",
        "error environment ADMIN_API_KEY EMPTY_KEY",
        "error environment LOG_LEVEL NOT_A_CHOICE",
        "error a.env:6 USE_POSTGRES CONTRADICTION",
    ];
    let shown = desk.run(&[&SHOW[..], &["--env-file", "a.env"]].concat(), &variables);
    assert_eq!(shown.code, 2, "{}", shown.err);
    assert_eq!(problems(&shown), errors);
    assert!(shown.err.contains("7 errors in the environment, named above"), "{}", shown.err);
    let serve = [&["serve", "--data", "D", "--env-file", "a.env"], &LISTEN[..]].concat();
    let ran = desk.run(&serve, &variables);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    for error in errors.iter().filter(|error| error.starts_with("error")) {
        let code = error.rsplit(' ').next().unwrap();
        assert!(ran.err.contains(&format!("[{code}]; ")), "{code}: {}", ran.err);
    }
    assert!(ran.err.contains("7 errors in the environment; mend them all"), "{}", ran.err);
    assert!(!(shown.out + &shown.err + &ran.err).contains("hush"));
}

#[test]
fn each_unsafe_value_is_refused_with_the_reason_outside_of_development_and_warned_of_in_it() {
    let (outside, inside) = (Desk::production(), Desk::development());
    for (name, value, code, reason) in [
        ("REQUIRE_AUTH", "false", "AUTHENTICATION_OFF", "authentication is always on"),
        ("REQUIRE_ADMIN_AUTH", "false", "AUTHENTICATION_OFF", "authentication is always on"),
        ("ADMIN_API_KEY", "", "EMPTY_KEY", "let everybody in"),
        ("POSTGRES_PASSWORD", "billing_password", "KNOWN_SECRET", "anybody can read it"),
        ("MOCK_BILLING_SERVICE", "true", "DEVELOPMENT_ONLY", "made up"),
    ] {
        let ran = outside.run(&[&["serve", "--data", "D"], &LISTEN[..]].concat(), &[(name, value)]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{name}: {}", ran.err);
        let said = format!("{name} (environment): ");
        assert!(
            [said.as_str(), code, reason].iter().all(|text| ran.err.contains(text)),
            "{name}: {}",
            ran.err
        );
        let said = inside.served(&LISTEN, &[(name, value)]);
        assert!(said.contains("WARN") && said.contains(code) && said.contains(reason), "{name}: {said}");
        assert_eq!(inside.run(&["config", "show"], &[(name, value)]).code, 2, "{name}");
        assert_eq!(inside.run(&SHOW, &[(name, value)]).code, 0, "{name}");
    }
}

#[test]
fn no_secret_is_shown_said_or_logged() {
    let desk = Desk::development();
    let secrets = [("ADMIN_API_KEY", "hush-key"), ("POSTGRES_PASSWORD", "hush-word")];
    let mut said = desk.served(&[&LISTEN[..], &["--log", "trace"]].concat(), &secrets);
    for words in [&SHOW[..], &SHOW[..4]] {
        let ran = desk.run(words, &secrets);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("***"), "{}", ran.out);
        said.push_str(&(ran.out + &ran.err));
    }
    let ran = desk.run(&SHOW, &[secrets[0], ("POSTGRES_PASSWORD", "hush\nword"), ("PORT", "x")]);
    said.push_str(&(ran.out + &ran.err));
    assert!(ran.code == 2 && !said.contains("hush"), "{said}");
}

#[test]
fn port_and_level_count_where_no_flag_says_it() {
    let desk = Desk::development();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fs::write(desk.path("a.env"), format!("PORT={port}\nLOG_LEVEL=WARN\n")).unwrap();
    let from_file = ["serve", "--data", "D", "--env-file", "a.env"];
    let ran = desk.run(&from_file, &[]);
    assert!(ran.code == 1 && ran.err.contains(&format!("127.0.0.1:{port}")), "{}", ran.err);
    let said = desk.served(&[&LISTEN[..], &["--env-file", "a.env"]].concat(), &[]);
    assert!(!said.contains(" INFO "), "{said}");
    let said = desk.served(&LISTEN, &[("PORT", &port)]);
    assert!(said.contains(" INFO ") && !said.contains(&format!(":{port}\n")), "{said}");
}

#[test]
fn a_file_with_secrets_that_others_may_read_is_warned_of() {
    let desk = Desk::production();
    fs::write(desk.path("a.env"), "ADMIN_API_KEY=hush\n").unwrap();
    for (mode, count) in [(0o644, 1), (0o640, 1), (0o600, 0)] {
        fs::set_permissions(desk.path("a.env"), fs::Permissions::from_mode(mode)).unwrap();
        let ran = desk.run(&[&SHOW[..], &["--env-file", "a.env"]].concat(), &[]);
        assert_eq!((ran.code, ran.out.matches("FILE_MODE").count()), (0, count), "{mode:o}: {}", ran.out);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let desk = Desk::production();
    fs::write(desk.path("long.env"), "#".repeat(70_000)).unwrap();
    for file in ["absent.env", "D", "long.env"] {
        let ran = desk.run(&["serve", "--data", "D", "--env-file", file], &[]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{file}: {}", ran.err);
        assert!(ran.err.contains(file), "{file}: {}", ran.err);
    }
    let ran = desk.run(&["config", "show", "--data", "nowhere"], &[]);
    assert!(ran.code == 1 && ran.err.contains("nowhere/trust.json"), "{}", ran.err);
}

const HINT: &str = "cargo test -p brink-issuer --test environment -- --ignored";

/// `text` with what stands between the mark and the next end replaced.
fn with(text: &str, mark: &str, fresh: &str) -> String {
    let mark = format!("<!-- {mark} -->\n");
    let (before, rest) =
        text.split_once(&mark).unwrap_or_else(|| panic!("docs/ENVIRONMENT.md has no {mark}"));
    let behind =
        rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("docs/ENVIRONMENT.md has no end")).1;
    format!("{before}{mark}{fresh}<!-- end -->{behind}")
}

/// The files that are written from the table, each with what it has to say.
fn written() -> [(PathBuf, String); 2] {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = here.join("../docs/ENVIRONMENT.md");
    let text = fs::read_to_string(&page).unwrap();
    let text = with(&text, "brink-issuer config template --markdown", &TABLE.page());
    let text = with(&text, "codes", &Code::page());
    [(here.join("env.template"), TABLE.template()), (page, text)]
}

#[test]
fn template_and_guide_are_those_that_the_table_says() {
    for (path, text) in written() {
        let found = fs::read_to_string(&path).unwrap_or_default();
        let at = path.display();
        assert!(
            found == text,
            "{at} is not what issuer/src/environment/table.rs says: write it with\n  {HINT}"
        );
    }
    let desk = Desk::production();
    assert_eq!(desk.run(&["config", "template"], &[]).out, TABLE.template());
    assert_eq!(desk.run(&["config", "template", "--markdown"], &[]).out, TABLE.page());
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("env.template");
    let ran = desk.run(&[&SHOW[..], &["--env-file", template.to_str().unwrap()]].concat(), &[]);
    assert_eq!((ran.code, ran.out), (0, desk.run(&SHOW, &[]).out), "as it is it changes nothing");
}

#[test]
#[ignore = "writes issuer/env.template, and the issuer's table and the codes in docs/ENVIRONMENT.md"]
fn write_template_and_guide() {
    for (path, text) in written() {
        fs::write(path, text).unwrap();
    }
}
