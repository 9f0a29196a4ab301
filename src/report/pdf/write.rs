//! The file: its objects, and how they hang together.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::writers::Resources;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, TextStr};
use std::io::Write;

use super::super::face::Faces;
use super::super::text::clean;
use super::super::{Document, RenderError, html};
use super::sheet::{Mark, PAGE_HEIGHT, PAGE_WIDTH, Sheet};
use super::surface::opacity_name;
use super::tags::Written;

/// The numbers of the objects.
pub(super) struct Ids(i32);

impl Ids {
    /// The next number.
    pub(super) fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// Bytes, packed.
pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Writes the file of pages that are filled.
pub(super) fn file(
    document: &Document,
    sheet: &Sheet<'_>,
    pages: Vec<Content>,
    faces: &Faces,
) -> Result<Vec<u8>, RenderError> {
    let mut ids = Ids(0);
    let mut pdf = Pdf::with_settings(pdf_writer::Settings { pretty: false });
    pdf.set_version(1, 7);
    let [catalog, tree, info, root] = std::array::from_fn(|_| ids.next());
    let page_ids: Vec<_> = pages.iter().map(|_| ids.next()).collect();
    let fonts = sheet.fonts.write(&mut pdf, &mut ids, faces)?;
    for (index, (content, id)) in pages.into_iter().zip(&page_ids).enumerate() {
        let stream = ids.next();
        pdf.stream(stream, &packed(&content.finish())).filter(Filter::FlateDecode);
        let mut page = pdf.page(*id);
        page.parent(tree).media_box(Rect::new(0.0, 0.0, PAGE_WIDTH, PAGE_HEIGHT));
        page.struct_parents(index as i32).tab_order(pdf_writer::types::TabOrder::StructureOrder);
        page.contents(stream);
        resources(page.resources(), sheet, fonts);
    }
    pdf.pages(tree).count(page_ids.len() as i32).kids(page_ids.iter().copied());
    let written = sheet.tags.write(&mut pdf, &mut ids, root, &page_ids);
    let outline = outline(&mut pdf, &mut ids, &sheet.marks, &page_ids);
    let title = clean(&document.title);
    pdf.document_info(info).title(TextStr(&title)).creator(TextStr("Gantry")).producer(TextStr("Gantry"));
    write_catalog(&mut pdf, (catalog, tree, root), outline, document, &written);
    Ok(pdf.finish())
}

fn resources(mut resources: Resources<'_>, sheet: &Sheet<'_>, fonts: [(Name<'static>, Ref); 2]) {
    resources.fonts().pairs(fonts);
    if !sheet.opacities.is_empty() {
        let mut states = resources.ext_g_states();
        for hundredths in &sheet.opacities {
            let opacity = f32::from(*hundredths) / 100.0;
            let name = opacity_name(*hundredths);
            let mut state =
                states.insert(Name(name.as_bytes())).start::<pdf_writer::writers::ExtGraphicsState<'_>>();
            state.stroking_alpha(opacity).non_stroking_alpha(opacity);
        }
    }
}

fn write_catalog(
    pdf: &mut Pdf,
    (catalog, tree, root): (Ref, Ref, Ref),
    outline: Option<Ref>,
    document: &Document,
    written: &Written,
) {
    let mut catalog = pdf.catalog(catalog);
    catalog.pages(tree).lang(TextStr(html::language(&document.language)));
    catalog.viewer_preferences().display_doc_title(true);
    catalog.mark_info().marked(true);
    catalog.pair(Name(b"StructTreeRoot"), root);
    if let Some(outline) = outline {
        catalog.outlines(outline).page_mode(pdf_writer::types::PageMode::UseOutlines);
    }
    catalog.finish();
    let mut structure = pdf.indirect(root).start::<pdf_writer::writers::StructTreeRoot<'_>>();
    structure.child(written.document).parent_tree_next_key(written.lists.len() as i32);
    let mut parents = structure.parent_tree();
    let mut numbers = parents.nums();
    for (index, list) in written.lists.iter().enumerate() {
        numbers.insert(index as i32, *list);
    }
}

/// A bookmark: its place among the marks, those above and beside it, and those under it.
#[derive(Default)]
struct Entry {
    parent: Option<usize>,
    previous: Option<usize>,
    next: Option<usize>,
    children: Vec<usize>,
}

/// Writes the bookmarks, if there are any.
fn outline(pdf: &mut Pdf, ids: &mut Ids, marks: &[Mark], pages: &[Ref]) -> Option<Ref> {
    let (entries, top) = arrange(marks);
    let (first, last) = (*top.first()?, *top.last()?);
    let root = ids.next();
    let refs: Vec<_> = marks.iter().map(|_| ids.next()).collect();
    pdf.outline(root).first(refs[first]).last(refs[last]).count(top.len() as i32);
    for (index, (mark, entry)) in marks.iter().zip(&entries).enumerate() {
        let mut item = pdf.outline_item(refs[index]);
        item.title(TextStr(&mark.title)).parent(entry.parent.map_or(root, |parent| refs[parent]));
        if let Some(previous) = entry.previous {
            item.prev(refs[previous]);
        }
        if let Some(next) = entry.next {
            item.next(refs[next]);
        }
        if let (Some(first), Some(last)) = (entry.children.first(), entry.children.last()) {
            item.first(refs[*first]).last(refs[*last]).count(-(entry.children.len() as i32));
        }
        if let Some(page) = pages.get(mark.page) {
            item.dest().page(*page).xyz(0.0, mark.top, None);
        }
    }
    Some(root)
}

/// The bookmarks as a tree of two levels, and those of the first level.
fn arrange(marks: &[Mark]) -> (Vec<Entry>, Vec<usize>) {
    let mut entries: Vec<Entry> = marks.iter().map(|_| Entry::default()).collect();
    let mut top: Vec<usize> = Vec::new();
    for (index, mark) in marks.iter().enumerate() {
        let parent = if mark.deep { top.last().copied() } else { None };
        let siblings = match parent {
            Some(parent) => &mut entries[parent].children,
            None => &mut top,
        };
        let previous = siblings.last().copied();
        siblings.push(index);
        entries[index].parent = parent;
        entries[index].previous = previous;
        if let Some(previous) = previous {
            entries[previous].next = Some(index);
        }
    }
    (entries, top)
}
