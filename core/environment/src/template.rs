//! What the table says of itself: the file with every default, and the table of the guide.

use crate::dotenv::quote;
use crate::problem::{Code, Weight};
use crate::table::{Effect, Remark, Table, Variable};
use std::fmt::Write as _;

/// Comments of the template are broken into lines of at most this length.
const LINE_CHARS_MAX: usize = 110;

impl Table {
    /// The template: every variable with its default behind a `#`, so that as it is it sets nothing.
    #[must_use]
    pub fn template(&self) -> String {
        let program = self.program;
        let mut text = format!(
            "# The variables of {program} with their defaults, written by: {program} config template\n\
             # Take the # away in front of what is to be otherwise, and give the file with --env-file.\n\
             # What then counts is shown by: {program} config show --env-file FILE\n"
        );
        for group in self.groups {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "\n# === {} ===", group.title);
            for variable in group.variables {
                text.push('\n');
                text.push_str(&commented(&format!("{} ({})", told(variable), variable.kind.told())));
                for remark in variable.remarks {
                    text.push_str(&commented(&warned(remark)));
                }
                let _ = writeln!(text, "#{}={}", variable.name, quote(variable.default));
            }
        }
        text
    }

    /// The table of the guide, in Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        let mut text = String::from("| Variable | Default | Takes | What it does |\n|---|---|---|---|\n");
        for group in self.groups {
            let _ = writeln!(text, "| **{}** | | | |", group.title);
            for variable in group.variables {
                let default = match variable.default {
                    "" => "none".to_owned(),
                    default => format!("`{default}`"),
                };
                let remarks = variable.remarks.iter().map(warned);
                let said = std::iter::once(told(variable)).chain(remarks).collect::<Vec<_>>().join(" ");
                let takes = variable.kind.told();
                let _ = writeln!(text, "| `{}` | {default} | {takes} | {said} |", variable.name);
            }
        }
        text
    }
}

impl Code {
    /// The codes of problems, in Markdown.
    #[must_use]
    pub fn page() -> String {
        let mut text = String::from("| Code | When it is an error |\n|---|---|\n");
        for code in Code::ALL {
            let when = match code.weight() {
                Weight::Wrong => "always",
                Weight::Unsafe => "outside of development",
                Weight::Remarkable => "never: it is a warning",
            };
            let _ = writeln!(text, "| `{}` | {when} |", code.as_str());
        }
        text
    }
}

fn told(variable: &Variable) -> String {
    match variable.effect {
        Effect::Counts => variable.meaning.to_owned(),
        Effect::Compared => format!("Sets nothing. {}", variable.meaning),
        Effect::Idle => format!("Does nothing any more. {}", variable.meaning),
    }
}

fn warned(remark: &Remark) -> String {
    let told = match remark.code.weight() {
        Weight::Wrong => "Refused",
        Weight::Unsafe => "Refused outside of development",
        Weight::Remarkable => "Warned of",
    };
    format!("{told}: {} ({}), since {}.", remark.when.told(), remark.code.as_str(), remark.why)
}

/// In lines behind a `#`.
fn commented(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > LINE_CHARS_MAX {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotenv::entries;
    use crate::settings::tests::TABLE;

    #[test]
    fn the_template_sets_nothing_and_without_its_marks_the_defaults() {
        let template = TABLE.template();
        assert_eq!(entries(template.as_bytes()), (vec![], vec![]));
        let bare: String = template
            .lines()
            .filter_map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')))
            .map(|line| format!("{line}\n"))
            .collect();
        let (found, bad) = entries(bare.as_bytes());
        assert_eq!(bad, []);
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        let defaults: Vec<_> = TABLE.variables().map(|one| (one.name, one.default)).collect();
        assert_eq!(found, defaults);
        assert!(template.lines().all(|line| line.chars().count() <= LINE_CHARS_MAX + 20), "{template}");
    }

    #[test]
    fn the_page_has_a_row_for_each_variable_and_says_what_is_refused() {
        let page = TABLE.page();
        for variable in TABLE.variables() {
            assert_eq!(page.matches(&format!("| `{}` |", variable.name)).count(), 1);
        }
        let row = page.lines().find(|line| line.starts_with("| `KEY`")).unwrap();
        assert_eq!(
            row,
            "| `KEY` | none | secret | Its key. Refused outside of development: `change_me` (KNOWN_SECRET), since it stands in \
             a public file. Refused outside of development: an empty value (EMPTY_KEY), since it opens everything. |"
        );
        assert!(page.contains("| `TIER` | `basic` | basic, managed | Does nothing any more. What it is. |"));
        assert!(page.lines().all(|line| line.matches('|').count() == 5), "{page}");
        assert_eq!(Code::page().lines().count(), Code::ALL.len() + 2);
    }
}
