//! Which variables a program has, and what is remarkable about which value.

use crate::problem::Code;
use crate::settings::Settings;
use crate::value::{Value, with_unit};

/// The variables of one program.
#[derive(Debug)]
pub struct Table {
    /// The program.
    pub program: &'static str,
    /// In the order in which they are shown.
    pub groups: &'static [Group],
    /// What several of them must not say at once.
    pub rules: &'static [Rule],
}

/// Variables that belong together.
#[derive(Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// In the order in which they are shown.
    pub variables: &'static [Variable],
}

/// One variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The value where nobody says any, as text.
    pub default: &'static str,
    /// What it does, or why it does nothing any more. A sentence or two.
    pub meaning: &'static str,
    /// Whether it does anything.
    pub effect: Effect,
    /// Values to be careful about, where they are set.
    pub remarks: &'static [Remark],
}

/// What a variable holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A whole number.
    Whole(Bounds),
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// A text that is not empty and of which this does not say what is wrong with it.
    Text(fn(&str) -> Result<(), String>),
    /// A text that is never shown. It may be empty.
    Secret,
    /// An `http` or `https` address.
    Url,
}

/// Between which numbers, both included.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
    /// `ms`, `MB`; empty for none.
    pub unit: &'static str,
    /// Why, where that is not plain; else empty.
    pub why: &'static str,
}

/// What a variable does in this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What its meaning says.
    Counts,
    /// It is held against what is known from elsewhere, and sets nothing.
    Compared,
    /// Nothing any more.
    Idle,
}

impl Effect {
    /// For those who look at the value.
    #[must_use]
    pub const fn note(self) -> &'static str {
        match self {
            Effect::Counts => "",
            Effect::Compared => "compared, sets nothing",
            Effect::Idle => "does nothing any more",
        }
    }
}

/// A value to be careful about. Its code says whether it is an error.
#[derive(Clone, Copy, Debug)]
pub struct Remark {
    /// Which value.
    pub when: When,
    /// What kind of problem.
    pub code: Code,
    /// What it would do.
    pub why: &'static str,
    /// What helps.
    pub mend: &'static str,
}

/// Which value a remark is about, of a variable that is set.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Any.
    Set,
    /// None.
    Empty,
    /// One of these texts.
    Among(&'static [&'static str]),
    /// One of these texts of the old product's own files, which the guide does not repeat.
    Published(&'static [&'static str]),
    /// True.
    True,
    /// False.
    False,
    /// Plain HTTP to another machine.
    Exposed,
}

impl When {
    pub(crate) fn holds(self, value: &Value) -> bool {
        let text = match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Secret(secret) => Some(secret.reveal()),
            Value::Boolean(_) | Value::Whole(_) | Value::Choice(_) | Value::Address(_) => None,
        };
        match self {
            When::Set => true,
            When::Empty => text == Some(""),
            When::Among(texts) | When::Published(texts) => text.is_some_and(|text| texts.contains(&text)),
            When::True => *value == Value::Boolean(true),
            When::False => *value == Value::Boolean(false),
            When::Exposed => matches!(value, Value::Address(address) if address.is_exposed()),
        }
    }

    /// For the guide.
    pub(crate) fn told(self) -> String {
        match self {
            When::Set => "any value".to_owned(),
            When::Empty => "an empty value".to_owned(),
            When::Among(texts) => texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", "),
            When::Published(_) => "what the old product's own files say".to_owned(),
            When::True => "`true`".to_owned(),
            When::False => "`false`".to_owned(),
            When::Exposed => "`http://` to another machine".to_owned(),
        }
    }
}

/// What several variables must not say at once. `None` where they do not.
pub type Rule = fn(&Settings) -> Option<Clash>;

/// A contradiction, told of the variable that is best changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Which.
    pub variable: &'static str,
    /// What kind of problem.
    pub code: Code,
    /// What contradicts what.
    pub what: String,
    /// What helps.
    pub mend: String,
}

impl Table {
    /// Every variable, in order.
    pub fn variables(&self) -> impl Iterator<Item = &'static Variable> {
        self.groups.iter().flat_map(|group| group.variables)
    }
}

impl Kind {
    /// For the template and the guide: what may be written.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Kind::Boolean => "true or false".to_owned(),
            Kind::Whole(bounds) => format!("{} to {}", bounds.min, with_unit(bounds.max, bounds.unit)),
            Kind::Choice(words) => words.join(", "),
            Kind::Text(_) => "text".to_owned(),
            Kind::Secret => "secret".to_owned(),
            Kind::Url => "address".to_owned(),
        }
    }
}

impl Variable {
    const fn new(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Self {
        Self { name, kind, default, meaning, effect: Effect::Counts, remarks: &[] }
    }

    /// True or false.
    #[must_use]
    pub const fn boolean(name: &'static str, default: bool, meaning: &'static str) -> Self {
        Self::new(name, Kind::Boolean, if default { "true" } else { "false" }, meaning)
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(
        name: &'static str,
        default: &'static str,
        bounds: Bounds,
        meaning: &'static str,
    ) -> Self {
        Self::new(name, Kind::Whole(bounds), default, meaning)
    }

    /// One of the words of `kind`, or a text that it judges, or an address.
    #[must_use]
    pub const fn of(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Self {
        Self::new(name, kind, default, meaning)
    }

    /// A text that is never shown. It has no default: one that stands in a program is no secret.
    #[must_use]
    pub const fn secret(name: &'static str, meaning: &'static str) -> Self {
        Self::new(name, Kind::Secret, "", meaning)
    }

    /// The same, doing nothing any more.
    #[must_use]
    pub const fn idle(self) -> Self {
        Self { effect: Effect::Idle, ..self }
    }

    /// The same, held against what is known from elsewhere.
    #[must_use]
    pub const fn compared(self) -> Self {
        Self { effect: Effect::Compared, ..self }
    }

    /// The same with values to be careful about.
    #[must_use]
    pub const fn remarks(self, remarks: &'static [Remark]) -> Self {
        Self { remarks, ..self }
    }

    /// Whether it is never shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret)
    }
}

impl Bounds {
    /// Numbers of a unit; empty for none.
    #[must_use]
    pub const fn new(min: u64, max: u64, unit: &'static str) -> Self {
        Self { min, max, unit, why: "" }
    }

    /// The same with the reason.
    #[must_use]
    pub const fn since(self, why: &'static str) -> Self {
        Self { why, ..self }
    }
}
