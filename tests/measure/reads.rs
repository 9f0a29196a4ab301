use std::collections::BTreeMap;

use gantry::measure::agreement::bootstrap::SplitMix;
use gantry::measure::agreement::many::{Patterns, alpha};
use gantry::measure::agreement::{Level, Ratings};
use gantry::measure::reads::{
    By, ChartState, DriftReason, MarkKind, MeasureKey, Metric, Rated, Read, ReadIndex,
};

fn key(name: &str) -> MeasureKey {
    MeasureKey { structure: "nodule".into(), name: name.into() }
}

/// A read of item `item` by reader `reader`; the truth is the item's.
fn read(random: &mut SplitMix, id: i64, item: usize, reader: usize) -> Read {
    let mut truth = SplitMix::new(5, item as u64);
    let (size, grade) = ((4.0 + truth.normal()).exp(), 1.0 + 4.0 * truth.unit());
    let at = 1_700_000_000_000 + (item * 10 + reader) as i64 * 3_600_000;
    let nothing = random.unit() < 0.05;
    let values = vec![
        ("volume_mm3".to_owned(), Rated::Number(size * (0.07 * random.normal()).exp())),
        ("grade".to_owned(), Rated::Number((grade + 0.5 * random.normal()).round().clamp(1.0, 5.0))),
    ];
    Read {
        id,
        reader: format!("r{reader}"),
        guideline: "1".into(),
        item: format!("i{item}"),
        structure: "nodule".into(),
        site: ["A", "B"][item % 2].into(),
        scanner: ["M", "N", "O"][item % 3].into(),
        nothing,
        started_ms: Some(at - (60_000.0 * (0.3 * random.normal()).exp()) as i64),
        finished_ms: Some(at),
        values: if nothing { Vec::new() } else { values },
    }
}

/// What a board answers, in words that can be compared.
fn answers(board: &mut ReadIndex) -> Vec<String> {
    let mut said = Vec::new();
    for key in board.measures() {
        let c = board.coefficient(&key).unwrap();
        let number = |v: Option<f64>| v.map(|v| format!("{v:.9}"));
        let ci = c.alpha.ci95.map(|c| c.map(|v| format!("{v:.6}")));
        let (value, percent) = (number(c.alpha.value), number(c.percent.value));
        let sizes = (c.alpha.n, c.ratings, c.readers);
        // Which resamples are drawn depends on the order of items, for continuous values alone.
        let ci = if c.scale.continuous { None } else { ci };
        said.push(format!("{} {value:?} {ci:?} {percent:?} {sizes:?} {:?}", key.name, c.scale.labels));
        let detail = board.detail(&key, 1_000).unwrap();
        let looks: Vec<_> = detail
            .readers
            .iter()
            .map(|l| (board.readers().name(l.reader).to_owned(), l.found, l.nothing, l.not_looked))
            .collect();
        let pairs: Vec<_> =
            detail.pairs.iter().map(|p| (p.a, p.b, number(p.value.value), p.value.n)).collect();
        said.push(format!("{looks:?} {pairs:?} {:?}", detail.distribution));
        let mut worst: Vec<String> = detail
            .worst
            .iter()
            .map(|c| format!("{} {:.8} {:?}", board.items().name(c.item), c.disagreement, c.cells))
            .collect();
        worst.sort();
        said.extend(worst);
    }
    let drifts = board.drifts();
    let mut charts: Vec<String> = drifts
        .rows
        .iter()
        .map(|r| {
            let who = match r.by {
                By::All => String::new(),
                By::Reader(n) => board.readers().name(n).to_owned(),
                By::Site(n) => board.sites().name(n).to_owned(),
            };
            let points: f64 = r.chart.points.iter().enumerate().map(|(i, p)| (i + 1) as f64 * p.x).sum();
            format!("{} {:?} {who} {:?} {:.9} {points:.6}", r.key.name, r.metric, r.state, r.p)
        })
        .collect();
    charts.sort();
    said.extend(charts);
    said
}

#[test]
fn a_board_kept_up_to_date_answers_as_one_made_anew() {
    for seed in 0..6 {
        let mut random = SplitMix::new(seed, 1);
        let mut board = ReadIndex::new(Vec::new());
        let mut standing: BTreeMap<(usize, usize), Read> = BTreeMap::new();
        for step in 0..400 {
            let (item, reader) = (random.below(45), random.below(5));
            let next = read(&mut random, step, item, reader);
            board.put(&next);
            standing.insert((item, reader), next);
            // Asking in between leaves behind what must not be believed later.
            if step % 57 == 0 {
                answers(&mut board);
            }
        }
        let mut anew = ReadIndex::new(Vec::new());
        let mut order: Vec<&Read> = standing.values().collect();
        for i in (1..order.len()).rev() {
            order.swap(i, random.below(i + 1));
        }
        order.iter().for_each(|r| anew.put(r));
        assert_eq!(board.len(), standing.len());
        for (one, other) in answers(&mut board).iter().zip(answers(&mut anew)) {
            assert_eq!(*one, other, "seed {seed}");
        }
    }
}

/// The reads that stand, by item, reader and guideline.
type Standing = BTreeMap<(String, String, String), Read>;

/// A read that may say another thing at another time under another guideline than the last of its reader.
fn restless(random: &mut SplitMix, id: i64, items: usize) -> Read {
    let (item, reader) = (random.below(items), random.below(4));
    let mut next = read(random, id, item, reader);
    next.guideline = ["1", "2"][random.below(2)].into();
    let moved = (random.unit() - 0.5) * 3_600_000.0 * [0.0, 10.0, 100_000.0][random.below(3)];
    next.finished_ms = next.finished_ms.map(|at| at + moved as i64).filter(|_| random.unit() < 0.98);
    next.started_ms = next.finished_ms.map(|at| at - 60_000);
    next.values.retain(|_| random.unit() < 0.95);
    next
}

#[test]
fn charts_that_are_carried_on_are_those_made_anew() {
    let (items, mut random) = (4_300, SplitMix::new(11, 4));
    let mut board = ReadIndex::new(Vec::new());
    let mut standing = Standing::new();
    let put = |board: &mut ReadIndex, standing: &mut Standing, next: Read| {
        board.put(&next);
        standing.insert((next.item.clone(), next.reader.clone(), next.guideline.clone()), next);
    };
    for item in 0..items {
        for reader in 0..4 {
            let mut next = read(&mut random, (item * 4 + reader) as i64, item, reader);
            // One who moved is left out where others are compared.
            if let (1, 3_000.., Some((_, Rated::Number(n)))) = (reader, item, next.values.first_mut()) {
                *n *= 1.1;
            }
            put(&mut board, &mut standing, next);
        }
    }
    let charts = |board: &mut ReadIndex| {
        let drifts = board.drifts();
        let words = |r: &gantry::measure::reads::DriftRow| {
            let points: Vec<(i64, u64)> = r.chart.points.iter().map(|p| (p.at_ms, p.x.to_bits())).collect();
            let who = match r.by {
                By::All => String::new(),
                By::Reader(n) => board.readers().name(n).to_owned(),
                By::Site(n) => board.sites().name(n).to_owned(),
            };
            let change = r.chart.change.as_ref().map(|c| (c.since, c.p.to_bits()));
            ((r.key.clone(), r.metric, who), (r.state, r.p.to_bits(), change, points))
        };
        drifts.rows.iter().map(words).collect::<BTreeMap<_, _>>()
    };
    let first = charts(&mut board);
    assert!(first.values().any(|c| c.3.len() == 4_096) && first.values().any(|c| c.0 == ChartState::Alarm));
    let mut id = 100_000;
    for many in [1, 1, 1, 1, 1, 1, 3, 30, 200] {
        for _ in 0..many {
            id += 1;
            // New items, and old ones anywhere.
            let next = restless(&mut random, id, items + 20);
            put(&mut board, &mut standing, next);
        }
        let mut anew = ReadIndex::new(Vec::new());
        standing.values().for_each(|r| anew.put(r));
        let (kept, made) = (charts(&mut board), charts(&mut anew));
        assert_eq!(kept.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
        for (key, one) in &kept {
            assert!(*one == made[key], "{key:?} after {many} more");
        }
    }
}

#[test]
fn its_coefficients_are_those_of_the_plain_functions() {
    let mut random = SplitMix::new(3, 3);
    let mut board = ReadIndex::new(Vec::new());
    let mut reads: Vec<Read> = Vec::new();
    for n in 0..600 {
        if random.unit() < 0.8 {
            reads.push(read(&mut random, n, n as usize / 5, n as usize % 5));
        }
    }
    reads.iter().for_each(|r| board.put(r));
    for (name, level) in [("grade", Level::Ordinal), ("volume_mm3", Level::Interval)] {
        let value = |r: &Read| r.values.iter().find(|v| v.0 == name).map(|v| v.1.clone());
        let mut values: Vec<f64> = reads
            .iter()
            .filter_map(|r| if let Some(Rated::Number(n)) = value(r) { Some(n) } else { None })
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        let mut cells = vec![None; 120 * 5];
        for r in &reads {
            if let Some(Rated::Number(n)) = value(r) {
                let at = values.iter().position(|v| *v == n).unwrap() as u32;
                cells[r.id as usize] = Some(at);
            }
        }
        let wanted = alpha(Patterns::of(&Ratings::new(values, 5, cells).unwrap()).all(), level);
        let found = board.coefficient(&key(name)).unwrap().alpha;
        assert!((found.value.unwrap() - wanted.value.unwrap()).abs() < 1e-12, "{name}");
        assert_eq!(found.n, wanted.n);
    }
}

/// A team of six readers over `items` items; `change` says by how much reader and item differ from usual.
fn team(seed: u64, items: usize, change: impl Fn(usize, usize) -> f64) -> ReadIndex {
    let mut random = SplitMix::new(seed, 7);
    let mut board = ReadIndex::new(Vec::new());
    let mut id = 0;
    for item in 0..items {
        for reader in 0..6 {
            id += 1;
            let mut read = read(&mut random, id, item + 1000 * seed as usize, reader);
            let at = 1_700_000_000_000 + (item * 10 + reader) as i64 * 3_600_000;
            (read.started_ms, read.finished_ms) = (Some(at - 60_000), Some(at));
            for value in &mut read.values {
                if let ("volume_mm3", Rated::Number(n)) = (&*value.0, &mut value.1) {
                    *n *= change(reader, item).exp();
                }
            }
            board.put(&read);
        }
    }
    board
}

#[test]
fn stable_teams_raise_no_alarm_beyond_the_design_rate() {
    let alarmed = (0..150)
        .filter(|&seed| team(seed, 70, |_, _| 0.0).drifts().rows.iter().any(|r| r.state == ChartState::Alarm))
        .count();
    // One percent over all charts of a team together: 1.5 of 150 teams, and three standard errors.
    assert!(alarmed <= 5, "{alarmed} of 150 teams");
}

#[test]
fn one_who_drifts_is_named_and_does_not_drag_the_others_along() {
    for seed in 0..12 {
        let mut board = team(seed, 90, |reader, item| if reader == 2 && item >= 45 { 0.3 } else { 0.0 });
        let drifts = board.drifts();
        let alarms: Vec<_> = drifts.rows.iter().filter(|r| r.state == ChartState::Alarm).collect();
        assert_eq!(
            alarms.len(),
            1,
            "seed {seed}: {:?}",
            alarms.iter().map(|r| (r.metric, r.by)).collect::<Vec<_>>()
        );
        let row = alarms[0];
        let reader = board.readers().find("r2").unwrap();
        assert_eq!((row.metric, row.by), (Metric::Panel, By::Reader(reader)));
        let change = row.chart.change.as_ref().unwrap();
        // Of ninety items some were found empty: the 45th is within a few reads.
        assert!(change.since.abs_diff(43) <= 15, "seed {seed}: {}", change.since);
        let why = board.attribute(&drifts, row).unwrap();
        assert_eq!((why.reason, why.readers), (DriftReason::Readers, vec![reader]));
    }
}

#[test]
fn a_guideline_that_all_follow_is_told_of_once_and_named() {
    let (items, from) = (90, 45);
    for seed in 0..12 {
        let mut random = SplitMix::new(seed, 8);
        let mut board = ReadIndex::new(Vec::new());
        for item in 0..items {
            for reader in 0..6 {
                let id = (item * 6 + reader) as i64;
                let mut read = read(&mut random, id, item + 1000 * seed as usize, reader);
                let at = 1_700_000_000_000 + (item * 10 + reader) as i64 * 3_600_000;
                let new = item >= from;
                let took = (if new { 90_000.0 } else { 60_000.0 }) * (0.2 * random.normal()).exp();
                (read.started_ms, read.finished_ms) = (Some(at - took as i64), Some(at));
                read.guideline = if new { "2" } else { "1" }.into();
                board.put(&read);
            }
        }
        let drifts = board.drifts();
        let alarms: Vec<_> = drifts.rows.iter().filter(|r| r.state == ChartState::Alarm).collect();
        let of_all = alarms.iter().find(|r| (r.metric, r.by) == (Metric::Time, By::All)).expect("found");
        let since = of_all.chart.change.as_ref().unwrap().since;
        assert!(since.abs_diff(from) <= 15, "seed {seed}: dated {since}");
        assert_eq!(board.attribute(&drifts, of_all).unwrap().reason, DriftReason::Guideline, "seed {seed}");
        let named = board.marks(of_all).into_iter().find(|m| m.kind == MarkKind::Guideline).unwrap();
        assert_eq!(named.name, "2");
        // Nobody is blamed for what all do.
        assert_eq!(alarms.len(), 1, "seed {seed}: {:?}", alarms.iter().map(|r| r.by).collect::<Vec<_>>());
    }
}

#[test]
fn one_who_begins_to_miss_is_named_and_dated() {
    for seed in 0..12 {
        let mut random = SplitMix::new(seed, 9);
        let mut board = ReadIndex::new(Vec::new());
        for item in 0..120 {
            for reader in 0..6 {
                let id = (item * 6 + reader) as i64;
                let mut read = read(&mut random, id, item + 1000 * seed as usize, reader);
                if reader == 4 && item >= 60 && random.unit() < 0.75 {
                    (read.nothing, read.values) = (true, Vec::new());
                }
                board.put(&read);
            }
        }
        let drifts = board.drifts();
        let alarms: Vec<_> = drifts.rows.iter().filter(|r| r.state == ChartState::Alarm).collect();
        let reader = board.readers().find("r4").unwrap();
        assert!(alarms.iter().all(|r| r.by == By::Reader(reader)), "seed {seed}");
        let missed = alarms.iter().find(|r| r.metric == Metric::Missed).unwrap_or_else(|| {
            let rows = drifts.rows.iter().filter(|r| r.metric == Metric::Missed);
            panic!(
                "seed {seed}: {:?}",
                rows.map(|r| (r.by, r.p, r.state, &r.chart.change)).collect::<Vec<_>>()
            )
        });
        let since = missed.chart.change.as_ref().unwrap().since;
        assert!(since.abs_diff(60) <= 15, "seed {seed}: dated {since}");
        let why = board.attribute(&drifts, missed).unwrap();
        assert_eq!((why.reason, why.readers), (DriftReason::Readers, vec![reader]), "seed {seed}");
    }
}
