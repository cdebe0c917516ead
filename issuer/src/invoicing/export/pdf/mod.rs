//! PDF for people in finance: A4, searchable, with its fonts in it, after PDF/A-2u so that archives take it. The same
//! document is the same file on any day: nothing in it is of the moment when it was written.

mod cells;
mod face;
mod file;
mod flow;
mod grey;
mod metadata;
mod parts;
mod sheet;
mod table;

use super::ExportError;
use crate::invoicing::document::Document;
use face::Fonts;

/// The whole file.
pub fn write(document: &Document) -> Result<Vec<u8>, ExportError> {
    let fonts = Fonts::load()?;
    let layout = sheet::layout(document, &fonts);
    file::write(&layout, &fonts, &metadata::Metadata::of(document)?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::face::{Fonts, REPLACEMENT, Weight};
    use super::flow::{BOTTOM, LEFT, Mark, RIGHT, TOP};
    use super::*;

    /// What stands where on each page: text and the box that it fills.
    pub(in crate::invoicing::export) fn boxes(document: &Document) -> Vec<Vec<(String, [f32; 4])>> {
        let fonts = Fonts::load().unwrap();
        let layout = sheet::layout(document, &fonts);
        let of = |mark: &Mark| match mark {
            Mark::Text { x, y, style, text } => {
                let width = fonts.of(style.weight).width(text, style.size);
                Some((text.clone(), [*x, *y, x + width, y + style.size]))
            }
            Mark::Rule { .. } => None,
        };
        layout.pages.iter().map(|page| page.iter().filter_map(of).collect()).collect()
    }

    /// The space that texts may fill, the footer apart.
    pub(in crate::invoicing::export) const BODY: [f32; 4] = [LEFT, BOTTOM, RIGHT, TOP];

    #[test]
    fn a_face_knows_its_letters() {
        let fonts = Fonts::load().unwrap();
        for weight in [Weight::Regular, Weight::Bold] {
            let face = fonts.of(weight);
            let has = |c| face.glyph(c) != face.glyph(REPLACEMENT);
            let known = "AZaz09 éßŁőž ΑΩαωάΰ АЯаяЪЩїѐ €£₴ – „“ •";
            assert!(known.chars().all(has), "{}", face.name);
            assert!(!has('監') && !has('א') && !has('\u{10FFFF}'));
            let digits: Vec<f32> = ('0'..='9').map(|digit| face.width(&digit.to_string(), 10.0)).collect();
            assert!(digits.iter().all(|width| *width == digits[0]), "digits stand below each other");
            assert!((digits[0] - 5.56).abs() < 0.01, "{}", digits[0]);
        }
    }
}
