use super::*;
use clap::CommandFactory;
use clap::error::ErrorKind;

fn parsed(line: &str) -> Result<Cli, ErrorKind> {
    Cli::try_parse_from(line.split_whitespace()).map_err(|error| {
        let expected = if error.use_stderr() { 2 } else { 0 };
        assert_eq!(error.exit_code(), expected, "{line}");
        error.kind()
    })
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_is_taken_as_documented() {
    for line in [
        "brink-edge init --data E --trust trust.json",
        "brink-edge activate --data E --issuer https://issuer.example --code C",
        "brink-edge activate --data E --code C --export REQ",
        "brink-edge activate --data E --code C --export REQ --issuer https://issuer.example",
        "brink-edge activate --data E --code C --export REQ --again",
        "brink-edge activate --data E --again --code C",
        "brink-edge activate --import RESP --data E",
        "brink-edge exchange --data E",
        "brink-edge exchange --data E --issuer http://127.0.0.1:8081 --json",
        "brink-edge exchange --data E --export REQ",
        "brink-edge exchange --data E --import RESP",
        "brink-edge exchange --data E --inspect FILE",
        "brink-edge accept --data E FILE",
        "brink-edge accept --data E --text -",
        "brink-edge accept --data E --text AAAAA-BBBBB",
        "brink-edge clock challenge --data E --out FILE --json",
        "brink-edge run --data E --log debug",
        "brink-edge run --data E --env-file .env",
        "brink-edge config show",
        "brink-edge config show --data E --env-file .env --json",
        "brink-edge config template",
        "brink-edge config template --markdown --json",
        "brink-edge check --data E --camera C --feature analytics/near_miss --at 2026-07-03T12:00:00Z --json",
        "brink-edge status --data E --json",
        "brink-edge usage record --data E --meter api_call --quantity 2",
        "brink-edge usage record --data E --meter sms --quantity -1 --resource cam-1 --json",
        "brink-edge usage summary --data E --json",
        "brink-edge usage verify --data E",
        "brink-edge seat assign --data E cam-1",
        "brink-edge seat assign --data E cam-1 --packs base,retail --json",
        "brink-edge seat release --data E cam-1",
        "brink-edge seat list --data E --json",
        "brink-edge --json status --data E",
        "brink-edge token inspect FILE",
        "brink-edge token inspect FILE --trust trust.json --keyset a --keyset b --json",
        "brink-edge token inspect FILE --data E",
        "brink-edge trust header --trust trust.json",
        "brink-edge trust header --trust trust.json --out brink_trust.h --json",
    ] {
        assert!(parsed(line).is_ok(), "{line}: {:?}", parsed(line).err());
    }
}

#[test]
fn wrong_usage_ends_with_2_and_names_itself() {
    use ErrorKind::{ArgumentConflict, InvalidSubcommand, MissingRequiredArgument, ValueValidation};
    for (line, kind) in [
        ("brink-edge fly", InvalidSubcommand),
        ("brink-edge init --data E", MissingRequiredArgument),
        ("brink-edge config hide", InvalidSubcommand),
        ("brink-edge activate --data E", MissingRequiredArgument),
        ("brink-edge activate --data E --code C", MissingRequiredArgument),
        ("brink-edge activate --data E --issuer https://issuer.example", MissingRequiredArgument),
        ("brink-edge activate --data E --issuer http://issuer.example --code C", ValueValidation),
        ("brink-edge activate --data E --import RESP --code C", ArgumentConflict),
        ("brink-edge exchange --data E --import RESP --export REQ", ArgumentConflict),
        ("brink-edge exchange --data E --issuer https://issuer.example --inspect F", ArgumentConflict),
        ("brink-edge accept --data E", MissingRequiredArgument),
        ("brink-edge accept --data E FILE --text -", ArgumentConflict),
        ("brink-edge clock challenge --data E", MissingRequiredArgument),
        ("brink-edge check --data E --camera C", MissingRequiredArgument),
        ("brink-edge check --data E --camera C --feature a/b --at tomorrow", ValueValidation),
        ("brink-edge token inspect F --keyset K", MissingRequiredArgument),
        ("brink-edge trust header --out brink_trust.h", MissingRequiredArgument),
        ("brink-edge status --data E --log =", ValueValidation),
    ] {
        assert_eq!(parsed(line).err(), Some(kind), "{line}");
    }
}

#[test]
fn every_help_ends_with_the_exit_codes() {
    fn look(command: &mut clap::Command) {
        let help = command.render_long_help().to_string();
        assert!(help.trim_end().ends_with(EXIT_CODES), "{} --help: {help}", command.get_name());
        for one in command.get_subcommands_mut().filter(|one| one.get_name() != "help") {
            look(one);
        }
    }
    look(&mut Cli::command());
}

fn code_of(line: &str) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
    let mut output = Output::new(&mut out, &mut err, cli.wants_json());
    let code = carry_out(cli, &mut output).unwrap();
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn refusals_name_the_thing_and_the_mend() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().display();
    for (line, code, says) in [
        (format!("brink-edge check --data {data} --camera C --feature near_miss"), 2, "category/name"),
        (format!("brink-edge check --data {data} --camera C --feature a/b"), 1, "run brink-edge init"),
        (format!("brink-edge status --data {data}"), 1, "TRUST_MISSING"),
        (format!("brink-edge run --data {data}"), 1, "TRUST_MISSING"),
        (format!("brink-edge exchange --data {data}"), 1, "TRUST_MISSING"),
        (format!("brink-edge init --data {data} --trust {data}/absent"), 1, "cannot read"),
        (format!("brink-edge init --data {data} --trust {data}"), 1, "not a regular file"),
        (format!("brink-edge token inspect {data}/absent"), 1, "cannot read"),
        (
            format!("brink-edge trust header --trust {data}/absent --out {data}/brink_trust.h"),
            1,
            "cannot read",
        ),
        (format!("brink-edge activate --data {data} --import {data}/absent"), 1, "cannot read"),
    ] {
        let (found, out, err) = code_of(&line);
        assert_eq!((found, out.as_str()), (code, ""), "{line}: {err}");
        assert!(err.contains(says), "{line}: {err}");
        let (found, out, _) = code_of(&format!("{line} --json"));
        assert_eq!(found, code, "{line}");
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(document["error"]["code"].is_string(), "{line}: {document}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a refusal leaves nothing behind");
}
