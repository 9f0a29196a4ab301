use gantry::measure::active::{by_gain_per_cost, k_center, uncertainty};
use gantry::measure::agreement::bootstrap::SplitMix;
use gantry::measure::drift::charts::{Cusum, Ewma};
use gantry::measure::drift::shewhart::{g_chart, individuals, nelson_run, nelson_zone, p_chart};
use gantry::measure::outliers::{isolation_forest, mahalanobis, mean_path_length, robust_z, tukey_fences};
use gantry::measure::process::{
    KaplanMeier, flow, forecast, interquartile_range, log_rank, percentile_inverted, rate, trimmed_mean,
};
use gantry::measure::sampling::{
    Decision, Level, Sprt, iso_plan, operating_characteristic, operating_characteristic_binomial,
    risk_weighted, two_point_plan, zero_defect_sample,
};
use gantry::measure::special::chi2_quantile;
use gantry::measure::stats::{median, quantile_sorted, sorted};
use serde_json::{Value, json};

use super::vectors::{all_close, cases, close, id, indices, number, numbers, rows, wholes};

fn zones(z: &[f64], e: &Value, name: &str) {
    assert_eq!(nelson_run(z, 9), indices(&e["nelson_2_run_of_9"]), "{name}");
    assert_eq!(nelson_zone(z, 2, 3, 2.0), indices(&e["nelson_5_two_of_three_beyond_2"]), "{name}");
    assert_eq!(nelson_zone(z, 4, 5, 1.0), indices(&e["nelson_6_four_of_five_beyond_1"]), "{name}");
}

#[test]
fn charts_equal_their_definitions_and_spc() {
    for case in cases("quality_control_charts") {
        let (name, e) = (id(&case), &case["expected"]);
        if name.starts_with("p_chart") {
            let baseline = case["baseline_points"].as_u64().unwrap() as usize;
            let got = p_chart(&wholes(&case["rejected"]), &wholes(&case["inspected"]), baseline).unwrap();
            close(got.centre, &e["centre"], 1e-9, name);
            all_close(&got.lower, &e["lower"], 1e-9, name);
            all_close(&got.upper, &e["upper"], 1e-9, name);
            all_close(&got.z, &e["z"], 1e-9, name);
            all_close(&got.laney_lower, &e["laney_lower"], 1e-9, name);
            all_close(&got.laney_upper, &e["laney_upper"], 1e-9, name);
            close(got.sigma_z, &e["laney_sigma_z"], 1e-9, name);
            assert_eq!(got.signals, indices(&e["signals"]));
            zones(&got.z, e, name);
        } else if name == "individuals" {
            let got = individuals(&numbers(&case["values"]), 20).unwrap();
            close(got.centre, &e["centre"], 1e-9, name);
            close(got.moving_range, &e["moving_range_mean"], 1e-9, name);
            close(got.lower, &e["lower"], 1e-9, name);
            close(got.upper, &e["upper"], 1e-9, name);
            close(got.range_upper, &e["moving_range_upper"], 1e-9, name);
            assert_eq!(got.signals, indices(&e["signals"]));
            zones(&got.z, e, name);
        } else if name == "g_chart" {
            let (centre, lower, upper) = g_chart(&numbers(&case["items_between_events"]));
            close(centre, &e["centre"], 1e-9, name);
            close(lower, &e["lower"], 1e-9, name);
            close(upper, &e["upper"], 1e-9, name);
        } else {
            run_lengths(e);
        }
    }
}

/// Average run lengths by simulation against R's spc.
fn run_lengths(e: &Value) {
    for (at, shift) in numbers(&e["mu"]).into_iter().enumerate() {
        let (mut cusum, mut ewma) = (0, 0);
        // The mean of a run's length has a standard error of 0.7 % of it.
        let runs = 20_000;
        for run in 0..runs {
            let mut random = SplitMix::new(11, run);
            let mut chart = Cusum::new(0.5, 5.0);
            while chart.signals().is_empty() {
                chart.push(random.normal() + shift);
                cusum += 1;
            }
            // Asymptotic limits: the average is past its start after many rows without a limit.
            let limit = 2.86 * (0.2_f64 / 1.8).sqrt();
            let mut chart = Ewma::new(0.2, 1e9);
            while chart.last().abs() <= limit {
                chart.push(random.normal() + shift);
                ewma += 1;
            }
        }
        for (total, key) in [(cusum, "cusum"), (ewma, "ewma")] {
            let (got, want) = (f64::from(total) / runs as f64, e[key][at].as_f64().unwrap());
            assert!((got / want - 1.0).abs() < 0.03, "{key} at {shift}: {got} for {want}");
        }
    }
}

#[test]
fn acceptance_plans_equal_the_tables() {
    let levels = [
        ("S1", Level::S1),
        ("S2", Level::S2),
        ("S3", Level::S3),
        ("S4", Level::S4),
        ("I", Level::I),
        ("II", Level::II),
        ("III", Level::III),
    ];
    for case in cases("sampling_iso2859") {
        let (name, e) = (id(&case), &case["expected"]);
        let level = levels.iter().find(|l| case["level"] == l.0).unwrap().1;
        let lot = case["lot"].as_u64().unwrap();
        let plan = iso_plan(lot, level, case["aql_percent"].as_f64().unwrap()).unwrap();
        let got = json!({"code_letter": plan.code_letter, "plan_letter": plan.plan_letter,
            "sample_size": plan.sample_size, "inspect_all": plan.inspect_all, "accept": plan.accept,
            "reject": plan.accept + 1});
        assert_eq!(got, *e, "{name}");
    }
    assert!(iso_plan(100, Level::II, 1.23).is_none());
}

#[test]
fn sampling_plans_equal_scipy() {
    for case in cases("sampling_plans") {
        let (name, e) = (id(&case), &case["expected"]);
        let get = |key: &str| case[key].as_f64().unwrap();
        if name.starts_with("two_point") {
            let lot = case["lot"].as_u64().unwrap();
            let (n, c) = two_point_plan(
                lot,
                get("producer_quality"),
                get("consumer_quality"),
                get("alpha"),
                get("beta"),
            )
            .unwrap();
            assert_eq!(json!([n, c]), json!([e["sample_size"], e["accept"]]), "{name}");
            for (quality, want) in e["oc_hypergeometric"].as_object().unwrap() {
                let q = [quality.parse().unwrap()];
                close(operating_characteristic(lot, n, c, &q)[0], want, 1e-9, name);
                let binomial = &e["oc_binomial"][quality];
                close(operating_characteristic_binomial(n, c, &q)[0], binomial, 1e-9, name);
            }
        } else if name.starts_with("zero") {
            let got =
                zero_defect_sample(case["lot"].as_u64().unwrap(), get("limit_quality"), get("confidence"));
            assert_eq!(json!(got), e["sample_size"], "{name}");
        } else {
            let mut test = Sprt::new(get("p0"), get("p1"), get("alpha"), get("beta"));
            let mut decision = Decision::Continue;
            for defect in wholes(&case["defects"]) {
                decision = test.push(defect == 1);
            }
            let said = match decision {
                Decision::Continue => "continue",
                Decision::Accept => "accept",
                Decision::Reject => "reject",
            };
            assert_eq!(json!(said), e["decision"], "{name}");
            if decision != Decision::Continue {
                assert_eq!(json!(test.items()), e["items"], "{name}");
            }
            let (slope, accept, reject) = test.lines();
            close(test.log_ratio(), &e["llr_at_decision"], 1e-9, name);
            close(test.log_upper, &e["log_upper"], 1e-9, name);
            close(test.log_lower, &e["log_lower"], 1e-9, name);
            close(slope, &e["slope"], 1e-9, name);
            close(accept, &e["accept_intercept"], 1e-9, name);
            close(reject, &e["reject_intercept"], 1e-9, name);
        }
    }
}

#[test]
fn risk_weighted_sampling_is_seeded_and_follows_the_risk() {
    let risk: Vec<f64> = (0..100).map(|k| if k < 10 { 9.0 } else { 1.0 }).collect();
    assert_eq!(risk_weighted(&risk, 20, 5), risk_weighted(&risk, 20, 5));
    let first = (0..4000).filter(|&seed| risk_weighted(&risk, 1, seed)[0] < 10).count();
    // The risky tenth holds half of the risk.
    assert!((1850..2150).contains(&first), "{first}");
    assert_eq!(risk_weighted(&[0.0, 1.0, 0.0], 3, 1), [1]);
}

#[test]
fn cycle_times_equal_lifelines_and_r_survival() {
    for case in cases("cycle_times") {
        let (name, e) = (id(&case), &case["expected"]);
        if name.starts_with("km_") {
            survival(&case, e, name);
        } else if name == "percentiles" {
            let values = numbers(&case["values"]);
            let ordered = sorted(&values);
            for (q, want) in e["type7"].as_object().unwrap() {
                close(quantile_sorted(&ordered, q.parse().unwrap()), want, 1e-9, name);
            }
            for (q, want) in e["inverted_cdf"].as_object().unwrap() {
                close(percentile_inverted(&values, q.parse().unwrap()), want, 1e-9, name);
            }
            let off: Vec<f64> = values.iter().map(|v| (v - median(&values)).abs()).collect();
            close(median(&off) * 1.482_602_218_505_602, &e["mad_scaled"], 1e-9, name);
            close(interquartile_range(&values), &e["iqr"], 1e-9, name);
            close(trimmed_mean(&values, 0.1), &e["trimmed_mean_10"], 1e-9, name);
        } else {
            let left: Vec<Option<f64>> = numbers(&case["departures"]).into_iter().map(Some).collect();
            let got = flow(&numbers(&case["arrivals"]), &left, case["horizon"].as_f64().unwrap());
            close(got.mean_in_progress, &e["mean_wip"], 1e-9, name);
            close(got.arrival_rate, &e["arrival_rate"], 1e-9, name);
            close(got.mean_cycle_time, &e["mean_cycle_time"], 1e-9, name);
            assert_eq!(json!(got.most_in_progress), e["max_wip"]);
        }
    }
}

fn survival(case: &Value, e: &Value, name: &str) {
    let (hours, finished) = (numbers(&case["hours"]), wholes(&case["finished"]));
    let finished: Vec<bool> = finished.into_iter().map(|f| f == 1).collect();
    let km = KaplanMeier::of(&hours, &finished);
    all_close(&km.times, &e["times"], 1e-12, name);
    all_close(&km.survival, &e["survival"], 1e-9, name);
    for (k, ci) in km.ci95.iter().enumerate() {
        close(ci.map(|c| c[0]), &e["lower_loglog"][k], 1e-9, name);
        close(ci.map(|c| c[1]), &e["upper_loglog"][k], 1e-9, name);
    }
    close(km.quantile(0.5), &e["median"], 1e-9, name);
    close(km.quantile(0.9), &e["p90"], 1e-9, name);
    let ci = km.quantile_ci95(0.5);
    close(ci[0], &e["median_ci"][0], 1e-9, name);
    close(ci[1], &e["median_ci"][1], 1e-9, name);
    let (mean, limit) = km.restricted_mean().unwrap();
    close(mean, &e["restricted_mean_to_max_event"]["value"], 1e-9, name);
    close(limit, &e["restricted_mean_to_max_event"]["limit"], 1e-9, name);
    let group = |g: u64| -> (Vec<f64>, Vec<bool>) {
        let own = wholes(&case["group"]);
        (0..hours.len()).filter(|&i| own[i] == g).map(|i| (hours[i], finished[i])).unzip()
    };
    let (a, b) = (group(0), group(1));
    let test = log_rank((&a.0, &a.1), (&b.0, &b.1)).unwrap();
    close(test.statistic, &e["logrank"]["statistic"], 1e-9, name);
    close(test.p, &e["logrank"]["p"], 1e-9, name);
}

#[test]
fn backlog_forecast_brackets_what_must_come() {
    let certain = forecast(30, &[(2, 5)], 12, 50, 1).unwrap();
    assert_eq!(certain.expected[..3], [27.0, 24.0, 21.0]);
    assert_eq!(certain.empty_after, Some(10.0));
    let growing = forecast(30, &[(5, 2), (4, 3)], 12, 200, 1).unwrap();
    assert_eq!(growing.empty_after, None);
    assert!(growing.band90[11][0] >= 42.0 && growing.band90[11][1] <= 66.0);
    assert!(rate(0, 0).value.is_none() && rate(0, 20).ci95.unwrap()[1] > 0.1);
}

#[test]
fn selection_equals_numpy() {
    for case in cases("active_learning") {
        let (name, e) = (id(&case), &case["expected"]);
        match name {
            "uncertainty" => {
                let passes: Vec<Vec<Vec<f64>>> =
                    case["passes_items_classes"].as_array().unwrap().iter().map(rows).collect();
                let all: Vec<_> = (0..passes[0].len())
                    .map(|i| {
                        uncertainty(&passes.iter().map(|p| p[i].as_slice()).collect::<Vec<_>>()).unwrap()
                    })
                    .collect();
                let column = |f: fn(&gantry::measure::active::Uncertainty) -> f64| {
                    all.iter().map(f).collect::<Vec<_>>()
                };
                all_close(&column(|u| u.entropy), &e["entropy_nats"], 1e-9, name);
                all_close(&column(|u| u.bald), &e["bald_mutual_information"], 1e-9, name);
                all_close(&column(|u| u.margin), &e["margin"], 1e-9, name);
                all_close(&column(|u| u.least_confidence), &e["least_confidence"], 1e-9, name);
                all_close(&column(|u| u.variation_ratio), &e["variation_ratio"], 1e-9, name);
            }
            "k_center_greedy" => {
                let (picked, radius) = k_center(&rows(&case["features"]), 0, 12);
                assert_eq!(picked, indices(&e["selected"]));
                close(radius, &e["cover_radius"], 1e-9, name);
            }
            _ => {
                let (gain, cost) = (numbers(&case["gain"]), numbers(&case["cost_minutes"]));
                let (picked, used) = by_gain_per_cost(&gain, &cost, case["budget_minutes"].as_f64().unwrap());
                assert_eq!(picked, indices(&e["selected"]));
                close(used, &e["used"], 1e-9, name);
            }
        }
    }
}

#[test]
fn outliers_equal_sklearn() {
    for case in cases("outliers") {
        let (name, e) = (id(&case), &case["expected"]);
        match name {
            "table" => {
                let table = rows(&case["features"]);
                for k in 0..table[0].len() {
                    let column: Vec<f64> = table.iter().map(|r| r[k]).collect();
                    let z = robust_z(&column).unwrap();
                    for (row, z) in z.iter().enumerate() {
                        close(*z, &e["robust_z"][row][k], 1e-9, name);
                    }
                    all_close(&tukey_fences(&column), &e["tukey_fences"][k], 1e-9, name);
                }
                let plain = mahalanobis(&table, false).unwrap();
                all_close(&plain.squared, &e["mahalanobis_squared_empirical"], 1e-9, name);
                let shrunk = mahalanobis(&table, true).unwrap();
                close(shrunk.shrinkage, &e["ledoit_wolf_shrinkage"], 1e-9, name);
                all_close(&shrunk.squared, &e["mahalanobis_squared_ledoit_wolf"], 1e-9, name);
                close(chi2_quantile(0.975, 4.0), &e["chi2_cutoff_0_975"], 1e-9, name);
                let planted = indices(&case["planted"]);
                let score = isolation_forest(&table, 200, 64, 1);
                let wins: usize = planted
                    .iter()
                    .map(|p| {
                        (0..table.len()).filter(|o| !planted.contains(o) && score[*p] > score[*o]).count()
                    })
                    .sum();
                let auroc = wins as f64 / (planted.len() * (table.len() - planted.len())) as f64;
                let floor = number(&e["isolation_forest_auroc"]["min_of_10_seeds"]).unwrap() - 0.02;
                assert!(auroc >= floor, "{auroc}");
            }
            "isolation_forest_c" => {
                let got: Vec<f64> = indices(&case["n"]).into_iter().map(mean_path_length).collect();
                all_close(&got, &e["c"], 1e-9, name);
            }
            _ => {
                let z = robust_z(&numbers(&case["values"])).unwrap();
                close(4.0 / z[4], &e["iglewicz_hoaglin_meanad"], 1e-9, name);
                assert!(robust_z(&[3.0; 5]).is_none());
            }
        }
    }
}

#[test]
fn a_clock_that_was_set_back_gives_no_negative_duration() {
    let (honest, both) =
        (flow(&[20.0], &[Some(30.0)], 40.0), flow(&[10.0, 20.0], &[Some(5.0), Some(30.0)], 40.0));
    assert_eq!(both, honest);
    assert!((both.mean_cycle_time, both.mean_in_progress) == (10.0, 0.25), "{both:?}");
}
