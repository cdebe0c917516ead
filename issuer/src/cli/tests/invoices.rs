//! Invoices on the command line, from profiles to exports.

use super::*;

const SELLER: &str = r#"{"legal_name":"Brink Ltd","address":["1 Quay"],"tax_id":"IE1","payment_terms":"30 days net","due_days":30}"#;
const BUYER: &str =
    r#"{"legal_name":"Firm plc","address":["2 Hill"],"tax_id":"GB2","tax":[{"rate":"0.2","reason":"VAT"}]}"#;

/// Ten cameras since the first of 2026, closed through February, and both profiles.
fn closed() -> Desk {
    let desk = Desk::new();
    desk.run("tenant create --id tenant-123 --name Acme --json").json();
    desk.run("subscription set --tenant tenant-123 --cameras 10 --at 2026-01-01 --reason agreed --json")
        .json();
    for (file, text, whose) in [("s.json", SELLER, "--seller"), ("t.json", BUYER, "--tenant tenant-123")] {
        let path = desk.path().join(file);
        std::fs::write(&path, text).unwrap();
        desk.run(&format!("invoice profile {whose} --set {} --json", path.display())).json();
    }
    let closed = desk.run("invoice close-period --all --through 2026-02-10 --json").json();
    let periods: Vec<_> = closed["tenants"][0]["closed"].as_array().unwrap().clone();
    assert_eq!(periods.len(), 2);
    assert_eq!(periods[1]["period"], serde_json::json!({ "from": "2026-02-01", "to": "2026-03-01" }));
    assert_eq!(periods[0]["documents"][0]["total"], "1440.00");
    assert_eq!(periods[1]["documents"][0]["net"], "600.00", "March in advance");
    desk
}

#[test]
fn a_month_is_closed_explained_issued_paid_and_exported() {
    let desk = closed();
    let drafts = desk.run("invoice list --status draft --json").json();
    assert_eq!(drafts["documents"].as_array().unwrap().len(), 2);
    let again = desk.run("invoice close-period --tenant tenant-123 --through 2026-02-10");
    assert_eq!(again.out, "every period that is over is closed\n");
    let issued = desk.run("invoice issue --all --json").json();
    assert_eq!(issued["documents"][0]["number"], "INV-000001");
    let people = desk.run("invoice list").out;
    assert!(people.contains("INV-000002") && people.contains("1440.00"), "{people}");
    let why = desk.run("invoice explain INV-000001 --line base_camera").out;
    assert!(why.contains("310 unit days x 60 / 31 days = 600.00"), "{why}");
    let plot = desk.path().join("plot.svg");
    let shown = desk.run(&format!("invoice show INV-000001 --plot {}", plot.display())).out;
    assert!(shown.contains("tax 0.2") && shown.contains("240.00"), "{shown}");
    assert!(std::fs::read_to_string(&plot).unwrap().contains("base_camera"));
    let paid = desk.run("invoice pay INV-000001 --by bank+7 --json").json();
    assert_eq!((paid["status"].as_str(), paid["due"].as_str()), (Some("paid"), Some("1440.00")));
    desk.run("invoice void INV-000001 --reason x")
        .refused(Exit::NotAllowed, &["INV-000001 is paid", "credit"]);
    desk.run("invoice void INV-000002 --reason wrong").refused_nothing();
    let again = desk.run("invoice close-period --tenant tenant-123 --again --issue --json").json();
    assert_eq!(again["tenants"][0]["closed"][0]["documents"][0]["number"], "INV-000003");
    let pdf = desk.path().join("i.pdf");
    desk.run(&format!("invoice export INV-000001 --format pdf --out {} --json", pdf.display())).json();
    assert!(std::fs::read(&pdf).unwrap().starts_with(b"%PDF-"));
    let folder = desk.path().join("pdfs");
    std::fs::create_dir(&folder).unwrap();
    desk.run(&format!("invoice export --all --format pdf --out {} --json", folder.display())).json();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    let csv = desk.run("invoice export --all --format csv").out;
    assert!(csv.lines().count() > 3 && csv.contains("INV-000003"), "{csv}");
    let journal = desk.run("invoice export --tenant tenant-123 --format journal").out;
    assert!(journal.contains("assets:receivable:tenant-123"), "{journal}");
    let lines = desk.run("invoice export --all --format json").out;
    let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read.len(), 3);
    desk.run("invoice export --all --format stripe").refused(Exit::Usage, &["--stripe-key-file"]);
    let key = desk.path().join("key");
    std::fs::write(&key, "sk_test_1\n").unwrap();
    let open = format!("invoice export --all --format stripe --stripe-key-file {}", key.display());
    desk.run(&open).refused(Exit::Failed, &["chmod 600"]);
}

#[test]
fn wallets_and_costs_are_kept_with_their_reasons() {
    let desk = closed();
    let filled = desk.run("invoice wallet --tenant tenant-123 --add 500 --reason prepaid --json").json();
    assert_eq!((filled["balance"].as_str(), filled["currency"].as_str()), (Some("500.00"), Some("USD")));
    desk.run("invoice wallet --tenant tenant-123 --add -501 --reason back")
        .refused(Exit::NotAllowed, &["has 500.00", "at most"]);
    let issued = desk.run("invoice issue --tenant tenant-123 --json").json();
    assert_eq!(issued["documents"][0]["wallet"], "500.00");
    let people = desk.run("invoice wallet --tenant tenant-123").out;
    assert!(people.contains("prepaid") && people.contains("-500.00"), "{people}");
    let cost =
        "invoice cost --tenant tenant-123 --meter sms --day 2026-02-03 --amount 8.40 --reason bill+7 --json";
    assert_eq!(desk.run(cost).json()["amount"], "8.4");
    desk.run("invoice cost --tenant tenant-123 --meter llm_token --day 2026-02-03 --amount 1 --reason x")
        .refused(Exit::Usage, &["not passed through", "sms"]);
}

#[test]
fn one_tenant_that_cannot_be_closed_holds_up_no_other() {
    let desk = closed();
    // In a currency that nothing has a price in.
    desk.run("tenant create --id abroad --name Abroad --currency JPY --json").json();
    desk.run("subscription set --tenant abroad --cameras 1 --at 2026-01-01 --reason agreed --json").json();
    desk.run("tenant create --id later --name Later --json").json();
    desk.run("subscription set --tenant later --cameras 1 --at 2026-01-01 --reason agreed --json").json();
    let ran = desk.run("invoice close-period --all --through 2026-01-31");
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.out);
    assert!(ran.out.contains("tenant later: 2026-01-01"), "{}", ran.out);
    let words =
        "tenant abroad: UNKNOWN_PRICE: tenant abroad, period from 2026-01-01: base_camera is no price";
    assert!(ran.out.contains(words) && ran.out.contains("--price base_camera=AMOUNT"), "{}", ran.out);
    assert!(ran.err.contains("1 of 3 tenants"), "{}", ran.err);
    let agreed =
        "subscription change --tenant abroad --price base_camera=9000 --at 2026-01-01 --reason agreed --json";
    desk.run(agreed).json();
    let mended = desk.run("invoice close-period --all --through 2026-01-31 --json").json();
    let abroad = mended["tenants"].as_array().unwrap().iter().find(|one| one["tenant"] == "abroad").unwrap();
    assert_eq!(abroad["closed"][0]["documents"][0]["total"], "18000", "with February");
    desk.run("invoice close-period --tenant nobody").refused(Exit::Failed, &["unknown tenant nobody"]);
    desk.run("invoice close-period --tenant later --through 2150-01-01")
        .refused(Exit::NotAllowed, &["is not over"]);
    desk.run("invoice issue INV-9").refused(Exit::Failed, &["INV-9", "invoice list"]);
}

impl Ran {
    fn refused_nothing(&self) {
        assert_eq!(self.exit, Exit::Done, "{}{}", self.out, self.err);
    }
}
