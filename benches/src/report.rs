//! What was measured: goals, sheets beside them, curves for the plot, and what could not be had.

use std::fmt;
use std::fmt::Write as _;

/// A ratio or a figure that should be reached.
pub struct Goal {
    pub name: &'static str,
    pub wanted: Wanted,
    pub measured: f64,
    pub unit: &'static str,
}

/// Which way a goal points.
#[derive(Clone, Copy)]
pub enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::AtMost(limit) => write!(f, "<= {limit}"),
            Wanted::AtLeast(limit) => write!(f, ">= {limit}"),
        }
    }
}

impl Goal {
    pub fn is_met(&self) -> bool {
        match self.wanted {
            Wanted::AtMost(limit) => self.measured <= limit,
            Wanted::AtLeast(limit) => self.measured >= limit,
        }
    }

    fn cells(&self) -> Vec<String> {
        let wanted = format!("{}{}", self.wanted, self.unit);
        let digits = if self.measured >= 100.0 { 0 } else { 2 };
        let measured = format!("{:.digits$}{}", self.measured, self.unit);
        vec![self.name.to_owned(), wanted, measured, if self.is_met() { "met" } else { "MISSED" }.to_owned()]
    }
}

/// A table of one part. The first column names the row.
pub struct Sheet {
    pub title: String,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("**{}**\n\n| |", self.title);
        self.columns.iter().for_each(|column| text += &format!(" {column} |"));
        text += "\n|---|";
        self.columns.iter().for_each(|_| text += "---:|");
        for row in &self.rows {
            let _ = write!(text, "\n| {} |", row.join(" | "));
        }
        text + "\n"
    }
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        let head = std::iter::once("").chain(self.columns.iter().copied()).map(str::to_owned).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            for (at, cell) in row.iter().enumerate() {
                if at == 0 { write!(f, "{cell:<64}")? } else { write!(f, " {cell:>12}")? }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// One contender's time by table size.
pub struct Curve {
    pub name: &'static str,
    /// Cameras, nanoseconds.
    pub points: Vec<(f64, f64)>,
}

#[derive(Default)]
pub struct Report {
    pub goals: Vec<Goal>,
    pub sheets: Vec<Sheet>,
    pub curves: Vec<Curve>,
    missing: Vec<String>,
}

impl Report {
    /// Keeps a sheet and shows it at once.
    pub fn sheet(&mut self, sheet: Sheet) {
        println!("{sheet}");
        self.sheets.push(sheet);
    }

    /// A goal for a ratio.
    pub fn goal(&mut self, name: &'static str, wanted: Wanted, measured: f64) {
        self.figure(name, wanted, measured, "");
    }

    /// A goal for a figure with a unit.
    pub fn figure(&mut self, name: &'static str, wanted: Wanted, measured: f64, unit: &'static str) {
        self.goals.push(Goal { name, wanted, measured, unit });
    }

    /// Says at once, and again at the end, what could not be measured.
    pub fn missing(&mut self, what: String) {
        eprintln!("\n!!! NOT MEASURED: {what}\n");
        self.missing.push(what);
    }

    pub fn point(&mut self, name: &'static str, cameras: usize, nanos: f64) {
        let point = (cameras as f64, nanos);
        match self.curves.iter_mut().find(|curve| curve.name == name) {
            Some(curve) => curve.points.push(point),
            None => self.curves.push(Curve { name, points: vec![point] }),
        }
    }

    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    pub fn goals_sheet(&self) -> Sheet {
        let met = self.goals.iter().filter(|goal| goal.is_met()).count();
        let title = format!("Goals: {met} of {} met", self.goals.len());
        let mut sheet = Sheet::new(title, &["wanted", "measured", ""]);
        self.goals.iter().for_each(|goal| sheet.row(goal.cells()));
        sheet
    }

    pub fn summary(&self) -> String {
        let mut text = self.goals_sheet().to_string();
        for what in &self.missing {
            let _ = write!(text, "\n!!! NOT MEASURED: {what}");
        }
        text
    }
}

/// A length of time in the unit that suits it.
pub fn nanos(nanos: f64) -> String {
    match nanos {
        _ if nanos < 1e3 => format!("{nanos:.1} ns"),
        _ if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}

/// A ratio, with as many digits as it deserves.
pub fn ratio(ratio: f64) -> String {
    if ratio >= 100.0 { format!("{ratio:.0}") } else { format!("{ratio:.2}") }
}
