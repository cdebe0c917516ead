use super::{random, samples};
use crate::billing::money;
use crate::invoicing::document::{Document, DocumentKind, Status};
use crate::invoicing::export::ExportError;
use crate::invoicing::export::journal::{WalletEntry, write};
use brink_license::TenantId;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub(super) type Balances = BTreeMap<(String, String), i128>;

/// Balances by account and currency, after every transaction of the text was found to balance.
pub(super) fn balances(text: &str) -> Balances {
    let (mut found, mut declared) = (Balances::new(), BTreeSet::new());
    let mut open: BTreeMap<&str, i128> = BTreeMap::new();
    for line in text.lines().chain([""]) {
        if let Some(posting) = line.strip_prefix("    ") {
            let (account, amount) = posting.split_once("  ").expect("two spaces part them");
            assert!(declared.contains(account), "{account:?} is not declared");
            let (number, code) = amount.trim_start().split_once(' ').expect("an amount and its currency");
            let minor: i128 = money::parse(number, code.parse().unwrap()).unwrap().into();
            assert_ne!(minor, 0, "{line}");
            *open.entry(code).or_default() += minor;
            *found.entry((account.to_owned(), code.to_owned())).or_default() += minor;
            continue;
        }
        assert!(open.values().all(|sum| *sum == 0), "not balanced before {line:?} in\n{text}");
        assert!(open.len() <= 1, "one currency a transaction");
        open.clear();
        if let Some(account) = line.strip_prefix("account ") {
            declared.insert(account);
        } else if !line.is_empty() && !line.starts_with("commodity ") && line != "decimal-mark ." {
            let (day, _) = line.split_once(' ').expect("a day begins a transaction");
            assert!(day.parse::<chrono::NaiveDate>().is_ok(), "{line:?}");
            assert_eq!(line.matches(';').count(), 1, "{line:?}");
        }
    }
    found.retain(|_, sum| *sum != 0);
    found
}

fn of(balances: &Balances, below: &str) -> i128 {
    balances.iter().filter(|((account, _), _)| account.starts_with(below)).map(|(_, sum)| sum).sum()
}

fn wallet_entry() -> impl Strategy<Value = WalletEntry> {
    (0_u64..2000, any::<i32>(), random::tenant(), random::text()).prop_map(
        |(ahead, minor, tenant, reason)| {
            let at = samples::day("2024-02-27") + chrono::Days::new(ahead);
            WalletEntry { at, minor: minor.into(), tenant, currency: "EUR".parse().unwrap(), reason }
        },
    )
}

/// What a document leaves in the books, by what it says itself.
fn left(document: &Document) -> [i128; 5] {
    let totals = &document.totals;
    let due: i128 = totals.due_minor.into();
    let counts = i128::from(matches!(document.status, Status::Issued | Status::Paid));
    let paid = if document.paid_at.is_some() { due.max(0) } else { 0 };
    let in_wallet = due.min(0) + i128::from(totals.from_wallet_minor);
    [
        due.max(0) * counts - paid,
        in_wallet * counts,
        -i128::from(totals.net_minor) * counts,
        -i128::from(totals.tax_minor) * counts,
        paid,
    ]
}

proptest! {
    #[test]
    fn every_transaction_balances_and_the_books_say_what_documents_say(document in random::document()) {
        let found = balances(&write([&document], &[]).unwrap());
        let parts = ["assets:receivable:", "liabilities:wallet:", "income:", "liabilities:tax:", "assets:bank"];
        prop_assert_eq!(parts.map(|below| of(&found, below)), left(&document));
    }

    #[test]
    fn books_of_many_are_the_sum_of_the_books_of_each(
        documents in proptest::collection::vec(random::document(), 0..5),
        wallets in proptest::collection::vec(wallet_entry(), 0..4),
    ) {
        let mut sums = balances(&write(&[], &wallets).unwrap());
        for document in &documents {
            for (account, minor) in balances(&write([document], &[]).unwrap()) {
                *sums.entry(account).or_default() += minor;
            }
        }
        sums.retain(|_, sum| *sum != 0);
        let text = write(&documents, &wallets).unwrap();
        prop_assert_eq!(balances(&text), sums);
        let days: Vec<&str> = text.lines().filter(|line| line.starts_with('2')).map(|line| &line[..10]).collect();
        prop_assert!(days.is_sorted());
    }

    #[test]
    fn no_two_customers_have_one_account(one in random::tenant(), other in random::tenant()) {
        let account = |tenant: &TenantId| {
            let mut document = samples::with_discount();
            document.tenant = tenant.clone();
            document.totals.from_wallet_minor = 0;
            document.totals.due_minor = document.totals.total_minor;
            let found = balances(&write([&document], &[]).unwrap());
            found.into_keys().map(|(account, _)| account).find(|account| account.contains("receivable")).unwrap()
        };
        prop_assert_eq!(account(&one) == account(&other), one == other);
    }
}

#[test]
fn it_reads_as_an_accountant_would_write_it() {
    let mut paid = samples::with_discount();
    (paid.status, paid.paid_at) = (Status::Paid, Some(samples::noon("2026-03-01")));
    paid.paid_by = Some("SEPA 77;\nx".to_owned());
    let top_up = WalletEntry {
        at: samples::day("2026-01-15"),
        minor: 5000,
        tenant: paid.tenant.clone(),
        currency: paid.currency,
        reason: "prepaid | by card".to_owned(),
    };
    let text = write([&samples::credit_note(), &paid, &samples::draft()], &[top_up]).unwrap();
    let wanted = "\
decimal-mark .

commodity 1000.00 EUR
account assets:bank
account assets:receivable:acme
account income:camera
account income:launch
account income:sms
account liabilities:tax:0.07
account liabilities:tax:0.19
account liabilities:wallet:acme

2026-01-15 Wallet of acme | prepaid / by card  ; kind:wallet, tenant:acme
    assets:bank               50.00 EUR
    liabilities:wallet:acme  -50.00 EUR

2026-02-03 (INV-2026-0001) Acme Security Ltd | invoice  ; period:2026-01-01/2026-02-01, kind:invoice, event:issue, tenant:acme
    assets:receivable:acme    619.89 EUR
    income:camera            -588.00 EUR
    income:launch              58.80 EUR
    income:sms                -37.51 EUR
    liabilities:tax:0.07       -2.63 EUR
    liabilities:tax:0.19     -100.55 EUR
    liabilities:wallet:acme    50.00 EUR

2026-02-10 (CN-2026-0001) Acme Security Ltd | credit note  ; period:2026-01-01/2026-02-01, kind:credit_note, event:issue, tenant:acme, credits:INV-2026-0001
    income:camera             588.00 EUR
    income:launch             -58.80 EUR
    income:sms                 37.51 EUR
    liabilities:tax:0.07        2.63 EUR
    liabilities:tax:0.19      100.55 EUR
    liabilities:wallet:acme  -669.89 EUR

2026-03-01 (INV-2026-0001) Acme Security Ltd | payment SEPA 77, x  ; period:2026-01-01/2026-02-01, kind:invoice, event:payment, tenant:acme
    assets:bank              619.89 EUR
    assets:receivable:acme  -619.89 EUR
";
    assert_eq!(text, wanted);
}

#[test]
fn a_void_undoes_the_issue_on_its_day_and_days_are_the_customers() {
    let text = write([&samples::cyrillic_in_dinars(), &samples::greek_in_yen()], &[]).unwrap();
    assert!(text.contains("commodity 1000.000 KWD\n"), "{text}");
    assert!(text.contains("commodity 1000. JPY\n"), "{text}");
    assert!(text.contains("2026-02-05 (INV-2026-0003) „Щит“ ООД | void of invoice  ; "), "{text}");
    assert!(text.contains("    assets:receivable:sofia   -1335.919 KWD\n"), "{text}");
    // Noon and five hours in UTC.
    assert!(
        text.contains("2026-02-21 (INV-2026-0002) Αφοί Παπαδόπουλοι Α.Ε. | payment BANK, 77 88  ; "),
        "{text}"
    );
    assert!(text.contains("    assets:receivable:Ελλάδα%3A κάμερες  -123456 JPY\n"), "{text}");
    let kept: Vec<_> = balances(&text).into_keys().map(|(account, _)| account).collect();
    assert_eq!(kept, ["assets:bank", "income:camera"], "nothing is left of what was voided");
}

#[test]
fn what_is_damaged_is_refused_by_name() {
    let refused = |change: fn(&mut Document)| {
        let mut document = samples::with_discount();
        change(&mut document);
        write([&document], &[]).unwrap_err()
    };
    let lacks = |status, lacks| ExportError::Lacks { document: "INV-2026-0001".to_owned(), status, lacks };
    let off = |sum| ExportError::Sums { document: "INV-2026-0001".to_owned(), sum };
    assert_eq!(refused(|one| one.issued_on = None), lacks("issued", "issued_on"));
    assert_eq!(refused(|one| one.status = Status::Paid), lacks("paid", "paid_at"));
    assert_eq!(refused(|one| one.status = Status::Void), lacks("void", "voided_at"));
    assert_eq!(refused(|one| one.totals.net_minor += 1), off("net"));
    assert_eq!(refused(|one| one.lines[0].net_minor += 1), off("net"));
    assert_eq!(refused(|one| one.totals.tax_minor += 1), off("tax"));
    assert_eq!(refused(|one| one.totals.total_minor += 1), off("total"));
    assert_eq!(refused(|one| one.totals.due_minor += 1), off("total"));
    let zone = refused(|one| (one.timezone, one.paid_at) = ("Mars/Base".to_owned(), one.issued_at));
    assert!(zone.to_string().contains("\"Mars/Base\" is not a time zone"), "{zone}");
    let unnumbered = refused(|one| one.number = None);
    assert!(matches!(unnumbered, ExportError::Lacks { lacks: "number", .. }), "{unnumbered}");
}

#[test]
fn an_account_keeps_what_names_hide() {
    let account = |tenant: &str| {
        let mut document = samples::with_discount();
        document.tenant = TenantId::parse(tenant).unwrap();
        document.kind = DocumentKind::Invoice;
        write([&document], &[]).unwrap()
    };
    for (tenant, part) in [
        ("a:b", "assets:receivable:a%3Ab  "),
        ("a b", "assets:receivable:a b  "),
        ("a  b", "assets:receivable:a%20%20b  "),
        ("a; b", "assets:receivable:a%3B b  "),
        ("100%", "assets:receivable:100%25  "),
        ("a\u{a0}b", "assets:receivable:a%C2%A0b  "),
    ] {
        assert!(account(tenant).contains(part), "{tenant}: {}", account(tenant));
    }
}
