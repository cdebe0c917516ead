//! Drafts, numbers, payments, voids.

use super::*;
use crate::invoicing::document::Status;
use crate::storage::DocumentQuery;

fn firm() -> (Firm, Document) {
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(10, &[]);
    firm.profiles("");
    firm.at("2026-04-01");
    let draft = firm.close().remove(0);
    (firm, draft)
}

#[test]
fn an_issued_invoice_has_a_number_both_parties_and_a_day_to_pay_and_never_changes() {
    let (firm, draft) = firm();
    assert_eq!((draft.status, &draft.number), (Status::Draft, &None));
    let issued = firm.issue(&draft);
    assert_eq!(issued.number.as_deref(), Some("INV-000001"));
    assert_eq!((issued.issued_on, issued.due_on), (Some(day("2026-04-01")), Some(day("2026-05-01"))));
    assert_eq!(issued.buyer.as_ref().unwrap().legal_name, "Firm plc");
    assert_eq!(firm.issue(&draft), issued, "once more is the same");
    firm.profile(r#","due_days":10"#).unwrap();
    assert_eq!(firm.invoicing.storage.document("INV-000001").unwrap(), issued);
    let edited = firm.bench.try_sql("UPDATE invoices SET body = '{}'", &[]).unwrap_err();
    assert!(edited.contains("invoice"), "{edited}");
    for sql in ["DELETE FROM invoices", "DELETE FROM invoice_lines", "UPDATE invoice_lines SET net_minor = 0"]
    {
        assert!(firm.bench.try_sql(sql, &[]).is_err(), "{sql}");
    }
    let paid = firm.invoicing.pay("INV-000001", None, Some("bank 4711")).unwrap();
    assert_eq!((paid.status, paid.paid_by.as_deref()), (Status::Paid, Some("bank 4711")));
    assert_eq!(firm.invoicing.pay("INV-000001", None, Some("bank 4711")).unwrap(), paid);
    let refused = firm.invoicing.void("INV-000001", "wrong").unwrap_err();
    assert_eq!(refused.code(), "INVOICE_STANDING");
    firm.bench.meddle();
}

#[test]
fn numbers_have_no_gaps_and_a_void_one_keeps_its_number_and_is_billed_again() {
    let (firm, draft) = firm();
    firm.issue(&draft);
    let void = firm.invoicing.void("INV-000001", "wrong address").unwrap();
    assert_eq!((void.status, void.number.as_deref()), (Status::Void, Some("INV-000001")));
    let again = firm.invoicing.close_again(&firm.tenant).unwrap().unwrap();
    assert_eq!(nets(&again.documents, "2026-03-01"), [net("base_camera", "600.00")]);
    assert_eq!(again.documents[0].lines[0].revision, 1, "a void line was one");
    assert_eq!(firm.issue(&again.documents[0]).number.as_deref(), Some("INV-000002"));
    assert!(firm.invoicing.close_again(&firm.tenant).unwrap().is_none());
}

#[test]
fn a_draft_that_is_discarded_gives_no_number_and_is_drafted_again() {
    let (firm, draft) = firm();
    firm.invoicing.discard(&draft.id, "typed wrong").unwrap();
    assert_eq!(firm.invoicing.storage.document(&draft.id).unwrap_err().code(), "UNKNOWN_INVOICE");
    let again = firm.invoicing.close_again(&firm.tenant).unwrap().unwrap();
    assert_eq!(again.documents[0].lines, draft.lines);
    assert_eq!(firm.issue(&again.documents[0]).number.as_deref(), Some("INV-000001"));
    let refused = firm.invoicing.discard("INV-000001", "no").unwrap_err();
    assert_eq!(refused.code(), "INVOICE_STANDING");
}

#[test]
fn a_document_says_its_days_as_instants_too() {
    let firm = Firm::since("2026-03-01", "Europe/Berlin");
    firm.subscribe(1, &[]);
    firm.at("2026-05-02");
    let closed = firm.invoicing.close(&firm.tenant, None).unwrap();
    let hours = |document: &Document| {
        let instants = document.instants.unwrap();
        (instants.from.as_i64(), instants.to.since(instants.from) / 3600)
    };
    let all: Vec<_> = closed.iter().flat_map(|closed| &closed.documents).map(hours).collect();
    // March has a day of 23 hours there; and midnight is an hour, then two, before that of UTC.
    assert_eq!(all, [(1_772_319_600, 31 * 24 - 1), (1_774_994_400, 30 * 24)]);
}

#[test]
fn the_wallet_pays_first_and_gets_back_what_is_void() {
    let (firm, draft) = firm();
    let add = |amount: &str| {
        let order = crate::invoicing::WalletOrder { amount: amount.into(), reason: "prepaid".into() };
        firm.invoicing.add_to_wallet(&firm.tenant, &order)
    };
    assert_eq!(add("500.50").unwrap(), 50_050);
    assert_eq!(add("-500.51").unwrap_err().code(), "WALLET_EMPTY");
    assert_eq!(add("1.005").unwrap_err().code(), "BAD_AMOUNT");
    let issued = firm.issue(&draft);
    assert_eq!((issued.totals.from_wallet_minor, issued.totals.due_minor), (50_050, 69_950));
    assert_eq!(firm.invoicing.wallet(&firm.tenant).unwrap().1, 0);
    firm.invoicing.void("INV-000001", "wrong").unwrap();
    assert_eq!(firm.invoicing.wallet(&firm.tenant).unwrap().1, 50_050);
}

#[test]
fn nothing_is_issued_without_both_profiles() {
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(1, &[]);
    firm.at("2026-04-01");
    let draft = firm.close().remove(0);
    let refused = firm.invoicing.issue(&draft.id).unwrap_err();
    assert_eq!((refused.code(), refused.to_string().contains("the seller")), ("NO_PROFILE", true));
    firm.invoicing.set_profile(&ProfileOwner::Seller, SELLER.as_bytes()).unwrap();
    let refused = firm.invoicing.issue(&draft.id).unwrap_err();
    assert!(refused.mend().unwrap().contains("--tenant firm"), "{refused}");
    firm.profile("").unwrap();
    firm.issue(&draft);
}

#[test]
fn two_workers_close_one_period_once() {
    let firm = Firm::since("2026-03-01", "UTC");
    firm.subscribe(10, &[]);
    firm.profiles("");
    firm.at("2026-06-01");
    let made: Vec<Vec<Document>> = std::thread::scope(|scope| {
        let worker = || {
            firm.invoicing
                .close(&firm.tenant, None)
                .unwrap()
                .into_iter()
                .flat_map(|closed| closed.documents)
                .collect()
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let all = firm.invoicing.storage.documents(&DocumentQuery::default()).unwrap();
    assert_eq!((all.len(), made.iter().map(Vec::len).sum::<usize>()), (3, 3));
    let numbers: Vec<String> = std::thread::scope(|scope| {
        let issue = |document: &Document| firm.issue(document).number.unwrap();
        let workers: Vec<_> = all.iter().map(|document| scope.spawn(move || issue(document))).collect();
        let mut numbers: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
        numbers.sort();
        numbers
    });
    assert_eq!(numbers, ["INV-000001", "INV-000002", "INV-000003"]);
}

#[test]
fn every_line_says_why_it_is_that_much() {
    let firm = Firm::since("2026-07-31", "UTC");
    firm.subscribe(10, &[]);
    firm.profiles(r#","tax":[{"rate":"0.0825","reason":"sales tax"}]"#);
    firm.at("2026-08-01");
    firm.issue(&firm.close()[0]);
    firm.at("2026-08-20");
    firm.cameras(4);
    firm.at("2026-09-01");
    let issued = firm.issue(&firm.close()[0]);
    let said = firm.invoicing.explain(issued.name()).unwrap().lines(None).join("\n");
    for words in [
        "358 unit days x 60 / 31 days = 692.90; 600.00 was billed before: 692.90 - 600.00 = 92.90",
        "billed before on INV-000001",
        "2026-08-01 to 2026-08-20: 10 at most at one time",
        "2026-08-20 to 2026-09-01: 14 at most at one time",
        "tax    76.96 = 932.90 x 0.0825 sales tax",
    ] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    let one = firm.invoicing.explain(issued.name()).unwrap().lines(Some("api_call_overage")).join("\n");
    assert!(!one.contains("unit days"), "{one}");
}

#[test]
fn a_draft_that_is_discarded_behind_another_one_holds_up_nothing() {
    let firm = Firm::since("2026-03-31", "UTC");
    firm.subscribe(10, &[]);
    firm.at("2026-04-01");
    let march = firm.close().remove(0);
    firm.at("2026-04-20");
    firm.cameras(4);
    firm.at("2026-05-01");
    let april = firm.close().remove(0);
    firm.invoicing.discard(&march.id, "wrong").unwrap();
    let again = firm.invoicing.close_again(&firm.tenant).unwrap().unwrap().documents;
    assert!(again[0].lines.iter().any(|line| line.revision == 2), "above the one that is still there");
    let all = [again, vec![april]].concat();
    let of_april: i64 = of(&all, "2026-04-01").iter().map(|line| line.net_minor).sum();
    assert_eq!(of_april, 68_800, "344 camera days");
    firm.at("2026-06-01");
    assert_eq!(nets(&firm.close(), "2026-04-01"), []);
}
