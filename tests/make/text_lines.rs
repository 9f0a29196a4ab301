//! What the detector of burned-in text sees in frames that `text_frames.py` wrote. Built alone, by rustc.
//!
//! Usage: text_lines rows FRAMES OUT     features of every line with what it is, to learn from
//!        text_lines quick SLICES OUT   features of every line of a quick look at slices that `text_slices.py` wrote
//!        text_lines judge FRAMES        recall by look, size, turn and contrast; frames without text that fire
#![allow(dead_code, missing_docs, clippy::pedantic, clippy::unwrap_used)]

#[path = "../../src/deid/pixels/detect/mod.rs"]
mod detect;

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use detect::{Candidate, Detector, Expect};

/// What the detector needs of the crate that it is part of.
mod model {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Area {
        pub x: u32,
        pub y: u32,
        pub width: u32,
        pub height: u32,
    }

    impl Area {
        pub fn shared(&self, other: &Self) -> u64 {
            let side = |a: u32, b: u32, c: u32, d: u32| u64::from((a + b).min(c + d).saturating_sub(a.max(c)));
            side(self.x, self.width, other.x, other.width) * side(self.y, self.height, other.y, other.height)
        }

        pub fn pixels(&self) -> u64 {
            u64::from(self.width) * u64::from(self.height)
        }
    }
}

/// A line of writing of a frame.
struct Laid {
    cap: f32,
    degrees: f32,
    contrast: f32,
    letters: u32,
    font: String,
}

struct Frame {
    name: String,
    look: String,
    width: usize,
    laid: Vec<Laid>,
    pixels: Vec<u8>,
    /// Number of the line whose ink is here, from 1.
    ink: Vec<u8>,
}

fn frames(path: &str) -> Vec<Frame> {
    let bytes = std::fs::read(path).unwrap();
    let mut at = 0;
    let mut all = Vec::new();
    while at < bytes.len() {
        let end = at + bytes[at..].iter().position(|&b| b == b'\n').unwrap();
        let head: Vec<&str> = std::str::from_utf8(&bytes[at..end]).unwrap().split('\t').collect();
        let (width, height): (usize, usize) = (head[2].parse().unwrap(), head[3].parse().unwrap());
        let laid = head[4..].chunks_exact(5).map(|l| Laid {
            cap: l[0].parse().unwrap(),
            degrees: l[1].parse().unwrap(),
            contrast: l[2].parse().unwrap(),
            letters: l[3].parse().unwrap(),
            font: l[4].into(),
        });
        let laid: Vec<Laid> = laid.collect();
        let n = width * height;
        let pixels = bytes[end + 1..][..n].to_vec();
        at = end + 1 + n;
        let ink = if laid.is_empty() {
            Vec::new()
        } else {
            at += n;
            bytes[at - n..at].to_vec()
        };
        all.push(Frame { name: head[0].into(), look: head[1].into(), width, laid, pixels, ink });
    }
    all
}

/// Does something with every frame on two threads; results in order.
fn each<R: Send>(frames: &[Frame], work: impl Fn(&mut Detector, &Frame) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut detector, mut out) = (Detector::default(), Vec::new());
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        let Some(frame) = frames.get(i) else { return out };
                        out.push((i, work(&mut detector, frame)));
                    }
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, r)| r).collect()
}

/// 1 writing, 0 none, -1 something of both that nothing should be learned from.
fn truth(frame: &Frame, scale: usize, c: &Candidate) -> i32 {
    if frame.laid.is_empty() {
        return 0;
    }
    let (mut inked, mut area, mut boxed, mut fits) = (0usize, 0usize, 0usize, true);
    for g in &c.line.glyphs {
        let g = if c.turned { g.turned() } else { *g };
        area += g.area as usize * scale * scale;
        for y in g.top as usize * scale..g.bottom as usize * scale {
            for x in g.left as usize * scale..g.right as usize * scale {
                let line = frame.ink.get(y * frame.width + x).copied().unwrap_or(0);
                if line > 0 {
                    inked += 1;
                    let l = &frame.laid[usize::from(line) - 1];
                    fits &= (l.degrees.abs() > 45.0) == c.turned && (l.contrast < 0.0) == c.dark;
                }
            }
        }
        boxed += (g.width() * g.height()) as usize * scale * scale;
    }
    if 3 * inked > area && fits {
        1
    } else if inked * 50 < boxed {
        0
    } else {
        -1
    }
}

fn rows(path: &str, out: &str) {
    let all = frames(path);
    let rows = each(&all, |detector, frame| {
        let mut rows = Vec::new();
        for (scale, sight) in detector.sights(&frame.pixels, frame.width) {
            for c in &sight.candidates {
                let truth = truth(frame, scale as usize, c);
                if truth >= 0 {
                    rows.push((truth as f32, c.line.features));
                }
            }
        }
        rows
    });
    let mut file = std::io::BufWriter::new(std::fs::File::create(out).unwrap());
    for (i, rows) in rows.iter().enumerate() {
        for (truth, features) in rows {
            for v in [i as f32, *truth].iter().chain(features) {
                file.write_all(&v.to_le_bytes()).unwrap();
            }
        }
    }
}

fn judge(path: &str, misses: Option<&str>) {
    let all = frames(path);
    let start = Instant::now();
    let found = each(&all, |detector, frame| {
        let start = Instant::now();
        let areas = detector.find(&frame.pixels, frame.width, &Expect::default()).sure;
        (areas, start.elapsed().as_secs_f64())
    });
    let pixels: usize = all.iter().map(|f| f.pixels.len()).sum();
    let took: f64 = found.iter().map(|f| f.1).sum();
    println!(
        "{} frames, {:.1} s, {:.1} of 512x512 a second and thread",
        all.len(),
        start.elapsed().as_secs_f64(),
        pixels as f64 / 512.0 / 512.0 / took
    );
    let mut table: BTreeMap<String, (usize, usize, usize, usize)> = BTreeMap::new();
    let (mut free, mut fired) = (0, Vec::new());
    let mut masked = 0usize;
    let mut missed = Vec::new();
    for (i, (frame, (areas, _))) in all.iter().zip(&found).enumerate() {
        if frame.laid.is_empty() {
            free += 1;
            if !areas.is_empty() {
                fired.push(format!("{i} {} {}x{}: {} {:?}", frame.name, frame.width, frame.pixels.len() / frame.width, areas.len(), areas[0]));
            }
            continue;
        }
        let mut covered = vec![false; frame.pixels.len()];
        for a in areas {
            for y in a.y..a.y + a.height {
                let start = y as usize * frame.width + a.x as usize;
                covered[start..start + a.width as usize].fill(true);
            }
        }
        masked += covered.iter().filter(|c| **c).count();
        for (n, l) in (1u8..).zip(&frame.laid) {
            let (mut hit, mut of) = (0, 0);
            for (c, ink) in covered.iter().zip(&frame.ink) {
                if *ink == n {
                    of += 1;
                    hit += usize::from(*c);
                }
            }
            if of == 0 {
                continue;
            }
            if (hit as f32) < 0.97 * of as f32 {
                missed.push((i, n, hit, of));
            }
            let turn = match l.degrees.abs() {
                0.0 => "upright",
                d if d > 45.0 => "quarter turn",
                _ => "slanted",
            };
            let contrast = match l.contrast.abs() {
                c if c < 40.0 => "contrast below 40",
                c if c < 70.0 => "contrast 40 to 70",
                _ => "contrast above 70",
            };
            let letters = match l.letters {
                0..=4 => "3 or 4 letters",
                5..=8 => "5 to 8 letters",
                _ => "more letters",
            };
            for key in [
                "all".to_string(),
                format!("look {}", frame.look),
                format!("caps {:02}", (l.cap as u32 / 4) * 4),
                turn.into(),
                contrast.into(),
                letters.into(),
                format!("font {}", l.font),
                if l.contrast < 0.0 { "dark".into() } else { "light".into() },
            ] {
                let e = table.entry(key).or_default();
                e.0 += hit;
                e.1 += of;
                e.2 += usize::from(hit as f32 >= 0.9 * of as f32);
                e.3 += 1;
            }
        }
    }
    for (key, (hit, of, lines, n)) in &table {
        println!("{key:34} {:6.2} % of ink, {:6.2} % of {n} lines", 100.0 * *hit as f64 / *of as f64, 100.0 * *lines as f64 / *n as f64);
    }
    if !table.is_empty() {
        println!("masked {:.1} % of all pixels", 100.0 * masked as f64 / pixels as f64);
    }
    if free > 0 {
        println!("{} of {free} frames without text fire, {:.2} % untouched", fired.len(), 100.0 - 100.0 * fired.len() as f64 / free as f64);
        fired.iter().for_each(|f| println!("  {f}"));
    }
    let Some(out) = misses else { return };
    let mut list = std::fs::File::create(format!("{out}/misses.txt")).unwrap();
    for (i, n, hit, of) in missed {
        let (frame, l) = (&all[i], &all[i].laid[usize::from(n) - 1]);
        let at: Vec<(usize, usize)> = (0..frame.ink.len())
            .filter(|&p| frame.ink[p] == n)
            .map(|p| (p % frame.width, p / frame.width))
            .collect();
        let (x0, x1) = (at.iter().map(|p| p.0).min().unwrap(), at.iter().map(|p| p.0).max().unwrap());
        let (y0, y1) = (at.iter().map(|p| p.1).min().unwrap(), at.iter().map(|p| p.1).max().unwrap());
        let sight = Detector::default().sight(&frame.pixels, frame.width);
        let best = sight
            .candidates
            .iter()
            .filter(|c| {
                let b = if c.turned { [c.line.bounds[1], c.line.bounds[0], c.line.bounds[3], c.line.bounds[2]] } else { c.line.bounds };
                (b[0] as usize) < x1 && (b[2] as usize) > x0 && (b[1] as usize) < y1 && (b[3] as usize) > y0
            })
            .max_by(|a, b| a.score.total_cmp(&b.score));
        writeln!(
            list,
            "{i}\t{n}\t{}\t{hit}\t{of}\tcap {:.0} deg {:.0} contrast {:.0} letters {} {}\t{x0} {y0} {x1} {y1}\tbest {:?}",
            frame.look, l.cap, l.degrees, l.contrast, l.letters, l.font,
            best.map(|b| (b.score, b.level, b.line.glyphs.len(), b.dark, b.turned, b.line.bounds))
        )
        .unwrap();
    }
}

/// A slice as `text_slices.py` wrote it.
struct Slice {
    name: String,
    modality: String,
    width: usize,
    /// Stored values that the window shows black and white.
    shown: Option<(f32, f32)>,
    laid: Vec<String>,
    values: Vec<i32>,
    ink: Vec<u8>,
}

fn next_slice(file: &mut impl std::io::BufRead) -> Option<Slice> {
    let mut head = String::new();
    if file.read_line(&mut head).unwrap() == 0 {
        return None;
    }
    let head: Vec<&str> = head.trim_end().split('\t').collect();
    let (width, height): (usize, usize) = (head[2].parse().unwrap(), head[3].parse().unwrap());
    let shown = head[4].parse().ok().zip(head[5].parse().ok()).filter(|(a, b)| a < b);
    let laid: Vec<String> = head[6..].chunks_exact(5).map(|l| l.join(" ")).collect();
    let mut bytes = vec![0; 4 * width * height];
    file.read_exact(&mut bytes).unwrap();
    let values = bytes.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b)).collect();
    let mut ink = vec![0; if laid.is_empty() { 0 } else { width * height }];
    file.read_exact(&mut ink).unwrap();
    Some(Slice { name: head[0].into(), modality: head[1].into(), width, shown, laid, values, ink })
}

/// The view of a quick look.
fn quick_view(slice: &Slice) -> Vec<u8> {
    let every = if slice.values.len() < 1 << 16 { 1 } else { 7 };
    let counts = detect::tone::Counts::of(&slice.values, every).unwrap();
    let limits = detect::tone::seen(counts.limits_beside_padding(), slice.shown);
    counts.shade(&slice.values, |v| detect::tone::grey(v, limits, detect::tone::BEYOND))
}

/// Does something with every slice on two threads; results in order.
fn each_slice<R: Send>(path: &str, work: impl Fn(&mut Detector, &Slice) -> R + Sync) -> Vec<R> {
    let file = std::sync::Mutex::new((0, std::io::BufReader::new(std::fs::File::open(path).unwrap())));
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut detector, mut out) = (Detector::default(), Vec::new());
                    loop {
                        let (i, slice) = {
                            let mut file = file.lock().unwrap();
                            let Some(slice) = next_slice(&mut file.1) else { return out };
                            file.0 += 1;
                            (file.0, slice)
                        };
                        out.push((i, work(&mut detector, &slice)));
                    }
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, r)| r).collect()
}

/// Part of the pixels of a line's glyphs that are ink that was laid, and whether any is.
fn laid_part(slice: &Slice, scale: usize, line: &detect::line::Line, turned: bool) -> (f32, bool) {
    let (mut inked, mut area) = (0usize, 0usize);
    for g in &line.glyphs {
        let g = if turned { g.turned() } else { *g };
        area += g.area as usize * scale * scale;
        for y in g.top as usize * scale..g.bottom as usize * scale {
            for x in g.left as usize * scale..g.right as usize * scale {
                inked += usize::from(slice.ink.get(y * slice.width + x).copied().unwrap_or(0) > 0);
            }
        }
    }
    (inked as f32 / area.max(1) as f32, inked > 0)
}

/// Seconds that this thread was on a processor.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Features of every line of a quick look, and a text with the time that each slice took.
fn quick_rows(path: &str, out: &str) {
    let all = each_slice(path, |detector, slice| {
        let start = busy();
        let view = quick_view(slice);
        let middle = busy();
        let lines = detector.quick_lines(&view, slice.width);
        let took = [middle - start, busy() - middle].map(|t| t * 1e3 * 512.0 * 512.0 / slice.values.len() as f64);
        let mut rows = Vec::new();
        for c in lines {
            let scale = c.scale;
            let (part, any) = if slice.ink.is_empty() { (0.0, false) } else { laid_part(slice, scale as usize, &c.line, c.turned) };
            let truth = if part > 0.3 { 1.0 } else if any { -1.0 } else { 0.0 };
            rows.push((truth, c.features, c.line.bounds.map(|b| (b * scale) as f32), scale as f32));
        }
        (slice.modality.clone(), slice.name.clone(), slice.width, slice.laid.join("|"), took, rows)
    });
    let mut file = std::io::BufWriter::new(std::fs::File::create(out).unwrap());
    let mut text = std::io::BufWriter::new(std::fs::File::create(format!("{out}.txt")).unwrap());
    for (i, (modality, name, width, laid, took, rows)) in all.iter().enumerate() {
        writeln!(text, "{modality}\t{name}\t{width}\t{:.3}\t{:.3}\t{laid}", took[0], took[1]).unwrap();
        for (truth, features, bounds, scale) in rows {
            for v in [i as f32, *truth].iter().chain(features).chain(bounds).chain([scale]) {
                file.write_all(&v.to_le_bytes()).unwrap();
            }
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[1..] {
        ["rows", path, out] => rows(path, out),
        ["quick", path, out] => quick_rows(path, out),
        ["judge", path] => judge(path, None),
        ["judge", path, misses] => judge(path, Some(misses)),
        _ => panic!("usage: rows FRAMES OUT | quick SLICES OUT | judge FRAMES [MISSES]"),
    }
}
