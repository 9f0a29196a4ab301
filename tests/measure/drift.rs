use gantry::measure::drift::attribution::{adjusted_effects, kitagawa, mantel_haenszel, prevalence_em};
use gantry::measure::drift::changepoint::{segments, single};
use gantry::measure::drift::charts::{Baseline, Cusum, Ewma};
use gantry::measure::drift::mixed;
use gantry::measure::drift::multiple::{benjamini_hochberg, holm};
use gantry::measure::drift::shift::{
    self, Bins, chi_square, cramer_von_mises, energy, fisher_exact, hellinger, jensen_shannon, mmd, psi,
    total_variation,
};
use gantry::measure::drift::stream::{Adwin, Ddm, Direction, PageHinkley};
use gantry::measure::drift::trend::{mann_kendall, mann_whitney};
use gantry::measure::stats::deviation;
use serde_json::json;

use super::vectors::{all_close, cases, close, id, indices, number, numbers, rows, wholes};

#[test]
fn two_samples_equal_scipy() {
    for case in cases("drift_two_sample") {
        let (name, e) = (id(&case), &case["expected"]);
        let (a, b) = (numbers(&case["reference"]), numbers(&case["current"]));
        let got = shift::shift(&a, &b);
        close(got.psi.value, &e["psi"]["value"], 1e-9, name);
        close(got.ks.value, &e["ks_exact"]["statistic"], 1e-9, name);
        close(got.ks_p.value, &e["ks_exact"]["p"], 1e-9, name);
        if let Some(p) = number(&e["ks_exact"]["p"]).filter(|p| *p > 1e-290) {
            let relative = (got.ks_p.value.unwrap() - p).abs() / p;
            // scipy counts from the inside: a small p is 1 minus something near 1, or keeps its digits.
            assert!(relative < 1e-6 || p < 1e-12, "{name}: {p} {relative}");
        }
        close(got.wasserstein.value, &e["wasserstein1"], 1e-9, name);
        close(energy(&a, &b), &e["energy_distance"], 1e-9, name);
        if let Some(bins) = Bins::of(&a) {
            all_close(&bins.inner_edges, &e["psi"]["inner_edges"], 1e-9, name);
            all_close(&bins.counts(&a), &e["psi"]["reference_counts"], 0.0, name);
            all_close(&bins.counts(&b), &e["psi"]["current_counts"], 0.0, name);
        }
        let (statistic, p) = cramer_von_mises(&a, &b);
        close(statistic, &e["cramer_von_mises"]["statistic"], 1e-9, name);
        // scipy ends its series at terms below 1e-7 (two samples that share nothing: 3e-9 for less than 1e-50).
        close(p, &e["cramer_von_mises"]["p_asymptotic"], 1e-7, name);
        let (u, p, delta) = mann_whitney(&a, &b).unwrap();
        close(u, &e["mann_whitney"]["u1"], 1e-9, name);
        close(p, &e["mann_whitney"]["p_asymptotic_continuity"], 1e-9, name);
        close(delta, &e["cliffs_delta_current_minus_reference"], 1e-9, name);
        if let Some(got) = mmd(&a, &b) {
            let want = &e["mmd_rbf"];
            close(got.sigma, &want["sigma_median_heuristic"], 1e-9, name);
            close(got.biased, &want["mmd2_biased"], 1e-9, name);
            close(got.unbiased, &want["mmd2_unbiased"], 1e-9, name);
        } else {
            assert!(e.get("mmd_rbf").is_none(), "{name}");
        }
    }
    let none = shift::shift(&[1.0, 2.0], &[]);
    assert!(none.psi.value.is_none() && none.ks.reason.is_some());
}

#[test]
fn prevalences_equal_scipy() {
    for case in cases("drift_categorical") {
        let (name, e) = (id(&case), &case["expected"]);
        let (p, q) = (numbers(&case["reference_counts"]), numbers(&case["current_counts"]));
        let bits = jensen_shannon(&p, &q) / std::f64::consts::LN_2;
        close(psi(&p, &q), &e["psi"], 1e-9, name);
        close(bits, &e["jensen_shannon_divergence_bits"], 1e-9, name);
        close(total_variation(&p, &q), &e["total_variation"], 1e-9, name);
        close(hellinger(&p, &q), &e["hellinger"], 1e-9, name);
        let (x2, g, v) = chi_square(&p, &q).unwrap();
        close(x2.statistic, &e["chi2"]["statistic"], 1e-9, name);
        close(x2.df, &e["chi2"]["df"], 0.0, name);
        close(x2.p, &e["chi2"]["p"], 1e-9, name);
        close(v, &e["cramers_v"], 1e-9, name);
        close(g.statistic, &e["g_test"]["statistic"], 1e-9, name);
        close(g.p, &e["g_test"]["p"], 1e-9, name);
        if e.get("fisher_exact_p").is_some() {
            let (p, q) = (wholes(&case["reference_counts"]), wholes(&case["current_counts"]));
            close(fisher_exact([[p[0], p[1]], [q[0], q[1]]]), &e["fisher_exact_p"], 1e-9, name);
        }
    }
}

#[test]
fn streams_equal_river_and_ruptures() {
    for case in cases("drift_streams") {
        let (name, e, values) = (id(&case), &case["expected"], numbers(&case["values"]));
        let mut adwin = Adwin::new(0.002);
        let mut both = PageHinkley::new(0.005, 20.0, 1.0 - 1e-4, 30, Direction::Both);
        let mut up = PageHinkley::new(0.005, 5.0, 1.0, 30, Direction::Up);
        let mut ddm = Ddm::default();
        for v in &values {
            adwin.push(*v);
            both.push(*v);
            up.push(*v);
            ddm.push(*v > 0.5);
        }
        let at = |d: &PageHinkley| d.signals().iter().map(|s| s.index).collect::<Vec<_>>();
        assert_eq!(adwin.signals(), indices(&e["adwin_delta_0.002"]), "{name} adwin");
        assert_eq!(at(&both), indices(&e["page_hinkley_both"]), "{name} page-hinkley");
        assert_eq!(at(&up), indices(&e["page_hinkley_up_threshold_5"]), "{name} page-hinkley up");
        if e.get("ddm").is_some() {
            let got: Vec<usize> = ddm.signals().iter().map(|s| s.index).collect();
            assert_eq!(got, indices(&e["ddm"]), "{name} ddm");
        }
        let Some(baseline) = Baseline::of(&values[..100]) else {
            assert!(e.get("cusum_k0.5_h5").is_none());
            continue;
        };
        let (mut cusum, mut ewma) = (Cusum::new(0.5, 5.0), Ewma::new(0.2, 3.0));
        for (row, v) in values.iter().enumerate() {
            cusum.push(baseline.standardise(*v));
            ewma.push(baseline.standardise(*v));
            let key = row.to_string();
            if let Some(want) = e["cusum_k0.5_h5"]["upper_at"].get(&key) {
                close(cusum.last().0, want, 1e-9, name);
                close(cusum.last().1, &e["cusum_k0.5_h5"]["lower_at"][&key], 1e-9, name);
                close(ewma.last(), &e["ewma_lambda0.2_L3"]["at"][&key], 1e-9, name);
            }
        }
        close(cusum.last().0, &e["cusum_k0.5_h5"]["upper_last"], 1e-9, name);
        close(ewma.last(), &e["ewma_lambda0.2_L3"]["last"], 1e-9, name);
        assert_eq!(json!(cusum.signals().first().map(|s| s.index)), e["cusum_k0.5_h5"]["first_signal"]);
        assert_eq!(json!(ewma.signals().first().map(|s| s.index)), e["ewma_lambda0.2_L3"]["first_signal"]);
        let sd = deviation(&values[..100]);
        let scaled: Vec<f64> = values.iter().map(|v| v / sd).collect();
        for (penalty, key) in [(10.0, "pelt_l2_pen_10_min5"), (30.0, "pelt_l2_pen_30_min5")] {
            assert_eq!(segments(&scaled, penalty, 5), indices(&e[key]), "{name} {key}");
        }
    }
}

#[test]
fn attribution_equals_lme4_and_the_decomposition() {
    for case in cases("drift_attribution") {
        let (name, e) = (id(&case), &case["expected"]);
        match name {
            "mixed_model" => {
                let data = &case["data"];
                let dice = numbers(&data["dice"]);
                let place = |v: &serde_json::Value| v.as_str().unwrap()[1..].parse::<usize>().unwrap() - 1;
                let list = |key: &str| data[key].as_array().unwrap().iter().map(place).collect::<Vec<_>>();
                let (reader, scanner) = (list("reader"), list("scanner"));
                let is = |s: usize| scanner.iter().map(|v| f64::from(u8::from(*v == s))).collect::<Vec<_>>();
                let design = [vec![1.0; dice.len()], is(1), is(2), numbers(&data["week"])];
                let got = mixed::fit(&dice, &design, &reader).unwrap();
                for (k, key) in ["(Intercept)", "scannerS2", "scannerS3", "week"].iter().enumerate() {
                    close(got.fixed[k], &e["fixed"][key], 1e-6, key);
                    close(got.fixed_se[k], &e["fixed_se"][key], 1e-6, key);
                }
                let relative = |g: f64, w: &serde_json::Value| (g / w.as_f64().unwrap() - 1.0).abs();
                assert!(relative(got.variance_group, &e["variance_reader"]) < 1e-3);
                assert!(relative(got.variance_residual, &e["variance_residual"]) < 1e-5);
                for (k, effect) in got.group_effects.iter().enumerate() {
                    close(*effect, &e["blup_reader"][format!("R{}", k + 1)], 1e-6, "blup");
                }
                close(got.criterion, &e["reml_criterion"], 1e-9, "criterion");
                close(got.group_share(), &e["icc_reader"], 1e-4, "share");
            }
            "prevalence_em" => {
                let got = prevalence_em(&numbers(&case["reference_prior"]), &rows(&case["posteriors"]));
                all_close(&got, &e["prior"], 1e-6, name);
            }
            _ => {
                let side = |items: &str, errors: &str| -> Vec<(f64, f64)> {
                    numbers(&case[errors]).into_iter().zip(numbers(&case[items])).collect()
                };
                let reference = side("reference_items", "reference_errors");
                let current = side("current_items", "current_errors");
                let got = kitagawa(&reference, &current).unwrap();
                close(got.total, &e["total_change"], 1e-9, name);
                close(got.mix, &e["acquisition_mix_part"], 1e-9, name);
                close(got.within, &e["within_stratum_part"], 1e-9, name);
                all_close(&got.mix_by_stratum, &e["per_stratum_mix"], 1e-9, name);
                all_close(&got.within_by_stratum, &e["per_stratum_rate"], 1e-9, name);
                let odds = mantel_haenszel(&reference, &current);
                close(odds, &e["mantel_haenszel_odds_ratio"], 1e-9, name);
            }
        }
    }
}

#[test]
fn a_stratum_that_is_new_counts_as_mix() {
    let got = kitagawa(&[(5.0, 100.0), (0.0, 0.0)], &[(5.0, 100.0), (50.0, 100.0)]).unwrap();
    assert!((got.total - got.mix - got.within).abs() < 1e-15 && got.within == 0.0 && got.mix > 0.2);
    assert!(kitagawa(&[(0.0, 0.0)], &[(1.0, 2.0)]).is_none());
}

#[test]
fn factors_that_cannot_be_told_apart_are_refused() {
    let y: Vec<f64> = (0..40).map(|k| f64::from(k % 5) + f64::from(u8::from(k >= 20))).collect();
    let after: Vec<f64> = (0..40).map(|k| f64::from(u8::from(k >= 20))).collect();
    assert!(adjusted_effects(&y, &[after.clone(), after.clone()]).is_none());
    let effects = adjusted_effects(&y, &[after]).unwrap();
    assert!((effects[0].estimate - 1.0).abs() < 1e-9);
}

#[test]
fn trend_and_multiple_testing_by_hand() {
    // Scores of scipy.stats.kendalltau's S with R's Kendall::MannKendall variance: n = 5, no ties.
    let t = mann_kendall(&[1.0, 2.0, 4.0, 3.0, 5.0]).unwrap();
    assert_eq!(t.s, 8.0);
    assert!((t.z - 7.0 / (50.0_f64 / 3.0).sqrt()).abs() < 1e-12 && (t.slope - 1.0).abs() < 1e-12);
    assert!(mann_kendall(&[2.0; 9]).is_none());
    // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "BH") and "holm".
    let p = [0.01, 0.04, 0.03, 0.005];
    all_close(&benjamini_hochberg(&p), &json!([0.02, 0.04, 0.04, 0.02]), 1e-12, "BH");
    all_close(&holm(&p), &json!([0.03, 0.06, 0.06, 0.02]), 1e-12, "Holm");
    let steps: Vec<f64> = (0..50).map(|k| f64::from(u8::from(k >= 30)) + f64::from(k % 3) * 0.01).collect();
    assert_eq!(single(&steps, 5).unwrap().0, 30);
}
