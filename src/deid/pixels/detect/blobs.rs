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

/// Buffers that are used again.
#[derive(Debug, Default)]
pub struct Blobs {
    parents: Vec<u32>,
    parts: Vec<Blob>,
    above: Vec<Run>,
    here: Vec<Run>,
}

impl Blobs {
    /// The components of `contrast` above `threshold`, to `out`. `picture` gives their ink, inverted with `dark`.
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
        for (y, (row, values)) in contrast.chunks_exact(width).zip(picture.chunks_exact(width)).enumerate() {
            self.here.clear();
            let mut at = 0;
            while let Some(start) = next_above(row, at, threshold) {
                let length = row[start..].iter().take_while(|&&c| c > threshold).count();
                let end = start + length;
                let blob = blob_of(y, start, &row[start..end], &values[start..end], dark);
                self.parents.push(self.parts.len() as u32);
                self.parts.push(blob);
                let label = self.parts.len() as u32 - 1;
                self.here.push(Run { start: start as u32, end: end as u32, label });
                at = end;
            }
            self.connect();
            std::mem::swap(&mut self.above, &mut self.here);
        }
        self.collect(out);
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
                    let other = self.parts[high as usize];
                    self.parts[low as usize].join(&other);
                    self.parents[high as usize] = low;
                }
                // A column run goes on where a run has pixels right above it.
                self.parts[low as usize].down -= shared;
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

    fn collect(&self, out: &mut Vec<Blob>) {
        out.clear();
        let parts = self.parts.iter().zip(0..).zip(&self.parents);
        out.extend(parts.filter(|((b, i), p)| i == *p && b.area >= LEAST).map(|((b, _), _)| *b));
    }
}

fn next_above(row: &[u8], from: usize, threshold: u8) -> Option<usize> {
    // Most of a picture is below: sixteen values are passed at once.
    let mut at = from;
    while let Some(block) = row.get(at..at + 16) {
        if block.iter().fold(0, |most, &c| most.max(c)) > threshold {
            break;
        }
        at += 16;
    }
    row[at.min(row.len())..].iter().position(|&c| c > threshold).map(|i| at + i)
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
