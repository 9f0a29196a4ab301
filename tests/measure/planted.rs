use gantry::measure::agreement::bootstrap::SplitMix;
use gantry::measure::behaviour::{Habit, Profile, habit, profile};
use gantry::measure::drift::alarm::{Cause, Observed, attribute, watch};
use gantry::measure::drift::charts::{Baseline, Cusum, Ewma};
use gantry::measure::drift::multiple::benjamini_hochberg;
use gantry::measure::drift::shewhart::{individuals, p_chart};
use gantry::measure::drift::shift::{Bins, ks_p, psi};
use gantry::measure::drift::stream::{Adwin, Direction, PageHinkley};
use gantry::measure::drift::trend::mann_kendall;
use gantry::measure::grid::Grid;
use gantry::measure::reads::{Chart, ChartState, DisplayScale, Point};

/// The read from which on a planted reader draws otherwise, of 60.
const FROM: usize = 30;

fn grid() -> Grid {
    Grid::new([40, 40, 20], [1.0, 1.0, 2.0]).unwrap()
}

/// An ellipsoid of this size, moved by a little, without some slices and perhaps with a tube running out of it.
fn draw(radius: f64, centre: f64, skip: bool, leak: bool) -> Vec<u8> {
    let [nx, ny, nz] = grid().shape();
    let mut mask = vec![0; nx * ny * nz];
    for z in 0..nz {
        for y in 0..ny {
            for x in 0..nx {
                let (u, v, w) = (x as f64 - centre, y as f64 - 20.0, 2.0 * (z as f64 - 10.0));
                let inside = u * u + v * v + w * w <= radius * radius;
                let tube = leak && x as f64 > centre && v.abs() <= 1.0 && w.abs() <= 2.0 && x < 36;
                let skipped = skip && (z == 9 || z == 12);
                mask[x + nx * (y + ny * z)] = u8::from((inside || tube) && !skipped);
            }
        }
    }
    mask
}

/// Profiles of 60 reads; `fault` is drawn from read [`FROM`] on.
fn reads(seed: u64, fault: Option<Habit>) -> Vec<Profile> {
    let mut random = SplitMix::new(seed, 0);
    (0..60)
        .map(|read| {
            let fault = fault.filter(|_| read >= FROM);
            let size = 9.0 + 2.0 * random.unit();
            let truth = draw(size, 20.0, false, false);
            let grow = match fault {
                Some(Habit::OverSegments) => 1.3,
                Some(Habit::UnderSegments) => -1.3,
                _ => 0.0,
            };
            let (own, place) = (size + grow + 0.3 * random.normal(), 20.0 + 0.3 * random.normal());
            let test = draw(own, place, fault == Some(Habit::SkipsSlices), fault == Some(Habit::Leaks));
            profile(&grid(), &truth, &test, 1).unwrap()
        })
        .collect()
}

#[test]
fn every_planted_habit_is_found_dated_and_named() {
    let metrics: [fn(&Profile) -> f64; 4] =
        [|p| p.offset_mm, |p| p.reach_mm, |p| p.skipped_slices as f64, |p| p.dice];
    for fault in [Habit::OverSegments, Habit::UnderSegments, Habit::Leaks, Habit::SkipsSlices] {
        for seed in 0..4 {
            let profiles = reads(seed, Some(fault));
            let found = metrics
                .iter()
                .filter_map(|m| watch(&profiles.iter().map(m).collect::<Vec<_>>(), 25))
                .max_by(|a, b| a.effect_sd.abs().total_cmp(&b.effect_sd.abs()))
                .unwrap_or_else(|| panic!("{fault:?} was not found"));
            assert!(found.since.abs_diff(FROM) <= 15, "{fault:?} dated {}", found.since);
            assert!(found.signal.index < FROM + 15, "{fault:?} signalled at {}", found.signal.index);
            assert!(found.p < 1e-3);
            assert_eq!(habit(&profiles[..found.since], &profiles[found.since..]), fault, "seed {seed}");
        }
    }
    let stable = reads(9, None);
    assert_eq!(habit(&stable[..FROM], &stable[FROM..]), Habit::Unclear);
}

/// Reads of six readers on two scanners, the second one harder; what changes at half-time.
fn team(seed: u64, change: impl Fn(usize, usize) -> f64, mix: impl Fn(bool) -> f64) -> Vec<Observed> {
    let mut random = SplitMix::new(seed, 1);
    (0..600)
        .map(|row| {
            let (reader, after) = (random.below(6), row >= 300);
            let stratum = usize::from(random.unit() < mix(after));
            let level = 0.9 - 0.06 * stratum as f64 + 0.005 * reader as f64;
            let shift = if after { change(reader, stratum) } else { 0.0 };
            Observed { value: level + shift + 0.02 * random.normal(), reader, stratum, after }
        })
        .collect()
}

#[test]
fn a_change_is_attributed_to_reader_guideline_or_scanner_mix() {
    for seed in 0..20 {
        let one = team(seed, |reader, _| if reader == 4 { -0.03 } else { 0.0 }, |_| 0.3);
        assert_eq!(attribute(&one).unwrap().cause, Cause::Readers(vec![4]), "seed {seed}");
        let guideline = team(seed, |_, _| -0.03, |_| 0.3);
        assert_eq!(attribute(&guideline).unwrap().cause, Cause::Common, "seed {seed}");
        let scanner = team(seed, |_, _| 0.0, |after| if after { 0.8 } else { 0.2 });
        let found = attribute(&scanner).unwrap();
        assert_eq!(found.cause, Cause::Mix, "seed {seed}");
        assert!((found.total - found.mix - found.within).abs() < 1e-12);
    }
}

#[test]
fn a_drift_is_dated_within_fifteen_reads() {
    let (mut close, mut found) = (0, 0);
    for seed in 0..200 {
        let mut random = SplitMix::new(seed, 2);
        let series: Vec<f64> =
            (0..160).map(|row| 0.9 + 0.03 * random.normal() - if row >= 100 { 0.05 } else { 0.0 }).collect();
        if let Some(change) = watch(&series, 60).filter(|c| c.effect_sd < 0.0) {
            found += 1;
            close += usize::from(change.since.abs_diff(100) <= 15);
        }
    }
    assert!(found == 200 && close >= 196, "{found} found, {close} dated");
}

/// How many of 1,000 stable series something says yes to, and the most that its design rate allows (three standard
/// errors above it).
fn rate(name: &str, design: f64, mut alarm: impl FnMut(&mut SplitMix) -> bool) {
    let alarms = (0..1000).filter(|&seed| alarm(&mut SplitMix::new(seed, 3))).count() as f64 / 1000.0;
    let most = design + 3.0 * (design * (1.0 - design) / 1000.0).sqrt();
    assert!(alarms <= most, "{name}: {alarms} false alarms, designed for {design}");
}

#[test]
fn false_alarms_stay_within_the_design_rates_of_each_chart() {
    let normal = |random: &mut SplitMix, n: usize| (0..n).map(|_| random.normal()).collect::<Vec<f64>>();
    // Run lengths in control: CUSUM 465 (Siegmund; R's spc), EWMA with λ 0.2, L 3 about 560; 100 rows each.
    let within = |run_length: f64| 1.0 - (-100.0_f64 / run_length).exp();
    let chart = |random: &mut SplitMix| {
        let values = normal(random, 4100);
        let baseline = Baseline::of(&values[..4000]).unwrap();
        let z: Vec<f64> = values[4000..].iter().map(|v| baseline.standardise(*v)).collect();
        let (mut cusum, mut ewma) = (Cusum::new(0.5, 5.0), Ewma::new(0.2, 3.0));
        let mut hinkley = PageHinkley::new(0.005, 50.0, 1.0 - 1e-4, 30, Direction::Both);
        for v in z {
            cusum.push(v);
            ewma.push(v);
            hinkley.push(v);
        }
        (cusum, ewma, hinkley)
    };
    rate("cusum", within(465.0), |r| !chart(r).0.signals().is_empty());
    // Limits that widen from the first row alarm a little more often at the start.
    rate("ewma", within(560.0) + 0.02, |r| !chart(r).1.signals().is_empty());
    rate("page-hinkley", 0.01, |r| !chart(r).2.signals().is_empty());
    rate("adwin", 0.05, |r| {
        let mut adwin = Adwin::new(0.002);
        for v in normal(r, 400) {
            adwin.push(v);
        }
        !adwin.signals().is_empty()
    });
    rate("individuals", 1.0 - (1.0 - 0.0027_f64).powi(50) + 0.01, |r| {
        let values = normal(r, 1050);
        individuals(&values, 1000).unwrap().signals.iter().any(|&i| i >= 1000)
    });
    // A binomial chart of 200 cases a week: its upper tail is a little heavier than the normal one.
    rate("p-chart", 1.0 - (1.0 - 0.0035_f64).powi(20), |r| {
        let bad: Vec<u64> = (0..60).map(|_| (0..200).filter(|_| r.unit() < 0.1).count() as u64).collect();
        p_chart(&bad, &[200; 60], 40).unwrap().signals.iter().any(|&i| i >= 40)
    });
    rate("laney p'", 1.0 - (1.0 - 0.0035_f64).powi(20) + 0.01, |r| {
        let bad: Vec<u64> = (0..240).map(|_| (0..200).filter(|_| r.unit() < 0.1).count() as u64).collect();
        let chart = p_chart(&bad, &[200; 240], 220).unwrap();
        let beyond = |i: usize| {
            let share = bad[i] as f64 / 200.0;
            share < chart.laney_lower[i] || share > chart.laney_upper[i]
        };
        (220..240).any(beyond)
    });
    rate("ks", 0.05, |r| ks_p(&normal(r, 60), &normal(r, 60)) < 0.05);
    rate("mann-kendall", 0.05, |r| mann_kendall(&normal(r, 40)).unwrap().p < 0.05);
    rate("psi above 0.25", 0.01, |r| {
        let (a, b) = (normal(r, 400), normal(r, 400));
        let bins = Bins::of(&a).unwrap();
        psi(&bins.counts(&a), &bins.counts(&b)) > 0.25
    });
    // Twenty streams at once: without correction two thirds would alarm.
    rate("ks of twenty streams, corrected", 0.05, |r| {
        let p: Vec<f64> = (0..20).map(|_| ks_p(&normal(r, 40), &normal(r, 40))).collect();
        benjamini_hochberg(&p).iter().any(|p| *p < 0.05)
    });
}

/// A chart of reads with these values, a minute apart.
fn chart_of(values: &[f64], shown: DisplayScale) -> Chart {
    let point = |(at, x): (i64, &f64)| Point {
        at_ms: at * 60_000,
        x: *x,
        item: at as u32,
        reader: 0,
        site: 0,
        scanner: 0,
        guideline: 0,
    };
    Chart::new((0..).zip(values).map(point).collect(), shown)
}

#[test]
fn charts_of_reads_alarm_on_stable_ones_no_more_than_they_say() {
    // Each chart by itself is in alarm at one percent.
    for n in [40, 90, 400] {
        let alarm = |values: &[f64], shown| {
            let chart = chart_of(values, shown);
            chart.state(chart.p) == ChartState::Alarm
        };
        let draw = |name: &str, shown: DisplayScale, one: fn(&mut SplitMix) -> f64| {
            rate(&format!("{name} over {n} reads"), 0.01, |random| {
                let values: Vec<f64> = (0..n).map(|_| one(random)).collect();
                alarm(&values, shown)
            });
        };
        draw("values", DisplayScale::Plain, SplitMix::normal);
        draw("logarithms of ratios", DisplayScale::Percent, |r| 0.07 * r.normal());
        // Reading times: skewed, and now and then a reader is called away.
        draw("reading times", DisplayScale::Exponent, |r| {
            4.0 + 0.3 * r.normal() + if r.unit() < 0.03 { 2.0 } else { 0.0 }
        });
        draw("flags, one in ten", DisplayScale::Flag, |r| f64::from(u8::from(r.unit() < 0.1)));
        draw("flags, one in a hundred", DisplayScale::Flag, |r| f64::from(u8::from(r.unit() < 0.01)));
        draw("grades", DisplayScale::Plain, |r| (3.0 + r.normal()).round().clamp(1.0, 5.0));
    }
}
