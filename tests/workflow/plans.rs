//! Plans: what is wrong with one is said at once; reads are compared as the plan says.

use std::collections::BTreeMap;
use std::path::Path;

use gantry::config::read_plan;
use gantry::label::{Mask, Run};
use gantry::model::geometry::Grid;
use gantry::workflow::{
    Answer, Answers, Plan, ReasonCode, Said, Skill, Statements, agreed, compare, instances, nearest,
};

const PLAN: &str = r#"
name = "lungs"
reads = 3
consensus = "majority"
[[structure]]
name = "nodule"
kind = "mask"
instances = true
agree = { dice = 0.6, f1 = 0.8 }
[[structure]]
name = "malignancy"
kind = "rating"
scale = [1, 2, 3, 4, 5]
of = "nodule"
agree = { within = 1 }
[[structure]]
name = "quality"
kind = "class"
values = ["good", "poor"]
required = true
agree = { equal = true }
"#;

fn plan() -> Plan {
    read_plan(PLAN, Path::new("plan.toml")).unwrap()
}

fn grid() -> Grid {
    let axis = |k: usize| std::array::from_fn(|i| f64::from(u8::from(i == k)));
    Grid { shape: [40, 10, 4], column_mm: axis(0), row_mm: axis(1), slice_mm: axis(2), origin_mm: [0.0; 3] }
}

/// Boxes along the first row of each slice: from a column to another.
fn boxes(all: &[(u16, u16)]) -> Answer {
    let runs = all.iter().flat_map(|(from, to)| (0..4).map(|z| Run { row: z * 10, from: *from, to: *to }));
    Answer::Drawn(grid(), Mask::of_runs([40, 10, 4], runs.collect()))
}

fn says(nodule: Answer, malignancy: &[(u32, f64)], quality: &str) -> Answers {
    let rated = malignancy.iter().map(|(n, v)| (*n, Said::Number(*v))).collect();
    let quality = BTreeMap::from([(0, Said::Word(quality.into()))]);
    [("nodule", nodule), ("malignancy", Answer::Said(rated)), ("quality", Answer::Said(quality))]
        .into_iter()
        .map(|(name, answer)| (name.to_owned(), answer))
        .collect()
}

#[test]
fn every_mistake_is_named_with_its_line() {
    let wrong = PLAN
        .replace("reads = 3", "reads = 0\ncolour = 1")
        .replace("scale = [1, 2, 3, 4, 5]", "scale = [3, 1]")
        .replace("of = \"nodule\"", "of = \"liver\"")
        .replace("agree = { equal = true }", "agree = { dice = 0.5 }");
    let mistakes = read_plan(&wrong, Path::new("plan.toml")).unwrap_err();
    let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    for (key, line) in [
        ("reads", 3),
        ("colour", 4),
        ("structure[1].scale", 14),
        ("structure[1].of", 15),
        ("structure[2].agree", 22),
    ] {
        let found = said.iter().any(|s| s.contains(&format!("plan.toml:{line}:")) && s.contains(key));
        assert!(found, "{key} at line {line} in {said:#?}");
    }
    assert_eq!(said.len(), 5, "{said:#?}");
}

#[test]
fn reads_are_compared_structure_by_structure() {
    let plan = plan();
    let a = says(boxes(&[(0, 10), (20, 26)]), &[(1, 4.0), (2, 1.0)], "good");
    // The second nodule is drawn a little shorter, so that the order by size is the same; its rating differs by two.
    let b = says(boxes(&[(1, 11), (20, 25)]), &[(1, 5.0), (2, 3.0)], "good");
    let pair = compare(&plan, (1, &a), (2, &b));
    let of = |name: &str| pair.structures.iter().find(|s| s.structure == name).unwrap().clone();
    let dice = 2.0 * (9.0 + 5.0) / (16.0 + 15.0);
    assert!((of("nodule").measures["dice"] - dice).abs() < 1e-12 && of("nodule").agrees);
    assert_eq!(of("nodule").measures["f1"], 1.0);
    assert!(!of("malignancy").agrees && of("quality").agrees);
    assert_eq!(of("malignancy").why.as_deref(), Some("1 and 3 of number 2, within 1 is asked for"));
    // None against found differs, none against none does not; who did not look is not compared.
    let none = says(Answer::Nothing, &[], "poor");
    let pair = compare(&plan, (1, &a), (3, &none));
    assert!(!pair.structures.iter().find(|s| s.structure == "nodule").unwrap().agrees);
    assert!(!pair.structures.iter().find(|s| s.structure == "quality").unwrap().agrees);
    assert!(compare(&plan, (3, &none), (4, &none)).agrees());
    let mut blind = none.clone();
    blind.remove("nodule");
    let pair = compare(&plan, (1, &a), (4, &blind));
    assert!(pair.structures.iter().all(|s| s.structure != "nodule"));
}

#[test]
fn the_read_that_is_nearest_to_the_others_stands() {
    let plan = plan();
    let reads: Vec<Answers> =
        [(0, 10), (4, 14), (2, 12)].iter().map(|b| says(boxes(&[*b]), &[(1, 3.0)], "good")).collect();
    let mut pairs = Vec::new();
    for i in 0..3 {
        for j in i + 1..3 {
            pairs.push(compare(&plan, (i as i64, &reads[i]), (j as i64, &reads[j])));
        }
    }
    assert_eq!(nearest(&[0, 1, 2], &pairs), Some(2));
    assert_eq!(nearest(&[0, 1], &pairs[..1]), Some(0), "of two equal ones the earlier");
    // What most of them drew: 2 to 12.
    let whole = agreed(&plan, &reads.iter().collect::<Vec<_>>());
    assert_eq!(whole["nodule"], boxes(&[(2, 12)]));
    assert_eq!(whole["quality"], Answer::Said([(0, Said::Word("good".into()))].into()));
}

#[test]
fn instances_are_numbered_by_size_then_position() {
    let Answer::Drawn(_, mask) = boxes(&[(0, 4), (10, 20), (30, 34)]) else { unreachable!() };
    let from: Vec<u16> = instances(&mask).iter().map(|m| m.runs()[0].from).collect();
    assert_eq!(from, [10, 0, 30]);
}

#[test]
fn a_read_is_refused_with_every_reason() {
    let plan = plan();
    let said = Statements {
        none: vec!["nodule".into(), "quality".into()],
        values: vec![
            ("malignancy".into(), None, "9".into()),
            ("malignancy".into(), Some(3), "2".into()),
            ("size".into(), None, "3".into()),
        ],
    };
    let Answer::Drawn(grid, mask) = boxes(&[(0, 4)]) else { unreachable!() };
    let (_, reasons) = plan.answers(vec![("nodule".into(), grid, mask)], &said);
    let codes: Vec<ReasonCode> = reasons.iter().map(|r| r.code).collect();
    for code in [ReasonCode::NoneAndFound, ReasonCode::OffScale, ReasonCode::UnknownStructure] {
        assert!(codes.contains(&code), "{code:?} in {reasons:#?}");
    }
    let (_, reasons) = plan.answers(Vec::new(), &Statements::default());
    assert_eq!(reasons[0].code, ReasonCode::MissingRequired);
}

#[test]
fn skills_are_words_of_the_harmonised_attributes() {
    for (word, skill) in [
        ("chest", Skill::Region("chest")),
        ("Brain", Skill::Region("head")),
        ("ct", Skill::Family("ct")),
        ("DX", Skill::Family("xray")),
        ("mr", Skill::Family("mr")),
    ] {
        assert_eq!(Skill::parse(word), Some(skill), "{word}");
    }
    assert_eq!(Skill::parse("golf"), None);
}
