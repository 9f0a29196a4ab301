//! A million reads: how long every metric takes anew, and how long after one more read.
//!
//! `cargo bench --bench reads`: 250,000 items by four of twenty readers each, with a volume, a rating and presence. One
//! reader draws larger in the last ten thousand items, so that there is an alarm to be explained. What is asked is
//! what the screens ask: every coefficient with its interval, the worst measure taken apart (pairs, distribution, fifty
//! worst cases), every chart with its state, each alarm's cause, one chart in full. No database: what is measured is
//! what the engine does in memory.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use gantry::measure::agreement::bootstrap::SplitMix;
use gantry::measure::reads::{ChartState, Rated, Read, ReadIndex};

const ITEMS: u64 = 250_000;
const READERS: usize = 20;
const EACH: usize = 4;
const MORE: u64 = 250;
/// The reader who draws larger.
const DRIFTS: usize = 7;
/// Items from which on, before the end.
const RECENT: u64 = 10_000;

fn main() {
    let mut random = SplitMix::new(1, 1);
    let mut board = ReadIndex::new(Vec::new());
    let mut made = Duration::ZERO;
    for item in 0..ITEMS {
        for read in reads(item, &mut random) {
            let started = Instant::now();
            board.put(&read);
            made += started.elapsed();
        }
    }
    println!("{} reads taken in {:.2} s", board.len(), made.as_secs_f64());
    let (all, parts) = answer(&mut board);
    println!("every metric anew: {:.0} ms ({parts})", ms(all));
    let mut after = Vec::new();
    for item in ITEMS..ITEMS + MORE {
        for read in reads(item, &mut random) {
            let started = Instant::now();
            board.put(&read);
            let (_, parts) = answer(&mut board);
            after.push((started.elapsed(), parts));
        }
    }
    after.sort_unstable();
    let slowest = after.last().map(|a| a.1.clone()).unwrap_or_default();
    println!(
        "after one more read: median {:.1} ms, 99th percentile {:.1} ms; the slowest {slowest}",
        ms(after[after.len() / 2].0),
        ms(after[after.len() * 99 / 100].0)
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Every coefficient with its interval, one measure in detail, every chart.
fn answer(board: &mut ReadIndex) -> (Duration, String) {
    let started = Instant::now();
    let keys = board.measures();
    for key in &keys {
        board.coefficient(key).expect("a measure that is there");
    }
    let coefficients = started.elapsed();
    let key = keys.iter().find(|k| k.name == "malignancy").expect("it was said");
    board.detail(key, 50).expect("a measure that is there");
    let detail = started.elapsed().saturating_sub(coefficients);
    let drifts = board.drifts();
    for row in drifts.rows.iter().filter(|r| r.state == ChartState::Alarm) {
        board.attribute(&drifts, row).expect("an alarm has a change");
    }
    if let Some(first) = drifts.rows.first() {
        board.marks(first);
        let _ = (first.chart.average(), first.chart.crossings(), first.chart.worst());
    }
    let charts = drifts.rows.len();
    let alarms = drifts.rows.iter().filter(|r| r.state == ChartState::Alarm).count();
    let all = started.elapsed();
    let drift = all.saturating_sub(coefficients + detail);
    let parts = format!(
        "{} coefficients {:.0}, one taken apart {:.0}, {charts} charts and {alarms} alarms {:.0}",
        keys.len(),
        ms(coefficients),
        ms(detail),
        ms(drift)
    );
    (all, parts)
}

fn reads(item: u64, random: &mut SplitMix) -> Vec<Read> {
    let size = (4.0 + 1.2 * random.normal()).exp();
    let grade = 1.0 + 4.0 * random.unit();
    let first = random.below(READERS);
    (0..EACH)
        .map(|k| {
            let reader = (first + k * 3) % READERS;
            let at = 1_700_000_000_000 + item as i64 * 60_000 + k as i64 * 7_000;
            let nothing = random.unit() < 0.03;
            let larger = if reader == DRIFTS && item >= ITEMS - RECENT { 1.05 } else { 1.0 };
            let volume = larger * size * (0.06 * random.normal()).exp();
            let rating = (grade + 0.5 * random.normal()).round().clamp(1.0, 5.0);
            let values = vec![
                ("volume_mm3".to_owned(), Rated::Number(volume)),
                ("malignancy".to_owned(), Rated::Number(rating)),
            ];
            Read {
                id: item as i64 * EACH as i64 + k as i64 + 1,
                reader: format!("reader-{reader:02}"),
                guideline: "1.0".into(),
                item: format!("2.25.{item}"),
                structure: "nodule".into(),
                site: format!("site-{}", item % 5),
                scanner: format!("model-{}", item % 7),
                nothing,
                started_ms: Some(at - (60_000.0 * (0.3 * random.normal()).exp()) as i64),
                finished_ms: Some(at),
                values: if nothing { Vec::new() } else { values },
            }
        })
        .collect()
}
