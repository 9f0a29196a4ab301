//! Inverse wavelet transforms (ISO/IEC 15444-1 Annex F): 5/3 in integers, 9/7 in single precision.

/// What a sample of a band is: an integer or a float.
pub(super) trait Coefficient: Copy + Default + Send + Sync {
    /// From a magnitude with one fractional bit and a sign, quantised in `step`s.
    fn new(half_units: u32, negative: bool, step: f32) -> Self;
    /// Undoes the transform along a line in which low and high samples alternate, `first_high` or not.
    fn line(line: &mut [Self], first_high: bool);
    /// The same along columns: rows of `width` samples.
    fn columns(rows: &mut [Self], width: usize, first_high: bool);
}

impl Coefficient for i32 {
    #[inline]
    fn new(half_units: u32, negative: bool, _: f32) -> Self {
        let value = (half_units >> 1) as i32;
        if negative { -value } else { value }
    }

    fn line(line: &mut [Self], first_high: bool) {
        lift(
            line,
            first_high,
            0,
            |v, a, b| *v = v.wrapping_sub((a.wrapping_add(b).wrapping_add(2)) >> 2),
            |v| v,
        );
        lift(line, first_high, 1, |v, a, b| *v = v.wrapping_add(a.wrapping_add(b) >> 1), |v| v >> 1);
    }

    fn columns(rows: &mut [Self], width: usize, first_high: bool) {
        lift_rows(
            rows,
            width,
            first_high,
            0,
            |v, a, b| {
                *v = v.wrapping_sub((a.wrapping_add(b).wrapping_add(2)) >> 2);
            },
            |v| v,
        );
        lift_rows(
            rows,
            width,
            first_high,
            1,
            |v, a, b| *v = v.wrapping_add(a.wrapping_add(b) >> 1),
            |v| v >> 1,
        );
    }
}

const ALPHA: f32 = -1.586_134_3;
const BETA: f32 = -0.052_980_12;
const GAMMA: f32 = 0.882_911_1;
const DELTA: f32 = 0.443_506_85;
const K: f32 = 1.230_174_1;

impl Coefficient for f32 {
    #[inline]
    fn new(half_units: u32, negative: bool, step: f32) -> Self {
        let value = half_units as f32 * step * 0.5;
        if negative { -value } else { value }
    }

    fn line(line: &mut [Self], first_high: bool) {
        if line.len() > 1 {
            let high = usize::from(!first_high);
            line.iter_mut().skip(1 - high).step_by(2).for_each(|v| *v *= K);
            line.iter_mut().skip(high).step_by(2).for_each(|v| *v *= 1.0 / K);
        }
        for (phase, factor) in [(0, DELTA), (1, GAMMA), (0, BETA), (1, ALPHA)] {
            let single = if factor == ALPHA { 0.5 } else { 1.0 };
            lift(line, first_high, phase, |v, a, b| *v -= factor * (a + b), |v| v * single);
        }
    }

    fn columns(rows: &mut [Self], width: usize, first_high: bool) {
        if rows.len() > width {
            for (y, row) in rows.chunks_exact_mut(width).enumerate() {
                let factor = if (y % 2 == 1) ^ first_high { 1.0 / K } else { K };
                for v in row {
                    *v *= factor;
                }
            }
        }
        for (phase, factor) in [(0, DELTA), (1, GAMMA), (0, BETA), (1, ALPHA)] {
            let single = if factor == ALPHA { 0.5 } else { 1.0 };
            lift_rows(rows, width, first_high, phase, |v, a, b| *v -= factor * (a + b), |v| v * single);
        }
    }
}

/// One lifting step on the low (`phase` 0) or high (1) samples from their two neighbours, mirrored at the ends.
/// A line of one high sample is only `single`d.
#[inline]
fn lift<T: Copy>(
    line: &mut [T],
    first_high: bool,
    phase: usize,
    step: impl Fn(&mut T, T, T),
    single: impl Fn(T) -> T,
) {
    let n = line.len();
    let first = phase ^ usize::from(first_high);
    if n == 1 {
        if first_high && phase == 1 {
            line[0] = single(line[0]);
        }
        return;
    }
    let mut at = first;
    if at == 0 && n > 1 {
        let next = line[1];
        step(&mut line[0], next, next);
        at = 2;
    }
    while at + 1 < n {
        let (before, after) = (line[at - 1], line[at + 1]);
        step(&mut line[at], before, after);
        at += 2;
    }
    if at < n {
        let before = line[at - 1];
        step(&mut line[at], before, before);
    }
}

/// [`lift`] for whole rows at once.
#[inline]
fn lift_rows<T: Copy>(
    rows: &mut [T],
    width: usize,
    first_high: bool,
    phase: usize,
    step: impl Fn(&mut T, T, T),
    single: impl Fn(T) -> T,
) {
    let n = rows.len() / width.max(1);
    if n == 1 {
        if first_high && phase == 1 {
            for v in rows {
                *v = single(*v);
            }
        }
        return;
    }
    for y in (phase ^ usize::from(first_high)..n).step_by(2) {
        let (above, rest) = rows.split_at_mut(y * width);
        let (row, below) = rest.split_at_mut(width);
        let above = above.len().checked_sub(width).map(|from| &above[from..]);
        let below = below.get(..width);
        let (a, b) = match (above, below) {
            (Some(a), Some(b)) => (a, b),
            (Some(a), None) => (a, a),
            (None, Some(b)) => (b, b),
            (None, None) => return,
        };
        for ((v, &a), &b) in row.iter_mut().zip(a).zip(b) {
            step(v, a, b);
        }
    }
}

/// Bounds of a resolution level or band on its own grid: left, top, right, bottom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x0: u32,
    pub(super) y0: u32,
    pub(super) x1: u32,
    pub(super) y1: u32,
}

impl Rect {
    pub(super) fn width(self) -> usize {
        self.x1.saturating_sub(self.x0) as usize
    }

    pub(super) fn height(self) -> usize {
        self.y1.saturating_sub(self.y0) as usize
    }

    pub(super) fn area(self) -> usize {
        self.width() * self.height()
    }
}

/// Where the samples of a band stand in the level that it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lattice {
    width: usize,
    left: usize,
    top: usize,
    /// From one of its samples to the next, across and down.
    pub(super) step: usize,
}

impl Lattice {
    /// Every sample of the lowest level.
    pub(super) fn whole(level: Rect) -> Self {
        Self { width: level.width(), left: 0, top: 0, step: 1 }
    }

    /// A band that is high across, or down: low samples stand at even coordinates.
    pub(super) fn of(level: Rect, (across, down): (bool, bool)) -> Self {
        let first = |start: u32, high: bool| usize::from((start % 2 == 1) ^ high);
        Self { width: level.width(), left: first(level.x0, across), top: first(level.y0, down), step: 2 }
    }

    /// The place of the band's sample in column `x` and row `y`.
    pub(super) fn at(self, x: usize, y: usize) -> usize {
        (self.top + self.step * y) * self.width + self.left + self.step * x
    }
}

/// A level of bounds `to` with the samples of the level below it in their places.
pub(super) fn spread<T: Coefficient>(low: &[T], to: Rect) -> Vec<T> {
    let mut out = vec![T::default(); to.area()];
    let lattice = Lattice::of(to, (false, false));
    let width = to.width().saturating_sub(lattice.left).div_ceil(2);
    if width > 0 {
        for (y, row) in low.chunks_exact(width).enumerate() {
            let places = out[lattice.at(0, y)..].iter_mut().step_by(2);
            places.zip(row).for_each(|(to, &v)| *to = v);
        }
    }
    out
}

/// Undoes the transform of a level of bounds `area` whose bands are in their places.
pub(super) fn undo<T: Coefficient>(level: &mut [T], area: Rect) {
    let width = area.width();
    if level.is_empty() {
        return;
    }
    level.chunks_exact_mut(width).for_each(|row| T::line(row, area.x0 % 2 == 1));
    T::columns(level, width, area.y0 % 2 == 1);
}
