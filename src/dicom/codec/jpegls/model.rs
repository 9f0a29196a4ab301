//! Context modelling and prediction (ISO/IEC 14495-1 A.2 … A.7), for decoding one line after another.

use super::bits::Bits;
use super::damaged;
use crate::dicom::codec::PixelError;

/// Order of the run-length code for each run index (Table A.3… J).
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Preset coding parameters (C.2.4.1.1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Preset {
    pub(super) max_value: i32,
    pub(super) thresholds: [i32; 3],
    pub(super) reset: u32,
}

impl Preset {
    /// Zeros replaced by the defaults for this precision and tolerance.
    pub(super) fn resolved(self, precision: u8, near: i32) -> Result<Self, PixelError> {
        let default_max = (1 << precision) - 1;
        let max = if self.max_value == 0 { default_max } else { self.max_value };
        if !(1..=default_max).contains(&max) || near > 255.min(max / 2) {
            return Err(damaged("maximum value or tolerance"));
        }
        let clamp = |value: i32, low: i32| if value > max || value < low { low } else { value };
        let [mut t1, mut t2, mut t3] = self.thresholds;
        let basic = |b: i32, offset: i32, least: i32, step: i32| {
            if max >= 128 {
                (max.min(4095) + 128) / 256 * (b - offset) + offset + step * near
            } else {
                least.max(b / (256 / (max + 1)) + step * near)
            }
        };
        if t1 == 0 {
            t1 = clamp(basic(3, 2, 2, 3), near + 1);
        }
        if t2 == 0 {
            t2 = clamp(basic(7, 3, 3, 5), t1);
        }
        if t3 == 0 {
            t3 = clamp(basic(21, 4, 4, 7), t2);
        }
        let reset = if self.reset == 0 { 64 } else { self.reset };
        if !(near < t1 && t1 <= t2 && t2 <= t3 && t3 <= max) || reset < 3 {
            return Err(damaged("preset thresholds"));
        }
        Ok(Self { max_value: max, thresholds: [t1, t2, t3], reset })
    }
}

#[derive(Clone, Copy, Debug)]
struct Context {
    a: u64,
    b: i32,
    c: i32,
    n: u32,
}

#[derive(Clone, Copy, Debug)]
struct RunContext {
    a: u64,
    n: u32,
    negative: u32,
}

/// State of a scan.
pub(super) struct Model {
    preset: Preset,
    near: i32,
    range: i32,
    /// Bits of an escaped error.
    escape_bits: u32,
    limit: u32,
    /// Quantised gradient for each difference, from −maximum on.
    quantised: Vec<i8>,
    contexts: Vec<Context>,
    runs: [RunContext; 2],
}

impl Model {
    pub(super) fn new(preset: Preset, near: i32) -> Self {
        let max = preset.max_value;
        let range = if near == 0 { max + 1 } else { (max + 2 * near) / (2 * near + 1) + 1 };
        let bits = |values: i32| 32 - (values - 1).leading_zeros();
        let depth = bits(max + 1).max(2);
        let [t1, t2, t3] = preset.thresholds;
        let quantise = |d: i32| -> i8 {
            let size = match d.abs() {
                m if m >= t3 => 4,
                m if m >= t2 => 3,
                m if m >= t1 => 2,
                m if m > near => 1,
                _ => 0,
            };
            if d < 0 { -size } else { size }
        };
        let mut model = Self {
            preset,
            near,
            range,
            escape_bits: bits(range),
            limit: 2 * (depth + depth.max(8)),
            quantised: (-max..=max).map(quantise).collect(),
            contexts: Vec::new(),
            runs: [RunContext { a: 0, n: 1, negative: 0 }; 2],
        };
        model.reset();
        model
    }

    /// As at the start of a scan or restart interval (A.2.1).
    pub(super) fn reset(&mut self) {
        let a = 2.max((self.range as u64 + 32) / 64);
        self.contexts = vec![Context { a, b: 0, c: 0, n: 1 }; 365];
        self.runs = [RunContext { a, n: 1, negative: 0 }; 2];
    }

    /// Quantised gradient: zero means "within the tolerance".
    #[inline]
    fn quantise(&self, difference: i32) -> i32 {
        let at = (difference + self.preset.max_value) as usize;
        self.quantised.get(at).map_or(0, |&q| i32::from(q))
    }

    /// Context number with its sign; 0 is run mode.
    #[inline]
    fn context(&self, a: i32, b: i32, c: i32, d: i32) -> i32 {
        81 * self.quantise(d - b) + 9 * self.quantise(b - c) + self.quantise(c - a)
    }

    /// A line of one component. `above` and `line` have one sample more on either side (A.2.1).
    pub(super) fn line(
        &mut self,
        bits: &mut Bits<'_>,
        above: &[u16],
        line: &mut [u16],
        run_index: &mut usize,
    ) -> Result<(), PixelError> {
        let width = line.len() - 2;
        let above = &above[..width + 2];
        let mut x = 1;
        let mut c = i32::from(above[0]);
        let mut b = i32::from(above[1]);
        while x <= width {
            let (a, d) = (i32::from(line[x - 1]), i32::from(above[x + 1]));
            let context = self.context(a, b, c, d);
            if context != 0 {
                line[x] = self.regular(bits, context, predict(a, b, c))?;
                (c, b) = (b, d);
                x += 1;
                continue;
            }
            let (length, ended) = run_length(bits, width + 1 - x, run_index);
            line[x..x + length].fill(a as u16);
            x += length;
            if !ended {
                let above_here = i32::from(above[x]);
                line[x] = self.interruption(bits, a, above_here, *run_index)?;
                *run_index = run_index.saturating_sub(1);
                x += 1;
            }
            if x <= width {
                (c, b) = (i32::from(above[x - 1]), i32::from(above[x]));
            }
        }
        Ok(())
    }

    /// A line of all components, sample by sample (A.5.2 for several components).
    pub(super) fn line_of_pixels(
        &mut self,
        bits: &mut Bits<'_>,
        above: &[u16],
        line: &mut [u16],
        samples: usize,
        run_index: &mut usize,
    ) -> Result<(), PixelError> {
        let width = line.len() / samples - 2;
        let mut x = 1;
        while x <= width {
            let at = x * samples;
            let mut contexts = [0; 4];
            for s in 0..samples {
                let value = |v: &[u16], i: usize| i32::from(v[i + s]);
                contexts[s] = self.context(
                    value(line, at - samples),
                    value(above, at),
                    value(above, at - samples),
                    value(above, at + samples),
                );
            }
            if contexts[..samples].iter().any(|&q| q != 0) {
                for (s, &context) in contexts[..samples].iter().enumerate() {
                    let i = at + s;
                    let prediction = predict(
                        i32::from(line[i - samples]),
                        i32::from(above[i]),
                        i32::from(above[i - samples]),
                    );
                    line[i] = self.regular(bits, context, prediction)?;
                }
                x += 1;
                continue;
            }
            let (length, ended) = run_length(bits, width + 1 - x, run_index);
            for i in at..at + length * samples {
                line[i] = line[i - samples];
            }
            x += length;
            if !ended {
                for i in x * samples..(x + 1) * samples {
                    let (a, b) = (i32::from(line[i - samples]), i32::from(above[i]));
                    let error = self.run_error(bits, 0, *run_index)?;
                    line[i] = self.reconstruct(b, if b < a { -error } else { error });
                }
                *run_index = run_index.saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    /// A sample in regular mode (A.4 … A.6); in a pixel of several components context 0 occurs too.
    #[inline]
    fn regular(&mut self, bits: &mut Bits<'_>, context: i32, prediction: i32) -> Result<u16, PixelError> {
        let negative = context < 0;
        let state = &mut self.contexts[context.unsigned_abs() as usize];
        let corrected = prediction + if negative { -state.c } else { state.c };
        let prediction = corrected.clamp(0, self.preset.max_value);
        let k = golomb(state.a, state.n);
        let mapped = {
            let zeros = bits.unary(self.limit);
            let most = self.limit - self.escape_bits - 1;
            if zeros < most { zeros << k | bits.take(k) } else { bits.take(self.escape_bits) + 1 }
        };
        let mut error = (mapped >> 1) as i32 ^ -((mapped & 1) as i32);
        if self.near == 0 && k == 0 && 2 * state.b <= -(state.n as i32) {
            error = !error;
        }
        if error.unsigned_abs() > 0xFFFF {
            return Err(damaged("prediction error out of range"));
        }
        state.b += error * (2 * self.near + 1);
        state.a += u64::from(error.unsigned_abs());
        if state.n == self.preset.reset {
            state.a >>= 1;
            state.b >>= 1;
            state.n >>= 1;
        }
        state.n += 1;
        let n = state.n as i32;
        if state.b <= -n {
            state.b = (state.b + n).max(1 - n);
            state.c = (state.c - 1).max(-128);
        } else if state.b > 0 {
            state.b = (state.b - n).min(0);
            state.c = (state.c + 1).min(127);
        }
        Ok(self.reconstruct(prediction, if negative { -error } else { error }))
    }

    /// The sample that ends a run (A.7.2).
    fn interruption(&mut self, bits: &mut Bits<'_>, a: i32, b: i32, run: usize) -> Result<u16, PixelError> {
        if (a - b).abs() <= self.near {
            let error = self.run_error(bits, 1, run)?;
            return Ok(self.reconstruct(a, error));
        }
        let error = self.run_error(bits, 0, run)?;
        Ok(self.reconstruct(b, if b < a { -error } else { error }))
    }

    fn run_error(&mut self, bits: &mut Bits<'_>, kind: usize, run: usize) -> Result<i32, PixelError> {
        let state = &mut self.runs[kind];
        let k = golomb(state.a + if kind == 1 { u64::from(state.n >> 1) } else { 0 }, state.n);
        let limit = self.limit - J[run] - 1;
        let mapped = {
            let zeros = bits.unary(self.limit);
            let most = limit - self.escape_bits - 1;
            if zeros < most { zeros << k | bits.take(k) } else { bits.take(self.escape_bits) + 1 }
        };
        let value = mapped + kind as u32;
        let odd = value & 1 == 1;
        let size = value.div_ceil(2) as i32;
        if size > 0xFFFF {
            return Err(damaged("prediction error out of range"));
        }
        let error = if (k != 0 || 2 * state.negative >= state.n) == odd { -size } else { size };
        if error < 0 {
            state.negative += 1;
        }
        state.a += u64::from((mapped + 1 - kind as u32) >> 1);
        if state.n == self.preset.reset {
            state.a >>= 1;
            state.n >>= 1;
            state.negative >>= 1;
        }
        state.n += 1;
        Ok(error)
    }

    /// Prediction and error to a sample, modulo the range (A.4.4).
    #[inline]
    fn reconstruct(&self, prediction: i32, error: i32) -> u16 {
        let step = 2 * self.near + 1;
        let mut value = prediction + error * step;
        if value < -self.near {
            value += self.range * step;
        } else if value > self.preset.max_value + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.preset.max_value) as u16
    }
}

/// Median edge detector (A.4.1).
#[inline]
fn predict(a: i32, b: i32, c: i32) -> i32 {
    let (low, high) = (a.min(b), a.max(b));
    if c >= high {
        low
    } else if c <= low {
        high
    } else {
        a + b - c
    }
}

/// Order of the Golomb code (A.5.1).
#[inline]
fn golomb(a: u64, n: u32) -> u32 {
    let n = u64::from(n);
    let mut k = 0;
    while n << k < a && k < 24 {
        k += 1;
    }
    k
}

/// Length of a run of at most `most`, and whether it ended with the line (A.7.1).
fn run_length(bits: &mut Bits<'_>, most: usize, run_index: &mut usize) -> (usize, bool) {
    let mut length = 0;
    while bits.take(1) == 1 {
        let whole = 1 << J[*run_index];
        if length + whole <= most {
            *run_index = (*run_index + 1).min(31);
        }
        length = (length + whole).min(most);
        if length == most {
            return (length, true);
        }
    }
    length += bits.take(J[*run_index]) as usize;
    // A damaged stream may claim more; the sample after the run must still be on the line.
    (length.min(most - 1), false)
}
