//! The two fonts that an invoice is set in, and what of them setting needs: which characters they have, and how wide each
//! is. Read from the files that are built in, by the few tables that tell it (OpenType: `cmap`, `head`, `hhea`, `hmtx`,
//! `OS/2`); crates that read every font are larger than all the rest of this export.

use crate::invoicing::export::ExportError;
use std::collections::BTreeMap;

/// Stands for a character that the font lacks.
pub(super) const REPLACEMENT: char = '□';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

pub(super) struct Fonts {
    regular: Face,
    bold: Face,
}

impl Fonts {
    pub(super) fn load() -> Result<Self, ExportError> {
        let read = |name, data| Face::read(name, data).ok_or(ExportError::Font(name));
        let regular = include_bytes!("../../../../assets/fonts/LiberationSans-Regular.ttf");
        let bold = include_bytes!("../../../../assets/fonts/LiberationSans-Bold.ttf");
        Ok(Self { regular: read("LiberationSans", regular)?, bold: read("LiberationSans-Bold", bold)? })
    }

    pub(super) const fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Glyph {
    pub(super) id: u16,
    /// In thousandths of the font's size, as in all that PDF says of a font.
    pub(super) width: f32,
}

pub(super) struct Face {
    pub(super) name: &'static str,
    pub(super) data: &'static [u8],
    glyphs: BTreeMap<char, Glyph>,
    replacement: Glyph,
    pub(super) bbox: [f32; 4],
    pub(super) ascent: f32,
    pub(super) descent: f32,
    pub(super) cap_height: f32,
}

impl Face {
    fn read(name: &'static str, data: &'static [u8]) -> Option<Self> {
        let (head, hhea, os2) = (table(data, b"head")?, table(data, b"hhea")?, table(data, b"OS/2")?);
        let per_em = f32::from(u16_at(head, 18)?);
        let scaled = |table, at| i16_at(table, at).map(|units| f32::from(units) * 1000.0 / per_em);
        let (hmtx, advances) = (table(data, b"hmtx")?, u16_at(hhea, 34)?);
        let width = |id: u16| {
            // The last advance is that of all glyphs behind it.
            let at = usize::from(id.min(advances.checked_sub(1)?)) * 4;
            Some(f32::from(u16_at(hmtx, at)?) * 1000.0 / per_em)
        };
        let mut glyphs = BTreeMap::new();
        for (c, id) in characters(unicode_cmap(table(data, b"cmap")?)?)? {
            glyphs.insert(c, Glyph { id, width: width(id)? });
        }
        Some(Self {
            name,
            data,
            replacement: *glyphs.get(&REPLACEMENT)?,
            glyphs,
            bbox: [scaled(head, 36)?, scaled(head, 38)?, scaled(head, 40)?, scaled(head, 42)?],
            ascent: scaled(hhea, 4)?,
            descent: scaled(hhea, 6)?,
            cap_height: scaled(os2, 88)?,
        })
    }

    /// What a character is shown as.
    pub(super) fn glyph(&self, c: char) -> Glyph {
        let own = self.glyphs.get(&c).filter(|_| !needs_shaping(c));
        own.copied().unwrap_or(self.replacement)
    }

    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|c| self.glyph(c).width).sum::<f32>() * size / 1000.0
    }
}

/// Hebrew and Arabic, some of which the font has: set from left to right, as all is here, they would be read wrongly, which
/// is worse than not at all.
const fn needs_shaping(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}')
}

fn table(data: &'static [u8], tag: &[u8; 4]) -> Option<&'static [u8]> {
    let records = data.get(12..)?.chunks_exact(16).take(usize::from(u16_at(data, 4)?));
    let record = records.into_iter().find(|record| record.starts_with(tag))?;
    let (offset, length) =
        (usize::try_from(u32_at(record, 8)?).ok()?, usize::try_from(u32_at(record, 12)?).ok()?);
    data.get(offset..)?.get(..length)
}

/// The map of the Basic Multilingual Plane for Windows, in the form of segments, which every such font has.
fn unicode_cmap(cmap: &'static [u8]) -> Option<&'static [u8]> {
    const WINDOWS_UNICODE: u32 = 3 << 16 | 1;
    const SEGMENTS: u16 = 4;
    let records = cmap.get(4..)?.chunks_exact(8).take(usize::from(u16_at(cmap, 2)?));
    let record = records.into_iter().find(|record| u32_at(record, 0) == Some(WINDOWS_UNICODE))?;
    let map = cmap.get(usize::try_from(u32_at(record, 4)?).ok()?..)?;
    (u16_at(map, 0)? == SEGMENTS).then_some(map)
}

/// Every character of a map of segments with its glyph.
fn characters(map: &[u8]) -> Option<Vec<(char, u16)>> {
    let mut found = Vec::new();
    let twice = usize::from(u16_at(map, 6)?);
    for segment in (0..twice).step_by(2) {
        let (end, start) = (u16_at(map, 14 + segment)?, u16_at(map, 16 + twice + segment)?);
        let delta = u16_at(map, 16 + 2 * twice + segment)?;
        let at = 16 + 3 * twice + segment;
        let range = usize::from(u16_at(map, at)?);
        for code in start..=end.min(0xFFFE) {
            let id = match range {
                0 => code.wrapping_add(delta),
                // Counted from where it is written.
                _ => match u16_at(map, at + range + 2 * usize::from(code - start))? {
                    0 => 0,
                    id => id.wrapping_add(delta),
                },
            };
            if let (Some(c), true) = (char::from_u32(code.into()), id != 0) {
                found.push((c, id));
            }
        }
    }
    Some(found)
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn i16_at(data: &[u8], at: usize) -> Option<i16> {
    data.get(at..)?.first_chunk().map(|bytes| i16::from_be_bytes(*bytes))
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}
