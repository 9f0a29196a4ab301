//! What readers drew, over the picture: whose, and where they differ.

use std::sync::Arc;

use crate::engine::Client;
use crate::engine::query::{ReadView, StackView};
use crate::label::{Mask, Run, stored};
use crate::render::{LABEL_COLOURS, LabelMask, Plane};

/// Masks of one series that are loaded, at most.
const MOST_MASKS: usize = 64;
/// The label number whose colour says that not all readers agree.
const DIFFERS: u16 = 6;

/// One mask.
#[derive(Debug, Clone)]
pub(super) struct ReaderMask {
    /// The structure's place among the items of the Reads pane, which has its colour.
    pub item: usize,
    pub reader: String,
    pub mask: Arc<Mask>,
}

/// Whose masks are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Shown {
    /// Everybody's: where not all agree has a colour of its own.
    #[default]
    All,
    /// One reader's, by their place.
    One(usize),
    Nobody,
}

/// Loads what the reads of a series drew; what cannot be had is not shown.
pub(super) fn load(client: &dyn Client, reads: &[ReadView]) -> Arc<[ReaderMask]> {
    let mut drawn = Vec::new();
    let items = reads.chunk_by(|a, b| a.item == b.item && a.structure == b.structure);
    for (item, reads) in items.enumerate() {
        for read in reads {
            let Some(blob) = read.label.as_deref().filter(|_| drawn.len() < MOST_MASKS) else { continue };
            let bytes = client.blob(blob).ok().and_then(|bytes| bytes.into_bytes().ok());
            if let Some((_, mask)) = bytes.and_then(|bytes| stored::decode(&bytes)) {
                drawn.push(ReaderMask { item, reader: read.reader.clone(), mask: Arc::new(mask) });
            }
        }
    }
    drawn.into()
}

/// Everybody who drew, by name.
pub(super) fn readers(drawn: &[ReaderMask]) -> Vec<String> {
    let mut readers: Vec<String> = drawn.iter().map(|d| d.reader.clone()).collect();
    readers.sort();
    readers.dedup();
    readers
}

impl Shown {
    /// The next: everybody, each reader, nobody.
    pub fn next(self, drawn: &[ReaderMask]) -> Self {
        let count = readers(drawn).len();
        match self {
            Self::All if count > 1 => Self::One(0),
            Self::All => Self::Nobody,
            Self::One(at) if at + 1 < count => Self::One(at + 1),
            Self::One(_) => Self::Nobody,
            Self::Nobody => Self::All,
        }
    }

    /// In words.
    pub fn words(self, drawn: &[ReaderMask]) -> String {
        let readers = readers(drawn);
        match self {
            Self::All if readers.len() > 1 => {
                format!("drawn by {} readers, orange where not all agree", readers.len())
            }
            Self::All => format!("drawn by {}", readers.first().map_or("nobody", |r| r)),
            Self::One(at) => format!("drawn by {} alone", readers.get(at).map_or("nobody", |r| r)),
            Self::Nobody => "drawings hidden".into(),
        }
    }
}

/// A cut through the voxels of a mask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub plane: Plane,
    pub at: u32,
    /// Slices from the last to the first.
    pub reversed: bool,
}

impl Cut {
    /// Columns and rows of the picture of a volume.
    fn size(self, [columns, rows, slices]: [u32; 3]) -> [usize; 2] {
        match self.plane {
            Plane::Native => [columns as usize, rows as usize],
            Plane::Rows => [columns as usize, slices as usize],
            Plane::Columns => [rows as usize, slices as usize],
        }
    }

    /// Calls `put` with the pixels of a mask: row, first and last column but one.
    fn pixels(self, mask: &Mask, mut put: impl FnMut(usize, usize, usize)) {
        let [_, rows, slices] = mask.shape();
        let place = |slice: u32| if self.reversed { slices - 1 - slice } else { slice } as usize;
        let of_run = |run: &Run| (run.row % rows, run.row / rows);
        match self.plane {
            Plane::Native => mask.slice(self.at).iter().for_each(|run| {
                put(of_run(run).0 as usize, run.from.into(), run.to.into());
            }),
            Plane::Rows => mask.runs().iter().filter(|run| of_run(run).0 == self.at).for_each(|run| {
                put(place(of_run(run).1), run.from.into(), run.to.into());
            }),
            Plane::Columns => {
                let crosses = |run: &&Run| (u32::from(run.from)..u32::from(run.to)).contains(&self.at);
                mask.runs().iter().filter(crosses).for_each(|run| {
                    let (row, slice) = of_run(run);
                    put(place(slice), row as usize, row as usize + 1);
                });
            }
        }
    }
}

/// What is laid over a picture, for whoever paints it.
#[derive(Debug, Clone)]
pub(super) struct Over {
    pub masks: Arc<[ReaderMask]>,
    pub shown: Shown,
    /// Columns, rows, slices of the stack.
    pub shape: [u32; 3],
    pub cut: Cut,
}

impl Over {
    /// The labels of the picture.
    pub fn labels(&self) -> Option<LabelMask> {
        labels(&self.masks, self.shown, self.shape, self.cut)
    }
}

/// The labels of a cut: each structure in its colour, and where its readers differ in another. `None` where nothing was
/// drawn there, or on other voxels.
fn labels(drawn: &[ReaderMask], shown: Shown, shape: [u32; 3], cut: Cut) -> Option<LabelMask> {
    let readers = readers(drawn);
    let wanted = |d: &&ReaderMask| {
        let by = match shown {
            Shown::All => true,
            Shown::One(at) => readers.get(at) == Some(&d.reader),
            Shown::Nobody => false,
        };
        by && d.mask.shape() == shape
    };
    let drawn: Vec<&ReaderMask> = drawn.iter().filter(wanted).collect();
    let [width, height] = cut.size(shape);
    let mut labels = vec![0_u16; width * height];
    for structure in drawn.chunk_by(|a, b| a.item == b.item) {
        let mut votes = vec![0_u16; width * height];
        for one in structure {
            cut.pixels(&one.mask, |row, from, to| {
                let line = votes.get_mut(row * width + from..row * width + to);
                line.into_iter().flatten().for_each(|v| *v += 1);
            });
        }
        let all = structure.len() as u16;
        let own = (structure[0].item % LABEL_COLOURS.len()) as u16 + 1;
        for (label, votes) in labels.iter_mut().zip(votes).filter(|(_, votes)| *votes > 0) {
            *label = if votes == all { own } else { DIFFERS };
        }
    }
    let some = labels.iter().any(|l| *l > 0);
    some.then_some(LabelMask { columns: width as u32, rows: height as u32, labels })
}

/// Slices in the order of how many voxels their readers differ on, the worst first; those without a difference are left
/// out.
pub(super) fn worst_slices(drawn: &[ReaderMask], stack: &StackView) -> Vec<(u32, u64)> {
    let shape = [stack.columns, stack.rows, stack.slices];
    let mut differ = vec![0_u64; stack.slices as usize];
    let fitting: Vec<&ReaderMask> = drawn.iter().filter(|d| d.mask.shape() == shape).collect();
    for structure in fitting.chunk_by(|a, b| a.item == b.item).filter(|s| s.len() > 1) {
        for (slice, differ) in (0_u32..).zip(&mut differ) {
            *differ += differing(structure, slice);
        }
    }
    let mut worst: Vec<(u32, u64)> = (0..).zip(differ).filter(|(_, n)| *n > 0).collect();
    worst.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    worst
}

/// Voxels of a slice that some of these readers drew, and not all.
fn differing(structure: &[&ReaderMask], slice: u32) -> u64 {
    let ends = |run: &Run| [(run.row, run.from, 1_i64), (run.row, run.to, -1)];
    let mut events: Vec<(u32, u16, i64)> =
        structure.iter().flat_map(|d| d.mask.slice(slice)).flat_map(ends).collect();
    events.sort_unstable();
    let (all, mut votes, mut count) = (structure.len() as i64, 0, 0_u64);
    for pair in events.windows(2) {
        votes += pair[0].2;
        if votes > 0 && votes < all {
            count += u64::from(pair[1].1 - pair[0].1);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(runs: &[(u32, u16, u16)]) -> Arc<Mask> {
        let runs = runs.iter().map(|&(row, from, to)| Run { row, from, to }).collect();
        Arc::new(Mask::of_runs([4, 3, 2], runs))
    }

    #[test]
    fn agreement_and_difference_have_colours_of_their_own_in_every_plane() {
        let one = |reader: &str, runs: &[(u32, u16, u16)]| ReaderMask {
            item: 0,
            reader: reader.into(),
            mask: mask(runs),
        };
        // Slice 0, row 1: columns 1 and 2 by both, 3 by one; slice 1, row 0: one alone.
        let drawn = vec![one("a", &[(1, 1, 4), (3, 0, 1)]), one("b", &[(1, 1, 3)])];
        let stack = StackView { columns: 4, rows: 3, slices: 2, ..StackView::default() };
        let of = |plane, at, shown| {
            labels(&drawn, shown, [4, 3, 2], Cut { plane, at, reversed: true }).map(|m| m.labels)
        };
        assert_eq!(of(Plane::Native, 0, Shown::All).unwrap_or_default()[4..8], [0, 1, 1, DIFFERS]);
        assert_eq!(of(Plane::Native, 0, Shown::One(1)).unwrap_or_default()[4..8], [0, 1, 1, 0]);
        assert_eq!(of(Plane::Rows, 1, Shown::All).unwrap_or_default(), [0, 0, 0, 0, 0, 1, 1, DIFFERS]);
        assert_eq!(of(Plane::Columns, 0, Shown::All).unwrap_or_default(), [DIFFERS, 0, 0, 0, 0, 0]);
        assert_eq!(of(Plane::Native, 0, Shown::Nobody), None);
        assert_eq!(worst_slices(&drawn, &stack), [(0, 1), (1, 1)]);
        assert_eq!(Shown::All.next(&drawn).next(&drawn).next(&drawn), Shown::Nobody);
    }
}
