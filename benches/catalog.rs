//! A million series: ten typical queries, each with its exact count and a first page, and their facets.
//!
//! `GANTRY_BENCH_SERIES` sets another number of series. The expected counts come from the generator, not from the
//! catalog.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use gantry::catalog::{Catalog, Filter, NewFinding, NewTask, Order, SeriesRecord, SortField};
use gantry::harmonise::Harmonised;

/// Runs of each query.
const RUNS: usize = 100;
/// Rows of a page.
const PAGE: u32 = 50;

/// Draws from a sequence that is the same on every machine (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// One of some values; earlier ones are more frequent.
    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        let n = values.len() as u64;
        values[(self.below(n) * self.below(n) / n) as usize]
    }
}

/// What the generator knows of a series, for the expected counts.
struct Made {
    modality: &'static str,
    region: Option<&'static str>,
    site: u64,
    slice_mm: f64,
    month: u32,
    kernel: Option<&'static str>,
    phase: Option<&'static str>,
    vendor: &'static str,
    field_t: Option<f64>,
    words: String,
    missing_slices: bool,
    state: &'static str,
    errors: u32,
}

const REGIONS: [(&str, &str); 6] = [
    ("chest", "CHEST"),
    ("head", "HEAD"),
    ("abdomen", "ABDOMEN"),
    ("abdomen_pelvis", "ABDOMENPELVIS"),
    ("heart", "HEART"),
    ("knee", "KNEE"),
];
const VENDORS: [(&str, &str, &[&str]); 4] = [
    ("siemens", "SIEMENS", &["SOMATOM Force", "SOMATOM Definition AS", "Skyra", "Aera"]),
    ("ge", "GE MEDICAL SYSTEMS", &["Revolution CT", "LightSpeed VCT", "DISCOVERY MR750"]),
    ("philips", "Philips Medical Systems", &["Brilliance 64", "iCT 256", "Ingenia"]),
    ("canon", "TOSHIBA", &["Aquilion", "Aquilion ONE"]),
];
const PLANS: [&str; 8] =
    ["routine", "low dose", "thin", "follow-up", "screening", "trauma", "oncology staging", "perfusion"];

fn make(draw: &mut Draw, at: u64) -> (SeriesRecord, Made, Vec<NewFinding>) {
    let modality = draw.of(&["CT", "MR", "CT", "DX", "PT", "MG"]);
    let (region, part) = draw.of(&REGIONS);
    let (vendor, manufacturer, models) = draw.of(&VENDORS);
    let site = draw.below(20);
    let (subject, study) = (at / 12, at / 4);
    let month = (study * 7 % 60) as u32;
    let is_ct = modality == "CT";
    let slice_mm = draw.of(&[1.0, 1.25, 3.0, 5.0, 0.625, 2.5]);
    let kernel = is_ct.then(|| draw.of(&["soft", "sharp"]));
    let phase = is_ct.then(|| draw.of(&["none", "portal", "arterial", "delayed"]));
    let field_t = (modality == "MR").then(|| draw.of(&[1.5, 3.0, 1.5]));
    let description =
        format!("{} {} {:.2} mm {}", part.to_lowercase(), draw.of(&PLANS), slice_mm, draw.below(40));
    let state = draw.of(&["in_review", "accepted", "returned", "checked"]);
    let missing = draw.below(40) == 0;
    let tilted = draw.below(25) == 0;
    let finding = |check: &str, severity| NewFinding {
        check: check.into(),
        version: 1,
        severity,
        message: "2 slices missing in 1 place".into(),
        evidence: "{}".into(),
        slices: "[]".into(),
    };
    let mut findings = Vec::new();
    if missing {
        findings.push(finding("missing_slices", 2));
    }
    if tilted {
        findings.push(finding("gantry_tilt", 1));
    }
    let mut harmonised = Harmonised::default();
    harmonised.set_text("region", region, "Body Part Examined");
    harmonised.set_text("vendor", vendor, "Manufacturer");
    harmonised.set_text("family", modality.to_lowercase(), "Modality");
    harmonised.set_text("sex", draw.of(&["female", "male"]), "Patient's Sex");
    harmonised.set_number("age_years", draw.below(95) as f64, "Patient's Age");
    harmonised.set_text("scanner", format!("{site}-{}", draw.below(6)), "keyed serial number");
    if let Some(kernel) = kernel {
        harmonised.set_text("kernel", kernel, "kernel");
    }
    if let Some(phase) = phase {
        harmonised.set_text("phase", phase, "words");
    }
    if let Some(tesla) = field_t {
        harmonised.set_number("field_t", tesla, "Magnetic Field Strength");
    }
    let study_description = format!("{part} {}", PLANS[(study % 8) as usize]);
    let record = SeriesRecord {
        uid: format!("2.25.3141592653589793238462643{at:09}"),
        study_uid: format!("2.25.2718281828459045235360287{study:09}"),
        subject: format!("subj-{:08x}", subject.wrapping_mul(0x9E37_79B1) & 0xFFFF_FFFF),
        site: format!("site-{site:02}"),
        modality: modality.into(),
        is_image: true,
        study_date: Some(format!("{}-{:02}-{:02}", 2020 + month / 12, month % 12 + 1, study % 28 + 1)),
        study_description: Some(study_description.clone()),
        number: Some((at % 4) as i32 + 1),
        description: Some(description.clone()),
        body_part: Some(part.into()),
        manufacturer: Some(manufacturer.into()),
        model: Some(models[draw.below(models.len() as u64) as usize].into()),
        instances: 20 + draw.below(400),
        frames: 20 + draw.below(400),
        matrix: Some((512, 512)),
        spacing_mm: Some([0.7, 0.7, slice_mm]),
        state: state.into(),
        findings: (0, 0, 0),
        latest_ms: 1_700_000_000_000 + (at as i64) * 1_000 + draw.below(900_000) as i64,
        harmonised,
        stacks: "[]".into(),
        facts: "[]".into(),
        attributes: "{}".into(),
    };
    let made = Made {
        modality,
        region: Some(region),
        site,
        slice_mm,
        month,
        kernel,
        phase,
        vendor,
        field_t,
        words: format!("{description} | {study_description}"),
        missing_slices: missing,
        state,
        errors: u32::from(missing),
    };
    (record, made, findings)
}

type Wanted = fn(&Made) -> bool;

/// Typical queries, the order they are shown in, and what the generator says of them.
fn queries() -> Vec<(&'static str, Order, Wanted)> {
    let by = |name, descending| Order::By { field: SortField::named(name).unwrap(), descending };
    vec![
        ("", Order::Subject, |_| true),
        ("modality:CT", Order::Newest, |m| m.modality == "CT"),
        ("modality:CT region:chest slice<=1.5", Order::Subject, |m| {
            m.modality == "CT" && m.region == Some("chest") && m.slice_mm <= 1.5
        }),
        ("modality:CT body:chest date:2022-01..2022-06 site:site-00,site-01", Order::Newest, |m| {
            m.modality == "CT" && m.region == Some("chest") && (24..30).contains(&m.month) && m.site < 2
        }),
        ("finding:missing_slices -state:accepted", Order::Severity, |m| {
            m.missing_slices && m.state != "accepted"
        }),
        ("kernel:soft region:chest phase:portal vendor:siemens", by("slice", false), |m| {
            m.kernel == Some("soft")
                && m.region == Some("chest")
                && m.phase == Some("portal")
                && m.vendor == "siemens"
        }),
        ("modality:MR field>=3", by("date", true), |m| m.modality == "MR" && m.field_t == Some(3.0)),
        ("\"low dose\" site:site-03", Order::Subject, |m| m.words.contains("low dose") && m.site == 3),
        ("screening", Order::Size, |m| m.words.contains("screening")),
        ("errors>0 modality:CT,MR date>=2023", Order::Newest, |m| {
            m.errors > 0 && (m.modality == "CT" || m.modality == "MR") && m.month >= 36
        }),
    ]
}

fn percentile(mut times: Vec<Duration>, share: f64) -> f64 {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3
}

fn main() {
    let n: u64 = std::env::var("GANTRY_BENCH_SERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let catalog = Catalog::open(&path).unwrap();
    let started = Instant::now();
    let mut draw = Draw(1);
    let mut all = Vec::with_capacity(n as usize);
    for from in (0..n).step_by(2_000) {
        catalog
            .write_derived(|tx| {
                for at in from..(from + 2_000).min(n) {
                    let (record, made, findings) = make(&mut draw, at);
                    tx.put_series(&record)?;
                    if !findings.is_empty() {
                        tx.put_findings(&record.uid, &findings)?;
                    }
                    if at % 3 == 0 {
                        let task = NewTask {
                            series_uid: record.uid.clone(),
                            why: "every series".into(),
                            severity: None,
                            due_ms: at as i64,
                        };
                        tx.put_task(&task, 0)?;
                    }
                    all.push(made);
                }
                Ok(())
            })
            .unwrap();
    }
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("{n} series catalogued in {:.1} s, {} MB", started.elapsed().as_secs_f64(), bytes >> 20);
    let started = Instant::now();
    catalog.warm().unwrap();
    println!("index loaded in {:.2} s", started.elapsed().as_secs_f64());

    println!(
        "{:<70} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "query", "series", "p50 ms", "p99 ms", "deep ms", "facets ms"
    );
    let mut worst = (0.0_f64, 0.0_f64);
    let mut times_of_all = Vec::new();
    for (query, order, wanted) in queries() {
        let filter = Filter::parse(query).unwrap();
        let expected = all.iter().filter(|m| wanted(m)).count() as u64;
        let first = Instant::now();
        let (rows, total) = catalog.read().search(&filter, order, 0, PAGE).unwrap();
        let first = first.elapsed();
        assert_eq!((total, rows.len() as u64), (expected, expected.min(PAGE.into())), "{query}");
        let mut times = vec![first];
        for _ in 0..RUNS {
            let started = Instant::now();
            catalog.read().search(&filter, order, 0, PAGE).unwrap();
            times.push(started.elapsed());
        }
        let started = Instant::now();
        let deep = catalog.read().search(&filter, order, expected * 9 / 10, PAGE).unwrap();
        let deep_ms = started.elapsed().as_secs_f64() * 1e3;
        assert!(deep.0.len() as u64 == (expected - expected * 9 / 10).min(PAGE.into()));
        let mut facet_times = Vec::new();
        for _ in 0..20 {
            let started = Instant::now();
            let facets = catalog.read().facets(&filter).unwrap();
            facet_times.push(started.elapsed());
            let sites: u64 =
                facets.iter().find(|f| f.0 == "site").map_or(0, |f| f.1.iter().map(|v| v.1).sum());
            assert_eq!(sites, expected, "{query}");
        }
        let facets = percentile(facet_times, 0.99);
        let p99 = percentile(times.clone(), 0.99);
        println!(
            "{query:<70} {expected:>9} {:>9.2} {p99:>9.2} {deep_ms:>9.2} {facets:>9.2}",
            percentile(times.clone(), 0.5)
        );
        times_of_all.extend(times);
        worst = (worst.0.max(p99), worst.1.max(facets));
    }
    println!(
        "all queries: p99 {:.2} ms; worst query p99 {:.2} ms (< 20); facets p99 {:.2} ms (< 100)",
        percentile(times_of_all, 0.99),
        worst.0,
        worst.1
    );

    // A person decides while others search.
    let mut times = Vec::new();
    for at in 0..200_u64 {
        let uid = format!("2.25.3141592653589793238462643{:09}", at * 37 % n);
        let started = Instant::now();
        catalog.write_derived(|tx| tx.set_series_state(&uid, "accepted")).unwrap();
        times.push(started.elapsed());
    }
    println!("a change with the index kept in step: p99 {:.2} ms", percentile(times, 0.99));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|l| l.starts_with("VmHWM")) {
        println!(
            "peak memory, the generator's own list included: {}",
            peak.trim_start_matches("VmHWM:").trim()
        );
    }
}
