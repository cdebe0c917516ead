//! Any document whose sums are right, with texts that people might write to annoy.

use super::samples;
use crate::billing::Kind;
use crate::billing::Rate;
use crate::invoicing::document::{
    Credited, Document, DocumentKind, DocumentLine, DocumentTax, Party, Reason, Status,
};
use brink_license::{TenantId, UnixSeconds};
use chrono::{Days as Ahead, NaiveDate};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::num::NonZeroU64;

/// What is special to spreadsheets, journals, JSON, or the eye.
const HARD: &str = "[a-z=+@;:|%,\"'()\\[\\]*!\\-\t\r\n \u{a0}\u{2028}\u{85}éΩЖ監\u{202e}\u{fffd}]{0,12}";

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => HARD, 1 => any::<String>(), 1 => "[ -~]{0,60}"]
}

/// Far from the ends of an `i64`, so that sums of a few stay within.
fn minor() -> impl Strategy<Value = i64> {
    prop_oneof![-100_000_i64..100_000, -1_000_000_000_000_i64..1_000_000_000_000, Just(0)]
}

fn date() -> impl Strategy<Value = NaiveDate> {
    (0_u64..3000).prop_map(|days| samples::day("2024-02-27") + Ahead::new(days))
}

fn moment() -> impl Strategy<Value = UnixSeconds> {
    (1_700_000_000_i64..1_900_000_000).prop_map(UnixSeconds::new)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Recurring),
        Just(Kind::Usage),
        Just(Kind::Adjustment),
        Just(Kind::Credit),
        Just(Kind::Discount)
    ]
}

fn reason() -> impl Strategy<Value = Reason> {
    let names = vec(text().prop_map(String::into_boxed_str), 0..3);
    prop_oneof![
        (date(), date(), any::<i64>(), any::<i64>(), names).prop_map(
            |(from, to, peak, granted, resources)| Reason::Days { from, to, peak, granted, resources }
        ),
        (date(), any::<i64>(), any::<u32>()).prop_map(|(on, quantity, year)| Reason::Started {
            on,
            quantity,
            year
        }),
        ("[0-9]{1,30}", "[0-9]{1,30}", "[0-9]{1,30}")
            .prop_map(|(quantity, included, charged)| { Reason::Used { quantity, included, charged } }),
        (text(), any::<i64>()).prop_map(|(key, minor)| Reason::Share { key: key.into(), minor }),
        (any::<i64>(), any::<i64>()).prop_map(|(desired, before)| Reason::Billed { desired, before }),
    ]
}

fn unit_price() -> impl Strategy<Value = Rate> {
    ("[0-9]{1,12}\\.[0-9]{1,12}", any::<NonZeroU64>())
        .prop_map(|(amount, per)| Rate { amount: amount.parse().unwrap(), per })
}

fn line() -> impl Strategy<Value = DocumentLine> {
    let words = (text(), "[a-d]", text(), kind(), "-?[0-9]{1,20}(\\.[0-9]{1,12})?");
    let counts = (any::<u32>(), any::<u64>(), option::of(any::<i64>()), option::of(any::<NonZeroU64>()));
    let rest = (option::of(unit_price()), minor(), minor(), vec(reason(), 0..3), date());
    (words, counts, rest).prop_map(
        |((key, price, description, kind, quantity), (revision, catalogue, unit_days, period_days), rest)| {
            let (unit_price, net_minor, base_minor, detail, from) = rest;
            let mut line = samples::line(&price, &description, net_minor);
            (line.key, line.kind, line.quantity, line.revision) = (key.into(), kind, quantity, revision);
            (line.catalogue, line.unit_days, line.period_days) = (catalogue, unit_days, period_days);
            (line.unit_price, line.base_minor, line.detail) = (unit_price, base_minor, detail);
            line.days.from = from;
            line
        },
    )
}

fn tax() -> impl Strategy<Value = DocumentTax> {
    let on = option::of(vec("[a-d]".prop_map(String::into_boxed_str), 1..3));
    ("0\\.[0-9]{1,4}", option::of(text()), on, minor(), minor()).prop_map(
        |(rate, reason, on, base_minor, tax_minor)| DocumentTax {
            on,
            shares: vec![(1, tax_minor), (7, 0)],
            ..samples::tax(&rate, reason.as_deref(), base_minor, tax_minor)
        },
    )
}

fn party() -> impl Strategy<Value = Party> {
    (text(), vec(text(), 0..4), text(), option::of(text()), vec(text(), 0..3)).prop_map(
        |(legal_name, address, tax_id, email, remarks)| Party { legal_name, address, tax_id, email, remarks },
    )
}

/// A name that a tenant may have.
pub(super) fn tenant() -> impl Strategy<Value = TenantId> {
    text().prop_filter_map("no id of a tenant", |text| TenantId::parse(&text).ok())
}

/// Of any standing, with everything that its standing promises.
pub(super) fn document() -> impl Strategy<Value = Document> {
    let stand = (
        prop_oneof![Just(Status::Draft), Just(Status::Issued), Just(Status::Paid), Just(Status::Void)],
        any::<bool>(),
        prop_oneof![Just("EUR"), Just("JPY"), Just("KWD")],
        prop_oneof![Just("UTC"), Just("Asia/Tokyo"), Just("America/Los_Angeles")],
    );
    let words = (text(), tenant(), option::of(text()), option::of(text()), vec(text(), 0..3));
    let parts = (vec(line(), 0..6), vec(tax(), 0..3), option::of(party()), option::of(party()));
    let when = (moment(), date(), moment(), any::<bool>());
    (stand, words, parts, when, 0.0..=1.0_f64).prop_map(|(stand, words, parts, when, wallet)| {
        let (status, credit, currency, zone) = stand;
        let (number, tenant, terms, paid_by, lacks) = words;
        let (lines, taxes, seller, buyer) = parts;
        let (at, issued_on, later, also_paid) = when;
        let mut document = samples::invoice(&number, currency, lines, taxes, 0);
        let payable = document.totals.total_minor.max(0);
        document.totals.from_wallet_minor = (payable as f64 * wallet) as i64;
        document.totals.due_minor = document.totals.total_minor - document.totals.from_wallet_minor;
        if credit {
            document.kind = DocumentKind::CreditNote;
            document.credits = Some(Credited { id: "id".to_owned(), number: terms.clone() });
        }
        (document.status, document.tenant, document.timezone) = (status, tenant, zone.to_owned());
        (document.payment_terms, document.paid_by, document.lacks) = (terms, paid_by, lacks);
        (document.seller, document.buyer) = (seller, buyer);
        if status == Status::Draft {
            (document.number, document.issued_at, document.issued_on, document.due_on) =
                (None, None, None, None);
        } else {
            (document.issued_at, document.issued_on) = (Some(at), Some(issued_on));
            let paid = status == Status::Paid || (status == Status::Void && also_paid);
            document.paid_at = paid.then_some(later);
            document.voided_at = (status == Status::Void).then_some(later);
        }
        document
    })
}
