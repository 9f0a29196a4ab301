//! Thin bright structures: a white top-hat, that is the picture less its morphological opening (Serra 1982). Strokes of
//! writing stay with their whole contrast, whatever slow brightness is under them; anatomy wider than a stroke goes.

/// Side of the square that no stroke may contain, in pixels: strokes up to one less stay.
pub const SIDE: usize = 9;
const REACH: usize = SIDE / 2;
/// Columns that are gone down at once, and rows.
const STRIP: usize = 32;
const GROUP: usize = 4;
/// Rows that the windows of a group reach over.
const AROUND: usize = GROUP + SIDE - 1;

/// Buffers that are used again from picture to picture.
#[derive(Debug, Default)]
pub struct TopHat {
    rows: Vec<u8>,
    opened: Vec<u8>,
    line: Vec<u8>,
    thirds: Vec<u8>,
    /// A row of what is picked last.
    edge: Vec<u8>,
}

impl TopHat {
    /// Writes the top-hat of `picture` to `out`; both are `width` × `height` rows from the top. With `dark`, of the
    /// negative.
    pub fn of(&mut self, picture: &[u8], width: usize, dark: bool, out: &mut Vec<u8>) {
        self.rows.resize(picture.len(), 0);
        self.opened.resize(picture.len(), 0);
        out.clear();
        out.extend(picture.iter().map(|&v| if dark { !v } else { v }));
        for (row, to) in out.chunks_exact(width).zip(self.rows.chunks_exact_mut(width)) {
            along(row, to, [&mut self.line, &mut self.thirds], u8::MAX, u8::min);
        }
        self.edge.clear();
        self.edge.resize(width, u8::MAX);
        down(&self.rows, &mut self.opened, &self.edge, u8::min);
        self.edge.fill(0);
        down(&self.opened, &mut self.rows, &self.edge, u8::max);
        for (row, to) in self.rows.chunks_exact(width).zip(self.opened.chunks_exact_mut(width)) {
            along(row, to, [&mut self.line, &mut self.thirds], 0, u8::max);
        }
        out.iter_mut().zip(&self.opened).for_each(|(v, &open)| *v = v.saturating_sub(open));
    }
}

/// The extreme of [`SIDE`] values around each of a row: of three, then of three of those.
fn along(
    row: &[u8],
    to: &mut [u8],
    [line, thirds]: [&mut Vec<u8>; 2],
    outside: u8,
    pick: impl Fn(u8, u8) -> u8 + Copy,
) {
    line.clear();
    line.resize(REACH, outside);
    line.extend_from_slice(row);
    line.resize(row.len() + SIDE - 1, outside);
    thirds.resize(row.len() + SIDE - 3, 0);
    for (third, v) in thirds.iter_mut().zip(line.windows(3)) {
        *third = pick(pick(v[0], v[1]), v[2]);
    }
    for (to, v) in to.iter_mut().zip(thirds.windows(7)) {
        *to = pick(pick(v[0], v[3]), v[6]);
    }
}

/// The same down the columns. `edge` is a row of the value that stands for those above the first and below the last.
fn down(from: &[u8], to: &mut [u8], edge: &[u8], pick: impl Fn(u8, u8) -> u8 + Copy) {
    let width = edge.len();
    let row = |y: usize| {
        // Counted from REACH rows above the first.
        let from = y.checked_sub(REACH).and_then(|y| from.get(y * width..(y + 1) * width));
        from.unwrap_or(edge)
    };
    for (group, out) in to.chunks_mut(GROUP * width).enumerate() {
        let rows: [&[u8]; AROUND] = std::array::from_fn(|i| row(group * GROUP + i));
        let mut start = 0;
        while let Some(strips) = strips_at::<STRIP>(&rows, start) {
            write_group(&extremes(&strips, pick), out, width, start);
            start += STRIP;
        }
        while let Some(strips) = strips_at::<1>(&rows, start) {
            write_group(&extremes(&strips, pick), out, width, start);
            start += 1;
        }
    }
}

/// So many values of each row.
fn strips_at<'a, const N: usize>(rows: &[&'a [u8]; AROUND], start: usize) -> Option<[&'a [u8; N]; AROUND]> {
    let first = rows[0].get(start..)?.first_chunk()?;
    let mut strips = [first; AROUND];
    for (strip, row) in strips.iter_mut().zip(rows) {
        *strip = row.get(start..)?.first_chunk()?;
    }
    Some(strips)
}

fn write_group<const N: usize>(group: &[[u8; N]; GROUP], out: &mut [u8], width: usize, start: usize) {
    for (row, values) in out.chunks_exact_mut(width).zip(group) {
        row[start..start + N].copy_from_slice(values);
    }
}

/// The extremes of [`GROUP`] windows, each a row below the last: what they share is compared once.
fn extremes<const N: usize>(
    rows: &[&[u8; N]; AROUND],
    pick: impl Fn(u8, u8) -> u8 + Copy,
) -> [[u8; N]; GROUP] {
    let both = |a: &[u8; N], b: &[u8; N]| -> [u8; N] { std::array::from_fn(|i| pick(a[i], b[i])) };
    let shared = rows[4..9].iter().fold(*rows[3], |shared, row| both(&shared, row));
    let above = both(rows[1], rows[2]);
    let below = both(rows[9], rows[10]);
    [
        both(&shared, &both(rows[0], &above)),
        both(&both(&shared, &above), rows[9]),
        both(&both(&shared, rows[2]), &below),
        both(&shared, &both(&below, rows[11])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The extreme of every square of [`SIDE`] pixels, by its definition.
    fn square(picture: &[u8], width: usize, pick: fn(u8, u8) -> u8, outside: u8) -> Vec<u8> {
        let height = picture.len() / width;
        let near = |at: usize, most: usize| at.saturating_sub(REACH)..(at + REACH + 1).min(most);
        let extreme = |i: usize| {
            let all = near(i / width, height).flat_map(|y| near(i % width, width).map(move |x| (x, y)));
            all.fold(outside, |extreme, (x, y)| pick(extreme, picture[y * width + x]))
        };
        (0..picture.len()).map(extreme).collect()
    }

    #[test]
    fn the_top_hat_is_the_picture_less_its_opening() {
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut hat = TopHat::default();
        let mut found = Vec::new();
        for (width, height) in [(8, 8), (33, 9), (64, 13), (71, 30), (9, 1), (130, 22)] {
            let picture: Vec<u8> = (0..width * height).map(|_| random()).collect();
            for dark in [false, true] {
                let positive: Vec<u8> = picture.iter().map(|v| if dark { !v } else { *v }).collect();
                let eroded = square(&positive, width, u8::min, u8::MAX);
                let opened = square(&eroded, width, u8::max, 0);
                let expected: Vec<u8> = positive.iter().zip(opened).map(|(v, open)| v - open).collect();
                hat.of(&picture, width, dark, &mut found);
                assert_eq!(found, expected, "{width} × {height}, {dark}");
            }
        }
    }
}
