//! Where something stands in a catalogue's text, by its path. Called where a catalogue is refused.

use toml::de::{DeTable, DeValue};

/// The line, from 1, of a path such as `prices.base_camera`, or of the longest beginning of it that is there.
pub(super) fn line_of(text: &str, path: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut table = Some(root.get_ref());
    let mut at = None;
    for name in path.split('.') {
        let Some((key, value)) = table.and_then(|table| table.get_key_value(name)) else { break };
        at = Some(key.span().start);
        table = match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => None,
        };
    }
    Some(text[..at?].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn a_path_has_the_line_of_its_last_name_that_is_there() {
        let text = "version = 1\n\n[prices]\na = { amount = \"1\" }\nb = { amount = \"2\",\n  per = 3 }\n[packs.x]\n";
        for (path, line) in [
            ("version", Some(1)),
            ("prices", Some(3)),
            ("prices.b", Some(5)),
            ("prices.b.per", Some(6)),
            ("prices.b.unit", Some(5)),
            ("packs.x", Some(7)),
            ("trial", None),
        ] {
            assert_eq!(line_of(text, path), line, "{path}");
        }
    }
}
