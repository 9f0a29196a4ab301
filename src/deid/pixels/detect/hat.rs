//! Thin bright structures: a white top-hat, that is the picture less its morphological opening (Serra 1982). Strokes of
//! writing stay with their whole contrast, whatever slow brightness is under them; anatomy wider than a stroke goes.

/// Side of the square that no stroke may contain, in pixels: strokes up to one less stay.
pub const SIDE: usize = 9;
const REACH: usize = SIDE / 2;
/// Columns that are gone down at once.
const STRIP: usize = 32;

/// Buffers that are used again from picture to picture.
#[derive(Debug, Default)]
pub struct Hat {
    rows: Vec<u8>,
    opened: Vec<u8>,
    line: Vec<u8>,
}

impl Hat {
    /// Writes the top-hat of `picture` to `out`; both are `width` × `height` rows from the top. With `dark`, of the
    /// negative.
    pub fn of(&mut self, picture: &[u8], width: usize, dark: bool, out: &mut Vec<u8>) {
        let height = picture.len() / width.max(1);
        self.rows.clear();
        self.rows.resize(picture.len(), 0);
        self.opened.clear();
        self.opened.resize(picture.len(), 0);
        out.clear();
        out.extend(picture.iter().map(|&v| if dark { !v } else { v }));
        for (row, to) in out.chunks_exact(width).zip(self.rows.chunks_exact_mut(width)) {
            along(row, to, &mut self.line, u8::MAX, u8::min);
        }
        down(&self.rows, &mut self.opened, width, height, u8::MAX, u8::min);
        down(&self.opened, &mut self.rows, width, height, 0, u8::max);
        for (row, to) in self.rows.chunks_exact(width).zip(self.opened.chunks_exact_mut(width)) {
            along(row, to, &mut self.line, 0, u8::max);
        }
        out.iter_mut().zip(&self.opened).for_each(|(v, &open)| *v = v.saturating_sub(open));
    }
}

/// The extreme of [`SIDE`] values around each of a row, by doubling: windows of 2, 4, 8, then 9.
fn along(row: &[u8], to: &mut [u8], line: &mut Vec<u8>, outside: u8, pick: impl Fn(u8, u8) -> u8 + Copy) {
    line.clear();
    line.resize(REACH, outside);
    line.extend_from_slice(row);
    line.resize(row.len() + SIDE, outside);
    for step in [1, 2, 4] {
        let n = line.len() - step;
        let (head, _) = line.split_at_mut(n + step);
        for i in 0..n {
            head[i] = pick(head[i], head[i + step]);
        }
    }
    // A window of eight from `i` on, and the ninth value.
    for (i, to) in to.iter_mut().enumerate() {
        *to = pick(line[i], line[i + 1]);
    }
}

/// The same down the columns, a strip of some columns at a time.
fn down(
    from: &[u8],
    to: &mut [u8],
    width: usize,
    height: usize,
    outside: u8,
    pick: impl Fn(u8, u8) -> u8 + Copy,
) {
    for (y, out) in to.chunks_exact_mut(width).enumerate() {
        let rows = &from[y.saturating_sub(REACH) * width..(y + REACH + 1).min(height) * width];
        let (strips, rest) = out.as_chunks_mut::<STRIP>();
        for (i, strip) in strips.iter_mut().enumerate() {
            let mut extreme = [outside; STRIP];
            for row in rows.chunks_exact(width) {
                if let Some(values) = row[i * STRIP..].first_chunk::<STRIP>() {
                    extreme.iter_mut().zip(values).for_each(|(e, &v)| *e = pick(*e, v));
                }
            }
            *strip = extreme;
        }
        let first = width - rest.len();
        rest.fill(outside);
        for row in rows.chunks_exact(width) {
            rest.iter_mut().zip(&row[first..]).for_each(|(o, &v)| *o = pick(*o, v));
        }
    }
}
