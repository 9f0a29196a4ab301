use gantry::measure::consensus::categorical::{Majority, dawid_skene, majority};
use gantry::measure::consensus::masks::{Decisions, label_entropy_bits, plurality};
use gantry::measure::consensus::scores::rank;
use gantry::measure::consensus::simple::simple;
use gantry::measure::consensus::staple::{StapleError, staple, staple_labels};
use serde_json::json;

use super::vectors::{cases, close, id, npy, rows, wholes};

fn readers(case: &serde_json::Value) -> Vec<Vec<bool>> {
    let (shape, packed) = npy(case["masks"].as_str().unwrap());
    let voxels: u64 = wholes(&case["shape"]).iter().product();
    let bit = |row: &[u8], v: usize| row[v / 8] >> (v % 8) & 1 == 1;
    packed.chunks(shape[1]).map(|row| (0..voxels as usize).map(|v| bit(row, v)).collect()).collect()
}

#[test]
fn consensus_of_masks_equals_simpleitk() {
    for case in cases("consensus_masks") {
        let (name, e) = (id(&case), &case["expected"]);
        let masks = readers(&case);
        let views: Vec<&[bool]> = masks.iter().map(Vec::as_slice).collect();
        let decisions = Decisions::of(&views).unwrap();
        assert_eq!(json!(decisions.vote_histogram()), e["vote_histogram"], "{name}");
        let count = |m: Vec<bool>| json!(m.into_iter().filter(|v| *v).count());
        assert_eq!(count(decisions.majority()), e["majority"]["strict_voxels"], "{name}");
        assert_eq!(count(decisions.ties()), e["majority"]["tie_voxels"], "{name}");
        close(decisions.conformity_index().value, &e["generalized_conformity_index"], 1e-9, name);
        for (a, row) in decisions.dice_matrix().iter().enumerate() {
            for (b, dice) in row.iter().enumerate().filter(|(b, _)| *b != a) {
                close(dice.value, &e["dice_matrix"][a][b], 1e-9, name);
            }
        }
        let entropy = decisions.entropy_bits();
        assert!(entropy.iter().all(|v| (0.0..=1.0).contains(v)) && entropy.iter().any(|v| *v > 0.9));
        if masks.len() < 3 {
            assert_eq!(staple(&decisions), Err(StapleError::TooFewReaders));
            continue;
        }
        let (got, want) = (staple(&decisions).unwrap(), &e["staple"]);
        close(got.prior, &want["prior"], 1e-9, name);
        for r in 0..masks.len() {
            close(got.sensitivity[r], &want["sensitivity"][r], 1e-4, name);
            close(got.specificity[r], &want["specificity"][r], 1e-4, name);
        }
        let probability = got.probability(&decisions);
        close(probability.iter().sum::<f64>(), &want["probability_sum"], 1e-6, name);
        let above = probability.iter().filter(|p| **p > 0.5).count() as i64;
        assert!((above - want["voxels_above_half"].as_i64().unwrap()).abs() <= 2, "{name}");
        // With two labels the multi-label estimate must find nearly the same structure.
        let labels: Vec<Vec<u32>> =
            masks.iter().map(|m| m.iter().map(|v| u32::from(*v) * 7).collect()).collect();
        let views: Vec<&[u32]> = labels.iter().map(Vec::as_slice).collect();
        let multi = staple_labels(&views).unwrap();
        assert_eq!(multi.labels, [0, 7]);
        let differ =
            multi.consensus.iter().zip(&probability).filter(|(l, p)| (**l == 7) != (**p > 0.5)).count();
        assert!(differ as f64 <= 0.1 * above as f64, "{name}: {differ} of {above}");
    }
}

#[test]
fn labels_are_voted_on_and_ties_go_to_adjudication() {
    let (a, b, c, d) = ([1, 2, 3, 0], [1, 2, 4, 5], [1, 3, 3, 0], [1, 3, 4, 0]);
    let (label, tie) = plurality(&[&a, &b, &c, &d]).unwrap();
    assert_eq!((label, tie), (vec![1, 0, 0, 0], vec![false, true, true, false]));
    let entropy = label_entropy_bits(&[&a, &b, &c, &d]).unwrap();
    assert_eq!((entropy[0], entropy[1]), (0.0, 1.0));
    assert!(plurality(&[&a[..], &b[..3]]).is_none());
}

#[test]
fn simple_drops_the_reader_who_draws_elsewhere() {
    let good: Vec<bool> = (0..100).map(|v| v < 40).collect();
    let near: Vec<bool> = (0..100).map(|v| v < 42).collect();
    let poor: Vec<bool> = (0..100).map(|v| v >= 60).collect();
    let decisions = Decisions::of(&[&good, &near, &good, &near, &good, &poor]).unwrap();
    let found = simple(&decisions, 1.0, 2);
    assert_eq!(found.consensus, good);
    assert!(!found.kept[5] && found.kept[..5].iter().filter(|k| **k).count() >= 2);
    assert!(decisions.against_others(0).value.unwrap() > 0.95);
    assert_eq!(decisions.against_others(5).value, Some(0.0));
}

#[test]
fn categories_equal_crowdkit() {
    for case in cases("consensus_categorical") {
        let (name, e) = (id(&case), &case["expected"]);
        let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
        let list = |v: &serde_json::Value| v.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
        let (tasks, labels) = (list(&e["tasks"]), list(&e["labels"]));
        let mut workers: Vec<String> = Vec::new();
        let mut votes = Vec::new();
        for vote in case["votes"].as_array().unwrap() {
            let vote = list(vote);
            let worker = workers.iter().position(|w| *w == vote[1]).unwrap_or_else(|| {
                workers.push(vote[1].clone());
                workers.len() - 1
            });
            let place = |list: &[String], v: &String| list.iter().position(|l| l == v).unwrap() as u32;
            votes.push((place(&tasks, &vote[0]), worker as u32, place(&labels, &vote[2])));
        }
        let (shares, decided) = majority(&votes, tasks.len(), labels.len());
        let got = dawid_skene(&votes, tasks.len(), workers.len(), labels.len());
        let want = rows(&e["posterior"]);
        for task in 0..tasks.len() {
            for label in 0..labels.len() {
                close(shares[task][label], &e["majority_share"][task][label], 2e-9, name);
                close(got.posterior[task][label], &e["posterior"][task][label], 1e-3, name);
            }
            let mut top = want[task].clone();
            top.sort_by(|a, b| b.total_cmp(a));
            if top[0] - top[1] > 0.02 {
                let best = (0..labels.len())
                    .max_by(|&a, &b| got.posterior[task][a].total_cmp(&got.posterior[task][b]));
                assert_eq!(json!(labels[best.unwrap()]), e["label"][task], "{name}");
            }
            let most = shares[task].iter().copied().fold(0.0, f64::max);
            let tied = shares[task].iter().filter(|s| **s == most).count() > 1;
            assert_eq!(decided[task] == Majority::Tie, tied);
        }
        for (k, label) in labels.iter().enumerate() {
            close(got.prior[k], &e["prior"][label], 1e-3, name);
        }
    }
}

#[test]
fn ranks_come_with_their_uncertainty() {
    let scores: Vec<Vec<Option<f64>>> = (0..40)
        .map(|case| {
            let hard = f64::from(case % 7) * 0.02;
            let noise = f64::from(case * 13 % 11) * 0.004;
            vec![Some(0.8 - hard), Some(0.95 - hard - noise), (case % 2 == 0).then_some(0.95 - hard), None]
        })
        .collect();
    let ranked = rank(&scores, 500, 3);
    let order: Vec<usize> = ranked.iter().map(|r| r.reader).collect();
    assert_eq!(order.len(), 3);
    assert_eq!(order[2], 0);
    assert_eq!(ranked[2].rank_ci95, [3.0, 3.0]);
    assert!(ranked[0].mean_ci95.unwrap()[0] > ranked[2].mean_ci95.unwrap()[1]);
    assert_eq!(ranked, rank(&scores, 500, 3));
}
