//! The characters in use, and the font cut down to them.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str};
use subsetter::GlyphRemapper;

use super::super::RenderError;
use super::super::face::{BOLD, Cut, Faces, REGULAR, Weight};
use super::write::{Ids, packed};

/// How a font numbers its glyphs: as the font file does.
const SYSTEM: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The glyphs of one cut that are in use.
struct Used {
    remapper: GlyphRemapper,
    /// The character that each new glyph number stands for.
    characters: BTreeMap<u16, char>,
}

impl Used {
    fn new() -> Self {
        Self { remapper: GlyphRemapper::new(), characters: BTreeMap::new() }
    }
}

/// The glyphs of both cuts that are in use.
pub(super) struct Fonts {
    regular: Used,
    bold: Used,
}

impl Fonts {
    pub(super) fn new() -> Self {
        Self { regular: Used::new(), bold: Used::new() }
    }

    /// A text as glyph numbers of two bytes.
    pub(super) fn encode(&mut self, faces: &Faces, text: &str, weight: Weight) -> Vec<u8> {
        let used = match weight {
            Weight::Regular => &mut self.regular,
            Weight::Bold => &mut self.bold,
        };
        let mut bytes = Vec::with_capacity(text.len() * 2);
        for character in text.chars() {
            let (glyph, shown) = faces.cut(weight).glyph(character);
            let id = used.remapper.remap(glyph.0);
            used.characters.entry(id).or_insert(shown);
            bytes.extend_from_slice(&id.to_be_bytes());
        }
        bytes
    }

    /// Writes both cuts, and tells the name in the resources and the object of each.
    pub(super) fn write(
        &self,
        pdf: &mut Pdf,
        ids: &mut Ids,
        faces: &Faces,
    ) -> Result<[(Name<'static>, Ref); 2], RenderError> {
        let regular = Embedding { name: "SourceSans3-Regular", bytes: REGULAR, weight: 400 };
        let bold = Embedding { name: "SourceSans3-Semibold", bytes: BOLD, weight: 600 };
        Ok([
            (name(Weight::Regular), regular.write(pdf, ids, faces.cut(Weight::Regular), &self.regular)?),
            (name(Weight::Bold), bold.write(pdf, ids, faces.cut(Weight::Bold), &self.bold)?),
        ])
    }
}

/// The name of a cut in the resources of a page.
pub(super) const fn name(weight: Weight) -> Name<'static> {
    match weight {
        Weight::Regular => Name(b"F0"),
        Weight::Bold => Name(b"F1"),
    }
}

/// A cut of the font as it goes into the file.
struct Embedding {
    name: &'static str,
    bytes: &'static [u8],
    weight: u16,
}

impl Embedding {
    fn write(&self, pdf: &mut Pdf, ids: &mut Ids, cut: &Cut, used: &Used) -> Result<Ref, RenderError> {
        let subset = subsetter::subset(self.bytes, 0, &used.remapper)
            .map_err(|error| RenderError::Subset(error.to_string()))?;
        let name = format!("{}+{}", tag(&used.remapper), self.name);
        let [font, descendant, descriptor, file, unicode] = std::array::from_fn(|_| ids.next());
        let mut composite = pdf.type0_font(font);
        composite.base_font(Name(name.as_bytes())).encoding_predefined(Name(b"Identity-H"));
        composite.descendant_font(descendant).to_unicode(unicode);
        composite.finish();
        self.write_descendant(pdf, (descendant, descriptor), &name, cut, used);
        self.write_descriptor(pdf, (descriptor, file), &name, cut);
        let data = packed(&subset);
        let mut stream = pdf.stream(file, &data);
        stream.filter(Filter::FlateDecode).pair(Name(b"Length1"), subset.len() as i32);
        stream.finish();
        let mut map = UnicodeCmap::new(Name(b"Custom"), SYSTEM);
        for (id, character) in &used.characters {
            map.pair(*id, *character);
        }
        let data = packed(&map.finish());
        pdf.cmap(unicode, &data).filter(Filter::FlateDecode);
        Ok(font)
    }

    fn write_descendant(
        &self,
        pdf: &mut Pdf,
        (id, descriptor): (Ref, Ref),
        name: &str,
        cut: &Cut,
        used: &Used,
    ) {
        let mut font = pdf.cid_font(id);
        font.subtype(CidFontType::Type2).base_font(Name(name.as_bytes())).system_info(SYSTEM);
        font.font_descriptor(descriptor).cid_to_gid_map_predefined(Name(b"Identity")).default_width(0.0);
        let width = |glyph: u16| cut.thousandths(f32::from(cut.advance(ttf_parser::GlyphId(glyph))));
        font.widths().consecutive(0, used.remapper.remapped_gids().map(width));
    }

    fn write_descriptor(&self, pdf: &mut Pdf, (id, file): (Ref, Ref), name: &str, cut: &Cut) {
        let face = &cut.face;
        let length = |units: i16| cut.thousandths(f32::from(units));
        let bounds = face.global_bounding_box();
        let mut descriptor = pdf.font_descriptor(id);
        descriptor.name(Name(name.as_bytes())).flags(FontFlags::SYMBOLIC).weight(self.weight);
        descriptor.bbox(Rect::new(
            length(bounds.x_min),
            length(bounds.y_min),
            length(bounds.x_max),
            length(bounds.y_max),
        ));
        descriptor.italic_angle(0.0).ascent(length(face.ascender())).descent(length(face.descender()));
        descriptor.cap_height(length(face.capital_height().unwrap_or(660)));
        descriptor.stem_v(f32::from(self.weight) / 5.0).font_file2(file);
    }
}

/// Six letters that differ from subset to subset.
fn tag(remapper: &GlyphRemapper) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for glyph in remapper.remapped_gids() {
        hash = (hash ^ u64::from(glyph)).wrapping_mul(0x100_0000_01b3);
    }
    (0..6).map(|index| char::from(b'A' + ((hash >> (8 * index)) % 26) as u8)).collect()
}
