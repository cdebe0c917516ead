//! Every variable with its value, judged all together.

use crate::address::Address;
use crate::problem::{Code, Level, Problem, Refusal, Source};
use crate::source::{EnvFile, Found};
use crate::table::{Clash, Table, Variable};
use crate::value::{Flaw, Secret, Value, shown};
use std::ffi::OsString;

/// One variable as it is in effect.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Which.
    pub variable: &'static Variable,
    /// Its value; the default where what was given cannot be one.
    pub value: Value,
    /// Where it was given.
    pub source: Source,
    /// What was given and cannot be a value, as it may be shown.
    pub refused: Option<String>,
}

/// A value, and whether somebody said it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given<T> {
    /// What counts.
    pub value: T,
    /// Whether it was given, in the environment or the file.
    pub is_set: bool,
}

impl<T> Given<T> {
    /// The value where somebody said it, and not the default.
    #[must_use]
    pub fn set(&self) -> Option<&T> {
        self.is_set.then_some(&self.value)
    }

    /// The same of what it comes to.
    #[must_use]
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Given<U> {
        Given { value: of(self.value), is_set: self.is_set }
    }
}

/// Every variable of a table, and what is wrong.
#[derive(Clone, Debug)]
pub struct Settings {
    table: &'static Table,
    all: Vec<Setting>,
    problems: Vec<Problem>,
    development: bool,
}

impl Table {
    /// Reads and judges everything: the environment goes before the file, and both before the defaults. Only what is set
    /// can be wrong.
    pub fn read(
        &'static self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<&EnvFile<'_>>,
        development: bool,
    ) -> Settings {
        let mut found = Found::new(self, environment, file, development);
        let mut settings = Settings { table: self, all: Vec::new(), problems: Vec::new(), development };
        settings.problems.append(&mut found.problems);
        for variable in self.variables() {
            let setting = settings.judged(variable, &mut found);
            settings.all.push(setting);
        }
        for rule in self.rules {
            if let Some(clash) = rule(&settings) {
                settings.add(clash);
            }
        }
        settings
    }
}

impl Settings {
    fn judged(&mut self, variable: &'static Variable, found: &mut Found) -> Setting {
        let setting = |value, source, refused| Setting { variable, value, source, refused };
        let default = variable.kind.read_default(variable.default);
        let (source, text) = match (found.take(variable), default) {
            (Some(given), _) => given,
            (None, Ok(value)) => return setting(value, Source::Default, None),
            // Not for those who run the program: the table's own test.
            (None, Err(flaw)) => {
                self.flawed(variable.name, &Source::Default, flaw);
                return setting(Value::Text(String::new()), Source::Default, None);
            }
        };
        let read = text.map_err(|text| not_text(variable, &text)).and_then(|text| {
            let refused = if variable.is_secret() { "***".to_owned() } else { shown(&Address::shown(&text)) };
            variable.kind.read(&text).map_err(|flaw| (flaw, refused))
        });
        match read {
            Ok(value) => {
                for remark in variable.remarks.iter().filter(|remark| remark.when.holds(&value)) {
                    let (what, mend) = (remark.why.to_owned(), remark.mend.to_owned());
                    self.flawed(variable.name, &source, Flaw { code: remark.code, what, mend });
                }
                setting(value, source, None)
            }
            Err((flaw, refused)) => {
                self.flawed(variable.name, &source, flaw);
                let value = variable.kind.read_default(variable.default).unwrap_or(Value::Boolean(false));
                setting(value, source, Some(refused))
            }
        }
    }

    fn flawed(&mut self, variable: &str, source: &Source, flaw: Flaw) {
        self.problems.push(Problem {
            level: flaw.code.weight().level(self.development),
            code: flaw.code,
            variable: Some(variable.to_owned()),
            source: source.clone(),
            what: flaw.what,
            mend: flaw.mend,
        });
    }

    /// Adds a contradiction with what the program knows from elsewhere.
    pub fn add(&mut self, clash: Clash) {
        let Clash { variable, code, what, mend } = clash;
        let source = self.find(variable).map_or(Source::Default, |setting| setting.source.clone());
        self.flawed(variable, &source, Flaw { code, what, mend });
    }

    /// The table that was read.
    #[must_use]
    pub const fn table(&self) -> &'static Table {
        self.table
    }

    /// Every variable, in the order of the table.
    #[must_use]
    pub fn all(&self) -> &[Setting] {
        &self.all
    }

    /// What is wrong: lines of the file first, then variables in the order of the table, then contradictions.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether unsafe values were let pass with a warning.
    #[must_use]
    pub const fn is_development(&self) -> bool {
        self.development
    }

    /// The warnings, with which a program starts.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.level == Level::Warning)
    }

    /// Every error at once, if there is one.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let errors = self.problems.iter().filter(|problem| problem.level == Level::Error);
        let errors: Vec<_> = errors.cloned().collect();
        (!errors.is_empty()).then_some(Refusal { errors })
    }

    fn find(&self, name: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.variable.name == name)
    }

    /// A value that `pick` takes out. The table's test finds a name or a kind that is not the table's.
    fn given<T: Default>(&self, name: &str, pick: impl FnOnce(&Value) -> Option<T>) -> Given<T> {
        let Some(setting) = self.find(name) else { return Given::default() };
        let is_set = setting.source != Source::Default;
        Given { value: pick(&setting.value).unwrap_or_default(), is_set }
    }

    /// Whether somebody gave the variable a value.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.find(name).is_some_and(|setting| setting.source != Source::Default)
    }

    /// A boolean.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Given<bool> {
        self.given(name, |value| if let Value::Boolean(value) = value { Some(*value) } else { None })
    }

    /// A whole number of a type that its bounds fit into.
    #[must_use]
    pub fn number<T: TryFrom<u64> + Default>(&self, name: &str) -> Given<T> {
        self.given(
            name,
            |value| if let Value::Whole(value) = value { T::try_from(*value).ok() } else { None },
        )
    }

    /// A word, spelt as in the table.
    #[must_use]
    pub fn choice(&self, name: &str) -> Given<&'static str> {
        self.given(name, |value| if let Value::Choice(word) = value { Some(*word) } else { None })
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Given<String> {
        self.given(name, |value| if let Value::Text(text) = value { Some(text.clone()) } else { None })
    }

    /// A secret.
    #[must_use]
    pub fn secret(&self, name: &str) -> Given<Secret> {
        self.given(name, |value| if let Value::Secret(secret) = value { Some(secret.clone()) } else { None })
    }

    /// An address.
    #[must_use]
    pub fn address(&self, name: &str) -> Given<Address> {
        self.given(
            name,
            |value| if let Value::Address(address) = value { Some(address.clone()) } else { None },
        )
    }
}

fn not_text(variable: &Variable, given: &OsString) -> (Flaw, String) {
    let flaw = Flaw {
        code: Code::NotUtf8,
        what: "its value is no UTF-8".to_owned(),
        mend: "write it in UTF-8, or leave the variable out".to_owned(),
    };
    let shown = if variable.is_secret() { "***".to_owned() } else { shown(&given.to_string_lossy()) };
    (flaw, shown)
}

#[cfg(test)]
pub(crate) mod tests;
