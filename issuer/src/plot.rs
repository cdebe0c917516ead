//! Plots for people, as SVG that needs neither script, font nor any other file. Pure: the same chart is the same bytes.
//!
//! A chart has panels under each other, each with one row of points in the order in which they are given. Of more points than
//! a panel is wide for, neighbours are drawn as one: bars as their sum and steps as their highest, and the panel says so.
//! Whoever rests the pointer on one reads its name and its exact value. Texts may be anybody's: none breaks out of its place.

mod scale;
mod text;

use crate::amount::Amount;
use scale::Scale;
use std::fmt::Write as _;
use text::{escaped, shortened, wrapped};

const WIDTH: f64 = 960.0;
/// Room for the numbers of the upright axis.
const LEFT: f64 = 110.0;
const RIGHT: f64 = 930.0;
const PLOT_HEIGHT: f64 = 150.0;
/// Name and unit above a panel.
const HEADING_HEIGHT: f64 = 48.0;
/// Names of points and of the axis below it, and air.
const FOOT_HEIGHT: f64 = 58.0;
const LINE_HEIGHT: f64 = 18.0;
/// Points of one panel, two pixels wide at least: some tens of kilobytes.
const POINTS_MAX: usize = 400;
/// A line of text across the chart.
const LINE_CHARS_MAX: usize = 125;
/// A name below an axis; the whole of it is shown with its point.
const LABEL_CHARS_MAX: usize = 25;
/// What one letter takes, rather too much.
const LETTER_WIDTH: f64 = 7.2;
/// Told apart by people who see few colours, on white (Okabe and Ito).
const DRAWN: &str = "#0072B2";
const BELOW_ZERO: &str = "#D55E00";
const SHADED: &str = "#BBBBBB";

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// Its first line.
    pub title: String,
    /// Lines below the title: whose, from when to when, in which zone.
    pub lines: Vec<String>,
    /// From top to bottom.
    pub panels: Vec<Panel>,
    /// Lines below all of them: what has to be known to read it.
    pub notes: Vec<String>,
}

/// How points are drawn, and how several become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Amounts, which add up.
    Bars,
    /// Levels, of which the highest counts.
    Steps,
}

/// One row of points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Of what.
    pub name: String,
    /// In what it is counted: the upright axis.
    pub unit: String,
    /// What the points are: the other axis.
    pub across: String,
    /// What they come to, in words.
    pub sum: String,
    /// How they are drawn.
    pub shape: Shape,
    /// What is shaded, in words; empty where nothing is.
    pub shaded: String,
    /// From left to right.
    pub points: Vec<Point>,
}

/// One point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name, such as a date.
    pub label: String,
    /// How much.
    pub value: Amount,
    /// How much of it is shaded, for example because it is free.
    pub shaded: Amount,
}

impl Chart {
    /// The whole document.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut body = String::new();
        let mut y = 34.0;
        for (nth, line) in wrapped(&self.title, LINE_CHARS_MAX).iter().enumerate() {
            y += if nth > 0 { LINE_HEIGHT } else { 0.0 };
            write(&mut body, (20.0, y), " font-size=\"17\"", line);
        }
        y = lines(&mut body, y, &self.lines);
        for panel in &self.panels {
            y += panel.draw(&mut body, y);
        }
        y = lines(&mut body, y + LINE_HEIGHT / 2.0, &self.notes) + LINE_HEIGHT;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y:.0}\" width=\"{WIDTH}\" height=\"{y:.0}\" \
             role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n<title>{}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{y:.0}\" fill=\"white\"/>\n{body}</svg>\n",
            escaped(&self.title)
        )
    }
}

/// Lines under each other, long ones cut into several; answers where the last one stands.
fn lines(body: &mut String, from: f64, lines: &[String]) -> f64 {
    let mut y = from;
    for line in lines.iter().flat_map(|line| wrapped(line, LINE_CHARS_MAX)) {
        y += LINE_HEIGHT;
        write(body, (20.0, y), "", &line);
    }
    y
}

/// One line of text. What `more` says is ours.
fn write(body: &mut String, (x, y): (f64, f64), more: &str, line: &str) {
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\"{more}>{}</text>", escaped(line));
}

impl Panel {
    /// Answers how high it is.
    fn draw(&self, body: &mut String, above: f64) -> f64 {
        let (together, points) = self.thinned();
        let all = points.iter().flat_map(|point| [point.value, point.shaded]);
        let (top, bottom) = (above + HEADING_HEIGHT, above + HEADING_HEIGHT + PLOT_HEIGHT);
        let up = Scale::around(all, (bottom, top));
        self.heading(body, top);
        grid(body, &up);
        if !self.shaded.is_empty() {
            shade(body, &points, &up);
        }
        match self.shape {
            Shape::Bars => bars(body, &points, &up),
            Shape::Steps => steps(body, &points, &up),
        }
        let y = up.place(Amount::ZERO);
        let _ = writeln!(body, "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"black\"/>");
        let firsts = self.points.iter().step_by(together).map(|first| first.label.as_str());
        names(body, &firsts.collect::<Vec<_>>(), bottom);
        self.foot(body, bottom, (together, points.len()));
        HEADING_HEIGHT + PLOT_HEIGHT + FOOT_HEIGHT
    }

    fn heading(&self, body: &mut String, top: f64) {
        let name = shortened(&self.name, LINE_CHARS_MAX / 2);
        write(body, (LEFT, top - 22.0), " font-weight=\"bold\"", &name);
        write(body, (RIGHT, top - 22.0), " text-anchor=\"end\"", &shortened(&self.sum, LINE_CHARS_MAX / 2));
        write(body, (LEFT, top - 7.0), "", &shortened(&self.unit, LINE_CHARS_MAX / 2));
        if !self.shaded.is_empty() {
            let shaded = format!("shaded: {}", shortened(&self.shaded, LINE_CHARS_MAX / 2));
            write(body, (RIGHT, top - 7.0), " text-anchor=\"end\"", &shaded);
        }
    }

    /// What the axis across is, and how many points were drawn as one.
    fn foot(&self, body: &mut String, bottom: f64, (together, drawn): (usize, usize)) {
        let how = match self.shape {
            Shape::Bars => "bars, the sum of",
            Shape::Steps => "steps, the highest of",
        };
        let count = self.points.len();
        let across = shortened(&self.across, LINE_CHARS_MAX / 2);
        let text = match together {
            ..=1 => across,
            _ => format!("{across}: {count} of them drawn as {drawn} {how} {together} each"),
        };
        let middle = f64::midpoint(LEFT, RIGHT);
        write(body, (middle, bottom + 36.0), " text-anchor=\"middle\"", &text);
    }

    /// How many became one, and what is drawn.
    fn thinned(&self) -> (usize, Vec<Point>) {
        let together = self.points.len().div_ceil(POINTS_MAX).max(1);
        (together, self.points.chunks(together).filter_map(|several| self.one_of(several)).collect())
    }

    fn one_of(&self, several: &[Point]) -> Option<Point> {
        let (first, last) = (several.first()?, several.last()?);
        let label = if several.len() == 1 {
            first.label.clone()
        } else {
            format!("{} to {}", first.label, last.label)
        };
        let fold = |of: fn(&Point) -> Amount| {
            let values = several.iter().map(of);
            match self.shape {
                Shape::Bars => values.fold(Amount::ZERO, Amount::saturating_plus),
                Shape::Steps => values.max().unwrap_or_default(),
            }
        };
        Some(Point { label, value: fold(|point| point.value), shaded: fold(|point| point.shaded) })
    }
}

/// Where a point begins and ends, of so many.
fn span(nth: usize, count: usize) -> (f64, f64) {
    let at = |nth: usize| LEFT + (RIGHT - LEFT) * nth as f64 / count.max(1) as f64;
    (at(nth), at(nth + 1))
}

fn grid(body: &mut String, up: &Scale) {
    for (y, label) in up.marks() {
        let _ = writeln!(body, "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#ddd\"/>");
        write(body, (LEFT - 8.0, y + 4.0), " text-anchor=\"end\"", &label);
    }
}

/// A box from zero to a value; upside down below zero.
fn upright(up: &Scale, value: Amount) -> (f64, f64) {
    let (zero, at) = (up.place(Amount::ZERO), up.place(value));
    (zero.min(at), (zero - at).abs())
}

fn shade(body: &mut String, points: &[Point], up: &Scale) {
    for (nth, point) in points.iter().enumerate().filter(|(_, point)| point.shaded != Amount::ZERO) {
        let ((from, to), (y, height)) = (span(nth, points.len()), upright(up, point.shaded));
        let _ = writeln!(
            body,
            "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{SHADED}\"/>",
            to - from
        );
    }
}

fn bars(body: &mut String, points: &[Point], up: &Scale) {
    for (nth, point) in points.iter().enumerate() {
        let ((from, to), (y, height)) = (span(nth, points.len()), upright(up, point.value));
        let colour = if point.value < Amount::ZERO { BELOW_ZERO } else { DRAWN };
        // Air between bars, but never all of a bar, and not below a hundredth of the chart for a single one.
        let width = ((to - from) * 0.8).min(80.0);
        let x = f64::midpoint(from, to) - width / 2.0;
        let _ = writeln!(
            body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\" \
             fill-opacity=\"0.85\"><title>{}</title></rect>",
            said(point)
        );
    }
}

fn steps(body: &mut String, points: &[Point], up: &Scale) {
    let mut path = String::new();
    for (nth, point) in points.iter().enumerate() {
        let ((from, to), y) = (span(nth, points.len()), up.place(point.value));
        let _ = if nth == 0 { write!(path, "M{from:.1} {y:.1}") } else { write!(path, "V{y:.1}") };
        let _ = write!(path, "H{to:.1}");
    }
    if !path.is_empty() {
        let _ = writeln!(body, "<path d=\"{path}\" fill=\"none\" stroke=\"{DRAWN}\" stroke-width=\"2\"/>");
    }
    // What is pointed at.
    let (top, height) = (up.top(), PLOT_HEIGHT);
    for (nth, point) in points.iter().enumerate() {
        let (from, to) = span(nth, points.len());
        let _ = writeln!(
            body,
            "<rect x=\"{from:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height}\" fill-opacity=\"0\">\
             <title>{}</title></rect>",
            to - from,
            said(point)
        );
    }
}

/// Name and exact value, of which how much is shaded.
fn said(point: &Point) -> String {
    let shaded = match point.shaded {
        Amount::ZERO => String::new(),
        shaded => format!(" (shaded {shaded})"),
    };
    format!("{}: {}{shaded}", escaped(&point.label), point.value)
}

/// As many of these names as have room beside each other.
fn names(body: &mut String, names: &[&str], bottom: f64) {
    let short: Vec<_> = names.iter().map(|name| shortened(name, LABEL_CHARS_MAX)).collect();
    let letters = short.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(LABEL_CHARS_MAX);
    let room = (RIGHT - LEFT) / (letters as f64 * LETTER_WIDTH + 14.0);
    let every = short.len().div_ceil((room as usize).max(1)).max(1);
    for (nth, name) in short.iter().enumerate().step_by(every) {
        let (from, to) = span(nth, short.len());
        let x = f64::midpoint(from, to);
        let _ = writeln!(body, "<path d=\"M{x:.1} {bottom:.1}v4\" stroke=\"black\"/>");
        write(body, (x, bottom + 17.0), " text-anchor=\"middle\"", name);
    }
}

#[cfg(test)]
mod tests;
