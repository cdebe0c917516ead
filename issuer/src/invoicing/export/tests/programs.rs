//! Other programs read what is exported: hledger the journal, Python the CSV, poppler and qpdf the PDF. A program that is
//! not there fails its test.

use super::samples;
use crate::billing::money;
use crate::invoicing::document::Document;
use crate::invoicing::export::journal::{WalletEntry, write};
use crate::invoicing::export::{csv, json, pdf};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::io::Write;
use std::process::{Command, Stdio};

/// What a program prints for this input; it has to end well, and say nothing beside.
fn said(program: &str, arguments: &[&str], input: &[u8]) -> String {
    asked(program, arguments, input).unwrap_or_else(|errors| panic!("{program} {arguments:?}: {errors}"))
}

/// The same, or what it complains of.
fn asked(program: &str, arguments: &[&str], input: &[u8]) -> Result<String, String> {
    let mut command = Command::new(program);
    // Programs in Haskell and Python read in the encoding of the locale.
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}: install it"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    let errors = String::from_utf8(output.stderr).unwrap();
    let well = output.status.success() && errors.is_empty();
    if well { Ok(String::from_utf8(output.stdout).unwrap()) } else { Err(errors) }
}

/// Samples, and many that are random but the same in each run.
fn documents() -> Vec<Document> {
    let mut runner = TestRunner::deterministic();
    let mut all = samples::all();
    all.extend((0..300).map(|_| super::random::document().new_tree(&mut runner).unwrap().current()));
    all
}

fn top_up() -> WalletEntry {
    WalletEntry {
        at: samples::day("2026-01-15"),
        minor: 5000,
        tenant: samples::with_discount().tenant,
        currency: "EUR".parse().unwrap(),
        reason: "(prepaid) ; ! * by card".to_owned(),
    }
}

#[test]
#[ignore = "needs hledger: scripts/test installs it and runs this"]
fn hledger_finds_every_transaction_balanced_and_the_same_balances() {
    let text = write(&documents(), &[top_up()]).unwrap();
    let checks = ["-f", "-", "check", "--strict", "ordereddates"];
    assert_eq!(said("hledger", &checks, text.as_bytes()), "");
    let question = ["-f", "-", "balance", "--flat", "--no-total", "--layout=bare", "--output-format=csv"];
    let told = said("hledger", &question, text.as_bytes()).replace('\n', "\r\n");
    let mut balances = super::journal::Balances::new();
    for row in super::csv::parsed(&told).into_iter().skip(1) {
        let [account, currency, amount] = <[String; 3]>::try_from(row).unwrap();
        let minor = money::parse(&amount, currency.parse().unwrap()).unwrap();
        balances.insert((account, currency), minor.into());
    }
    assert!(balances.len() > 100, "{told}");
    assert_eq!(balances, super::journal::balances(&text));
    let codes = said("hledger", &["-f", "-", "codes"], text.as_bytes());
    assert_eq!(codes.lines().filter(|code| *code == "INV-2026-0003").count(), 2, "its issue and its void");
}

#[test]
#[ignore = "needs hledger: scripts/test installs it and runs this"]
fn hledger_refuses_a_journal_that_does_not_balance() {
    let text = write([&samples::with_discount()], &[]).unwrap().replace("-588.00 EUR", "-588.01 EUR");
    let refused = asked("hledger", &["-f", "-", "check"], text.as_bytes()).unwrap_err();
    assert!(refused.contains("could not balance this transaction"), "{refused}");
}

/// Sums by document, and the texts, as Python's reader of CSV has them.
const PYTHON: &str = r#"
import csv, io, json, sys
from decimal import Decimal
sys.stdin.reconfigure(newline="")
sys.stdout.reconfigure(newline="")
rows = list(csv.DictReader(sys.stdin, strict=True))
sums = {}
for row in rows:
    for column in ("net", "tax"):
        sums.setdefault(row["id"], {"net": Decimal(0), "tax": Decimal(0)})
        if row[column]:
            sums[row["id"]][column] += Decimal(row[column])
print(json.dumps({
    "rows": len(rows),
    "sums": {name: {column: str(value) for column, value in both.items()} for name, both in sums.items()},
    "descriptions": [row["description"] for row in rows],
}))
"#;

#[test]
#[ignore = "needs python3: scripts/test installs it and runs this"]
fn python_reads_the_csv_back() {
    let mut documents = documents();
    for (at, document) in documents.iter_mut().enumerate() {
        document.id = format!("id-{at}");
    }
    let told = said("python3", &["-c", PYTHON], csv::table(&documents).as_bytes());
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let mut descriptions = Vec::new();
    for document in &documents {
        for (column, minor) in [("net", document.totals.net_minor), ("tax", document.totals.tax_minor)] {
            let sum = &told["sums"][&document.id][column];
            let any = document.lines.len() + document.taxes.len() > 0;
            let read = sum.as_str().map_or(0, |sum| money::parse(sum, document.currency).unwrap());
            assert_eq!((sum.is_string(), read), (any, minor), "{}", document.id);
        }
        descriptions.extend(document.lines.iter().map(|line| line.description.as_str()));
        descriptions.extend(document.taxes.iter().map(|_| ""));
    }
    let read = told["descriptions"].as_array().unwrap();
    assert_eq!(read.len(), descriptions.len());
    for (read, written) in read.iter().zip(descriptions) {
        let read = read.as_str().unwrap();
        assert!(read == written || read.strip_prefix('\'') == Some(written), "{read:?} for {written:?}");
    }
}

#[test]
#[ignore = "needs python3: scripts/test installs it and runs this"]
fn python_reads_the_json_back() {
    let program = "import json, sys\nfor line in sys.stdin.buffer.read().split(b'\\n')[:-1]:\n    \
        print(json.loads(line)['totals']['due'])";
    let documents = documents();
    let told = said("python3", &["-c", program], json::lines(&documents).unwrap().as_bytes());
    let wanted: Vec<String> = documents.iter().map(|one| one.money(one.totals.due_minor)).collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), wanted);
}

/// A PDF in a file, for programs that want to go back and forth in it.
fn kept(document: &Document) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".pdf").tempfile().unwrap();
    file.write_all(&pdf::write(document).unwrap()).unwrap();
    file
}

#[test]
#[ignore = "needs poppler-utils: scripts/test installs it and runs this"]
fn poppler_reads_every_amount_and_every_name() {
    for document in samples::all() {
        let file = kept(&document);
        let path = file.path().to_str().unwrap();
        let text = said("pdftotext", &["-layout", path, "-"], &[]);
        let totals = [document.totals.net_minor, document.totals.total_minor, document.totals.due_minor];
        let minors = document.lines.iter().map(|line| line.net_minor).chain(totals);
        for minor in minors.chain(document.taxes.iter().flat_map(|tax| [tax.base_minor, tax.tax_minor])) {
            let amount = document.money(minor);
            let amount =
                if minor == document.totals.due_minor { amount.trim_start_matches('-') } else { &amount };
            assert!(
                text.split_whitespace().any(|word| word.trim_end_matches(',') == amount),
                "{amount}: {text}"
            );
        }
        let parties = [&document.seller, &document.buyer].into_iter().flatten();
        let names = parties.flat_map(|party| party.address.iter().chain([&party.legal_name, &party.tax_id]));
        for name in names.map(String::as_str).chain([document.name(), document.tenant.as_str()]) {
            assert!(text.contains(name), "{name}: {text}");
        }
        for day in [document.issued_on, document.due_on].into_iter().flatten() {
            assert!(text.contains(&day.to_string()), "{day}: {text}");
        }
        let pages = text.matches('\u{c}').count();
        assert!(text.contains(&format!("Page {pages} of {pages}")), "{text}");
        assert_eq!(pages > 10, document.lines.len() == 400);
    }
    // Shown as a box, and copied as what it is.
    let draft = kept(&samples::draft());
    let text = said("pdftotext", &["-raw", draft.path().to_str().unwrap(), "-"], &[]);
    assert!(text.contains("Cameras 監視 \u{1F4F7}"), "{text}");
    // Poppler takes letters that stand askew for lines of their own.
    assert!(text.replace('\n', "").starts_with("DRAFT"), "{text}");
    let void = kept(&samples::cyrillic_in_dinars());
    let text = said("pdftotext", &["-raw", void.path().to_str().unwrap(), "-"], &[]);
    assert!(text.replace('\n', "").starts_with("VOID"), "{text}");
}

#[test]
#[ignore = "needs poppler-utils: scripts/test installs it and runs this"]
fn poppler_finds_all_fonts_embedded_and_cut_down() {
    for document in samples::all() {
        let file = kept(&document);
        let path = file.path().to_str().unwrap();
        let fonts = said("pdffonts", &[path], &[]);
        let rows: Vec<Vec<&str>> =
            fonts.lines().skip(2).map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), 2, "{fonts}");
        for row in rows {
            assert!(row[0].contains("+LiberationSans"), "{fonts}");
            // Embedded, a subset, and with a map to Unicode.
            assert_eq!(row[4..7], ["yes", "yes", "yes"], "{fonts}");
        }
        let told = said("pdfinfo", &["-isodates", path], &[]);
        let made = document.issued_on.map_or("2026-02-02".to_owned(), |day| day.to_string());
        assert!(told.contains(&format!("CreationDate:    {made}T12:00:00Z")), "{told}");
        assert!(told.contains(&document.name().to_owned()), "{told}");
        assert!(said("pdfinfo", &["-meta", path], &[]).contains("<pdfaid:part>2</pdfaid:part>"));
    }
}

#[test]
#[ignore = "needs qpdf: scripts/test installs it and runs this"]
fn qpdf_finds_no_fault() {
    let mut runner = TestRunner::deterministic();
    let random = (0..20).map(|_| super::random::document().new_tree(&mut runner).unwrap().current());
    for document in samples::all().into_iter().chain(random) {
        let file = kept(&document);
        let told = said("qpdf", &["--check", file.path().to_str().unwrap()], &[]);
        assert!(told.contains("No syntax or stream encoding errors found"), "{told}");
    }
}
