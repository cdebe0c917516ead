//! Pages as the objects of a PDF file (ISO 32000-1), within what PDF/A-2u allows: fonts embedded, each code with its
//! character, greys whose meaning is said, nothing transparent.

use super::cells::Style;
use super::face::{Face, Fonts, REPLACEMENT, Weight};
use super::flow::{Layout, Mark, PAPER, RIGHT};
use super::grey;
use super::metadata::{LANGUAGE, Metadata, PRODUCER};
use crate::invoicing::export::ExportError;
use pdf_writer::types::{CidFontType, FontFlags, OutputIntentSubtype, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Settings, Str, TextStr};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use subsetter::GlyphRemapper;

const IDENTITY: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// Codes of a font are 16 bits. Nobody's invoice has so many different characters; the rest would be shown as replaced.
const CODES_MAX: usize = 60_000;
const STAMP: Style = Style { weight: Weight::Bold, size: 150.0, grey: 0.88 };

pub(super) fn write(layout: &Layout, fonts: &Fonts, metadata: &Metadata) -> Result<Vec<u8>, ExportError> {
    let mut pdf = Pdf::with_settings(Settings { pretty: false });
    pdf.set_version(1, 7);
    pdf.set_file_id((metadata.id.to_vec(), metadata.id.to_vec()));
    let mut refs = Refs(1);
    let (catalog, tree, profile) = (refs.next(), refs.next(), refs.next());
    let (xmp, info) = (refs.next(), refs.next());
    let used = [Weight::Regular, Weight::Bold].map(|weight| Codes::of(layout, weight));
    let faces = used.each_ref().map(|codes| (refs.next(), codes));
    let pages: Vec<Ref> = layout.pages.iter().map(|_| refs.next()).collect();

    let mut root = pdf.catalog(catalog);
    root.pages(tree).metadata(xmp).lang(TextStr(LANGUAGE));
    root.viewer_preferences().display_doc_title(true);
    let mut intents = root.output_intents();
    let mut intent = intents.push();
    intent.subtype(OutputIntentSubtype::PDFA).dest_output_profile(profile);
    intent.output_condition_identifier(TextStr("Custom")).info(TextStr("Grey, gamma 2.2"));
    intent.finish();
    intents.finish();
    root.finish();
    pdf.icc_profile(profile, &grey::profile()).n(1);
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(pages.iter().copied()).count(count);
    for (marks, id) in layout.pages.iter().zip(pages) {
        let contents = refs.next();
        let mut page = pdf.page(id);
        page.parent(tree).contents(contents).media_box(Rect::new(0.0, 0.0, PAPER[0], PAPER[1]));
        let mut resources = page.resources();
        let mut named = resources.fonts();
        for (font, codes) in &faces {
            named.pair(codes.name(), *font);
        }
        named.finish();
        resources.finish();
        page.finish();
        pdf.stream(contents, &content(layout.stamp, marks, fonts, &used));
    }
    for (id, codes) in &faces {
        font(&mut pdf, &mut refs, *id, (fonts.of(codes.weight), codes))?;
    }
    describe(&mut pdf, metadata, xmp, info);
    Ok(pdf.finish())
}

struct Refs(i32);

impl Refs {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0 - 1)
    }
}

/// The codes of the characters that are shown in one font. By character and not by glyph, so that two that look alike, or
/// are both replaced, are copied as what they are.
struct Codes {
    weight: Weight,
    codes: BTreeMap<char, u16>,
}

impl Codes {
    fn of(layout: &Layout, weight: Weight) -> Self {
        let texts = layout.pages.iter().flatten().filter_map(|mark| match mark {
            Mark::Text { style, text, .. } => (style.weight == weight).then_some(text.as_str()),
            Mark::Rule { .. } => None,
        });
        let stamp = layout.stamp.filter(|_| weight == STAMP.weight);
        let mut codes = BTreeMap::from([(REPLACEMENT, 0)]);
        for c in texts.chain(stamp).flat_map(str::chars) {
            if codes.len() < CODES_MAX {
                codes.insert(c, 0);
            }
        }
        // Code 0 is that of no character.
        for (code, at) in codes.values_mut().zip(1..) {
            *code = at;
        }
        Self { weight, codes }
    }

    const fn name(&self) -> Name<'static> {
        match self.weight {
            Weight::Regular => Name(b"R"),
            Weight::Bold => Name(b"B"),
        }
    }

    fn encoded(&self, text: &str) -> Vec<u8> {
        let replaced = self.codes.get(&REPLACEMENT).copied().unwrap_or_default();
        text.chars().flat_map(|c| self.codes.get(&c).copied().unwrap_or(replaced).to_be_bytes()).collect()
    }
}

fn content(stamp: Option<&str>, marks: &[Mark], fonts: &Fonts, used: &[Codes; 2]) -> Vec<u8> {
    let [regular, bold] = used;
    let of = |weight| match weight {
        Weight::Regular => regular,
        Weight::Bold => bold,
    };
    let mut content = Content::with_settings(Settings { pretty: false });
    let mut last = None;
    if let Some(word) = stamp {
        // First, so that all else is above it.
        let width = fonts.of(STAMP.weight).width(word, STAMP.size);
        let (sine, cosine) = (0.8, 0.6);
        let x = (PAPER[0] - width * cosine) / 2.0;
        let y = (PAPER[1] - width * sine) / 2.0;
        content.set_fill_gray(STAMP.grey).begin_text().set_font(bold.name(), STAMP.size);
        content.set_text_matrix([cosine, sine, -sine, cosine, round(x), round(y)]);
        content.show(Str(&bold.encoded(word))).end_text();
    }
    for mark in marks {
        match mark {
            Mark::Text { x, y, style, text } => {
                let codes = of(style.weight);
                if last != Some(*style) {
                    content.set_fill_gray(style.grey).set_font(codes.name(), round(style.size));
                    last = Some(*style);
                }
                content
                    .begin_text()
                    .next_line(round(*x), round(*y))
                    .show(Str(&codes.encoded(text)))
                    .end_text();
            }
            Mark::Rule { y, x, thickness } => {
                content.set_fill_gray(0.0).rect(round(*x), round(*y), round(RIGHT - x), *thickness);
                content.fill_nonzero();
                last = None;
            }
        }
    }
    content.finish().to_vec()
}

/// To a hundredth of a point, beyond which no printer goes.
fn round(points: f32) -> f32 {
    (points * 100.0).round() / 100.0
}

fn font(pdf: &mut Pdf, refs: &mut Refs, id: Ref, (face, codes): (&Face, &Codes)) -> Result<(), ExportError> {
    let (cid_font, descriptor, file) = (refs.next(), refs.next(), refs.next());
    let (to_glyph, to_unicode) = (refs.next(), refs.next());
    let mut remapper = GlyphRemapper::new();
    // From code 0, which shows nothing that is asked for.
    let (mut glyphs, mut widths) = (vec![0, 0], vec![0.0]);
    let mut unicode = UnicodeCmap::<u16>::new(Name(b"Unicode"), IDENTITY);
    for (c, code) in &codes.codes {
        let glyph = face.glyph(*c);
        glyphs.extend(remapper.remap(glyph.id).to_be_bytes());
        widths.push(round(glyph.width));
        unicode.pair(*code, *c);
    }
    let subset = subsetter::subset(face.data, 0, &remapper).map_err(|_| ExportError::Font(face.name))?;
    let name = format!("{}+{}", tag(codes), face.name);
    let name = Name(name.as_bytes());

    let mut font = pdf.type0_font(id);
    font.base_font(name).encoding_predefined(Name(b"Identity-H"));
    font.descendant_font(cid_font).to_unicode(to_unicode);
    font.finish();
    let mut cid = pdf.cid_font(cid_font);
    cid.subtype(CidFontType::Type2).base_font(name).system_info(IDENTITY).font_descriptor(descriptor);
    cid.default_width(0.0).cid_to_gid_map_stream(to_glyph);
    cid.widths().consecutive(0, widths);
    cid.finish();
    let [left, bottom, right, top] = face.bbox.map(round);
    let mut described = pdf.font_descriptor(descriptor);
    described.name(name).flags(FontFlags::SYMBOLIC).bbox(Rect::new(left, bottom, right, top));
    described.italic_angle(0.0).ascent(round(face.ascent)).descent(round(face.descent));
    // How thick stems are is nowhere in the font; readers use it only for a font that is not embedded.
    described.cap_height(round(face.cap_height)).stem_v(80.0).font_file2(file);
    described.finish();
    let length = i32::try_from(subset.len()).map_err(|_| ExportError::Font(face.name))?;
    pdf.stream(file, &subset).pair(Name(b"Length1"), length);
    pdf.stream(to_glyph, &glyphs);
    let unicode = unicode.finish();
    pdf.cmap(to_unicode, &unicode).name(Name(b"Unicode")).system_info(IDENTITY);
    Ok(())
}

/// Six letters that tell subsets of a font apart: another for other characters.
fn tag(codes: &Codes) -> String {
    let characters: String = codes.codes.keys().collect();
    let digest = Sha256::digest(characters.as_bytes());
    digest.iter().take(6).map(|byte| char::from(b'A' + byte % 26)).collect()
}

fn describe(pdf: &mut Pdf, metadata: &Metadata, xmp: Ref, info: Ref) {
    let packet = metadata.xmp();
    let mut stream = pdf.stream(xmp, packet.as_bytes());
    stream.pair(Name(b"Type"), Name(b"Metadata")).pair(Name(b"Subtype"), Name(b"XML"));
    stream.finish();
    let mut described = pdf.document_info(info);
    described.title(TextStr(&metadata.title)).producer(TextStr(PRODUCER));
    if let Some(author) = &metadata.author {
        described.author(TextStr(author));
    }
    if let Some(date) = metadata.date() {
        described.creation_date(date);
    }
}
