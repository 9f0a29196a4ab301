use gantry::measure::agreement::cohen::{Table, Weights, kappa, kappa_max_and_pabak};
use gantry::measure::agreement::many::{
    Coefficient, Credit, Patterns, alpha, coefficient, percent_agreement,
};
use gantry::measure::agreement::marginals::{
    ChiSquare, bowker, cochran_q, mcnemar_corrected, mcnemar_exact, stuart_maxwell,
};
use gantry::measure::agreement::proportion::{agresti_coull, clopper_pearson, jeffreys, newcombe, wilson};
use gantry::measure::agreement::{Level, Ratings, bland_altman, bootstrap, icc, live::Live, ranks};
use serde_json::{Value, json};

use super::vectors::{all_close, cases, close, id, indices, numbers};

fn categories(case: &Value) -> Vec<String> {
    case["categories"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn positions(row: &Value, categories: &[String]) -> Vec<Option<u32>> {
    let place = |v: &Value| {
        let text = v.as_str()?;
        Some(categories.iter().position(|c| c == text).unwrap() as u32)
    };
    row.as_array().unwrap().iter().map(place).collect()
}

fn close_test(got: Option<ChiSquare>, want: &Value, what: &str) {
    if want == "undefined" || want.is_null() {
        assert!(got.is_none(), "{what}");
        return;
    }
    close(got.map(|t| t.statistic), &want["statistic"], 1e-9, what);
    close(got.map(|t| t.p), &want["p"], 1e-9, what);
}

#[test]
fn two_raters_equal_sklearn_statsmodels_and_irrcac() {
    for case in cases("agreement_two_raters") {
        let (name, e, scale) = (id(&case), &case["expected"], categories(&case));
        let a = positions(&case["rater_a"], &scale);
        let b = positions(&case["rater_b"], &scale);
        let pairs: Vec<(u32, u32)> = a.iter().zip(&b).map(|(a, b)| (a.unwrap(), b.unwrap())).collect();
        let table = Table::of(&pairs, scale.len());
        for (weights, key) in [
            (Weights::None, "kappa"),
            (Weights::Linear, "kappa_linear"),
            (Weights::Quadratic, "kappa_quadratic"),
        ] {
            let (k, want) = (kappa(&table, weights), &e[key]);
            close(k.estimate.value, &want["value"], 1e-9, name);
            if want.get("standard_error").is_some() {
                // The square root of a variance that is zero but for rounding.
                close(k.se, &want["standard_error"], 1e-9, name);
                all_close(&k.estimate.ci95.unwrap(), &want["ci95"], 1e-9, name);
                close(k.observed, &want["po"], 1e-9, name);
                close(k.expected, &want["pe"], 1e-9, name);
            }
        }
        let (most, pabak) = kappa_max_and_pabak(&table);
        close(most.value, &e["kappa_max"], 1e-9, name);
        close(pabak.value, &e["pabak"], 1e-9, name);
        close_test(Some(bowker(&table)), &e["bowker_symmetry"], name);
        let used = (0..scale.len()).filter(|&i| a.contains(&Some(i as u32)) || b.contains(&Some(i as u32)));
        if used.count() > 1 {
            close_test(stuart_maxwell(&table), &e["stuart_maxwell"], name);
        } else {
            assert!(stuart_maxwell(&table).is_none());
        }
        if scale.len() == 2 {
            let (p, q) = (table.at(0, 1) as u64, table.at(1, 0) as u64);
            if p + q > 0 {
                close(mcnemar_exact(p, q), &e["mcnemar_exact_p"], 1e-9, name);
                close_test(mcnemar_corrected(p, q), &e["mcnemar_corrected"], name);
            } else {
                assert!(mcnemar_exact(p, q).is_none() && mcnemar_corrected(p, q).is_none());
            }
        }
    }
}

fn ratings(case: &Value) -> Ratings {
    let scale = categories(case);
    let readers: Vec<Vec<Option<u32>>> =
        case["ratings"].as_array().unwrap().iter().map(|r| positions(r, &scale)).collect();
    let items = readers[0].len();
    let cells = (0..items).flat_map(|i| readers.iter().map(move |r| r[i])).collect();
    Ratings::new(numbers(&case["category_values"]), readers.len(), cells).unwrap()
}

const LEVELS: [(Level, &str); 4] = [
    (Level::Nominal, "nominal"),
    (Level::Ordinal, "ordinal"),
    (Level::Interval, "interval"),
    (Level::Ratio, "ratio"),
];

#[test]
fn many_raters_equal_krippendorff_and_irrcac() {
    for case in cases("agreement_many_raters") {
        let (name, e, ratings) = (id(&case), &case["expected"], ratings(&case));
        let patterns = Patterns::of(&ratings);
        for (level, key) in LEVELS {
            close(alpha(patterns.all(), level).value, &e[format!("krippendorff_{key}")], 1e-9, name);
        }
        for (level, key) in
            [(Level::Nominal, "identity"), (Level::Ordinal, "ordinal"), (Level::Interval, "quadratic")]
        {
            let credit = Credit::new(level, ratings.values()).unwrap();
            for (which, key2) in [
                (Coefficient::Gwet, "gwet"),
                (Coefficient::Fleiss, "fleiss"),
                (Coefficient::BrennanPrediger, "bp"),
            ] {
                let want = &e[format!("irrcac_{key}")][key2];
                let got = coefficient(patterns.all(), &credit, which);
                if !want.is_object() {
                    assert!(got.estimate.value.is_none(), "{name} {key} {key2}");
                    continue;
                }
                let what = format!("{name} {key} {key2}");
                close(got.estimate.value, &want["coefficient_value"], 1e-9, &what);
                close(got.se, &want["se"], 1e-9, &what);
                close(got.observed, &want["pa"], 1e-9, &what);
                close(got.expected, &want["pe"], 1e-9, &what);
                all_close(&got.estimate.ci95.unwrap(), &want["ci95"], 1e-9, &what);
            }
        }
        if e.get("irrcac_identity").is_some() {
            let want = &e["irrcac_identity"]["gwet"]["pa"];
            close(percent_agreement(patterns.all()).value, want, 1e-9, name);
        }
        if e.get("cochran_q").is_some() {
            let rows: Vec<bool> = ratings.rows().flatten().map(|c| c.unwrap() == 1).collect();
            let got = cochran_q(&rows, ratings.readers()).map(|t| t.statistic);
            close(got, &e["cochran_q"]["statistic"], 1e-9, name);
        }
        for a in 0..ratings.readers() {
            for b in (0..ratings.readers()).filter(|b| *b != a) {
                let pairs = ratings.pairs(a, b);
                assert_eq!(json!(pairs.len()), e["pairwise_items"][a][b], "{name}");
                let k = kappa(&Table::of(&pairs, ratings.values().len()), Weights::Quadratic);
                close(k.estimate.value, &e["pairwise_kappa_quadratic"][a][b], 1e-9, name);
            }
        }
    }
}

#[test]
fn live_agreement_is_the_same_as_agreement_from_the_start() {
    for case in cases("agreement_many_raters") {
        let ratings = ratings(&case);
        let mut live = Live::new(ratings.values().to_vec());
        // Wrong ratings first, each put right or withdrawn afterwards.
        for item in 0..ratings.items() {
            for reader in 0..ratings.readers() {
                assert!(live.set(item as u64, reader as u32, Some((item % 2) as u32)));
            }
        }
        for (item, row) in ratings.rows().enumerate() {
            for (reader, category) in row.iter().enumerate() {
                live.set(item as u64, reader as u32, *category);
            }
        }
        assert_eq!(live.patterns(), Patterns::of(&ratings), "{}", id(&case));
        for b in 0..ratings.readers() {
            for a in 0..b {
                let table = Table::of(&ratings.pairs(a, b), ratings.values().len());
                let (got, want) =
                    (live.kappa(b as u32, a as u32, Weights::Linear), kappa(&table, Weights::Linear));
                let turned = got.unwrap().estimate.value;
                close(turned, &json!(want.estimate.value), 1e-12, id(&case));
            }
        }
    }
}

#[test]
fn continuous_equals_pingouin_and_psych() {
    for case in cases("agreement_continuous") {
        let (name, e) = (id(&case), &case["expected"]);
        let readers: Vec<Vec<Option<f64>>> = case["ratings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r.as_array().unwrap().iter().map(Value::as_f64).collect())
            .collect();
        let complete: Vec<Vec<f64>> = (0..readers[0].len())
            .filter_map(|i| readers.iter().map(|r| r[i]).collect::<Option<Vec<f64>>>())
            .collect();
        assert_eq!(json!(complete.len()), e["items_used"]);
        let flat: Vec<f64> = complete.iter().flatten().copied().collect();
        let all = icc::icc(&flat, readers.len());
        for (got, key) in [
            (&all.icc1, "icc1"),
            (&all.icc2, "icc2"),
            (&all.icc3, "icc3"),
            (&all.icc1k, "icc1k"),
            (&all.icc2k, "icc2k"),
            (&all.icc3k, "icc3k"),
        ] {
            let (want, what) = (&e[key], format!("{name} {key}"));
            close(got.estimate.value, &want["value"], 1e-9, &what);
            close(got.f, &want["f"], 1e-9, &what);
            close(got.p, &want["p"], 1e-9, &what);
            close(got.df1, &want["df1"], 0.0, &what);
            close(got.df2, &want["df2"], 0.0, &what);
            all_close(&got.estimate.ci95.unwrap(), &want["ci95"], 1e-9, &what);
        }
        let first: Vec<f64> = complete.iter().map(|r| r[0]).collect();
        let second: Vec<f64> = complete.iter().map(|r| r[1]).collect();
        let (got, want) = (bland_altman::bland_altman(&first, &second).unwrap(), &e["bland_altman_1_2"]);
        close(got.bias, &want["bias"], 1e-9, name);
        close(got.sd, &want["sd"], 1e-9, name);
        all_close(&got.bias_ci95, &want["bias_ci95"], 1e-9, name);
        all_close(&got.limits, &want["loa"], 1e-9, name);
        all_close(&got.lower_ci95, &want["loa_lower_ci95"], 1e-9, name);
        all_close(&got.upper_ci95, &want["loa_upper_ci95"], 1e-9, name);
        close(got.proportional_slope, &want["proportional_slope"], 1e-9, name);
        close(got.proportional_p, &want["proportional_p"], 1e-9, name);
        close(got.repeatability, &want["repeatability_coefficient"], 1e-9, name);
        close(bland_altman::concordance(&first, &second), &e["lin_ccc_1_2"], 1e-9, name);
        close(bland_altman::pearson(&first, &second), &e["pearson_1_2"], 1e-9, name);
        close(bland_altman::spearman(&first, &second), &e["spearman_1_2"], 1e-9, name);
        close(bland_altman::kendall_tau_b(&first, &second), &e["kendall_tau_b_1_2"], 1e-9, name);
    }
}

#[test]
fn bootstrap_intervals_equal_scipy_on_given_resamples() {
    for case in cases("agreement_bootstrap") {
        let (name, e) = (id(&case), &case["expected"]);
        let (a, b) = (indices(&case["rater_a"]), indices(&case["rater_b"]));
        let value = |items: &mut dyn Iterator<Item = usize>| {
            let pairs: Vec<(u32, u32)> = items.map(|i| (a[i] as u32 - 1, b[i] as u32 - 1)).collect();
            kappa(&Table::of(&pairs, 5), Weights::Quadratic).estimate.value.unwrap()
        };
        let estimate = value(&mut (0..a.len()));
        let replicates: Vec<f64> = case["resample_indices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| value(&mut indices(r).into_iter()))
            .collect();
        let jackknife: Vec<(f64, f64)> =
            (0..a.len()).map(|j| (value(&mut (0..a.len()).filter(|i| *i != j)), 1.0)).collect();
        let got = bootstrap::bca(estimate, &replicates, &jackknife).unwrap();
        let (percentile, basic) = bootstrap::percentile_and_basic(estimate, &replicates);
        close(estimate, &e["estimate"], 1e-9, name);
        close(bootstrap::standard_error(&replicates), &e["standard_error"], 1e-9, name);
        close(got.z0, &e["z0"], 1e-9, name);
        close(got.acceleration, &e["acceleration"], 1e-9, name);
        all_close(&got.interval, &e["bca"], 1e-9, name);
        all_close(&percentile, &e["percentile"], 1e-9, name);
        all_close(&basic, &e["basic"], 1e-9, name);
    }
}

#[test]
fn proportions_equal_statsmodels() {
    for case in cases("agreement_proportions") {
        let (name, e) = (id(&case), &case["expected"]);
        let whole = |key: &str| case[key].as_u64().unwrap();
        if case.get("count").is_none() {
            let got = newcombe(whole("count1"), whole("n1"), whole("count2"), whole("n2")).unwrap();
            all_close(&got, &e["newcombe"], 1e-9, name);
            continue;
        }
        let (x, n) = (whole("count"), whole("n"));
        all_close(&wilson(x, n).unwrap(), &e["wilson"], 1e-9, name);
        all_close(&clopper_pearson(x, n).unwrap(), &e["clopper_pearson"], 1e-9, name);
        all_close(&jeffreys(x, n).unwrap(), &e["jeffreys"], 1e-9, name);
        let clipped: Vec<f64> = numbers(&e["agresti_coull"]).iter().map(|v| v.clamp(0.0, 1.0)).collect();
        all_close(&agresti_coull(x, n).unwrap(), &json!(clipped), 1e-9, name);
    }
}

#[test]
fn kendall_w_of_the_textbook() {
    // Siegel and Castellan 1988, table 9.5: three judges, six applicants.
    let readers: Vec<Vec<f64>> = vec![
        vec![1.0, 6.0, 3.0, 2.0, 5.0, 4.0],
        vec![1.0, 5.0, 6.0, 4.0, 2.0, 3.0],
        vec![6.0, 3.0, 2.0, 5.0, 4.0, 1.0],
    ];
    let (w, test) = ranks::kendall_w(&readers);
    assert!((w.value.unwrap() - 0.162).abs() < 5e-4);
    assert!((test.unwrap().statistic - 3.0 * 5.0 * w.value.unwrap()).abs() < 1e-12);
    assert!(ranks::kendall_w(&readers[..1]).0.value.is_none());
    assert!(ranks::kendall_w(&[vec![1.0; 4], vec![2.0; 4]]).0.value.is_none());
}
