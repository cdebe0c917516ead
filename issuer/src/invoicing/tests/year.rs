//! A year of a company, from subscriptions to a journal: what hledger says of it is what the documents say.

use super::*;
use crate::billing::money::show;
use crate::calendar::local_day;
use crate::invoicing::document::Status;
use crate::invoicing::export::journal::{self, WalletEntry};
use crate::storage::DocumentQuery;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// Cameras come and go, usage comes late, invoices are paid, one is void, a wallet is filled. Or the same and nothing is closed
/// before the end.
fn year(is_closed_by_the_month: bool) -> Firm {
    let firm = Firm::since("2026-01-12", "America/New_York");
    firm.trial();
    firm.profiles(
        r#","tax":[{"rate":"0.0825","reason":"sales tax"}],"discounts":[{"name":"launch","percent":"7.5","from":"2026-03-01","until":"2026-07-01"}]"#,
    );
    firm.at("2026-02-10T10:00:00-05:00");
    firm.subscribe(9, &["advanced_analytics", "intelligence"]);
    let devices = firm.devices(2);
    firm.assign(&devices[0], 0..7, &["advanced_analytics"]);
    for month in 3..=14_u32 {
        let (year, of_year) = (2026 + (month - 1) / 12, (month - 1) % 12 + 1);
        firm.at(&format!("{year}-{of_year:02}-01"));
        let drafts = if is_closed_by_the_month { firm.close() } else { Vec::new() };
        let mut issued: Vec<Document> =
            invoices(&drafts).into_iter().map(|draft| firm.issue(draft)).collect();
        issued.extend(drafts.iter().filter(|d| d.kind == DocumentKind::CreditNote).map(|d| firm.issue(d)));
        if month == 6 && is_closed_by_the_month {
            firm.invoicing.void(issued[0].name(), "to the wrong address").unwrap();
            let again = firm.invoicing.close_again(&firm.tenant).unwrap().unwrap();
            issued = again.documents.iter().map(|draft| firm.issue(draft)).collect();
        }
        firm.at(&format!("{year}-{of_year:02}-09T12:00:00Z"));
        for invoice in invoices(&issued).into_iter().filter(|_| month != 13) {
            firm.invoicing.pay(invoice.name(), None, Some("bank")).unwrap();
        }
        if month == 5 {
            let order =
                crate::invoicing::WalletOrder { amount: "750".into(), reason: "prepaid; \n".trim().into() };
            firm.invoicing.add_to_wallet(&firm.tenant, &order).unwrap();
        }
        firm.cameras(if month % 3 == 0 { -2 } else { 1 });
        firm.uses(&devices[1], "api_call", &format!("{}", 60_000 * month));
        // What comes two months late.
        let late = firm.bench.clock.now().saturating_add(-55 * 86_400);
        if month > 4 {
            firm.used_at(&devices[1], "api_call", "1234.5", late);
        }
    }
    firm
}

/// What is billed of each period and key.
fn by_month(documents: &[Document]) -> BTreeMap<(NaiveDate, Box<str>), i64> {
    let mut found = BTreeMap::new();
    let counted = documents.iter().filter(|document| document.status != Status::Void);
    for line in counted.flat_map(|document| &document.lines) {
        *found.entry((line.period.from, line.key.clone())).or_default() += line.net_minor;
    }
    found.retain(|_, minor| *minor != 0);
    found
}

fn documents(firm: &Firm) -> Vec<Document> {
    firm.invoicing.storage.documents(&DocumentQuery::default()).unwrap()
}

#[test]
fn a_year_comes_to_what_its_months_come_to_whatever_came_late_was_void_or_given_back() {
    let firm = year(true);
    let all = documents(&firm);
    assert!(all.iter().any(|document| document.kind == DocumentKind::CreditNote), "something was given back");
    assert!(all.iter().any(|document| document.status == Status::Void));
    let later = firm.invoicing.close_again(&firm.tenant).unwrap();
    assert_eq!(later.map_or(0, |closed| closed.documents.len()), 1, "usage that came after the last closing");
    // A company of which nothing is closed before the end is invoiced the same for each month.
    let at_once = year(false);
    assert!(!at_once.close().is_empty());
    assert_eq!(by_month(&documents(&firm)), by_month(&documents(&at_once)));
    let numbers: Vec<_> = all.iter().filter_map(|document| document.number.clone()).collect();
    for kind in ["INV-", "CN-"] {
        let mut of_kind: Vec<u32> =
            numbers.iter().filter_map(|number| number.strip_prefix(kind)?.parse().ok()).collect();
        of_kind.sort_unstable();
        assert_eq!(of_kind, (1..=u32::try_from(of_kind.len()).unwrap()).collect::<Vec<_>>(), "no gaps");
    }
    for document in &all {
        let said = firm.invoicing.explain(document.name()).unwrap();
        assert!(said.lines(None).len() > document.lines.len());
        let svg = said.chart().svg();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{svg}");
    }
}

#[test]
#[ignore = "hledger, which scripts/test installs"]
fn hledger_balances_the_year_and_says_what_the_documents_say() {
    let firm = year(true);
    let all = documents(&firm);
    let zone = firm.invoicing.storage.tenant_row(&firm.tenant).unwrap().zone;
    let (entries, balance) = firm.invoicing.wallet(&firm.tenant).unwrap();
    let by_hand = entries.iter().filter(|entry| entry.document.is_none()).map(|entry| WalletEntry {
        at: local_day(entry.at, zone),
        minor: entry.minor,
        tenant: firm.tenant.clone(),
        currency: "USD".parse().unwrap(),
        reason: entry.reason.clone(),
    });
    let journal = journal::write(&all, &by_hand.collect::<Vec<_>>()).unwrap();
    hledger(&["check", "--strict", "ordereddates"], &journal);
    let usd = |minor| show(minor, "USD".parse().unwrap());
    let owed: i64 = {
        let open = all.iter().filter(|document| document.status == Status::Issued);
        let open = open.filter(|document| document.kind == DocumentKind::Invoice);
        open.map(|document| document.totals.due_minor).sum()
    };
    let of = |account: &str| {
        let said = hledger(&["balance", "--flat", "--no-total", "-O", "csv", account], &journal);
        let cell = said.lines().nth(1).and_then(|row| row.rsplit_once(',')).map_or("\"0\"", |(_, cell)| cell);
        let amount = cell.trim_matches('"').replace([' ', ','], "").replace("USD", "");
        if amount == "0" { usd(0) } else { amount }
    };
    assert_eq!(of("assets:receivable:firm"), usd(owed), "what is owed");
    assert_eq!(of("liabilities:wallet:firm"), usd(-balance), "what is in the wallet");
}

fn hledger(arguments: &[&str], journal: &str) -> String {
    let mut child = Command::new("hledger")
        .args(["-f", "-"])
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hledger; scripts/test installs it");
    child.stdin.take().unwrap().write_all(journal.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}\n{journal}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
