//! From where which variable has its text: the process's environment goes before the file.

use crate::dotenv::{self, Entry};
use crate::near;
use crate::problem::{Code, Problem, Source};
use crate::table::{Table, Variable};
use std::collections::HashMap;
use std::ffi::OsString;

/// A `.env` file.
#[derive(Clone, Copy, Debug)]
pub struct EnvFile<'a> {
    /// As it is named in what is said of it.
    pub name: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Whether others may read it.
    pub is_open: bool,
}

impl EnvFile<'_> {
    /// Most bytes that one has; the largest template has about ten thousand.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// Whether others than the owner may read a file of that Unix mode.
    #[must_use]
    pub const fn is_open_by(mode: u32) -> bool {
        mode & 0o044 != 0
    }
}

/// What a variable was given; an `Err` is no text.
pub(crate) type Given = (Source, Result<String, OsString>);

/// What was found, before any of it is judged.
pub(crate) struct Found {
    given: HashMap<&'static str, Given>,
    pub(crate) problems: Vec<Problem>,
}

impl Found {
    pub(crate) fn new(
        table: &Table,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<&EnvFile<'_>>,
        development: bool,
    ) -> Self {
        let mut found = Self { given: HashMap::new(), problems: Vec::new() };
        if let Some(file) = file {
            found.take_file(table, file, development);
        }
        let names: HashMap<_, _> = table.variables().map(|one| (one.name, one)).collect();
        for (name, value) in environment {
            let Some(variable) = name.to_str().and_then(|name| names.get(name)) else { continue };
            found.given.insert(variable.name, (Source::Environment, value.into_string()));
        }
        found
    }

    /// What the variable was given, once.
    pub(crate) fn take(&mut self, variable: &Variable) -> Option<Given> {
        self.given.remove(variable.name)
    }

    fn take_file(&mut self, table: &Table, file: &EnvFile<'_>, development: bool) {
        let (entries, bad_lines) = dotenv::entries(file.bytes);
        let at = |line| Source::Line { file: file.name.to_owned(), line };
        let problem = |code: Code, (variable, line), (what, mend): (String, String)| Problem {
            level: code.weight().level(development),
            code,
            variable,
            source: at(line),
            what,
            mend,
        };
        self.problems.extend(
            bad_lines.into_iter().map(|bad| {
                problem(bad.code, (bad.name, bad.line), (bad.what.to_owned(), bad.mend.to_owned()))
            }),
        );
        let mut first_lines = HashMap::new();
        for Entry { name, value, line } in entries {
            if let Some(first) = first_lines.get(&name) {
                let what =
                    format!("it stands in line {first} already, and readers differ in which of both counts");
                let said = (what, "keep one of the lines".to_owned());
                self.problems.push(problem(Code::Duplicate, (Some(name), line), said));
                continue;
            }
            if let Some(variable) = table.variables().find(|one| one.name == name) {
                if variable.is_secret() && file.is_open && !value.is_empty() {
                    let what = "it is a secret, and others may read the file".to_owned();
                    let said = (what, format!("chmod 600 {}", file.name));
                    self.problems.push(problem(Code::FileMode, (Some(name.clone()), line), said));
                }
                self.given.insert(variable.name, (at(line), Ok(value)));
            } else if let Some(near) = near::nearest(table, &name) {
                let what = format!("{} knows no such variable, and it looks like {near}", table.program);
                let said = (what, format!("write {near}, or leave it if it is another program's"));
                self.problems.push(problem(Code::Misspelt, (Some(name.clone()), line), said));
            }
            first_lines.insert(name, line);
        }
        // Bad lines were found first, and people read a file from its beginning.
        self.problems.sort_by_key(|problem| match problem.source {
            Source::Line { line, .. } => line,
            Source::Default | Source::Environment => 0,
        });
    }
}
