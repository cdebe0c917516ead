//! What-if pricing: a file with prices, changes, usage and what was billed becomes lines, without a database. Called by the
//! command line; the file and the answer are described in docs/OPERATING.md.

mod answer;
mod error;
mod file;
mod moments;
mod prices;
mod read;
mod reductions;

pub use answer::Quote;
pub use error::{QuoteCode, QuoteError};

use super::{RatingError, Terms, desired, difference, settle};
use crate::catalog::Versions;
use crate::objects::Object;
use file::QuoteFile;
use read::Reader;

/// Largest file: a year of changes of a large tenant is a hundredth of it.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Rates a file.
pub fn quote(text: &[u8], catalogs: &Versions) -> Result<Quote, QuoteError> {
    let file = parse(text)?;
    let reader = Reader::new(&file, catalogs)?;
    let timeline = reader.timeline(&file.changes)?;
    let grants = reader.grants(&file.trials)?;
    let usage = reader.usage(&file.usage)?;
    let discounts = reader.discounts(&file.discounts)?;
    let taxes = reader.taxes(&file.tax)?;
    let wallet = reader.wallet(file.wallet.as_ref())?;
    let terms = Terms { tariff: &reader.tariff, timeline: &timeline, grants: &grants, discounts: &discounts };
    let refused = |error| refused(error, &file, &reader);
    let lines = desired(terms, &usage, &reader.period).map_err(refused)?;
    let billed = reader.billed(&file.billed, &discounts, &lines)?;
    let lines = difference(terms, &reader.period, lines, &billed).map_err(refused)?;
    let settlement = settle(&lines, &taxes, wallet).map_err(refused)?;
    Ok(Quote {
        currency: reader.currency,
        catalogue: reader.catalog.version,
        period: reader.period,
        lines,
        settlement,
    })
}

fn parse(text: &[u8]) -> Result<QuoteFile, QuoteError> {
    if text.len() > FILE_BYTES_MAX {
        let problem = format!("more than {FILE_BYTES_MAX} bytes");
        return Err(QuoteError::new(".", QuoteCode::Malformed, problem, "leave out what changes nothing"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mend = "write it as docs/OPERATING.md shows, every number with a point in quotes";
    let Object(file) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        QuoteError::new(error.path().to_string(), QuoteCode::Malformed, error.inner(), mend)
    })?;
    deserializer.end().map_err(|error| QuoteError::new(".", QuoteCode::Malformed, error, mend))?;
    Ok(file)
}

/// Where in the file something stands that cannot be rated.
fn refused(error: RatingError, file: &QuoteFile, reader: &Reader<'_>) -> QuoteError {
    let of_meter = |name: &str, is_undated: bool| {
        let meter = reader.tariff.charges().find(|(price, _)| price.as_str() == name)?.1.meter()?;
        let meant = |entry: &file::UsageFile| {
            entry.meter == meter.as_str()
                || brink_license::Slug::parse(&entry.meter)
                    .is_ok_and(|named| reader.catalog.meters.meant(&named) == meter)
        };
        let named = |entry: &file::UsageFile| meant(entry) && !(is_undated && entry.date.is_some());
        Some(format!("usage[{}]", file.usage.iter().position(named)?))
    };
    let place = |name: &str| {
        // A discount may have an `@` in its name, a price has its day behind one.
        if let Some(index) = file.discounts.iter().position(|one| one.name == name) {
            return format!("discounts[{index}]");
        }
        let name = name.split('@').next().unwrap_or(name);
        let is_of =
            |change: &file::ChangeFile| change.price.as_ref().is_some_and(|p| p.as_deref() == Some(name));
        of_meter(name, false)
            .or_else(|| Some(format!("changes[{}]", file.changes.iter().position(is_of)?)))
            .unwrap_or_else(|| ".".into())
    };
    let (path, code, mend) = match &error {
        RatingError::TooLarge(name) => (place(name), QuoteCode::AmountTooLarge, "quote less at once"),
        RatingError::UnknownPrice(name) => {
            (place(name.as_str()), QuoteCode::UnknownPrice, "state it under prices")
        }
        RatingError::NoPrice(_) => {
            ("usage".into(), QuoteCode::UnknownMeter, "state its price with the meter under prices")
        }
        RatingError::Undated(name) => (
            of_meter(name.as_str(), true).unwrap_or_else(|| ".".into()),
            QuoteCode::OtherCharge,
            "add a date to each usage of the meter, or change the price with a period",
        ),
    };
    QuoteError::new(path, code, error, mend)
}
