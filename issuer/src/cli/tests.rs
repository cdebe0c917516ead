mod invoices;

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::testkit::names;
use serde_json::Value;
use std::path::Path;

struct Ran {
    exit: Exit,
    out: String,
    err: String,
    /// Whether one document was asked for.
    json: bool,
}

impl Ran {
    fn json(&self) -> Value {
        assert_eq!(self.exit, Exit::Done, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    fn refused(&self, exit: Exit, words: &[&str]) {
        assert_eq!(self.exit, exit, "{}{}", self.out, self.err);
        // What is wrong with the words themselves is said by the parser, to people.
        let said = self.json && !self.err.starts_with("error: ");
        assert_eq!(self.out.is_empty(), !said, "{}", self.out);
        words.iter().for_each(|word| assert!(self.err.contains(word), "{word}: {}", self.err));
    }
}

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let ran = desk.run("init --issuer dev-acme --dev --json");
        assert!(ran.err.contains("DEVELOPMENT ISSUER"), "{}", ran.err);
        assert!(ran.json()["admin_key"].as_str().unwrap().starts_with("brk_"));
        desk
    }

    /// With a tenant and a subscription.
    fn stocked(subscription: &str) -> Self {
        let desk = Self::new();
        desk.run("tenant create --id tenant-123 --name Acme --json").json();
        desk.run(&format!("subscription set --tenant tenant-123 {subscription} --json")).json();
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Words are separated by spaces; `+` stands for a space in a word, and `~` for a plus.
    fn run(&self, line: &str) -> Ran {
        let data = self.path().join("d").into_os_string();
        let words =
            line.split_whitespace().map(|word| OsString::from(word.replace('+', " ").replace('~', "+")));
        let arguments = std::iter::once("brink-issuer".into()).chain(words).chain(["--data".into(), data]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(arguments, &mut out, &mut err);
        let json = line.contains("--json");
        Ran { json, exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }

    fn device(&self) -> String {
        self.run("device code --tenant tenant-123 --json").json()["device"].as_str().unwrap().to_owned()
    }
}

#[test]
fn every_verb_has_help_with_exit_codes() {
    for verb in [
        "",
        "init",
        "serve",
        "tenant create",
        "subscription set",
        "subscription change",
        "subscription history",
        "device code",
        "camera assign",
        "license show",
        "key create",
        "quote",
        "invoice close-period",
        "invoice export",
        "exchange",
    ] {
        let words = ["brink-issuer"].into_iter().chain(verb.split_whitespace()).chain(["--help"]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(words.map(OsString::from), &mut out, &mut err);
        let help = String::from_utf8(out).unwrap();
        assert_eq!((exit, err.len()), (Exit::Done, 0), "{verb}");
        assert!(help.contains("Exit codes: 0 done"), "{verb}: {help}");
    }
}

#[test]
fn the_command_line_clap_accepts_is_consistent() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn init_refuses_what_would_be_unsafe() {
    let desk = Desk(tempfile::tempdir().unwrap());
    desk.run("init --issuer acme --dev").refused(Exit::Usage, &["dev-", "--passphrase-file"]);
    desk.run("init --issuer acme").refused(Exit::Usage, &["--passphrase-file"]);
    desk.run("init --issuer dev-acme --dev --passphrase-file x")
        .refused(Exit::Usage, &["cannot be used with"]);
    desk.run("init --issuer Acme --dev").refused(Exit::Usage, &["not a slug"]);
    desk.run("init --issuer acme --passphrase-file /nonexistent").refused(Exit::Failed, &["/nonexistent"]);
    assert!(!desk.path().join("d").exists());
}

#[test]
fn api_keys_are_shown_once_listed_and_taken_back() {
    let desk = Desk::stocked("--cameras 10");
    desk.run("key create").refused(Exit::Usage, &["--scope"]);
    desk.run("key create --scope devices:reed").refused(Exit::Usage, &["devices:reed", "devices:read"]);
    desk.run("key create --scope * --expires-days 0").refused(Exit::Usage, &["1..=3650"]);
    desk.run("key create --scope * --tenant nobody --json").refused(Exit::Failed, &["unknown tenant nobody"]);
    let made = desk
        .run("key create --scope devices:read --scope codes:write --tenant tenant-123 --name line+4 --json");
    let made = made.json();
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert!(key.starts_with(&format!("brk_{id}_")) && key.len() == 81, "{key}");
    let listed = desk.run("key list --json");
    assert!(!listed.out.contains(&key[17..]), "never again");
    let listed = listed.json();
    let keys = listed["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "the one of init, and this one");
    let found = keys.iter().find(|key| key["id"] == id).unwrap();
    assert_eq!(found["scopes"], serde_json::json!(["devices:read", "codes:write"]));
    assert_eq!(found["name"], "line 4");
    assert_eq!(desk.run("key list --tenant tenant-123 --json").json()["keys"].as_array().unwrap().len(), 1);
    assert!(desk.run(&format!("key revoke --key {id}")).out.contains("is revoked"));
    desk.run(&format!("key revoke --key {id} --json")).refused(Exit::NotAllowed, &[id, "already"]);
    desk.run(&format!("key revoke --key {key}")).refused(Exit::Usage, &["twelve digits"]);
    desk.run("key revoke --key 000000000000 --json").refused(Exit::Failed, &["no API key 000000000000"]);
    assert!(desk.run("key list").out.contains("revoked at"));
}

#[test]
fn tenants_are_checked() {
    let desk = Desk::new();
    desk.run("tenant create --id t --name A --timezone Mars/Base")
        .refused(Exit::Usage, &["Mars/Base", "IANA"]);
    desk.run("tenant create --id t --name A --currency XYZ").refused(Exit::Usage, &["XYZ", "ISO 4217"]);
    desk.run("tenant create --id t --name +").refused(Exit::Usage, &["name"]);
    let tenant = desk
        .run("tenant create --id t --name Acme+Pty --timezone Australia/Sydney --currency AUD --json")
        .json();
    assert_eq!((&tenant["name"], &tenant["currency"]), (&"Acme Pty".into(), &"AUD".into()));
    desk.run("tenant create --id t --name A").refused(Exit::Failed, &["t exists"]);
    desk.run("subscription set --tenant u --cameras 1").refused(Exit::Failed, &["unknown tenant u"]);
}

#[test]
fn subscriptions_say_what_is_wrong() {
    let desk = Desk::stocked("--trial");
    let set = |rest: &str| desk.run(&format!("subscription set --tenant tenant-123 {rest}"));
    set("--cameras 1 --pack retial").refused(Exit::Usage, &["retial", "retail"]);
    set("--cameras 1 --pack retail").refused(Exit::Usage, &["retail=49.00"]);
    set("--cameras 1 --pack retail=4,9").refused(Exit::Usage, &["4,9"]);
    set("--trial --cameras 3").refused(Exit::Usage, &["2 cameras"]);
    set("--cameras 1 --days 401").refused(Exit::Usage, &["400"]);
    set("--cameras 1 --grace 31").refused(Exit::Usage, &["30"]);
    set("--cameras 1 --offline-max 181").refused(Exit::Usage, &["180"]);
    set("").refused(Exit::Usage, &[]);
    let set = set("--cameras 100 --pack Advanced+Analytics --pack retail=49.00 --enforce warn --json").json();
    assert_eq!((&set["version"], &set["enforce"], &set["trial"]), (&2.into(), &"warn".into(), &Value::Null));
    assert_eq!(set["packs"][1], serde_json::json!({ "pack": "retail", "price": "49.00" }));
}

#[test]
fn codes_name_their_devices_and_are_bounded() {
    let desk = Desk::stocked("--cameras 10");
    let made = desk.run("device code --tenant tenant-123 --tier managed --uses 3 --json").json();
    assert_eq!(made["devices"].as_array().unwrap().len(), 3);
    assert_eq!((&made["device"], &made["tier"]), (&made["devices"][0], &"managed".into()));
    assert!(made["expires_at"].as_str().unwrap().ends_with('Z'));
    desk.run("device code --tenant tenant-123 --uses 0").refused(Exit::Usage, &["--uses", "10000"]);
    desk.run("device code --tenant tenant-123 --expires-hours 9999").refused(Exit::Usage, &["2160"]);
    desk.run("device code --tenant nobody").refused(Exit::Failed, &["unknown tenant nobody"]);
    desk.run("tenant create --id bare --name Bare --json").json();
    desk.run("device code --tenant bare").refused(Exit::NotAllowed, &["subscription set --tenant bare"]);
}

#[test]
fn assignments_say_what_is_wrong_and_change_nothing_then() {
    let desk = Desk::stocked("--cameras 3 --pack advanced_analytics --pack intelligence");
    let (one, two) = (desk.device(), desk.device());
    let assign = |device: &str, rest: &str| desk.run(&format!("camera assign --device {device} {rest}"));
    assert_eq!(assign(&one, "--camera a --camera b --pack advanced_analytics --json").json()["assigned"], 2);
    assign(&one, "--camera c --pack intelligence").refused(Exit::Usage, &["intelligence", "tenant"]);
    assign(&one, "--camera c --pack trial").refused(Exit::Usage, &["base", "implied"]);
    assign(&one, "--camera c --pack nothing").refused(Exit::Usage, &["nothing", "mining"]);
    assign(&one, "--camera c --pack mining")
        .refused(Exit::NotAllowed, &["subscription change --tenant tenant-123 --pack mining"]);
    assign(&one, "--camera c --camera d").refused(Exit::NotAllowed, &["4 cameras", "3 are subscribed"]);
    assign(&two, "--camera a").refused(Exit::NotAllowed, &[&one, "--remove"]);
    assign(&two, "--camera c --camera d").refused(Exit::NotAllowed, &["over all devices"]);
    assign(&one, "--camera x --remove").refused(Exit::NotAllowed, &["x is not on"]);
    assign(&one, "--camera a --remove --pack base").refused(Exit::Usage, &["--remove"]);
    assign(&one, "--camera a --camera a").refused(Exit::Usage, &["twice"]);
    assign(&one, "").refused(Exit::Usage, &["--camera"]);
    assign("nope", "--camera a").refused(Exit::Failed, &["unknown device nope"]);
    let [shown, other] = [&one, &two]
        .map(|device| desk.run(&format!("license show --device {device} --json")).json()["desired"].clone());
    assert_eq!((&shown["named"], &other["named"]), (&2.into(), &0.into()));
    // The one seat without a name goes to whichever id is lower.
    assert_eq!(shown["any"].as_u64().unwrap() + other["any"].as_u64().unwrap(), 1);
    assert_eq!(assign(&one, "--camera a --remove --json").json()["removed"], 1);
}

#[test]
fn an_assignment_calls_packs_by_their_slugs() {
    let desk = Desk::stocked("--cameras 3 --pack advanced_analytics --pack retail=49.00");
    let device = desk.device();
    let words = "--camera a --pack Retail --pack Advanced+Analytics --pack advanced_analytics --json";
    let said = desk.run(&format!("camera assign --device {device} {words}")).json();
    assert_eq!(said["packs"], serde_json::json!(["advanced_analytics", "retail"]));
    let said = desk.run(&format!("camera assign --device {device} --camera a --remove --json")).json();
    assert_eq!(said["packs"], serde_json::json!([]));
}

#[test]
fn a_refusal_is_one_document_for_programs() {
    let desk = Desk::stocked("--cameras 3 --pack advanced_analytics");
    let device = desk.device();
    std::fs::write(desk.path().join("req"), b"garbage").unwrap();
    let (req, resp) = (desk.path().join("req"), desk.path().join("resp"));
    let exchange = format!("exchange --in {} --out {}", req.display(), resp.display());
    let assign = |rest: &str| format!("camera assign --device {device} {rest}");
    let set = |rest: &str| format!("subscription set --tenant tenant-123 --cameras 1 {rest}");
    for (line, exit, code, mend) in [
        (
            "subscription set --tenant nobody --cameras 1",
            Exit::Failed,
            "UNKNOWN_TENANT",
            "create it with `brink-issuer tenant create`",
        ),
        (
            &*set("--pack retail"),
            Exit::Usage,
            "PRICE_MISSING",
            "give the agreed price per camera and month, --pack retail=49.00",
        ),
        (&set("--pack retail=49.001"), Exit::Usage, "PRICE_DIGITS", "agree on an amount in USD"),
        (&set("--pack retial"), Exit::Usage, "UNKNOWN_PACK", "name one that the catalogue has: "),
        (&set("--days 401"), Exit::Usage, "OUT_OF_BOUNDS", "within these bounds"),
        ("tenant create --id tenant-123 --name Acme", Exit::Failed, "TENANT_EXISTS", "choose another id"),
        ("tenant create --id t --name Acme --currency XYZ", Exit::Usage, "CURRENCY", "USD, EUR or AUD"),
        ("tenant create --id t --name Acme --timezone Mars", Exit::Usage, "TIME_ZONE", "Europe/Berlin"),
        ("device code --tenant tenant-123 --uses 0", Exit::Usage, "OUT_OF_BOUNDS", "within these bounds"),
        ("camera assign --device nope --camera a", Exit::Failed, "UNKNOWN_DEVICE", "device code"),
        (&assign("--camera a;+b --camera a;+b"), Exit::Usage, "CAMERA_TWICE", "name it once"),
        (
            &assign("--camera a --pack mining"),
            Exit::NotAllowed,
            "NOT_SUBSCRIBED",
            "add it with `subscription change --tenant tenant-123 --pack mining`",
        ),
        (
            &assign("--camera a --pack retail=3"),
            Exit::Usage,
            "PRICE_OF_SUBSCRIPTION",
            "give --pack retail alone; `subscription change --tenant T --pack retail=3`",
        ),
        ("license show --device nope", Exit::Failed, "UNKNOWN_DEVICE", "device code"),
        ("init --issuer acme --dev", Exit::Usage, "NOT_DEVELOPMENT", "leave --dev out"),
        (&exchange, Exit::NotAllowed, "MALFORMED", "brink-edge wrote with --export"),
        (&exchange.replace("/req", "/none"), Exit::Failed, "FILE", "check the path"),
        ("license show --device nope --log =", Exit::Usage, "USAGE", "see --help"),
    ] {
        let plain = desk.run(line);
        assert_eq!((plain.exit, plain.out.as_str()), (exit, ""), "{line}: {}", plain.err);
        let ran = desk.run(&format!("{line} --json"));
        assert_eq!(ran.exit, exit, "{line}: {}", ran.err);
        let said: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{line}: {e}: {}", ran.out));
        let error = said["error"].as_object().unwrap();
        assert_eq!((&error["code"], error.len()), (&code.into(), 3), "{line}: as on the device");
        let (message, helps) = (error["message"].as_str().unwrap(), error["mend"].as_str());
        let helps = helps.unwrap_or_else(|| panic!("{line}: no mend beside {message:?}"));
        assert!(helps.contains(mend) && !message.is_empty() && !message.contains(helps), "{line}: {said}");
        assert_eq!(plain.err, format!("brink-issuer: {message}; {helps}\n"), "people read both in one line");
    }
}

/// Setting everything takes away what is not said again, and all that is to come.
#[test]
fn whoever_is_told_to_buy_more_is_told_a_change_that_can_be_given() {
    use crate::assignment::AssignmentError as Assignment;
    use crate::desired::Unmintable;
    let (tenant, pack) = (|| "tenant-123".parse().unwrap(), || "retail".parse().unwrap());
    let (device, until) = (|| "dev-1".parse().unwrap(), || "2026-03-01T00:00:00Z".to_owned());
    let (held, overlapping, subscribed) = (6, 11, 10);
    let told = [
        Assignment::PriceOfSubscription { pack: "retail".into(), price: "3".into() }.mend(),
        Assignment::TenantScoped { pack: pack(), tenant: tenant() }.mend(),
        Assignment::NotSubscribed { pack: pack(), tenant: tenant() }.mend(),
        Assignment::BeyondSubscription { tenant: tenant(), wanted: 11, subscribed: 10 }.mend(),
        crate::retirement::RetirementError::OverlapBeyond {
            device: device(),
            held,
            until: until(),
            overlapping,
            subscribed,
        }
        .to_string(),
        crate::reactivation::ReactivationError::OverlapBeyond {
            device: device(),
            held,
            until: until(),
            overlapping,
            subscribed,
        }
        .to_string(),
        crate::extension::ExtensionError::SeatsGone { device: device(), seats: 6, elsewhere: 5, subscribed }
            .to_string(),
        Unmintable::PackGone { tenant: tenant(), pack: "retail".into() }.to_string(),
        Unmintable::PriceMissing { tenant: tenant(), pack: pack() }.to_string(),
    ];
    for told in told {
        let commands: Vec<_> = told.split('`').skip(1).step_by(2).collect();
        let line = commands.iter().find(|line| line.starts_with("subscription ")).expect(&told);
        assert!(!told.contains("subscription set"), "{told}");
        let words = line.split(' ').map(|word| if word == "N" { "11" } else { word });
        let words = ["brink-issuer"].into_iter().chain(words).chain(["--data", "d"]);
        assert!(Cli::try_parse_from(words).is_ok(), "{told}");
    }
}

#[test]
fn a_camera_called_like_a_sentence_does_not_cut_one() {
    let desk = Desk::stocked("--cameras 3");
    let (one, two) = (desk.device(), desk.device());
    desk.run(&format!("camera assign --device {one} --camera a;+b --json")).json();
    let ran = desk.run(&format!("camera assign --device {two} --camera a;+b --json"));
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(said["error"]["message"], format!("camera a; b is on device {one}"));
    let mend = said["error"]["mend"].as_str().unwrap();
    assert!(mend.ends_with(&format!("--device {one} --camera a; b --remove`")), "{mend}");
}

#[test]
fn a_list_of_cameras_is_read_from_a_file() {
    let desk = Desk::stocked("--cameras 200");
    let device = desk.device();
    let path = desk.path().join("list");
    let list = |text: &str| {
        std::fs::write(&path, text).unwrap();
        desk.run(&format!("camera assign --device {device} --from-file {} --json", path.display()))
    };
    assert_eq!(list(&format!("# the hall\n\n{}\n", names("cam", 0..100).join("\n"))).json()["assigned"], 100);
    list("a\nb\na\n").refused(Exit::Usage, &["a is named twice"]);
    list("# nothing\n").refused(Exit::Usage, &["no camera"]);
    list("ok\nnot\u{1}ok\n").refused(Exit::Usage, &["line 2"]);
    desk.run(&format!("camera assign --device {device} --from-file /nonexistent"))
        .refused(Exit::Failed, &["/nonexistent"]);
}

#[test]
fn files_carry_an_activation_and_refusals_write_nothing() {
    let desk = Desk::stocked("--cameras 10");
    let (request, response) = (desk.path().join("req"), desk.path().join("resp"));
    std::fs::write(&request, b"garbage").unwrap();
    let line = format!("exchange --in {} --out {} --json", request.display(), response.display());
    desk.run(&line).refused(Exit::NotAllowed, &["MALFORMED"]);
    desk.run(&line.replace("/req", "/none")).refused(Exit::Failed, &["none"]);
    assert!(!response.exists());
    desk.run("license show --device nope").refused(Exit::Failed, &["unknown device nope"]);
}

#[test]
fn a_key_whose_thumbprint_begins_with_a_hyphen_can_be_revoked() {
    let desk = Desk::new();
    let stolen = format!("-{}", "A".repeat(42));
    // Understood, so that it is looked for: nobody has made such a key here.
    let ran = desk.run(&format!("keys revoke --kid {stolen} --json"));
    assert!(!ran.err.contains("unexpected argument") && ran.err.contains(&stolen), "{}", ran.err);
}

#[test]
fn plain_http_stays_on_this_machine() {
    let desk = Desk::new();
    desk.run("serve --listen 0.0.0.0:0").refused(Exit::Usage, &["TLS", "--insecure-listen"]);
    desk.run("serve --listen 0.0.0.0:0 --insecure-listen +").refused(Exit::Usage, &["REASON"]);
    desk.run("serve --listen 127.0.0.1:0 --admin-listen 0.0.0.0:0")
        .refused(Exit::Usage, &["API keys", "--insecure-admin-listen", "--tls-cert"]);
    desk.run("serve --listen 127.0.0.1:0 --insecure-admin-listen x")
        .refused(Exit::Usage, &["--admin-listen"]);
    desk.run("serve --listen nowhere").refused(Exit::Usage, &["invalid socket address"]);
}

#[test]
fn upkeep_says_what_it_did_and_keeps_what_may_still_be_asked_for() {
    let desk = Desk::new();
    let done = desk.run("upkeep --json").json();
    let expected = serde_json::json!({
        "elsewhere": false, "postponed": false, "made": [], "dropped": [], "reminded": [],
    });
    assert_eq!(done, expected, "a database in a file has nothing to look after");
    assert_eq!(desk.run("upkeep --raw-retention-days 435").out, "nothing was due\n");
    desk.run("upkeep --raw-retention-days 434").refused(Exit::Usage, &["435 days"]);
    let database = brink_databases::Database::empty();
    let at = |verb: &str| {
        let folder = desk.path().join("server");
        let line = ["brink-issuer", "--log", "off"].map(OsString::from).into_iter();
        let line = line.chain(verb.split_whitespace().map(OsString::from));
        let line = line.chain(["--data".into(), folder.into_os_string()]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(line, &mut out, &mut err);
        assert_eq!(exit, Exit::Done, "{}", String::from_utf8_lossy(&err));
        String::from_utf8(out).unwrap()
    };
    at(&format!("init --issuer dev-acme --dev --database-url {}", database.url()));
    assert!(at("upkeep").starts_with("partitions are made for what comes from "));
}

#[test]
fn upkeep_says_whose_trial_ends_and_the_audit_shows_it() {
    let desk = Desk::new();
    desk.run("tenant create --id tenant-123 --name Acme --json").json();
    let begun = SystemClock.now().saturating_add(-80 * 86_400);
    let begun = crate::calendar::rfc3339(begun);
    let set = desk
        .run(&format!("subscription set --tenant tenant-123 --trial --at {begun} --reason as+agreed --json"));
    let ends_at = set.json()["trial"]["ends_at"].as_str().unwrap().to_owned();
    let shown = desk.run("tenant show --tenant tenant-123");
    assert!(shown.out.ends_with(&format!("clones alert, trial until {ends_at}\n")), "{}", shown.out);
    assert_eq!(desk.run("tenant show --tenant tenant-123 --json").json()["trial_ends_at"], ends_at);
    let told = desk.run("upkeep").out;
    assert_eq!(
        told,
        format!("the trial of tenant tenant-123 ends at {ends_at}: the reminder of 14 days before\n")
    );
    assert_eq!(desk.run("upkeep").out, "nothing was due\n");
    let audit = desk.run("audit list --tenant tenant-123 --action trial.reminded --json").json();
    let [line] = &audit["audit"].as_array().unwrap()[..] else { panic!("{audit}") };
    assert_eq!((&line["actor"], &line["subject"]), (&"upkeep".into(), &"tenant-123".into()));
    desk.run("subscription set --tenant tenant-123 --cameras 5 --json").json();
    assert_eq!(desk.run("tenant show --tenant tenant-123 --json").json()["trial_ends_at"], Value::Null);
}

#[test]
fn a_report_is_drawn_whole_or_not_at_all_and_says_where() {
    let desk = Desk::stocked("--cameras 10");
    let report = "usage report --tenant tenant-123 --from 2026-03-01 --to 2026-04-01";
    let (plain, file) = (desk.run(report).out, desk.path().join("u.svg"));
    let draw = |more: &str| desk.run(&format!("{report} --plot {} {more}", file.display()));
    assert_eq!(
        draw("").out,
        format!("{plain}drawn in {}\n", file.display()),
        "and the report is what it was"
    );
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("Usage of tenant tenant-123"), "{svg}");
    assert!(svg.contains("nothing was used in this period") && svg.contains("complete: "), "{svg}");
    assert_eq!(draw("--json").json()["plot"], file.to_str().unwrap());
    assert!(draw("--csv").out.starts_with("meter,recorded,"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), svg, "the same bytes");
    desk.run(&format!("{report} --plot /nonexistent/u.svg")).refused(Exit::Failed, &["/nonexistent/u.svg"]);
    desk.run("usage report --tenant nobody --from 2026-03-01 --to 2026-04-01 --plot u.svg")
        .refused(Exit::Failed, &["unknown tenant"]);
    let left: Vec<_> =
        std::fs::read_dir(desk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the directory and the plot: {left:?}");
}

/// A quote needs no issuer: the command line alone, and a file.
fn quoted(folder: &Path, file: &str, more: &[&str]) -> Ran {
    let path = folder.join("quote.json");
    std::fs::write(&path, file).unwrap();
    let words =
        ["brink-issuer", "quote", "--file"].map(OsString::from).into_iter().chain([path.into_os_string()]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(words.chain(more.iter().map(OsString::from)), &mut out, &mut err);
    let json = more.contains(&"--json");
    Ran { json, exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

#[test]
fn every_worked_example_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    for example in crate::billing::tests::examples::examples() {
        example.check(&quoted(folder.path(), &example.file, &["--json"]).json());
        let people = quoted(folder.path(), &example.file, &[]);
        let due = people.out.lines().last().unwrap();
        assert!(
            due.starts_with("due") && due.ends_with(&format!(" {}", example.net)),
            "{}: {}",
            example.name,
            people.out
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a quote leaves nothing behind");
}

#[test]
fn a_quote_that_is_wrong_is_refused_with_its_place_and_a_mend() {
    let folder = tempfile::tempdir().unwrap();
    let file = r#"{"period":{"from":"2026-03-01","to":"2026-04-01"},"changes":[{"at":"2026-03-01","price":"tea","delta":1}]}"#;
    let ran = quoted(folder.path(), file, &["--json"]);
    ran.refused(
        Exit::NotAllowed,
        &["quote.json: changes[0].price: there is no price \"tea\"; ", "base_camera"],
    );
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(said["error"]["code"], "UNKNOWN_PRICE");
    quoted(folder.path(), "{", &[]).refused(Exit::NotAllowed, &["EOF", "OPERATING.md"]);
    let absent = quoted(folder.path(), "{}", &["--file", "x"]);
    absent.refused(Exit::Usage, &["cannot be used multiple times"]);
}

#[test]
fn a_quote_takes_the_catalogue_of_its_period() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let first = write("1.toml", crate::catalog::DEFAULT.into());
    let dearer = crate::catalog::DEFAULT
        .replacen("version = 1\n", "version = 2\nsupersedes = 1\nfrom = \"2026-04-01\"\n", 1)
        .replacen("amount = \"60\"", "amount = \"66\"", 1);
    let second = write("2.toml", dearer);
    let file = |month: &str| {
        format!(r#"{{"period":{month},"changes":[{{"at":"2026-03-01","price":"base_camera","delta":1}}]}}"#)
    };
    let march = file(r#"{"from":"2026-03-01","to":"2026-04-01"}"#);
    let april = file(r#"{"from":"2026-04-01","to":"2026-05-01"}"#);
    let both = ["--catalog", &second, "--catalog", &first, "--json"];
    for (file, version, net) in [(&march, 1, "60.00"), (&april, 2, "66.00")] {
        let document = quoted(folder.path(), file, &both).json();
        assert_eq!((&document["catalogue"], &document["net"]), (&version.into(), &net.into()));
    }
    let ran = quoted(folder.path(), &march, &["--catalog", &second]);
    ran.refused(Exit::NotAllowed, &["version 2 supersedes 1, which is not there"]);
    let broken = write("3.toml", crate::catalog::DEFAULT.replacen("\"60\"", "\"-60\"", 1));
    let ran = quoted(folder.path(), &march, &["--catalog", &broken, "--json"]);
    ran.refused(Exit::NotAllowed, &["3.toml: the catalogue's prices.base_camera.amount (line 7)"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["error"]["code"], "BAD_CATALOGUE");
}

#[test]
fn items_and_prices_of_a_contract_are_set_changed_and_shown() {
    let desk = Desk::stocked("--cameras 10");
    let subscription = |rest: &str| desk.run(&format!("subscription {rest}"));
    let set = "set --tenant tenant-123 --cameras 10 --pack intelligence --item analyst_seat=2 --item Cloud+Export=1 \
               --price base_camera=55.00 --price api_call_overage=0.04/2000 --prices-at-once --json";
    let set = subscription(set).json();
    let item = |name: &str, quantity| serde_json::json!({ "item": name, "quantity": quantity });
    assert_eq!(set["items"], serde_json::json!([item("analyst_seat", 2), item("cloud_export", 1)]));
    let price = |name: &str, amount: &str, per, at_once| serde_json::json!({ "price": name, "amount": amount, "per": per, "at_once": at_once });
    let overage = price("api_call_overage", "0.04", Some(2000), true);
    assert_eq!(set["prices"], serde_json::json!([overage, price("base_camera", "55.00", None, true)]));
    let change = |rest: &str| subscription(&format!("change --tenant tenant-123 {rest} --json"));
    let changed = change(
        "--item analyst_seat=~3 --item cloud_export=-1 --catalog-price api_call_overage --price base_camera=54",
    )
    .json();
    assert_eq!(changed["items"], serde_json::json!([item("analyst_seat", 5)]));
    assert_eq!(changed["prices"], serde_json::json!([price("base_camera", "54", None, false)]));
    let history = subscription("history --tenant tenant-123");
    let first = "10 cameras, intelligence, 2 analyst_seat, 1 cloud_export, api_call_overage at 0.04/2000 at once, \
                 base_camera at 55.00 at once";
    for said in [first, "in force", "10 cameras, intelligence, 5 analyst_seat, base_camera at 54\n"] {
        assert!(history.out.contains(said), "{said}: {}", history.out);
    }
    let listed = subscription("history --tenant tenant-123 --json").json();
    assert_eq!(listed["in_force"]["items"], changed["items"]);
    for (rest, exit, words) in [
        ("--item analyst_seat", Exit::Usage, ["how many", "analyst_seat=2"]),
        ("--item analyst_seat=2.5", Exit::Usage, ["2.5", "+3"]),
        ("--item base_camera=3", Exit::Usage, ["NO_ITEM", "--cameras N"]),
        ("--item tea=3", Exit::Usage, ["UNKNOWN_PRICE", "cloud_export"]),
        ("--item analyst_seat=-6", Exit::NotAllowed, ["BELOW_ZERO", "6 fewer than 5 analyst_seat"]),
        ("--remove-pack intelligence", Exit::Usage, ["SEATS_WITHOUT_PACK", "--item analyst_seat=0"]),
        ("--price base_camera", Exit::Usage, ["the amount", "base_camera=55.00"]),
        ("--price base_camera=4,9", Exit::Usage, ["4,9", "decimal"]),
        ("--price base_camera=4/0", Exit::Usage, ["no number of units", "0.04/1000"]),
        ("--price base_camera=4.999", Exit::Usage, ["PRICE_DIGITS", "USD"]),
        ("--price retail=49", Exit::Usage, ["PRICE_OF_PACK", "--pack retail=49.00"]),
        ("--price base_camera=1 --catalog-price base_camera", Exit::Usage, ["PRICE_TWICE", "once"]),
        ("--catalog-price device_basic", Exit::NotAllowed, ["NOT_AGREED", "history"]),
        ("--prices-at-once --cameras 3", Exit::Usage, ["--price", "required"]),
        ("--cancel-scheduled 2 --item cloud_export=1", Exit::Usage, ["cannot be used with", "--item"]),
    ] {
        let ran = change(rest);
        ran.refused(exit, &[]);
        let said = format!("{}{}", ran.out, ran.err);
        words.iter().for_each(|word| assert!(said.contains(word), "{rest}: {word}: {said}"));
    }
}

#[test]
fn subscriptions_are_set_and_changed_from_an_instant_on_and_their_history_says_so() {
    let desk = Desk::stocked("--cameras 10");
    let today = crate::clock::Clock::now(&crate::clock::SystemClock);
    let later = |days: i64| crate::calendar::rfc3339(today.saturating_add(days * 86_400))[..10].to_owned();
    let change = |rest: &str| desk.run(&format!("subscription change --tenant tenant-123 {rest} --json"));
    let scheduled = change(&format!("--cameras ~5 --pack retail=49.00 --at {}", later(20))).json();
    assert_eq!((&scheduled["version"], &scheduled["cameras"]), (&2.into(), &15.into()));
    assert_eq!(scheduled["effective_at"], format!("{}T00:00:00Z", later(20)));
    let told = change(&format!("--cameras -3 --at {} --dry-run", later(10))).json();
    assert_eq!((&told["again"][0]["cameras"], &told["dry_run"]), (&12.into(), &true.into()));
    change(&format!("--cameras=-3 --at {} --reason fewer+until+then", later(10))).json();
    let history =
        |at: &str| desk.run(&format!("subscription history --tenant tenant-123 {at} --json")).json();
    let listed = history("");
    assert_eq!(listed["versions"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&listed["versions"][1]["superseded_by"], &listed["in_force"]["cameras"]),
        (&4.into(), &10.into())
    );
    assert_eq!((&listed["versions"][3]["made"], &listed["versions"][3]["of"]), (&"again".into(), &3.into()));
    assert!(listed["versions"][2]["set_by"].as_str().unwrap().starts_with("cli:uid-"));
    assert_eq!(listed["versions"][2]["reason"], "fewer until then");
    assert_eq!(history(&format!("--at {}", later(20)))["in_force"]["cameras"], 12);
    assert_eq!(history("--at 2001-01-01")["in_force"], Value::Null);
    let lines = desk.run("subscription history --tenant tenant-123").out;
    assert!(lines.contains("again of 3") && lines.contains("in force at"), "{lines}");
    change("--cancel-scheduled 2").json();
    assert_eq!(history(&format!("--at {}", later(20)))["in_force"]["cameras"], 7);
    for (rest, exit, words) in [
        ("--cancel-scheduled 2", Exit::NotAllowed, ["NOT_SCHEDULED", "subscription history"]),
        ("--cancel-scheduled 3 --cameras 5", Exit::Usage, ["cannot be used with", "--cameras"]),
        ("", Exit::Usage, ["nothing to change", "different"]),
        ("--cameras 5 --at 2026-02-30", Exit::Usage, ["2026-02-30", "neither a day"]),
        ("--cameras ~0", Exit::NotAllowed, ["changes nothing", "history"]),
        ("--cameras ~~1", Exit::Usage, ["is no number", "+3"]),
        ("--remove-pack retail", Exit::NotAllowed, ["retail", "not in the subscription"]),
        ("--pack retail", Exit::Usage, ["no catalogue price", "retail=49.00"]),
        ("--cameras 5 --at 2020-01-01", Exit::Usage, ["400 days", "later instant"]),
    ] {
        let ran = change(rest);
        ran.refused(exit, &[]);
        let said = format!("{}{}", ran.out, ran.err);
        words.iter().for_each(|word| assert!(said.contains(word), "{rest}: {word}: {said}"));
    }
    desk.run("tenant create --id other --name Other --json").json();
    desk.run("subscription change --tenant other --cameras 5 --json")
        .refused(Exit::NotAllowed, &["no subscription", "subscription set --tenant other"]);
    let moved =
        desk.run(&format!("subscription set --tenant tenant-123 --cameras 30 --at {} --json", later(5)));
    assert_eq!(moved.json()["again"].as_array().unwrap().len(), 2);
}

#[test]
fn a_catalogue_that_is_too_large_is_refused_and_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    let filler = "#".repeat(crate::billing::quote::FILE_BYTES_MAX);
    std::fs::write(&path, format!("{}{filler}\nno catalogue any more", crate::catalog::DEFAULT)).unwrap();
    let file = r#"{"period":{"from":"2026-03-01","to":"2026-04-01"}}"#;
    let ran = quoted(folder.path(), file, &["--catalog", path.to_str().unwrap(), "--json"]);
    ran.refused(Exit::NotAllowed, &["large.toml", "bytes"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["error"]["code"], "BAD_CATALOGUE");
}

#[test]
fn people_are_shown_unit_days_and_what_was_billed_where_anything_was() {
    let folder = tempfile::tempdir().unwrap();
    let head = r#""period":{"from":"2026-08-01","to":"2026-09-01"},"changes":[{"at":"2026-07-01","price":"base_camera","delta":10},{"at":"2026-08-20","price":"base_camera","delta":4}]"#;
    let table = |more: &str| {
        let people = quoted(folder.path(), &format!("{{{head}{more}}}"), &[]);
        let rows =
            people.out.lines().filter(|line| line.starts_with("price") || line.starts_with("base_camera"));
        rows.map(|row| {
            row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
        })
        .collect::<Vec<Vec<String>>>()
    };
    let first = table("");
    assert_eq!(first[0], ["price", "kind", "quantity", "unit days", "at", "net"]);
    assert_eq!(first[1], ["base_camera", "recurring", "14", "358", "60", "692.90"]);
    let later = table(r#","billed":[{"price":"base_camera","net":"600.00"}]"#);
    assert_eq!(later[0], ["price", "kind", "quantity", "unit days", "at", "billed", "net"]);
    assert_eq!(later[1], ["base_camera", "adjustment", "14", "358", "60", "600.00", "92.90"]);
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_on_the_wire_is_logged_at_no_level() {
    let lines = Lines::default();
    let writer = lines.clone();
    let filter = filter("trace,ureq_proto=trace").unwrap();
    let logged =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(logged, || {
        tracing::trace!(target: "brink_issuer", "ours");
        tracing::trace!(target: "ureq_proto::util", "secret");
        tracing::debug!(target: "ureq::run", "secret");
        tracing::trace!(target: "rustls::conn", "secret");
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("ours") && !text.contains("secret"), "{text}");
}
