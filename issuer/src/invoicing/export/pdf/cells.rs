//! Text in a column: cleaned, broken into lines, made smaller where it is a number that must not break.

use super::face::{Fonts, Weight};
use crate::invoicing::export::one_line;

/// The smallest that still prints: a number that does not fit so is broken after all.
const SIZE_MIN: f32 = 5.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    pub(super) weight: Weight,
    /// In points.
    pub(super) size: f32,
    /// From 0, black, to 1, white.
    pub(super) grey: f32,
}

impl Style {
    pub(super) const TITLE: Self = Self::new(Weight::Bold, 20.0, 0.0);
    pub(super) const BODY: Self = Self::new(Weight::Regular, 9.0, 0.0);
    pub(super) const STRONG: Self = Self::new(Weight::Bold, 9.0, 0.0);
    pub(super) const SMALL: Self = Self::new(Weight::Regular, 7.5, 0.35);
    pub(super) const HEAD: Self = Self::new(Weight::Bold, 8.0, 0.0);
    pub(super) const TABLE: Self = Self::new(Weight::Regular, 8.5, 0.0);

    const fn new(weight: Weight, size: f32, grey: f32) -> Self {
        Self { weight, size, grey }
    }
}

/// Where text stands: at the left end of its space, or at the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// The space of a cell, in points from the left edge of the paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) x: f32,
    pub(super) width: f32,
    pub(super) side: Side,
}

impl Column {
    pub(super) const fn left(x: f32, width: f32) -> Self {
        Self { x, width, side: Side::Left }
    }

    pub(super) const fn right(x: f32, width: f32) -> Self {
        Self { x, width, side: Side::Right }
    }
}

/// Lines that stand below each other.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) column: Column,
    pub(super) lines: Vec<(String, Style)>,
}

impl Cell {
    pub(super) const fn new(column: Column) -> Self {
        Self { column, lines: Vec::new() }
    }

    /// With a text more, on as many lines as it takes.
    pub(super) fn with(mut self, fonts: &Fonts, style: Style, text: &str) -> Self {
        let lines = wrapped(fonts, style, &clean(text), self.column.width);
        self.lines.extend(lines.into_iter().map(|line| (line, style)));
        self
    }

    /// With a text that is one word, such as a number: smaller rather than on two lines.
    pub(super) fn with_one(self, fonts: &Fonts, style: Style, text: &str) -> Self {
        let width = fonts.of(style.weight).width(&clean(text), style.size);
        // Down to the tenth, so that a rounding does not push it out again.
        let fitting = (style.size * self.column.width / width * 10.0).floor() / 10.0;
        let size = if width > self.column.width { fitting.max(SIZE_MIN) } else { style.size };
        self.with(fonts, Style { size, ..style }, text)
    }
}

/// What can be printed on one line. Characters that have no shape, of which some turn what follows them round, are left out.
pub(super) fn clean(text: &str) -> String {
    let shapeless = |c: char| matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    // No character at all, now or ever; PDF/A refuses some of them.
    let none = |c: char| matches!(c, '\u{FDD0}'..='\u{FDEF}') || u32::from(c) & 0xFFFE == 0xFFFE;
    one_line(&text.chars().filter(|c| !shapeless(*c) && !none(*c)).collect::<String>())
}

fn wrapped(fonts: &Fonts, style: Style, text: &str, width: f32) -> Vec<String> {
    let face = fonts.of(style.weight);
    let fits = |text: &str| face.width(text, style.size) <= width;
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if fits(&longer) {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if fits(word) {
            word.clone_into(&mut line);
            continue;
        }
        // A word longer than the column is broken where it is full.
        let mut full = 0.0;
        for c in word.chars() {
            let advance = face.glyph(c).width * style.size / 1000.0;
            if full + advance > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                full = 0.0;
            }
            line.push(c);
            full += advance;
        }
    }
    lines.push(line);
    lines
}
