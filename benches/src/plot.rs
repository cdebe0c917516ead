//! The plot: nanoseconds by cameras, both axes logarithmic, as an SVG that needs neither script nor font.

use crate::report::Curve;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 600.0;
const LEFT: f64 = 80.0;
const TOP: f64 = 60.0;
/// Where the plot ends and the names begin.
const RIGHT: f64 = 640.0;
const BOTTOM: f64 = 540.0;
/// Names stand at least so far apart.
const NAME_HEIGHT: f64 = 17.0;
/// Told apart by people who see few colours, on white (Okabe and Ito).
const COLOURS: [&str; 8] =
    ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F"];

/// Whole decades around all values, and a position for each value.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn around(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
        let high = values.fold(0.0, f64::max).log10().ceil().max(low + 1.0);
        Self { low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value.log10() - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn decades(&self) -> impl Iterator<Item = f64> + use<> {
        (self.low as i32..=self.high as i32).map(|exponent| 10_f64.powi(exponent))
    }
}

pub fn svg(curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| curve.points.iter());
    let across = Axis::around(points().map(|point| point.0), LEFT, RIGHT);
    let up = Axis::around(points().map(|point| point.1), BOTTOM, TOP);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"32\" font-size=\"17\">One decision by one thread, median, by the number of cameras</text>\n"
    );
    grid(&mut text, &across, &up);
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        line(&mut text, curve, colour, is_ours(curve), (&across, &up));
    }
    names(&mut text, curves, &up);
    text + "</svg>\n"
}

fn is_ours(curve: &Curve) -> bool {
    curve.name.starts_with("Brink")
}

fn grid(text: &mut String, across: &Axis, up: &Axis) {
    for value in across.decades() {
        let x = across.place(value);
        let _ = writeln!(text, "<path d=\"M{x:.1} {TOP}V{BOTTOM}\" stroke=\"#ddd\"/>");
        let label = cameras(value);
        let _ = writeln!(
            text,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            BOTTOM + 20.0
        );
    }
    for value in up.decades() {
        let y = up.place(value);
        let _ = writeln!(text, "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#ddd\"/>");
        let label = time(value);
        let (x, y) = (LEFT - 8.0, y + 4.0);
        let _ = writeln!(text, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>");
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    let _ =
        writeln!(text, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">cameras</text>", BOTTOM + 42.0);
}

fn cameras(value: f64) -> String {
    if value >= 1e6 { format!("{:.0} million", value / 1e6) } else { format!("{value:.0}") }
}

fn time(nanos: f64) -> String {
    if nanos >= 1e6 {
        format!("{:.0} ms", nanos / 1e6)
    } else if nanos >= 1e3 {
        format!("{:.0} µs", nanos / 1e3)
    } else {
        format!("{nanos:.0} ns")
    }
}

fn line(text: &mut String, curve: &Curve, colour: &str, bold: bool, (across, up): (&Axis, &Axis)) {
    let at: Vec<String> = curve
        .points
        .iter()
        .map(|(cameras, nanos)| format!("{:.1},{:.1}", across.place(*cameras), up.place(*nanos)))
        .collect();
    let width = if bold { 3.5 } else { 1.8 };
    let dashes = if curve.name.starts_with("floor") { " stroke-dasharray=\"6 4\"" } else { "" };
    let _ = writeln!(
        text,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{dashes}/>",
        at.join(" ")
    );
    for point in &at {
        let (x, y) = point.split_once(',').unwrap_or_default();
        let _ = writeln!(text, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{width}\" fill=\"{colour}\"/>");
    }
}

/// Names beside the ends of their lines, moved apart where they would cover each other.
fn names(text: &mut String, curves: &[Curve], up: &Axis) {
    let end = |curve: &Curve| curve.points.last().map_or(BOTTOM, |point| up.place(point.1));
    let mut ends: Vec<(f64, &Curve, &str)> = curves
        .iter()
        .zip(COLOURS.iter().cycle())
        .map(|(curve, colour)| (end(curve), curve, *colour))
        .collect();
    ends.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut lowest = BOTTOM + NAME_HEIGHT;
    for (y, curve, colour) in ends {
        let at = y.min(lowest - NAME_HEIGHT);
        lowest = at;
        let last = curve.points.last().map_or(String::new(), |point| crate::report::nanos(point.1));
        let weight = if is_ours(curve) { " font-weight=\"bold\"" } else { "" };
        let (near, far, base) = (RIGHT + 4.0, RIGHT + 18.0, at + 4.0);
        let _ = writeln!(text, "<path d=\"M{near} {y:.1}L{far} {at:.1}\" stroke=\"{colour}\"/>");
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{base:.1}\" fill=\"{colour}\"{weight}>{} ({last})</text>",
            far + 4.0,
            curve.name.split(", held").next().unwrap_or_default()
        );
    }
}
