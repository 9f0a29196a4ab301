//! The structure of a document, for readers that do not see the page.

use pdf_writer::types::{StructRole, TableHeaderScope};
use pdf_writer::{Finish, Pdf, Ref, TextStr};

use super::write::Ids;

/// A part of the structure.
struct Node {
    role: StructRole,
    parent: Option<usize>,
    kids: Vec<Kid>,
    alt: Option<String>,
}

/// What a part holds.
enum Kid {
    Node(usize),
    /// A marked piece of a page.
    Mark {
        page: usize,
        number: i32,
    },
}

/// The structure.
pub(super) struct Tags {
    nodes: Vec<Node>,
    /// The part of each marked piece, page by page.
    marks: Vec<Vec<usize>>,
}

impl Tags {
    /// The part that holds all others.
    pub(super) const ROOT: usize = 0;

    pub(super) fn new() -> Self {
        let root = Node { role: StructRole::Document, parent: None, kids: Vec::new(), alt: None };
        Self { nodes: vec![root], marks: Vec::new() }
    }

    /// Adds a part under another.
    pub(super) fn add(&mut self, parent: usize, role: StructRole) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { role, parent: Some(parent), kids: Vec::new(), alt: None });
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.kids.push(Kid::Node(node));
        }
        node
    }

    /// Says what a part shows.
    pub(super) fn describe(&mut self, node: usize, alt: String) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.alt = Some(alt);
        }
    }

    /// Adds a marked piece of a page to a part, and tells its number.
    pub(super) fn mark(&mut self, node: usize, page: usize) -> i32 {
        while self.marks.len() <= page {
            self.marks.push(Vec::new());
        }
        let marks = &mut self.marks[page];
        let number = marks.len() as i32;
        marks.push(node);
        if let Some(node) = self.nodes.get_mut(node) {
            node.kids.push(Kid::Mark { page, number });
        }
        number
    }

    /// The operator name of a part.
    pub(super) fn name(&self, node: usize) -> pdf_writer::Name<'static> {
        self.nodes.get(node).map_or(StructRole::Span, |node| node.role).to_name()
    }

    /// Writes every part, and the lists of the marked pieces; the references are those of the root's fields.
    pub(super) fn write(&self, pdf: &mut Pdf, ids: &mut Ids, root: Ref, pages: &[Ref]) -> Written {
        let refs: Vec<_> = self.nodes.iter().map(|_| ids.next()).collect();
        for (node, id) in self.nodes.iter().zip(&refs) {
            let mut element = pdf.struct_element(*id);
            element.kind(node.role).parent(node.parent.map_or(root, |parent| refs[parent]));
            if let Some(alt) = &node.alt {
                element.alt(TextStr(alt));
            }
            if node.role == StructRole::TH {
                element.attributes().push().table().scope(TableHeaderScope::Column);
            }
            write_kids(&mut element, &node.kids, &refs, pages);
        }
        let mut lists = Vec::new();
        for marks in &self.marks {
            let id = ids.next();
            pdf.indirect(id).array().items(marks.iter().map(|node| refs[*node])).finish();
            lists.push(id);
        }
        Written { document: refs[Self::ROOT], lists }
    }
}

/// What the structure's root points to.
pub(super) struct Written {
    /// The part that holds all others.
    pub(super) document: Ref,
    /// For each page the list of its marked pieces.
    pub(super) lists: Vec<Ref>,
}

fn write_kids(
    element: &mut pdf_writer::writers::StructElement<'_>,
    kids: &[Kid],
    refs: &[Ref],
    pages: &[Ref],
) {
    let first = kids.iter().find_map(|kid| if let Kid::Mark { page, .. } = kid { Some(*page) } else { None });
    if let Some(page) = first.and_then(|page| pages.get(page)) {
        element.page(*page);
    }
    let mut children = element.children();
    for kid in kids {
        match kid {
            Kid::Node(node) => {
                children.struct_element(refs[*node]);
            }
            Kid::Mark { page, number } if Some(*page) == first => {
                children.marked_content_id(*number);
            }
            Kid::Mark { page, number } => {
                let mut reference = children.marked_content_ref();
                reference.marked_content_id(*number);
                if let Some(page) = pages.get(*page) {
                    reference.page(*page);
                }
            }
        }
    }
}
