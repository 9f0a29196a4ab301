//! Reads of five readers, one of whom drifts, as plain structs; and what the screens make of them.

use gantry::engine::query::*;
use gantry::model::ChangeKind;

use super::frames::Driver;
use super::stub::{NOW, Stub};

const DAY: i64 = 24 * 60 * 60_000;
const READERS: [&str; 5] = ["reader-01", "reader-02", "reader-03", "reader-04", "reader-05"];

fn measured(value: f64, half: f64, n: u64) -> Measured {
    Measured { value: Some(value), ci95: Some((value - half, value + half)), n, reason: None }
}

fn row(name: &str, level: MeasureLevel, value: Measured, verdict: Verdict) -> AgreementRow {
    AgreementRow {
        id: format!("nodule/{name}"),
        structure: "nodule".into(),
        name: name.into(),
        level,
        coefficient: "krippendorff_alpha".into(),
        value,
        threshold: Some(0.67),
        verdict,
        percent_agreement: Measured { value: Some(0.92), ..Measured::default() },
        ratings: 600,
        readers: 5,
        warning: (name == "presence")
            .then(|| "readers agree on 92 % of items, yet α is low: nearly all of them hold nothing".into()),
        note: None,
    }
}

fn rows() -> Vec<AgreementRow> {
    vec![
        row("volume_mm3", MeasureLevel::Ratio, measured(0.52, 0.07, 120), Verdict::Below),
        row("presence", MeasureLevel::Nominal, measured(0.63, 0.08, 120), Verdict::Unsure),
        row("malignancy", MeasureLevel::Ordinal, measured(0.81, 0.05, 96), Verdict::Met),
        AgreementRow {
            value: Measured { reason: Some("one reader only".into()), ..Measured::default() },
            percent_agreement: Measured::default(),
            ..row("texture", MeasureLevel::Ordinal, Measured::default(), Verdict::Undefined)
        },
    ]
}

pub fn agreement(query: &Agreement, empty: bool) -> AgreementView {
    if empty {
        return AgreementView::default();
    }
    let measures = rows();
    let id = query.measure.clone().unwrap_or_else(|| measures[0].id.clone());
    let row = measures.iter().find(|row| row.id == id).unwrap_or(&measures[0]).clone();
    let pairs = (0..5_u32).flat_map(|a| (a + 1..5).map(move |b| (a, b)));
    let pair = |(a, b): (u32, u32)| PairAgreement {
        a,
        b,
        // The third reader agrees with nobody; the last two share no item.
        value: match (a, b) {
            (3, 4) => Measured { reason: Some("no item read by both".into()), ..Measured::default() },
            (2, _) | (_, 2) => measured(0.31 + 0.02 * f64::from(a + b), 0.1, 96),
            _ => measured(0.78 + 0.02 * f64::from(a + b), 0.06, 104),
        },
        warning: None,
    };
    let case = |at: u64| WorstCase {
        item: format!("#{}", at % 4 + 1),
        series_uid: (at != 3).then(|| format!("2.25.31415926535897932384{:04}", at * 7)),
        task: (at != 3).then_some(at as i64 * 7),
        subject: Some(format!("subj-{:04}", at * 2)),
        site: Some(if at.is_multiple_of(2) { "site-A" } else { "site-B" }.into()),
        disagreement: 2.4 - at as f64 * 0.11,
        values: vec![
            RatedValue::Number { value: 310.0 + at as f64 },
            RatedValue::Number { value: 322.0 },
            RatedValue::Number { value: 961.0 - at as f64 * 20.0 },
            if at.is_multiple_of(3) { RatedValue::Nothing } else { RatedValue::Unsaid },
            RatedValue::NotLooked,
        ],
    };
    let looks = |(at, name): (usize, &&str)| ReaderLooks {
        name: (*name).into(),
        found: 96 - at as u64 * 4,
        nothing: 20 + at as u64,
        not_looked: at as u64 * 3,
    };
    AgreementView {
        measures,
        selected: Some(AgreementDetail {
            row,
            readers: READERS.iter().enumerate().map(looks).collect(),
            pair_coefficient: "concordance".into(),
            pairs: pairs.map(pair).collect(),
            bins: ["0 – 100", "100 – 250", "250 – 500", "500 – 1000", "1000 – 5000"]
                .map(String::from)
                .to_vec(),
            edges: vec![0.0, 100.0, 250.0, 500.0, 1000.0, 5000.0],
            distribution: (0..5)
                .map(|reader| {
                    (0..5).map(|bin| 40_u64.saturating_sub(10 * (2_u64.abs_diff(bin) + reader % 2))).collect()
                })
                .collect(),
            worst: (0..12).map(case).collect(),
        }),
        reads: 600,
        items: 120,
        reason: None,
    }
}

fn chart_row(metric: &str, group: DriftGroup, name: &str, state: DriftState) -> DriftRow {
    let alarming = state == DriftState::Alarm;
    DriftRow {
        id: format!("nodule/{metric}/{group:?}/{name}").to_lowercase(),
        structure: "nodule".into(),
        metric: metric.into(),
        unit: "%".into(),
        group,
        name: name.into(),
        n: 84,
        state,
        since_ms: alarming.then_some(NOW - 12 * DAY),
        change: alarming.then_some(9.2),
        change_unit: "%".into(),
        change_sd: alarming.then_some(2.4),
        p: alarming.then_some(0.000_03),
        sentence: if alarming {
            "reader-03: nodule volumes +9.2 % against the other readers since 12 Nov (2.4 sd, p < 0.0001 over all \
             charts); the other readers did not move, so most likely the reader."
        } else {
            "Nothing moved beyond chance."
        }
        .into(),
    }
}

pub fn charts() -> Vec<DriftRow> {
    let against = "volume_mm3 against the other readers";
    vec![
        chart_row(against, DriftGroup::Reader, "reader-03", DriftState::Alarm),
        chart_row("volume_mm3", DriftGroup::Site, "site-B", DriftState::Watch),
        chart_row(against, DriftGroup::Reader, "reader-01", DriftState::Stable),
        chart_row(against, DriftGroup::Reader, "reader-02", DriftState::Stable),
        chart_row("reading time", DriftGroup::All, "", DriftState::Stable),
        chart_row("missed", DriftGroup::Reader, "reader-05", DriftState::Short),
    ]
}

pub fn drift(query: &Drift, empty: bool) -> DriftView {
    let charts: Vec<DriftRow> =
        charts().into_iter().filter(|row| !empty && row.id.contains(&query.text)).collect();
    let Some(first) = charts.first() else { return DriftView::default() };
    let wanted = query.chart.as_ref().and_then(|id| charts.iter().find(|row| row.id == *id));
    let row = wanted.unwrap_or(first).clone();
    let moved = row.state == DriftState::Alarm;
    let noise = |at: u64| ((at * 37 % 17) as f64 - 8.0) * 0.4;
    let points: Vec<DriftPoint> = (0..84_u64)
        .map(|at| {
            let value = noise(at) + if moved && at >= 56 { 9.2 } else { 0.0 };
            DriftPoint {
                at_ms: NOW - (84 - at as i64) * DAY * 3 / 7,
                value,
                beyond: value.abs() > 11.5,
                item: format!("#{}", at % 3 + 1),
                series_uid: Some(format!("2.25.31415926535897932384{at:04}")),
                task: None,
                reader: row.name.clone(),
                site: Some("site-A".into()),
            }
        })
        .collect();
    let worst = points
        .iter()
        .enumerate()
        .skip(56)
        .max_by(|a, b| a.1.value.abs().total_cmp(&b.1.value.abs()))
        .map(|(at, _)| at as u64);
    let mark = |kind, index: u64, text: &str| DriftMark {
        kind,
        index,
        at_ms: points[index as usize].at_ms,
        text: text.into(),
    };
    let mut marks = vec![
        mark(DriftMarkKind::Guideline, 30, "guideline 2.0"),
        mark(DriftMarkKind::Scanner, 44, "Acme Pulse"),
    ];
    if moved {
        marks.push(mark(DriftMarkKind::Change, 56, "it moved"));
    }
    let mut mean = 0.0;
    let average = points.iter().map(|point| {
        mean += 0.2 * (point.value - mean);
        mean
    });
    DriftView {
        selected: Some(DriftChart {
            average: average.collect(),
            centre: Some(0.1),
            lower: Some(-11.4),
            upper: Some(11.6),
            reference_n: 21,
            alarms: moved
                .then(|| DriftAlarm {
                    detector: "cusum".into(),
                    index: 60,
                    at_ms: points[60].at_ms,
                    value: 5.8,
                    limit: 5.0,
                })
                .into_iter()
                .collect(),
            marks,
            attribution: moved.then(|| DriftAttribution {
                cause: DriftCause::Readers,
                readers: vec!["reader-03".into()],
                total: 2.1,
                mix: 0.2,
                within: 1.9,
                by_reader: vec![("reader-03".into(), 9.2, 0.000_03), ("reader-01".into(), 0.3, 1.0)],
            }),
            worst: if moved { worst } else { None },
            points,
            row,
        }),
        charts,
        reason: None,
    }
}

/// What readers said of a series.
pub fn reads(query: &Reads) -> Rows<ReadView> {
    let read = |at: i64, reader: &str, item: &str, volume: Option<f64>| ReadView {
        id: at,
        reader: reader.into(),
        guideline: "2.0".into(),
        item: item.into(),
        series_uid: query.series_uid.clone(),
        structure: "nodule".into(),
        state: if volume.is_some() { "found" } else { "nothing" }.into(),
        started_ms: None,
        finished_ms: Some(NOW),
        imported_ms: NOW,
        superseded_by: None,
        waiting: false,
        values: volume.map(|value| ("volume_mm3".into(), RatedValue::Number { value })).into_iter().collect(),
        label: None,
    };
    let rows = vec![
        read(1, "reader-01", "#1", Some(312.4)),
        read(2, "reader-03", "#1", Some(961.0)),
        read(3, "reader-01", "#2", Some(88.0)),
        read(4, "reader-03", "#2", None),
    ];
    Rows { total: rows.len() as u64, rows }
}

#[test]
fn qa_lead_walks_from_the_alarm_to_the_worst_case_and_back() {
    let mut driver = Driver::new(Stub { drifts: true, ..Stub::default() }, (80, 24));
    let chart = driver.press("enter").text();
    assert_eq!(driver.app.screen(), "drift");
    assert!(chart.contains("reader-03: nodule volumes +9.2 %") && chart.contains('◉'), "{chart}");
    let case = driver.press("enter").text();
    assert_eq!(driver.app.screen(), "review");
    assert!(case.contains("axial 13/24"), "{case}");
    // What the readers said of the very item comes first.
    let (first, other) = (case.find("nodule #2").unwrap(), case.find("nodule #1").unwrap());
    assert!(first < other && case.contains("∅ found nothing"), "{case}");
    driver.press("esc");
    assert_eq!(driver.app.screen(), "drift");
    driver.press("esc");
    assert_eq!(driver.app.screen(), "overview");
    // To look is not to take the work away from who does it.
    assert!(driver.stub.acts.lock().unwrap().is_empty());
}

#[test]
fn chart_stays_the_same_when_the_list_is_asked_anew_and_the_cursor_finds_alarms() {
    let mut driver = Driver::new(Stub::default(), (200, 60));
    let text = driver.press("7 j").text();
    assert!(text.contains("Drift ▸ site-B"), "{text}");
    assert!(driver.press("r").text().contains("Drift ▸ site-B"));
    let text = driver.press("k w").text();
    assert!(text.contains("beyond its limit"), "{text}");
    let before = driver.text();
    assert_ne!(driver.press("a").text(), before, "the cursor goes to another read beyond a limit");
    assert!(driver.press("h").text().contains("◉ "));
}

#[test]
fn drift_filters_by_text_and_escape_clears_it() {
    let mut driver = Driver::new(Stub::default(), (120, 40));
    driver.press("7 / m i s s e d enter");
    let text = driver.text();
    assert!(text.contains("1 chart") && text.contains("Drift ▸ missed ▸ reader-05"), "{text}");
    assert!(driver.press("esc").text().contains("6 charts"));
    assert_eq!(driver.app.screen(), "drift");
}

#[test]
fn agreement_leads_from_a_measure_to_its_worst_case() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    let text = driver.press("6").text();
    assert!(text.contains("▼ 1 below") && text.contains("0.45–0.59"), "{text}");
    let cases = driver.press("enter").text();
    assert!(cases.contains("961") && cases.contains('∅'), "{cases}");
    driver.press("enter");
    assert_eq!(driver.app.screen(), "review");
    driver.press("esc");
    assert_eq!(driver.app.screen(), "agreement");
    assert!(driver.press("esc").text().contains("Readers · ρc") || driver.text().contains("worst cases"));
    driver.press("esc");
    assert_eq!(driver.app.screen(), "overview");
}

#[test]
fn case_of_no_series_here_says_so() {
    let mut driver = Driver::new(Stub::default(), (120, 40));
    let text = driver.press("6 enter j j j enter").text();
    assert!(text.contains("#4 belongs to no series in this workspace"), "{text}");
    assert_eq!(driver.app.screen(), "agreement");
}

#[test]
fn pair_under_the_cursor_is_told_with_its_interval_or_its_reason() {
    let mut driver = Driver::new(Stub::default(), (200, 60));
    let text = driver.press("6 tab l l").text();
    assert!(text.contains("reader-01 × reader-03: 0.35 [0.25–0.45] on 96 items"), "{text}");
    let text = driver.press("G k").text();
    assert!(text.contains("reader-04 × reader-05: – on 0 items · no item read by both"), "{text}");
    let text = driver.press("G").text();
    assert!(text.contains("reader-05: found in 80, nothing in 24, not looked at 12"), "{text}");
}

#[test]
fn measure_keeps_the_cursor_when_the_order_changes() {
    let mut driver = Driver::new(Stub::default(), (120, 40));
    driver.press("6 j j");
    let asked = driver.stub.asked.lock().unwrap();
    let last = asked.iter().rev().find_map(|query| match query {
        Query::Agreement(agreement) => agreement.measure.clone(),
        _ => None,
    });
    assert_eq!(last.as_deref(), Some("nodule/malignancy"));
}

#[test]
fn new_reads_are_asked_for_at_once_and_files_that_stream_in_are_not() {
    for (keys, name) in [("6", "agreement"), ("7", "drift"), ("1", "process")] {
        let mut driver = Driver::new(Stub::default(), (80, 24));
        driver.press(keys);
        let asked = |driver: &Driver| {
            let queries = driver.stub.asked.lock().unwrap();
            queries.iter().filter(|query| serde_json::to_value(query).unwrap()["query"] == name).count()
        };
        let before = asked(&driver);
        driver.changed(ChangeKind::Intake { files: 500 });
        assert_eq!(asked(&driver), before, "{name}");
        driver.changed(ChangeKind::Reads);
        assert_eq!(asked(&driver), before + 1, "{name}");
    }
}
