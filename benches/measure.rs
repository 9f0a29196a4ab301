//! Speed of the measuring core on the sizes that it promises; prints one JSON object per measurement.
//!
//! `cargo bench --bench measure` (with `-- NAME` for one of them).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Instant;

use gantry::measure::agreement::bootstrap::{SplitMix, intervals};
use gantry::measure::agreement::cohen::Weights;
use gantry::measure::agreement::live::Live;
use gantry::measure::agreement::many::{Coefficient, Credit, Patterns, alpha, coefficient};
use gantry::measure::agreement::{Level, Ratings};
use gantry::measure::drift::charts::{Cusum, Ewma};
use gantry::measure::grid::Grid;
use gantry::measure::overlap::pairs;
use gantry::measure::surface::{Convention, Extent, between};

fn timed<T>(name: &str, runs: usize, mut work: impl FnMut() -> T) -> T {
    let mut best = f64::MAX;
    let mut last = None;
    for _ in 0..runs {
        let start = Instant::now();
        last = Some(work());
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{{\"name\": \"{name}\", \"seconds\": {best:.6}, \"runs\": {runs}}}");
    last.unwrap()
}

/// The largest resident memory of this process so far, in MiB (Linux).
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// A liver-sized body with a bumpy surface in 512 × 512 × 300 voxels.
fn organ(phase: f64) -> Vec<u8> {
    let (nx, ny, nz) = (512, 512, 300);
    let mut mask = vec![0; nx * ny * nz];
    for z in 0..nz {
        for y in 0..ny {
            for x in 0..nx {
                let (u, v, w) =
                    ((x as f64 - 256.0) / 150.0, (y as f64 - 250.0) / 120.0, (z as f64 - 150.0) / 100.0);
                let bump = 0.04 * ((9.0 * u + phase).sin() + (8.0 * v - phase).sin() + (7.0 * w).sin());
                mask[x + nx * (y + ny * z)] = u8::from(u * u + v * v + w * w <= 1.0 + bump);
            }
        }
    }
    mask
}

fn masks() {
    let grid = Grid::new([512, 512, 300], [0.8, 0.8, 1.5]).unwrap();
    let (a, b) = (organ(0.0), organ(0.9));
    let before = peak_mib();
    for (name, convention) in [("masks surfel", Convention::Surfel), ("masks voxel", Convention::Voxel)] {
        let values = timed(name, 5, || {
            let pair = pairs(&grid, &a, &b).pop().unwrap();
            let s = between(&grid, &a, &b, &pair, convention, Extent::Volume).unwrap();
            [pair.dice().value.unwrap(), s.hausdorff_mm(0.95), s.assd_mm(), s.nsd(1.0), s.nsd(2.0)]
        });
        eprintln!("{name}: {values:?}, peak {:?} MiB of which inputs {before:?}", peak_mib());
    }
}

fn ratings(items: usize, readers: usize) -> Ratings {
    let mut random = SplitMix::new(7, 0);
    let cells = (0..items)
        .flat_map(|_| {
            let truth = random.below(5);
            let row: Vec<Option<u32>> = (0..readers)
                .map(|_| if random.unit() < 0.7 { truth } else { random.below(5) })
                .map(|c| Some(c as u32))
                .collect();
            row
        })
        .collect();
    Ratings::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], readers, cells).unwrap()
}

fn bootstrap() {
    let ratings = ratings(10_000, 5);
    for (name, level) in [
        ("alpha nominal", Level::Nominal),
        ("alpha ordinal", Level::Ordinal),
        ("alpha interval", Level::Interval),
    ] {
        let ci = timed(&format!("{name}, 1000 bootstraps of 10000 x 5"), 5, || {
            let patterns = Patterns::of(&ratings);
            let group: Vec<u32> = patterns.index(&ratings).into_iter().flatten().collect();
            intervals(&group, patterns.items.len(), 1000, 1, |w| [alpha(patterns.resampled(w), level).value])
        });
        eprintln!("{name}: {ci:?}");
    }
}

fn live() {
    let (items, readers) = (200_000, 5);
    let ratings = ratings(items, readers);
    let metrics = |live: &Live| {
        let patterns = live.patterns();
        let all = [Level::Nominal, Level::Ordinal, Level::Interval].map(|level| {
            let credit = Credit::new(level, &patterns.values).unwrap();
            (
                alpha(patterns.all(), level).value,
                coefficient(patterns.all(), &credit, Coefficient::Fleiss).estimate.value,
                coefficient(patterns.all(), &credit, Coefficient::Gwet).estimate.value,
            )
        });
        let kappas: Vec<_> =
            live.pairs().map(|(a, b)| live.kappa(a, b, Weights::Quadratic).unwrap().estimate.value).collect();
        (all, kappas)
    };
    let mut live = timed("1000000 reads from the start", 3, || {
        let mut live = Live::new(ratings.values().to_vec());
        let (mut cusum, mut ewma) = (Cusum::new(0.5, 5.0), Ewma::new(0.2, 3.0));
        for (item, row) in ratings.rows().enumerate() {
            for (reader, category) in row.iter().enumerate() {
                live.set(item as u64, reader as u32, *category);
                let z = f64::from(category.unwrap()) / 2.0 - 1.0;
                cusum.push(z);
                ewma.push(z);
            }
        }
        std::hint::black_box((metrics(&live), cusum.last(), ewma.last()));
        live
    });
    let mut item = 0;
    timed("one read more", 100, || {
        item += 1;
        live.set(item, 2, Some((item % 5) as u32));
        std::hint::black_box(metrics(&live))
    });
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let benches: [(&str, fn()); 3] = [("bootstrap", bootstrap), ("live", live), ("masks", masks)];
    for (name, bench) in benches {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            bench();
        }
    }
}
