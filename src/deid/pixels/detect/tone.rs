//! Stored values as greys: each value is counted once and looked up in a table.

/// Smallest value, the one below which two in a thousand are, the one above which two in a thousand are, largest.
pub type Limits = [f32; 4];

/// One value in so many lies beyond the usual limits, on either side.
pub const FAR: usize = 500;
/// Values from the smallest to the largest that are counted one by one at most.
const MOST: usize = 1 << 17;

/// Part of the usual range that lies between padding and all other values, at least.
const PADDING_GAP: f32 = 0.1;
/// Different words.
const TABLE: usize = 1 << 16;

/// How often each value stands in a frame.
#[derive(Debug, Clone)]
pub struct Counts {
    low: i32,
    /// Of the smallest value and each above it.
    counts: Vec<u32>,
}

impl Counts {
    /// Of integers, of which one in so many is counted; `None` where there are none, or where they lie too far apart to be
    /// counted one by one.
    pub fn of<T: Copy + Ord + Into<i32>>(values: &[T], every: usize) -> Option<Self> {
        let first = *values.first()?;
        let (low, high) = values.iter().fold((first, first), |(a, b), &v| (a.min(v), b.max(v)));
        let (low, high) = (low.into(), high.into());
        let range = usize::try_from(i64::from(high) - i64::from(low)).ok().filter(|r| *r < MOST)?;
        let mut counts = vec![0u32; range + 1];
        for &v in values.iter().step_by(every) {
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

    /// The limits without padding: a smallest value that many have and that lies far below all others.
    pub fn limits_beside_padding(&self) -> Limits {
        let [low, from, to, high] = self.limits();
        let Some(others) = self.counts.get(1..).filter(|_| from <= low) else { return [low, from, to, high] };
        let all: usize = others.iter().map(|&n| n as usize).sum();
        let next = (self.low + 1 + edge(others.iter(), all / FAR) as i32) as f32;
        if next - low < PADDING_GAP * (to - low) { [low, from, to, high] } else { [low, next, to, high] }
    }

    /// Values of the frame that were counted, as greys.
    pub fn shade<T: Copy + Into<i32>>(&self, values: &[T], grey: impl Fn(f32) -> u8) -> Vec<u8> {
        let mut shades: Vec<u8> =
            (0..self.counts.len()).map(|at| grey((self.low + at as i32) as f32)).collect();
        let last = shades.len() - 1;
        let index = |v: T| v.into().wrapping_sub(self.low) as usize;
        if last > usize::from(u16::MAX) {
            return values.iter().map(|&v| shades[index(v).min(last)]).collect();
        }
        // A table of every word needs no check of its bounds.
        shades.resize(TABLE, 0);
        let Some(table) = shades.first_chunk::<TABLE>() else { return Vec::new() };
        values.iter().map(|&v| table[index(v) % TABLE]).collect()
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

/// Greys of the limits of values.
pub type Greys = [f32; 4];

/// Nearly all greys for what is usual.
pub const USUAL: Greys = [0.0, 24.0, 232.0, 255.0];
/// More for what is beyond a window: an overlay in white stands out from the brightest ground that the window shows.
pub const BEYOND: Greys = [0.0, 48.0, 207.0, 255.0];

/// Piece by piece linear: what is beyond the usual limits keeps its order, and a contrast of its own.
pub fn grey(v: f32, [low, from, to, high]: Limits, [darkest, dark, bright, brightest]: Greys) -> u8 {
    let between =
        |a: f32, b: f32, from: f32, to: f32| from + (to - from) * (v - a) / (b - a).max(f32::MIN_POSITIVE);
    if to <= from {
        return between(low, high, darkest, brightest) as u8;
    }
    (if v < from {
        between(low, from, darkest, dark)
    } else if v <= to {
        between(from, to, dark, bright)
    } else {
        between(to, high, bright, brightest)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_grey_whichever_values_are_counted() {
        let values: Vec<i16> = (0..70_000).map(|i| (i % 4096 - 1024) as i16).collect();
        let grey = |v: f32| ((v + 1024.0) / 16.0) as u8;
        let expected: Vec<u8> = values.iter().map(|&v| grey(f32::from(v))).collect();
        for every in [1, 7] {
            let counts = Counts::of(&values, every).unwrap();
            assert_eq!(counts.shade(&values, grey), expected);
            let [low, from, to, high] = counts.limits();
            assert_eq!((low, high), (-1024.0, 3071.0));
            assert!((from + 1016.0).abs() < 3.0 && (to - 3063.0).abs() < 3.0, "{from} {to}");
        }
        // More values than a word holds.
        let wide: Vec<i32> = (0..100_000).collect();
        let counts = Counts::of(&wide, 7).unwrap();
        let shaded = counts.shade(&wide, |v| (v / 1000.0) as u8);
        assert_eq!((shaded[0], shaded[50_000], shaded[99_999]), (0, 50, 99));
    }

    #[test]
    fn padding_far_below_all_else_is_not_usual() {
        let mut values: Vec<i32> = (0..9_000).map(|i| 1000 + i % 2000).collect();
        values.resize(10_000, -2000);
        let counts = Counts::of(&values, 1).unwrap();
        assert_eq!(counts.limits()[1], -2000.0);
        let [low, from, _, high] = counts.limits_beside_padding();
        assert_eq!((low, high), (-2000.0, 2999.0));
        assert!((1000.0..1010.0).contains(&from), "{from}");
        // Air that goes on without a gap.
        values.extend((-2000..1000).cycle().take(6_000));
        let counts = Counts::of(&values, 1).unwrap();
        assert_eq!(counts.limits_beside_padding(), counts.limits());
    }

    #[test]
    fn what_is_beyond_a_window_stands_out_from_its_white() {
        let limits = seen([0.0, 900.0, 1300.0, 4095.0], Some((864.0, 1264.0)));
        let grey = |v| grey(v, limits, BEYOND);
        assert_eq!(limits, [0.0, 900.0, 1264.0, 4095.0]);
        assert!(grey(4095.0) - grey(1264.0) > 40 && grey(900.0) - grey(0.0) > 40);
        assert!(grey(1264.0) - grey(900.0) > 150);
    }
}
