//! Stored values as greys: each value is counted once and looked up in a table.

/// Smallest value, the one below which two in a thousand are, the one above which two in a thousand are, largest.
pub type Limits = [f32; 4];

/// One value in so many lies beyond the usual limits, on either side.
pub const FAR: usize = 500;
/// Values from the smallest to the largest that are counted one by one at most.
const MOST: usize = 1 << 17;

/// How often each value stands in a frame.
#[derive(Debug, Clone)]
pub struct Counts {
    low: i32,
    /// Of the smallest value and each above it.
    counts: Vec<u32>,
}

impl Counts {
    /// Of integers; `None` where there are none, or where they lie too far apart to be counted one by one.
    pub fn of<T: Copy + Ord + Into<i32>>(values: &[T]) -> Option<Self> {
        let first = *values.first()?;
        let (low, high) = values.iter().fold((first, first), |(a, b), &v| (a.min(v), b.max(v)));
        let (low, high) = (low.into(), high.into());
        let range = usize::try_from(i64::from(high) - i64::from(low)).ok().filter(|r| *r < MOST)?;
        let mut counts = vec![0u32; range + 1];
        for &v in values {
            // Smaller than the range by what `low` is.
            let at = v.into().wrapping_sub(low) as usize;
            counts[at.min(range)] += 1;
        }
        Some(Self { low, counts })
    }

    /// The limits of the values.
    pub fn limits(&self) -> Limits {
        let all: usize = self.counts.iter().map(|&n| n as usize).sum();
        let rest = all / FAR;
        let last = self.counts.len() - 1;
        let from = edge(self.counts.iter(), rest);
        let to = last - edge(self.counts.iter().rev(), rest);
        let value = |at: usize| (self.low + at as i32) as f32;
        [value(0), value(from), value(to.max(from)), value(last)]
    }

    /// Values of the frame that were counted, as greys.
    pub fn shade<T: Copy + Into<i32>>(&self, values: &[T], grey: impl Fn(f32) -> u8) -> Vec<u8> {
        let shades: Vec<u8> = (0..self.counts.len()).map(|at| grey((self.low + at as i32) as f32)).collect();
        let last = shades.len() - 1;
        values.iter().map(|&v| shades[(v.into().wrapping_sub(self.low) as usize).min(last)]).collect()
    }
}

/// Where more than `rest` have been passed.
pub fn edge<'a>(mut counts: impl Iterator<Item = &'a u32>, rest: usize) -> usize {
    let mut sum = 0;
    let passed = |&n: &u32| {
        sum += n as usize;
        sum > rest
    };
    counts.position(passed).unwrap_or(0)
}

/// Piece by piece linear: what is beyond the usual limits keeps its order, and a contrast of its own.
pub fn grey(v: f32, [low, from, to, high]: Limits) -> u8 {
    let between =
        |a: f32, b: f32, from: f32, to: f32| from + (to - from) * (v - a) / (b - a).max(f32::MIN_POSITIVE);
    if to <= from {
        return between(low, high, 0.0, 255.0) as u8;
    }
    (if v < from {
        between(low, from, 0.0, 24.0)
    } else if v <= to {
        between(from, to, 24.0, 232.0)
    } else {
        between(to, high, 232.0, 255.0)
    }) as u8
}

/// Limits in which the values between black and white have most of the greys and those beyond still some; those of
/// the values where there is no window, or a window that shows little of what there is.
pub fn seen(limits: Limits, window: Option<(f32, f32)>) -> Limits {
    let [low, from, to, high] = limits;
    let Some((black, white)) = window else { return limits };
    let (inner, outer) = (from.max(black), to.min(white));
    if outer - inner < LEAST_SHOWN * (to - from) { limits } else { [low, inner, outer, high] }
}

/// Part of the usual range of values that a window must show.
const LEAST_SHOWN: f32 = 0.02;

/// As a window shows it.
pub fn windowed(v: f32, black: f32, white: f32) -> u8 {
    ((v - black) / (white - black) * 255.0).clamp(0.0, 255.0) as u8
}
