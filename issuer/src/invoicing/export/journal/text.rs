//! How hledger wants it written, and what names must not contain. An account ends where two spaces stand; a comment begins
//! with `;`; a line is a transaction's, a posting's or a directive's by how it begins.

use super::Transaction;
use crate::billing::money;
use crate::currency::Currency;
use crate::invoicing::export::one_line;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn journal(transactions: &[Transaction]) -> String {
    let mut text = String::from("decimal-mark .\n\n");
    let currencies: BTreeMap<&str, Currency> =
        transactions.iter().map(|one| (one.currency.code(), one.currency)).collect();
    for (code, currency) in currencies {
        text.push_str(&format!("commodity {} {code}\n", shape(currency)));
    }
    // All that is used is declared, so that a strict check finds what somebody adds with a slip of the pen.
    let accounts: BTreeSet<&String> = transactions.iter().flat_map(|one| one.postings.keys()).collect();
    for account in accounts {
        text.push_str(&format!("account {account}\n"));
    }
    for one in transactions {
        text.push('\n');
        text.push_str(&transaction(one));
    }
    text
}

/// How amounts of a currency look, with a point even where no digits follow: hledger wants it there.
fn shape(currency: Currency) -> String {
    let mut whole = money::show(0, currency);
    if !whole.contains('.') {
        whole.push('.');
    }
    format!("100{whole}")
}

fn transaction(one: &Transaction) -> String {
    let tags: Vec<String> = one.tags.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let code = one.code.as_ref().map(|code| format!("({code}) ")).unwrap_or_default();
    let mut text = format!("{} {code}{}  ; {}\n", one.on, one.description, tags.join(", "));
    let amounts: Vec<(&String, String)> =
        one.postings.iter().map(|(account, minor)| (account, money::show(*minor, one.currency))).collect();
    let names = amounts.iter().map(|(account, _)| account.chars().count()).max().unwrap_or(0);
    let digits = amounts.iter().map(|(_, amount)| amount.len()).max().unwrap_or(0);
    for (account, amount) in amounts {
        text.push_str(&format!("    {account:names$}  {amount:>digits$} {}\n", one.currency));
    }
    text
}

/// An account below another, whose last part is a name that somebody gave. What would end it, or divide it once more, is
/// written as `%` and two digits for each byte, so that two names are never one account.
pub(super) fn account(parent: &str, name: &str) -> String {
    let mut text = format!("{parent}:");
    let mut chars = name.chars().peekable();
    let mut after_space = true;
    while let Some(c) = chars.next() {
        let lone_space = c == ' ' && !after_space && chars.peek().is_some_and(|next| *next != ' ');
        let plain = !c.is_whitespace() && !c.is_control() && !matches!(c, ':' | ';' | '%' | '"');
        if lone_space || plain {
            text.push(c);
        } else {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
        }
        after_space = c == ' ';
    }
    if name.is_empty() {
        text.push('-');
    }
    text
}

/// Words within a description: on one line, no comment, and no `|`, which parts the payee from the note.
pub(super) fn words(text: &str) -> String {
    one_line(&text.replace(';', ",").replace('|', "/"))
}

/// The value of a tag ends at a comma, and `[` may begin a date.
pub(super) fn tag(text: &str) -> String {
    one_line(&text.replace([',', ';', '[', ']', ':'], " "))
}

/// What stands in parentheses.
pub(super) fn code(text: &str) -> String {
    words(&text.replace(['(', ')'], " "))
}
