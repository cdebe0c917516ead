//! Settings as people and scripts read them. A secret is `***` when it is set and `(empty)` when not.

use crate::problem::{Problem, Source};
use crate::settings::{Setting, Settings};
use crate::table::Effect;
use serde_json::json;
use std::fmt::Write as _;

impl Setting {
    /// What counts, as it may be shown; what was given, where that cannot be a value.
    #[must_use]
    pub fn shown(&self) -> String {
        self.refused.clone().unwrap_or_else(|| self.value.to_string())
    }

    fn document(&self) -> serde_json::Value {
        let (effect, source) = (self.variable.effect, self.source.to_string());
        json!({
            "name": self.variable.name,
            "value": self.shown(),
            "source": source,
            "is_set": self.source != Source::Default,
            "is_secret": self.variable.is_secret(),
            "effect": match effect {
                Effect::Counts => "counts",
                Effect::Compared => "compared",
                Effect::Idle => "idle",
            },
        })
    }
}

impl Problem {
    /// For programs.
    #[must_use]
    pub fn document(&self) -> serde_json::Value {
        json!({
            "level": self.level.as_str(),
            "code": self.code.as_str(),
            "variable": self.variable,
            "source": self.source.to_string(),
            "what": self.what,
            "mend": self.mend,
        })
    }
}

impl Settings {
    /// One line a variable in its group, and the problems at the end; without the final end of line.
    #[must_use]
    pub fn lines(&self) -> String {
        let width = |of: fn(&Setting) -> String| {
            self.all().iter().map(|setting| of(setting).chars().count()).max().unwrap_or(0)
        };
        let (names, values) = (width(|one| one.variable.name.to_owned()), width(Setting::shown));
        let mut text = String::new();
        let mut settings = self.all().iter();
        for group in self.table().groups {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{}", group.title);
            for setting in settings.by_ref().take(group.variables.len()) {
                let (name, note) = (setting.variable.name, setting.variable.effect.note());
                let note = if note.is_empty() { String::new() } else { format!("  ({note})") };
                let (shown, source) = (setting.shown(), &setting.source);
                let _ = writeln!(text, "  {name:<names$}  {shown:<values$}  {source}{note}");
            }
        }
        let ground = if self.is_development() {
            "in development, where what is unsafe is warned of"
        } else {
            "outside of development, where what is unsafe is refused"
        };
        if self.problems().is_empty() {
            let _ = write!(text, "no problems, {ground}");
            return text;
        }
        let _ = write!(text, "problems, {ground}:");
        for problem in self.problems() {
            let _ = write!(text, "\n  {}: {problem}", problem.level.as_str());
        }
        text
    }

    /// The same for programs.
    #[must_use]
    pub fn document(&self) -> serde_json::Value {
        json!({
            "development": self.is_development(),
            "variables": self.all().iter().map(Setting::document).collect::<Vec<_>>(),
            "problems": self.problems().iter().map(Problem::document).collect::<Vec<_>>(),
        })
    }

    /// The variables that are set and do nothing any more, for one line in a log.
    #[must_use]
    pub fn idle(&self) -> Vec<&'static str> {
        let is_idle = |one: &&Setting| one.source != Source::Default && one.variable.effect == Effect::Idle;
        self.all().iter().filter(is_idle).map(|one| one.variable.name).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::tests::TABLE;
    use crate::source::EnvFile;

    #[test]
    fn every_variable_is_shown_with_its_source_and_no_secret_is() {
        let file = "KEY=hush\nTIER=managed\nPORT=hello world\n";
        let file = EnvFile { name: "a.env", bytes: file.as_bytes(), is_open: false };
        let settings = TABLE.read([("CHECKING".into(), "no".into())], Some(&file), true);
        assert_eq!(
            settings.lines(),
            "One\n\
             \x20 PORT        8080                 default\n\
             \x20 CHECKING    false                environment\n\
             \x20 WAITING_MS  5000                 default\n\
             \x20 IS_WAITING  true                 default\n\
             Two\n\
             \x20 KEY         ***                  a.env:1\n\
             \x20 SERVER      https://a.example/b  default\n\
             \x20 TIER        managed              a.env:2  (does nothing any more)\n\
             \x20 NAME        (empty)              default  (compared, sets nothing)\n\
             \x20 LOG_PATH    /var/log/it          default\n\
             problems, in development, where what is unsafe is warned of:\n\
             \x20 error: PORT (a.env:3): the value has a blank in it and no quotes around it [BAD_LINE]; put the value \
             into single quotes\n\
             \x20 warning: CHECKING (environment): nothing would be checked [CHECKS_OFF]; leave it out"
        );
        assert_eq!(settings.idle(), ["TIER"]);
        let document = settings.document();
        let names: Vec<_> =
            document["variables"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names.len(), 9);
        assert_eq!(document["variables"][4]["value"], "***");
        assert_eq!(
            (&document["problems"][0]["code"], &document["problems"][0]["source"]),
            (&"BAD_LINE".into(), &"a.env:3".into())
        );
        assert!(!document.to_string().contains("hush"));
    }

    #[test]
    fn a_value_that_cannot_be_one_is_shown_as_it_was_given() {
        let settings = TABLE.read([("PORT".into(), "x".into()), ("KEY".into(), "".into())], None, false);
        let lines = settings.lines();
        assert!(lines.contains("PORT        \"x\""), "{lines}");
        assert!(lines.contains("KEY         (empty)"), "{lines}");
        let none = TABLE.read([], None, false).lines();
        assert!(
            none.ends_with("no problems, outside of development, where what is unsafe is refused"),
            "{none}"
        );
    }
}
