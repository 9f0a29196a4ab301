use std::io::Read;

use proptest::prelude::*;

use super::face::{Faces, Weight};
use super::text::clean;
use super::*;

const HOSTILE: &str =
    "\"'><script>alert(1)</script><img src=x onerror=y>\u{202e}{{ 7*7 }}\u{7}&amp;]]></svg>";

fn fact(text: &str) -> Fact {
    Fact::new(text, text, text)
}

fn charts(name: &str, values: &[f64]) -> Vec<Chart> {
    let value = |index: usize| values.get(index % values.len().max(1)).copied().unwrap_or(f64::NAN);
    let names: Vec<_> = values.iter().map(|_| name.to_owned()).collect();
    let series = |values: &[f64]| Series { name: name.into(), values: values.to_vec() };
    let limit = Limit { name: name.into(), value: value(0) };
    let point = |(index, y): (usize, &f64)| Point {
        x: value(index + 1),
        y: *y,
        band: Some((value(index), value(index + 2))),
    };
    let trace = Trace { name: name.into(), points: values.iter().enumerate().map(point).collect() };
    let interval = |y: &f64| Interval { label: name.into(), estimate: *y, range: Some((value(0), value(1))) };
    let lines = |x| Chart::Lines {
        x,
        series: vec![trace.clone(), Trace::default()],
        limits: vec![limit.clone()],
        unit: name.into(),
    };
    let bars = |stacked| Chart::Bars {
        categories: names.clone(),
        series: vec![series(values), series(&values[values.len() / 2..]), series(&[])],
        stacked,
        unit: name.into(),
    };
    vec![
        bars(true),
        bars(false),
        lines(XAxis::Time),
        lines(XAxis::Number(name.into())),
        Chart::Intervals {
            rows: values.iter().map(interval).collect(),
            references: vec![limit.clone(), limit.clone()],
            unit: name.into(),
        },
        Chart::Histogram {
            edges: values.to_vec(),
            counts: values.iter().map(|value| value.abs() as u64).collect(),
            unit: name.into(),
        },
        Chart::Matrix {
            rows: names.clone(),
            columns: names.clone(),
            values: vec![values.to_vec(), Vec::new()],
        },
    ]
}

fn document(text: &str, values: &[f64]) -> Document {
    let table = Table {
        caption: text.into(),
        columns: vec![Column::left(text), Column::right(text)],
        rows: vec![vec![text.into(), text.into(), text.into()], Vec::new(), vec![text.into()]],
        source: text.into(),
    };
    let figure =
        |chart| Block::Figure(Figure { caption: text.into(), source: text.into(), alt: text.into(), chart });
    let note = |kind| Block::Note(Note { kind, text: text.into() });
    let mut blocks = vec![
        Block::Paragraph(text.into()),
        note(NoteKind::Info),
        note(NoteKind::Warning),
        note(NoteKind::Good),
        Block::Facts(vec![fact(text); 5]),
        Block::Table(table),
        Block::Table(Table::default()),
        Block::List(vec![text.into(), String::new()]),
    ];
    blocks.extend(charts(text, values).into_iter().map(figure));
    let empty = Section { heading: text.into(), ..Section::default() };
    let section = |level| Section { heading: text.into(), level, blocks: blocks.clone() };
    Document {
        title: text.into(),
        subtitle: text.into(),
        language: text.into(),
        identity: vec![fact(text); 3],
        sections: vec![empty.clone(), section(Level::Two), section(Level::One), empty],
        footer: text.into(),
    }
}

/// The packed streams of a PDF, unpacked.
fn streams(bytes: &[u8]) -> Vec<Vec<u8>> {
    let find = |from: usize, what: &[u8]| {
        bytes[from..].windows(what.len()).position(|part| part == what).map(|at| from + at)
    };
    let mut streams = Vec::new();
    let mut at = 0;
    while let Some(start) = find(at, b"\nstream\n") {
        let start = start + 8;
        let end = find(start, b"endstream").unwrap();
        let mut stream = Vec::new();
        if flate2::read::ZlibDecoder::new(&bytes[start..end]).read_to_end(&mut stream).is_ok() {
            streams.push(stream);
        }
        at = end + 9;
    }
    streams
}

fn count(bytes: &[u8], what: &str) -> usize {
    bytes.windows(what.len()).filter(|part| *part == what.as_bytes()).count()
}

#[test]
fn hostile_text_stays_text() {
    let page = html::render(&document(HOSTILE, &[0.5, 0.25, 1.0])).unwrap();
    for tag in ["<script", "<img", "<link", "<iframe", "<object", "\u{202e}", "\u{7}", "</svg><"] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
    assert!(page.contains("{{ 7*7 }}"));
    assert!(page.contains("[U+202E]"));
    assert!(page.contains("<html lang=\"en\">"));
}

#[test]
fn a_page_loads_nothing() {
    let page = html::render(&document("text", &[1.0, 2.0])).unwrap();
    for word in
        ["http:", "https:", "//", "url(", "@import", "@font-face", "src=", "<script", "<link", "javascript"]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_page_can_be_read_without_seeing_it() {
    let page = html::render(&document("text", &[0.2, 0.4])).unwrap();
    assert_eq!(page.matches("role=\"img\"").count(), 14);
    assert_eq!(page.matches("<desc ").count(), 14);
    assert_eq!(page.matches("<caption ").count(), page.matches("<table>").count());
    assert_eq!(page.matches("<th ").count(), page.matches("<th scope=\"col\"").count());
    for tag in ["<header>", "<main ", "<footer>", "<h1>"] {
        assert_eq!(page.matches(tag).count(), 1, "{tag}");
    }
    let ids: Vec<_> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(ids.len(), unique.len());
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let document = document("same", &[0.1, 0.9, f64::NAN]);
    assert_eq!(html::render(&document).unwrap(), html::render(&document).unwrap());
    assert_eq!(pdf::render(&document).unwrap(), pdf::render(&document).unwrap());
    assert_eq!(document.figures(), 14);
}

#[test]
fn odd_documents_are_rendered() {
    let long = "x".repeat(5000);
    let words = "word ".repeat(2000);
    let many: Vec<_> = (0..10_000).map(|index| f64::from(index).sin()).collect();
    let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0, -0.0];
    let lists: [&[f64]; 7] =
        [&[], &[1.0], &[0.0, 0.0], &wild, &[f64::NAN], &[1e300, 1e300], &[-5.0, 7.0, 3.5]];
    for text in ["", " ", HOSTILE, long.as_str(), words.as_str(), "κ ≥ 0.7 漢字 \u{301}"] {
        for values in lists {
            let document = document(text, values);
            html::render(&document).unwrap();
            pdf::render(&document).unwrap();
        }
    }
    let document = document("many", &many);
    let page = html::render(&document).unwrap();
    assert!(page.len() < 1_500_000, "{}", page.len());
    assert!(pdf::render(&document).unwrap().bytes.len() < 2_000_000);
    let empty = pdf::render(&Document::default()).unwrap();
    assert_eq!(empty.pages, 1);
}

#[test]
fn a_pdf_says_what_it_is() {
    let text = "Fleiss’ κ ≥ 0.7, α × µm² − Köln Київ";
    let pdf = pdf::render(&document(text, &[0.5])).unwrap();
    assert!(pdf.bytes.starts_with(b"%PDF-1.7"));
    assert_eq!(count(&pdf.bytes, "/Type/Page/"), pdf.pages as usize);
    for word in
        ["/Lang(en)", "/DisplayDocTitle true", "/Marked true", "/Outlines", "/FontFile2", "/Identity-H"]
    {
        assert_eq!(count(&pdf.bytes, word).min(1), 1, "{word}");
    }
    assert_eq!(count(&pdf.bytes, "/S/TH"), 8);
    assert_eq!(count(&pdf.bytes, "/S/Figure"), 14);
    let maps = streams(&pdf.bytes).concat();
    for character in "κ≥α×µ²−öКї’".chars() {
        assert!(count(&maps, &format!("<{:04X}>", u32::from(character))) > 0, "{character}");
    }
}

#[test]
fn long_tables_go_over_pages_with_their_heads() {
    let columns: Vec<_> = (0..12).map(|index| Column::right(format!("Column {index}"))).collect();
    let rows = (0..2000).map(|row| (0..12).map(|column| format!("{}", row * column)).collect()).collect();
    let table = Table { caption: "Long".into(), columns, rows, source: "gantry stats".into() };
    let section = Section { blocks: vec![Block::Table(table)], ..Section::default() };
    let document = Document { sections: vec![section], ..Document::default() };
    let pdf = pdf::render(&document).unwrap();
    assert!((35..70).contains(&pdf.pages), "{}", pdf.pages);
    assert_eq!(count(&pdf.bytes, "/S/TR"), 2001);
    assert_eq!(count(&pdf.bytes, "/S/TD"), 24_000);
}

#[test]
fn hidden_characters_are_shown() {
    assert_eq!(clean("plain κ"), "plain κ");
    assert_eq!(clean("a\tb\r\nc"), "a b  c");
    assert_eq!(clean("a\u{0}\u{200b}\u{2066}"), "a[U+0000][U+200B][U+2066]");
    assert_eq!(clean("\u{feff}\u{e0041}"), "[U+FEFF][U+E0041]");
}

#[test]
fn every_colour_of_letters_is_dark_enough() {
    let style = include_str!("../../reports/style.css");
    for (ink, ground) in
        [("#1c2733", "#ffffff"), ("#4a5866", "#f4f7f9"), ("#1b5e7b", "#f4f7f9"), ("#154c64", "#eef5f8")]
            .into_iter()
            .chain([
                ("#86400a", "#fdf4e8"),
                ("#285a2b", "#eff6ee"),
                ("#a62b2b", "#ffffff"),
                ("#1c2733", "#9cc3d4"),
            ])
            .chain([("#ffffff", "#3f7995")])
    {
        assert!(contrast(ink, ground) >= 4.5, "{ink} on {ground}: {}", contrast(ink, ground));
    }
    for colour in ["#1c2733", "#4a5866", "#1b5e7b", "#154c64", "#86400a", "#285a2b", "#f4f7f9", "#fdf4e8"] {
        assert!(style.contains(colour), "{colour}");
    }
}

fn contrast(a: &str, b: &str) -> f64 {
    let light = |colour: &str| {
        let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        let linear =
            |part: f64| if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5)) + 0.05
    };
    let (a, b) = (light(a), light(b));
    a.max(b) / a.min(b)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_document_is_rendered(text in "\\PC{0,60}|(?s).{0,40}", values in prop::collection::vec(any::<f64>(), 0..60)) {
        let document = document(&text, &values);
        let page = html::render(&document).unwrap();
        prop_assert!(!page.contains("NaN"), "a coordinate is not a number");
        prop_assert!(!page.contains("<script"));
        let pdf = pdf::render(&document).unwrap();
        prop_assert!(pdf.pages > 0);
        prop_assert_eq!(count(&pdf.bytes, "/Type/Page/"), pdf.pages as usize);
    }

    #[test]
    fn lines_keep_the_text_and_the_width(text in "(?s).{0,200}", width in 5.0_f32..300.0) {
        let faces = Faces::open().unwrap();
        let text = clean(&text).into_owned();
        let lines = wrap::wrap(&faces, &text, Weight::Regular, 10.0, width);
        let bare = |text: &str| text.chars().filter(|character| *character != ' ').collect::<String>();
        prop_assert_eq!(bare(&lines.concat()), bare(&text));
        for line in &lines {
            let wide = faces.width(line, Weight::Regular, 10.0);
            prop_assert!(wide <= width + 0.01 || line.chars().count() == 1, "{} in {}", wide, width);
        }
    }
}
