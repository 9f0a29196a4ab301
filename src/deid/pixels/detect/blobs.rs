//! Connected components of what is brighter than a threshold, found run by run, with what tells a glyph from a speck.

/// A connected component (8-neighbourhood).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Left edge.
    pub left: u32,
    /// Upper edge.
    pub top: u32,
    /// One beyond the right edge.
    pub right: u32,
    /// One beyond the lower edge.
    pub bottom: u32,
    /// Pixels.
    pub area: u32,
    /// Runs along rows: strokes that rows cross.
    pub across: u32,
    /// Runs along columns: strokes that columns cross.
    pub down: u32,
    /// Brightest value of the picture.
    pub ink: u8,
    /// Sum of the contrast.
    pub contrast: u32,
    /// Greatest contrast.
    pub peak: u8,
}

impl Blob {
    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.right - self.left
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.bottom - self.top
    }

    /// Width of its strokes in pixels: twice the area by the length of the outline.
    pub fn stroke(&self) -> f32 {
        self.area as f32 / (self.across + self.down).max(1) as f32
    }

    /// The same with rows and columns exchanged.
    pub fn turned(&self) -> Self {
        Self {
            left: self.top,
            top: self.left,
            right: self.bottom,
            bottom: self.right,
            across: self.down,
            down: self.across,
            ..*self
        }
    }

    /// Takes another in.
    pub fn join(&mut self, other: &Self) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
        self.area += other.area;
        self.across += other.across;
        self.down += other.down;
        self.ink = self.ink.max(other.ink);
        self.contrast += other.contrast;
        self.peak = self.peak.max(other.peak);
    }
}

/// Pixels of a component at least: fewer are noise, or points that lie within the margin of a letter.
const LEAST: u32 = 3;

/// A stretch of a row above the threshold.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: u32,
    end: u32,
    label: u32,
}

/// Parts beyond which those that are whole are set aside.
const CROWD: usize = 1 << 14;

/// Buffers that are used again. Only components that the row at hand may still add to are joined: of a noisy picture
/// there are millions.
#[derive(Debug, Default)]
pub struct Blobs {
    parents: Vec<u32>,
    parts: Vec<Part>,
    above: Vec<Run>,
    here: Vec<Run>,
    /// Components that nothing can add to, and where among all they began.
    whole: Vec<Part>,
    /// What parts are called after others were set aside.
    names: Vec<u32>,
}

/// A component so far, and the number of its first run.
#[derive(Debug, Clone, Copy)]
struct Part {
    first: u32,
    blob: Blob,
}

impl Blobs {
    /// The components of `contrast` above `threshold`, to `out` in the order of their upper edges. `picture` gives their
    /// ink, inverted with `dark`.
    pub fn find(
        &mut self,
        contrast: &[u8],
        picture: &[u8],
        width: usize,
        threshold: u8,
        dark: bool,
        out: &mut Vec<Blob>,
    ) {
        self.parents.clear();
        self.parts.clear();
        self.above.clear();
        self.whole.clear();
        let (mut runs, mut crowd) = (0, CROWD);
        for (y, (row, values)) in contrast.chunks_exact(width).zip(picture.chunks_exact(width)).enumerate() {
            self.here.clear();
            let mut at = 0;
            while let Some(start) = next_above(row, at, threshold) {
                let length = row[start..].iter().take_while(|&&c| c > threshold).count();
                let end = start + length;
                let blob = blob_of(y, start, &row[start..end], &values[start..end], dark);
                let label = self.parts.len() as u32;
                self.parents.push(label);
                self.parts.push(Part { first: runs, blob });
                self.here.push(Run { start: start as u32, end: end as u32, label });
                runs += 1;
                at = end;
            }
            self.connect();
            std::mem::swap(&mut self.above, &mut self.here);
            if self.parts.len() > crowd {
                self.set_aside();
                crowd = CROWD + 2 * self.parts.len();
            }
        }
        self.above.clear();
        self.set_aside();
        self.whole.sort_unstable_by_key(|part| part.first);
        out.clear();
        out.extend(self.whole.iter().map(|part| part.blob));
    }

    /// Sets components aside that no run of the row above belongs to; what is left keeps its order.
    fn set_aside(&mut self) {
        for run in 0..self.above.len() {
            self.above[run].label = self.root(self.above[run].label);
        }
        self.names.clear();
        self.names.resize(self.parts.len(), u32::MAX);
        self.above.iter().for_each(|run| self.names[run.label as usize] = 0);
        let mut left = 0;
        for label in 0..self.parts.len() {
            let part = self.parts[label];
            if self.names[label] == 0 {
                self.names[label] = left;
                self.parts[left as usize] = part;
                left += 1;
            } else if self.parents[label] as usize == label && part.blob.area >= LEAST {
                self.whole.push(part);
            }
        }
        self.parts.truncate(left as usize);
        self.parents.clear();
        self.parents.extend(0..left);
        self.above.iter_mut().for_each(|run| run.label = self.names[run.label as usize]);
    }

    /// Joins the runs of a row with those of the row above that they touch.
    fn connect(&mut self) {
        let mut first = 0;
        for run in 0..self.here.len() {
            let Run { start, end, label } = self.here[run];
            while self.above.get(first).is_some_and(|a| a.end < start) {
                first += 1;
            }
            let mut next = first;
            while let Some(above) = self.above.get(next).copied().filter(|a| a.start <= end) {
                let shared = above.end.min(end).saturating_sub(above.start.max(start));
                let (a, b) = (self.root(above.label), self.root(label));
                let (low, high) = (a.min(b), a.max(b));
                if low != high {
                    let other = self.parts[high as usize].blob;
                    self.parts[low as usize].blob.join(&other);
                    self.parents[high as usize] = low;
                }
                // A column run goes on where a run has pixels right above it.
                self.parts[low as usize].blob.down -= shared;
                next += 1;
            }
        }
    }

    fn root(&mut self, mut label: u32) -> u32 {
        while self.parents[label as usize] != label {
            let up = self.parents[self.parents[label as usize] as usize];
            self.parents[label as usize] = up;
            label = up;
        }
        label
    }
}

fn next_above(row: &[u8], from: usize, threshold: u8) -> Option<usize> {
    // Most of a picture is below: many values are passed at once.
    let at = passed::<16>(row, passed::<64>(row, from, threshold), threshold);
    row[at.min(row.len())..].iter().position(|&c| c > threshold).map(|i| at + i)
}

/// Where the first block of so many values begins that has one above the threshold, or that is not whole.
fn passed<const N: usize>(row: &[u8], from: usize, threshold: u8) -> usize {
    let most = |block: &[u8; N]| block.iter().fold(0, |most, &c| c.max(most));
    let (blocks, _) = row.get(from..).unwrap_or_default().as_chunks::<N>();
    from + N * blocks.iter().take_while(|block| most(block) <= threshold).count()
}

fn blob_of(y: usize, start: usize, contrast: &[u8], values: &[u8], dark: bool) -> Blob {
    let flip = if dark { u8::MAX } else { 0 };
    let length = contrast.len() as u32;
    let (mut ink, mut peak, mut sum) = (0, 0, 0);
    for (&c, &v) in contrast.iter().zip(values) {
        ink = ink.max(v ^ flip);
        peak = peak.max(c);
        sum += u32::from(c);
    }
    Blob {
        left: start as u32,
        top: y as u32,
        right: start as u32 + length,
        bottom: y as u32 + 1,
        area: length,
        across: 1,
        down: length,
        ink,
        contrast: sum,
        peak,
    }
}
