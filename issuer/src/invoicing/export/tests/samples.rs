//! Documents as a year of several customers would have them.

use crate::billing::Kind;
use crate::billing::Rate;
use crate::invoicing::document::{
    Credited, Days, Document, DocumentKind, DocumentLine, DocumentTax, Instants, Party, Reason, Status,
    Totals,
};
use brink_license::{TenantId, UnixSeconds};
use chrono::NaiveDate;

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Noon in UTC.
pub(super) fn noon(text: &str) -> UnixSeconds {
    UnixSeconds::new(day(text).and_hms_opt(12, 0, 0).unwrap().and_utc().timestamp())
}

pub(super) fn days(from: &str, to: &str) -> Days {
    Days { from: day(from), to: day(to) }
}

/// A line that is charged by days for the whole of its period.
pub(super) fn line(price: &str, description: &str, net_minor: i64) -> DocumentLine {
    DocumentLine {
        key: price.into(),
        revision: 0,
        price: price.into(),
        catalogue: 3,
        description: description.to_owned(),
        kind: Kind::Recurring,
        period: days("2026-01-01", "2026-02-01"),
        days: days("2026-01-01", "2026-02-01"),
        quantity: "12".to_owned(),
        unit_days: Some(372),
        period_days: std::num::NonZeroU64::new(31),
        unit_price: Some(Rate { amount: "49.00".parse().unwrap(), per: std::num::NonZeroU64::MIN }),
        exact: net_minor.to_string(),
        net_minor,
        base_minor: net_minor,
        evidence: vec!["00ff".repeat(16)],
        detail: vec![Reason::Days {
            from: day("2026-01-01"),
            to: day("2026-02-01"),
            peak: 12,
            granted: 0,
            resources: vec!["cam-1".into(), "cam-2".into()],
        }],
    }
}

pub(super) fn usage(price: &str, description: &str, quantity: &str, net_minor: i64) -> DocumentLine {
    DocumentLine {
        kind: Kind::Usage,
        quantity: quantity.to_owned(),
        unit_days: None,
        period_days: None,
        unit_price: Some(Rate {
            amount: "0.0375".parse().unwrap(),
            per: std::num::NonZeroU64::new(1000).unwrap(),
        }),
        detail: vec![Reason::Used {
            quantity: quantity.to_owned(),
            included: "0".to_owned(),
            charged: quantity.to_owned(),
        }],
        ..line(price, description, net_minor)
    }
}

pub(super) fn discount(name: &str, description: &str, net_minor: i64) -> DocumentLine {
    DocumentLine {
        kind: Kind::Discount,
        quantity: "1".to_owned(),
        unit_days: None,
        period_days: None,
        unit_price: None,
        base_minor: 0,
        detail: vec![Reason::Share { key: "camera".into(), minor: net_minor }],
        ..line(name, description, net_minor)
    }
}

pub(super) fn tax(rate: &str, reason: Option<&str>, base_minor: i64, tax_minor: i64) -> DocumentTax {
    DocumentTax {
        rate: rate.to_owned(),
        reason: reason.map(Into::into),
        on: None,
        base_minor,
        tax_minor,
        shares: vec![(0, tax_minor)],
    }
}

fn party(legal_name: &str, address: &[&str], tax_id: &str) -> Party {
    Party {
        legal_name: legal_name.to_owned(),
        address: address.iter().map(|line| (*line).to_owned()).collect(),
        tax_id: tax_id.to_owned(),
        email: None,
        remarks: Vec::new(),
    }
}

/// An issued invoice; its totals are those of its lines and taxes, and its wallet pays `from_wallet_minor`.
pub(super) fn invoice(
    number: &str,
    currency: &str,
    lines: Vec<DocumentLine>,
    taxes: Vec<DocumentTax>,
    from_wallet_minor: i64,
) -> Document {
    let net_minor = lines.iter().map(|line| line.net_minor).sum::<i64>();
    let tax_minor = taxes.iter().map(|tax| tax.tax_minor).sum::<i64>();
    let total_minor = net_minor + tax_minor;
    Document {
        id: format!("id-of-{number}"),
        kind: DocumentKind::Invoice,
        status: Status::Issued,
        number: Some(number.to_owned()),
        credits: None,
        tenant: TenantId::parse("acme").unwrap(),
        currency: currency.parse().unwrap(),
        timezone: "Europe/Athens".to_owned(),
        period: days("2026-01-01", "2026-02-01"),
        instants: Some(Instants::of(days("2026-01-01", "2026-02-01"), chrono_tz::Tz::Europe__Athens)),
        created_at: noon("2026-02-02"),
        issued_at: Some(noon("2026-02-03")),
        issued_on: Some(day("2026-02-03")),
        due_on: Some(day("2026-03-05")),
        payment_terms: Some("30 days net".to_owned()),
        paid_at: None,
        paid_by: None,
        voided_at: None,
        seller: Some(Party {
            email: Some("billing@brink.example".to_owned()),
            remarks: vec!["IBAN DE02 1203 0000 0000 2020 51".to_owned()],
            ..party("Brink Vision GmbH", &["Lange Straße 7", "10115 Berlin", "Germany"], "DE123456789")
        }),
        buyer: Some(Party {
            remarks: vec!["Your order 4711".to_owned()],
            ..party("Acme Security Ltd", &["1 Main Street", "Dublin"], "IE6388047V")
        }),
        lines,
        taxes,
        totals: Totals {
            net_minor,
            tax_minor,
            total_minor,
            from_wallet_minor,
            due_minor: total_minor - from_wallet_minor,
        },
        lacks: Vec::new(),
    }
}

/// Cameras and messages with a discount and two taxes, in part from the wallet.
pub(super) fn with_discount() -> Document {
    let lines = vec![
        line("camera", "Cameras, basic analytics", 58_800),
        usage("sms", "Messages", "1000250.5", 3751),
        discount("launch", "Launch discount, 10 %", -5880),
    ];
    let taxes = vec![tax("0.19", Some("VAT"), 52_920, 10_055), tax("0.07", None, 3751, 263)];
    invoice("INV-2026-0001", "EUR", lines, taxes, 5000)
}

/// All of it given back.
pub(super) fn credit_note() -> Document {
    let mut note = with_discount();
    for line in &mut note.lines {
        (line.net_minor, line.base_minor) = (-line.net_minor, -line.base_minor);
    }
    for tax in &mut note.taxes {
        (tax.base_minor, tax.tax_minor) = (-tax.base_minor, -tax.tax_minor);
    }
    let credits = Credited { id: note.id.clone(), number: note.number.clone() };
    let note = invoice("CN-2026-0001", "EUR", note.lines, note.taxes, 0);
    Document {
        kind: DocumentKind::CreditNote,
        credits: Some(credits),
        issued_at: Some(noon("2026-02-10")),
        issued_on: Some(day("2026-02-10")),
        due_on: None,
        ..note
    }
}

/// Yen have no minor digits; the customer is Greek.
pub(super) fn greek_in_yen() -> Document {
    let mut document =
        invoice("INV-2026-0002", "JPY", vec![line("camera", "Κάμερες ασφαλείας", 123_456)], vec![], 0);
    document.tenant = TenantId::parse("Ελλάδα: κάμερες").unwrap();
    document.timezone = "Asia/Tokyo".to_owned();
    document.buyer = Some(party("Αφοί Παπαδόπουλοι Α.Ε.", &["Οδός Ερμού 5", "Αθήνα"], "EL094019245"));
    document.status = Status::Paid;
    // In Tokyo that is the day after.
    document.paid_at = Some(UnixSeconds::new(noon("2026-02-20").as_i64() + 5 * 3600));
    document.paid_by = Some("BANK; 77\n88".to_owned());
    document
}

/// Dinars have three minor digits; the customer is Bulgarian, and the invoice was voided.
pub(super) fn cyrillic_in_dinars() -> Document {
    let taxes = vec![tax("0.0825", Some("Данък"), 1_234_567, 101_852)];
    let mut document =
        invoice("INV-2026-0003", "KWD", vec![line("camera", "Охранителни камери", 1_234_567)], taxes, 500);
    document.tenant = TenantId::parse("sofia").unwrap();
    document.buyer = Some(party("„Щит“ ООД", &["бул. Витоша 1", "София"], "BG175074752"));
    document.status = Status::Void;
    document.voided_at = Some(noon("2026-02-05"));
    document
}

/// 400 lines, a few with more to say than fits in a line.
pub(super) fn long() -> Document {
    let described = |at: i64| match at % 50 {
        0 => format!("Camera {at}, {}", "which watches the back door and has a long name ".repeat(4)),
        _ => format!("Camera {at}"),
    };
    let lines = (1..=400).map(|at| line(&format!("camera-{at}"), &described(at), 10_000 + at)).collect();
    invoice("INV-2026-0004", "AUD", lines, vec![tax("0.1", Some("GST"), 4_080_200, 408_020)], 0)
}

/// No number, no parties, and characters that no font has.
pub(super) fn draft() -> Document {
    let mut document =
        invoice("none", "USD", vec![line("camera", "Cameras 監視 \u{1F4F7}", 60_000)], vec![], 0);
    document.id = "0197c2f0-draft".to_owned();
    (document.status, document.number, document.seller, document.buyer) = (Status::Draft, None, None, None);
    (document.issued_at, document.issued_on, document.due_on) = (None, None, None);
    document.lacks = vec!["device edge-7 was not heard of since 2026-01-30".to_owned()];
    document
}

pub(super) fn all() -> Vec<Document> {
    vec![with_discount(), credit_note(), greek_in_yen(), cyrillic_in_dinars(), long(), draft()]
}
