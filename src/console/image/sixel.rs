//! Sixel graphics: greys exactly as finely as a terminal's colour registers can show them, and quickly.
//!
//! Registers take red, green and blue in whole percents, so there are only 101 true greys. Between two of them lie
//! tints so faint that nobody sees them as colour; choosing by luminance among them shows all 256 greys of a slice.

use std::fmt::Write as _;

use crate::render::Rgb;

/// Colours that a terminal is assumed to have; every one since the VT340's successors has 256 or more.
pub const REGISTERS: usize = 256;

/// An image of palette indices.
struct Indexed {
    palette: Vec<[u8; 3]>,
    pixels: Vec<u8>,
}

/// Encodes `image` with at most `registers` colours (2 … 256).
pub fn encode(image: &Rgb, registers: usize) -> String {
    let (width, height) = (image.width as usize, image.height as usize);
    let indexed = quantise(image, registers.clamp(2, REGISTERS));
    let mut out = String::with_capacity(width * height / 2 + 8192);
    // Aspect 1:1, pixels that are not set keep what is there (every pixel is set).
    let _ = write!(out, "\x1bP0;1;0q\"1;1;{width};{height}");
    let percents = |[r, g, b]: [u8; 3]| [r, g, b].map(|v| (u32::from(v) * 100 + 127) / 255);
    for (index, colour) in indexed.palette.iter().enumerate() {
        let [r, g, b] = if is_grey(*colour) { grey_percents(colour[0]) } else { percents(*colour) };
        let _ = write!(out, "#{index};2;{r};{g};{b}");
    }
    let mut band = Band::new(width, indexed.palette.len());
    for top in (0..height).step_by(6) {
        band.read(&indexed.pixels, width, top, height);
        band.write(&mut out);
        out.push('-');
    }
    out.push_str("\x1b\\");
    out
}

fn is_grey([r, g, b]: [u8; 3]) -> bool {
    r == g && g == b
}

/// Red, green and blue in percent whose luminance is nearest to a grey; no two of them differ by more than one.
fn grey_percents(grey: u8) -> [u32; 3] {
    let wanted = f64::from(grey) / 255.0 * 100.0;
    let low = wanted.floor().min(99.0);
    let near = |bits: u32| {
        let add = |bit: u32| f64::from(bits >> bit & 1);
        0.299 * (low + add(2)) + 0.587 * (low + add(1)) + 0.114 * (low + add(0))
    };
    let best = (0..8_u32)
        .min_by(|a, b| (near(*a) - wanted).abs().total_cmp(&(near(*b) - wanted).abs()))
        .unwrap_or(0);
    [2, 1, 0].map(|bit| low as u32 + (best >> bit & 1))
}

/// Six rows as, per colour, the columns in which it stands with its six bits.
struct Band {
    colours: Vec<Vec<(u32, u8)>>,
    used: Vec<u8>,
}

impl Band {
    fn new(width: usize, colours: usize) -> Self {
        Self { colours: vec![Vec::with_capacity(width / 8); colours], used: Vec::with_capacity(colours) }
    }

    fn read(&mut self, pixels: &[u8], width: usize, top: usize, height: usize) {
        for colour in self.used.drain(..) {
            self.colours[usize::from(colour)].clear();
        }
        for x in 0..width {
            for bit in 0..6.min(height - top) {
                let colour = pixels[(top + bit) * width + x];
                let columns = &mut self.colours[usize::from(colour)];
                if columns.is_empty() {
                    self.used.push(colour);
                }
                match columns.last_mut() {
                    Some((column, bits)) if *column == x as u32 => *bits |= 1 << bit,
                    _ => columns.push((x as u32, 1 << bit)),
                }
            }
        }
    }

    fn write(&self, out: &mut String) {
        for (nth, colour) in self.used.iter().enumerate() {
            if nth > 0 {
                out.push('$');
            }
            let _ = write!(out, "#{colour}");
            let (mut at, mut run) = (0, Run { bits: 0, length: 0 });
            for &(column, bits) in &self.colours[usize::from(*colour)] {
                if column > at {
                    run.add(out, 0, column - at);
                }
                run.add(out, bits, 1);
                at = column + 1;
            }
            run.flush(out);
        }
    }
}

struct Run {
    bits: u8,
    length: u32,
}

impl Run {
    fn add(&mut self, out: &mut String, bits: u8, length: u32) {
        if bits != self.bits {
            self.flush(out);
            self.bits = bits;
        }
        self.length += length;
    }

    fn flush(&mut self, out: &mut String) {
        let sixel = char::from(63 + self.bits);
        if self.length > 3 {
            let _ = write!(out, "!{}{sixel}", self.length);
        } else {
            (0..self.length).for_each(|_| out.push(sixel));
        }
        self.length = 0;
    }
}

fn quantise(image: &Rgb, registers: usize) -> Indexed {
    let pixels = image.data.as_chunks::<3>().0;
    if pixels.iter().all(|pixel| is_grey(*pixel)) {
        return quantise_grey(pixels, registers);
    }
    let mut palette: Vec<[u8; 3]> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for pixel in pixels {
        if palette.len() > registers {
            break;
        }
        known.entry(*pixel).or_insert_with(|| {
            palette.push(*pixel);
            palette.len() - 1
        });
    }
    if palette.len() > registers {
        return median_cut(pixels, registers);
    }
    let index = |pixel: &[u8; 3]| known.get(pixel).copied().unwrap_or(0) as u8;
    Indexed { pixels: pixels.iter().map(index).collect(), palette }
}

fn quantise_grey(pixels: &[[u8; 3]], registers: usize) -> Indexed {
    let mut seen = [false; 256];
    for pixel in pixels {
        seen[usize::from(pixel[0])] = true;
    }
    let steps = registers as u32 - 1;
    // With enough registers each grey has its own; else the nearest of an even ramp.
    let level = |grey: u32| {
        if registers >= 256 { grey } else { (grey * steps + 127) / 255 * 255 / steps }
    };
    let (mut palette, mut index_of) = (Vec::new(), [0_u8; 256]);
    for grey in (0..256_u32).filter(|grey| seen[*grey as usize]) {
        let level = level(grey) as u8;
        if palette.last() != Some(&[level; 3]) {
            palette.push([level; 3]);
        }
        index_of[grey as usize] = (palette.len() - 1) as u8;
    }
    Indexed { palette, pixels: pixels.iter().map(|pixel| index_of[usize::from(pixel[0])]).collect() }
}

/// Median cut over a histogram of 5 bits a channel.
fn median_cut(pixels: &[[u8; 3]], registers: usize) -> Indexed {
    let cell =
        |[r, g, b]: [u8; 3]| usize::from(r >> 3) << 10 | usize::from(g >> 3) << 5 | usize::from(b >> 3);
    let mut counts = vec![0_u32; 1 << 15];
    let mut sums = vec![[0_u64; 3]; 1 << 15];
    for pixel in pixels {
        let at = cell(*pixel);
        counts[at] += 1;
        (0..3).for_each(|c| sums[at][c] += u64::from(pixel[c]));
    }
    let channel = |at: usize, c: usize| at >> (10 - 5 * c) & 31;
    let mut boxes: Vec<Vec<usize>> = vec![(0..counts.len()).filter(|at| counts[*at] > 0).collect()];
    while boxes.len() < registers {
        let span = |cells: &[usize], c: usize| {
            let values = cells.iter().map(|at| channel(*at, c));
            values.clone().max().unwrap_or(0) - values.min().unwrap_or(0)
        };
        let widest = |cells: &[usize]| (0..3).max_by_key(|c| span(cells, *c)).unwrap_or(0);
        let weight = |cells: &[usize]| {
            cells.iter().map(|at| u64::from(counts[*at])).sum::<u64>().isqrt()
                * span(cells, widest(cells)) as u64
        };
        let Some(place) = (0..boxes.len()).filter(|b| boxes[*b].len() > 1).max_by_key(|b| weight(&boxes[*b]))
        else {
            break;
        };
        let mut cells = boxes.swap_remove(place);
        let c = widest(&cells);
        cells.sort_unstable_by_key(|at| channel(*at, c));
        let half = cells.iter().map(|at| u64::from(counts[*at])).sum::<u64>() / 2;
        let mut sum = 0;
        let middle = cells.iter().position(|at| {
            sum += u64::from(counts[*at]);
            sum > half
        });
        let upper = cells.split_off(middle.unwrap_or(1).clamp(1, cells.len() - 1));
        boxes.extend([cells, upper]);
    }
    let (mut palette, mut index_of) = (Vec::new(), vec![0_u8; 1 << 15]);
    for (index, cells) in boxes.iter().enumerate() {
        let count = cells.iter().map(|at| u64::from(counts[*at])).sum::<u64>().max(1);
        palette.push([0, 1, 2].map(|c| (cells.iter().map(|at| sums[*at][c]).sum::<u64>() / count) as u8));
        for at in cells {
            index_of[*at] = index as u8;
        }
    }
    Indexed { palette, pixels: pixels.iter().map(|pixel| index_of[cell(*pixel)]).collect() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Decodes what [`encode`] writes, after the VT340's manual.
    fn decode(sixel: &str) -> Vec<Vec<[u32; 3]>> {
        let body = sixel.strip_prefix("\x1bP0;1;0q").unwrap().strip_suffix("\x1b\\").unwrap();
        let body = body.strip_prefix('"').unwrap();
        let end = body.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap();
        let size: Vec<usize> = body[..end].split(';').map(|n| n.parse().unwrap()).collect();
        let mut rows = vec![vec![[999; 3]; size[2]]; size[3]];
        let mut colours = std::collections::HashMap::new();
        let (mut x, mut top, mut colour) = (0, 0, [0; 3]);
        let mut rest = &body[end..];
        while let Some(c) = rest.chars().next() {
            rest = &rest[1..];
            let mut numbers = || {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(rest.len());
                let (head, tail) = rest.split_at(end);
                rest = tail;
                head.split(';').map(|n| n.parse::<u32>().unwrap()).collect::<Vec<_>>()
            };
            let (mut length, mut sixel) = (1, c);
            match c {
                '#' => {
                    let n = numbers();
                    if n.len() == 5 {
                        colours.insert(n[0], [n[2], n[3], n[4]]);
                    }
                    colour = colours[&n[0]];
                    continue;
                }
                '$' => {
                    x = 0;
                    continue;
                }
                '-' => {
                    x = 0;
                    top += 6;
                    continue;
                }
                '!' => {
                    length = numbers()[0];
                    sixel = rest.chars().next().unwrap();
                    rest = &rest[1..];
                }
                _ => {}
            }
            let bits = sixel as u32 - 63;
            for _ in 0..length {
                for bit in 0..6 {
                    if bits >> bit & 1 == 1 {
                        rows[top + bit][x] = colour;
                    }
                }
                x += 1;
            }
        }
        rows
    }

    #[test]
    fn greys_come_back_in_order_and_apart() {
        let mut image = Rgb::new(256, 13);
        for y in 0..13 {
            for x in 0..256 {
                image.set(x, y, [x as u8; 3]);
            }
        }
        let rows = decode(&encode(&image, 256));
        let luminance =
            |[r, g, b]: [u32; 3]| 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
        for row in &rows {
            for (x, colour) in row.iter().enumerate() {
                assert!((luminance(*colour) - x as f64 / 2.55).abs() < 0.2, "{x}: {colour:?}");
                assert!(colour.iter().max().unwrap() - colour.iter().min().unwrap() <= 1);
            }
            assert!(row.windows(2).filter(|pair| pair[0] != pair[1]).count() > 250);
        }
    }

    #[test]
    fn few_colours_are_exact_and_many_are_near() {
        let mut image = Rgb::new(7, 7);
        image.set(3, 4, [255, 0, 0]);
        image.set(6, 6, [0, 255, 0]);
        let rows = decode(&encode(&image, 256));
        assert_eq!((rows[4][3], rows[6][6], rows[0][0]), ([100, 0, 0], [0, 100, 0], [0, 0, 0]));
        let mut many = Rgb::new(64, 64);
        for y in 0..64 {
            for x in 0..64 {
                many.set(x, y, [x as u8 * 4, y as u8 * 4, 128]);
            }
        }
        let rows = decode(&encode(&many, 256));
        for (y, row) in rows.iter().enumerate() {
            for (x, [r, g, _]) in row.iter().enumerate() {
                assert!((f64::from(*r) * 2.55 - x as f64 * 4.0).abs() < 26.0, "{x} {y} {r}");
                assert!((f64::from(*g) * 2.55 - y as f64 * 4.0).abs() < 26.0, "{x} {y} {g}");
            }
        }
    }

    #[test]
    fn fewer_registers_are_kept_to() {
        let mut image = Rgb::new(256, 6);
        for x in 0..256 {
            image.set(x, 0, [x as u8; 3]);
        }
        let sixel = encode(&image, 16);
        assert!(sixel.contains("#15;2;") && !sixel.contains("#16;2;"), "{sixel}");
    }
}
