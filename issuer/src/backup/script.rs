//! The rows in the text of a dump: whose database it is, and how much is in it.

use crate::storage::{Holdings, IssuerRow};
use brink_license::UnixSeconds;
use std::io::BufRead;

/// The beginning of a table's rows, which end with a line of their own. No row spans lines: the format escapes their ends.
const COPY: &str = "COPY ";
const END: &[u8] = b"\\.";
/// What stands for NULL.
const NULL: &str = "\\N";

/// What the rows of a dump say.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) issuer: IssuerRow,
    /// Oldest first.
    pub(super) manifests: Vec<Vec<u8>>,
    pub(super) holdings: Holdings,
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    issuer: Option<IssuerRow>,
    manifests: Vec<(u64, Vec<u8>)>,
    holdings: Holdings,
}

/// A table whose rows come, and where its columns are.
struct Table {
    name: String,
    columns: Vec<String>,
}

impl Script {
    /// Reads all of it.
    pub(super) fn read(mut text: impl BufRead) -> Result<Self, String> {
        let (mut reading, mut table, mut line) = (Reading::default(), None::<Table>, Vec::new());
        loop {
            line.clear();
            if text.read_until(b'\n', &mut line).map_err(|e| e.to_string())? == 0 {
                break;
            }
            let row = line.strip_suffix(b"\n").unwrap_or(&line);
            match &table {
                Some(_) if row == END => table = None,
                Some(known) => reading.take(known, row)?,
                None => table = Table::begun_by(row),
            }
        }
        if table.is_some() {
            return Err("it ends in the midst of a table".to_owned());
        }
        reading.manifests.sort_unstable();
        Ok(Self {
            issuer: reading.issuer.ok_or("it holds no issuer")?,
            manifests: reading.manifests.into_iter().map(|(_, bytes)| bytes).collect(),
            holdings: reading.holdings,
        })
    }
}

impl Table {
    /// `COPY public.devices (id, tenant) FROM stdin;`
    fn begun_by(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.strip_prefix(COPY)?;
        let (name, rest) = line.split_once(" (")?;
        let (columns, _) = rest.split_once(") FROM stdin;")?;
        let name = name.rsplit('.').next()?.trim_matches('"').to_owned();
        let columns = columns.split(", ").map(|column| column.trim_matches('"').to_owned()).collect();
        Some(Self { name, columns })
    }

    /// One value of a row; `None` for NULL. What is asked for here holds nothing that is escaped but backslashes of bytes.
    fn value<'r>(&self, row: &'r str, column: &str) -> Result<Option<&'r str>, String> {
        let at = self.columns.iter().position(|name| name == column);
        let value = at.and_then(|at| row.split('\t').nth(at));
        let value = value.ok_or_else(|| format!("{} has no {column}", self.name))?;
        Ok((value != NULL).then_some(value))
    }

    fn number(&self, row: &str, column: &str) -> Result<Option<i64>, String> {
        let value = self.value(row, column)?.map(str::parse).transpose();
        value.map_err(|_| format!("{}.{column} is no number", self.name))
    }

    fn needed<T>(&self, value: Option<T>, column: &str) -> Result<T, String> {
        value.ok_or_else(|| format!("{}.{column} is empty", self.name))
    }
}

impl Reading {
    fn take(&mut self, table: &Table, row: &[u8]) -> Result<(), String> {
        let text = || std::str::from_utf8(row).map_err(|_| format!("{} holds no text", table.name));
        let holdings = &mut self.holdings;
        match table.name.as_str() {
            "refinery_schema_history" => {
                let version = table.number(text()?, "version")?.unwrap_or(0);
                holdings.schema = holdings.schema.max(version);
            }
            "issuer" => self.issuer = Some(issuer(table, text()?)?),
            "manifests" => {
                let (version, bytes) = (table.number(text()?, "version")?, table.value(text()?, "bytes")?);
                let version = table.needed(version, "version")?.unsigned_abs();
                let bytes = bytes.and_then(unescaped);
                self.manifests.push((version, table.needed(bytes, "bytes")?));
            }
            "tenants" => holdings.tenants += 1,
            "devices" => {
                holdings.devices += 1;
                let at = table.number(text()?, "exchanged_at")?.map(UnixSeconds::new);
                holdings.last_exchange_at = holdings.last_exchange_at.max(at);
            }
            "licences" => holdings.licences += 1,
            "audit" => holdings.audit_lines += 1,
            // Its partitions have its name and more.
            name if name == "usage_records" || name.starts_with("usage_records_") => {
                holdings.usage_records += 1
            }
            _ => {}
        }
        Ok(())
    }
}

fn issuer(table: &Table, row: &str) -> Result<IssuerRow, String> {
    let name = table.needed(table.value(row, "name")?, "name")?;
    let created_at = table.needed(table.number(row, "created_at")?, "created_at")?;
    Ok(IssuerRow {
        name: name.parse().map_err(|e| format!("issuer.name: {e}"))?,
        development: table.value(row, "development")? == Some("t"),
        created_at: UnixSeconds::new(created_at),
    })
}

/// Bytes as a dump has them: `\\x` and digits.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\\\x")?.as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = r"--
COPY public.issuer (id, name, development, created_at) FROM stdin;
1	dev-acme	t	1772323200
\.

COPY public.manifests (version, bytes, recorded_at) FROM stdin;
2	\\x0b	7
1	\\x0aff	5
\.
COPY public.devices (id, tenant, exchanged_at) FROM stdin;
dev-1	t	\N
dev-2	t	1772323300
dev-3	t	1772323200
\.
COPY public.usage_records_20260301 (device, bytes) FROM stdin;
dev-1	\\x00
\.
COPY public.usage_rollups (device) FROM stdin;
dev-1
\.
COPY public.refinery_schema_history (version, name) FROM stdin;
1	issuer
2	usage
\.
SELECT 'COPY public.devices (id) FROM stdin';
";

    #[test]
    fn the_rows_of_a_dump_say_whose_it_is_and_how_much() {
        let script = Script::read(DUMP.as_bytes()).unwrap();
        assert_eq!((script.issuer.name.to_string().as_str(), script.issuer.development), ("dev-acme", true));
        assert_eq!(script.manifests, [vec![0x0a, 0xff], vec![0x0b]]);
        let holdings = script.holdings;
        assert_eq!((holdings.schema, holdings.devices, holdings.usage_records), (2, 3, 1));
        assert_eq!(holdings.last_exchange_at, Some(UnixSeconds::new(1_772_323_300)));
    }

    #[test]
    fn a_dump_that_is_cut_short_or_of_something_else_says_so() {
        let cut = DUMP.find("dev-3").unwrap();
        assert!(Script::read(&DUMP.as_bytes()[..cut]).unwrap_err().contains("in the midst of a table"));
        assert!(Script::read(&b"SELECT 1;\n"[..]).unwrap_err().contains("no issuer"));
        let odd = DUMP.replace("\\\\x0aff", "\\\\x0af");
        assert!(Script::read(odd.as_bytes()).unwrap_err().contains("manifests.bytes"));
    }
}
