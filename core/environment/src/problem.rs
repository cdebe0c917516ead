//! What is wrong with the environment: where, what, and the mend.

use std::fmt;

/// Whether a program starts all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It does not.
    Error,
    /// It does, and says so.
    Warning,
}

impl Level {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
        }
    }
}

/// When something is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Everywhere.
    Wrong,
    /// Outside of development; in it, a warning.
    Unsafe,
    /// Nowhere.
    Remarkable,
}

impl Weight {
    pub(crate) const fn level(self, development: bool) -> Level {
        match self {
            Weight::Wrong => Level::Error,
            Weight::Unsafe if !development => Level::Error,
            Weight::Unsafe | Weight::Remarkable => Level::Warning,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $weight:ident;)+) => {
        /// What kind of problem. The text is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// As programs read it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$variant => $text,)+
                }
            }

            /// When it is an error.
            #[must_use]
            pub const fn weight(self) -> Weight {
                match self {
                    $(Code::$variant => Weight::$weight,)+
                }
            }
        }
    };
}

codes! {
    /// A line of the file that is none of its grammar.
    BadLine = "BAD_LINE", Wrong;
    /// A line of the file, or a value of the environment, that is no text.
    NotUtf8 = "NOT_UTF8", Wrong;
    /// A name that stands in the file twice.
    Duplicate = "DUPLICATE_NAME", Wrong;
    /// Neither true nor false.
    NotABoolean = "NOT_A_BOOLEAN", Wrong;
    /// No whole number.
    NotANumber = "NOT_A_NUMBER", Wrong;
    /// A number that is too small or too large.
    OutOfBounds = "OUT_OF_BOUNDS", Wrong;
    /// None of the words that are known.
    NotAChoice = "NOT_A_CHOICE", Wrong;
    /// A text that cannot be what it stands for.
    BadText = "BAD_TEXT", Wrong;
    /// No address of a server.
    BadUrl = "BAD_URL", Wrong;
    /// Nothing, where something has to be.
    Empty = "EMPTY", Wrong;
    /// What the old template says in the place of a value.
    TemplateText = "TEMPLATE_TEXT", Wrong;
    /// Values that cannot all be meant.
    Contradiction = "CONTRADICTION", Wrong;
    /// A key that opens everything or nothing.
    EmptyKey = "EMPTY_KEY", Unsafe;
    /// A password or key that stands in public files.
    KnownSecret = "KNOWN_SECRET", Unsafe;
    /// Whoever is on the way reads and changes what is sent.
    PlainHttp = "PLAIN_HTTP", Unsafe;
    /// Licences would not be looked at.
    ChecksOff = "CHECKS_OFF", Unsafe;
    /// Whoever asks would be let in.
    AuthenticationOff = "AUTHENTICATION_OFF", Unsafe;
    /// What is made up must not be taken for real.
    DevelopmentOnly = "DEVELOPMENT_ONLY", Unsafe;
    /// Something is asked for that does not happen.
    Ignored = "IGNORED", Remarkable;
    /// A name in the file that looks like one of ours.
    Misspelt = "MISSPELT_NAME", Remarkable;
    /// Others may read a file with secrets.
    FileMode = "FILE_MODE", Remarkable;
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said any.
    Default,
    /// The process's environment.
    Environment,
    /// A line of the `.env` file.
    Line {
        /// The file, as it was named.
        file: String,
        /// Which line, from 1.
        line: u32,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Environment => f.write_str("environment"),
            Source::Line { file, line } => write!(f, "{file}:{line}"),
        }
    }
}

/// One thing that is wrong. Holds nothing of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether a program starts all the same.
    pub level: Level,
    /// What kind of problem.
    pub code: Code,
    /// Which variable; `None` for a line that names none.
    pub variable: Option<String>,
    /// Where it was set.
    pub source: Source,
    /// What is wrong, and why that matters.
    pub what: String,
    /// What helps.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variable {
            Some(variable) => write!(f, "{variable} ({}): ", self.source)?,
            None => write!(f, "{}: ", self.source)?,
        }
        write!(f, "{} [{}]; {}", self.what, self.code.as_str(), self.mend)
    }
}

/// Every error of an environment that no program starts with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment cannot be taken as it is:\n{}{}", listed(.errors), counted(.errors.len()))]
pub struct Refusal {
    /// All of them, in the order of the table.
    pub errors: Vec<Problem>,
}

impl Refusal {
    /// How many, where they were listed before.
    #[must_use]
    pub fn brief(&self) -> String {
        format!("{}, named above", counted(self.errors.len()))
    }
}

fn listed(errors: &[Problem]) -> String {
    errors.iter().map(|error| format!("  {error}\n")).collect()
}

fn counted(errors: usize) -> String {
    if errors == 1 {
        "1 error in the environment".to_owned()
    } else {
        format!("{errors} errors in the environment")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(variable: Option<&str>, source: Source) -> Problem {
        Problem {
            level: Level::Error,
            code: Code::OutOfBounds,
            variable: variable.map(str::to_owned),
            source,
            what: "0 is out of bounds".to_owned(),
            mend: "write more".to_owned(),
        }
    }

    #[test]
    fn codes_are_stable_words_and_each_is_its_own() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(
            texts.iter().all(|text| text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b == b'8'))
        );
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
    }

    #[test]
    fn what_is_unsafe_is_an_error_outside_of_development_alone() {
        for (weight, inside, outside) in [
            (Weight::Wrong, Level::Error, Level::Error),
            (Weight::Unsafe, Level::Warning, Level::Error),
            (Weight::Remarkable, Level::Warning, Level::Warning),
        ] {
            assert_eq!((weight.level(true), weight.level(false)), (inside, outside), "{weight:?}");
        }
    }

    #[test]
    fn a_refusal_names_every_error_with_its_place_and_mend() {
        let line = Source::Line { file: "edge.env".to_owned(), line: 4 };
        let errors = vec![problem(Some("API_PORT"), Source::Environment), problem(None, line)];
        assert_eq!(
            Refusal { errors }.to_string(),
            "the environment cannot be taken as it is:\n\
             \x20 API_PORT (environment): 0 is out of bounds [OUT_OF_BOUNDS]; write more\n\
             \x20 edge.env:4: 0 is out of bounds [OUT_OF_BOUNDS]; write more\n\
             2 errors in the environment"
        );
    }
}
