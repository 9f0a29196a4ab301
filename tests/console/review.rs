//! The three walks: keys in, commands out.

use gantry::access::Permission;
use gantry::engine::command::{Command, Decision};
use gantry::engine::query::Query;

use super::frames::Driver;
use super::stub::Stub;

fn decisions(driver: &Driver) -> Vec<(i64, Decision)> {
    let acts = driver.stub.acts.lock().unwrap();
    acts.iter()
        .filter_map(|act| match act {
            Command::DecideTask(decide) => Some((decide.task, decide.decision.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn reviewer_accepts_one_case_after_another_with_one_key_each() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("4 enter a a a");
    let accept = Decision::Accept { comment: None };
    assert_eq!(decisions(&driver), [(0, accept.clone()), (1, accept.clone()), (2, accept)]);
    assert!(driver.text().contains("9 left"), "{}", driver.text());
}

#[test]
fn next_case_is_decoded_before_it_is_needed() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("4 enter");
    let wanted = driver.loads.last().unwrap();
    assert_eq!(wanted[0].sop_uid, "2.25.99012", "the slice on screen comes first");
    assert!(wanted.iter().any(|frame| frame.blob == "0001"), "then the next case");
    let own = wanted.iter().take_while(|frame| frame.blob == "0000").count();
    assert_eq!(own, 24);
}

#[test]
fn return_takes_a_configured_reason_by_its_number_or_its_words_and_no_other() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("4 enter x enter");
    driver.press("x 2 enter");
    driver.press("x a r t e f enter");
    let asked = driver.press("x d a r k enter").text();
    assert!(asked.contains("return: choose a reason"), "the dialog stays open: {asked}");
    let returned = |reason: &str| Decision::Return { reason: reason.into(), comment: None };
    let wanted = ["incomplete series", "motion or artefact", "motion or artefact"];
    let wanted: Vec<_> = (0..).zip(wanted.map(returned)).collect();
    assert_eq!(decisions(&driver), wanted);
}

#[test]
fn undo_takes_the_decision_back_for_ten_seconds_only() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("4 enter a u");
    let undone = |driver: &Driver| {
        driver
            .stub
            .acts
            .lock()
            .unwrap()
            .iter()
            .any(|act| matches!(act, Command::UndoDecision(undo) if undo.task == 0))
    };
    assert!(undone(&driver));
    assert!(driver.text().contains("subj-0000"), "the case is back: {}", driver.text());
    let mut late = Driver::new(Stub::default(), (80, 24));
    late.press("4 enter a");
    late.app.now_ms += 10_001;
    late.press("u");
    assert!(!undone(&late));
}

#[test]
fn skipped_case_is_given_back_and_does_not_come_again() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("4 enter n n");
    let acts = driver.stub.acts.lock().unwrap();
    let given_back: Vec<i64> = acts
        .iter()
        .filter_map(|act| if let Command::UnclaimTask(task) = act { Some(task.task) } else { None })
        .collect();
    assert_eq!(given_back, [0, 1]);
    let last = acts
        .iter()
        .rev()
        .find_map(|act| if let Command::ClaimNext(next) = act { Some(next.except.clone()) } else { None });
    assert_eq!(last, Some(vec![0, 1]));
}

#[test]
fn finding_leads_to_its_slice_and_a_broken_slice_says_why() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    assert!(driver.press("4 enter").text().contains("axial 13/24"));
    assert!(driver.press("f").text().contains("axial 6/24"));
    assert!(driver.press("f").text().contains("finding 1 of 1 is on this slice (missing slices)"));
    let last = driver.press("G").text();
    assert!(last.contains("axial 24/24") && last.contains("the pixels end"), "{last}");
    assert!(driver.press("g v").text().contains("coronal 33/64"));
}

#[test]
fn finding_about_a_whole_series_says_that_it_names_no_slice() {
    let mut driver = Driver::new(Stub::default(), (120, 40));
    let text = driver.press("4 enter n n f").text();
    assert!(text.contains("finding 1 of 1 is about the whole series (gantry tilt)"), "{text}");
    assert!(text.contains("axial 13/24"), "{text}");
}

#[test]
fn windows_follow_the_modality() {
    let mut driver = Driver::new(Stub::default(), (120, 40));
    assert!(driver.press("4 enter").text().contains("W 400 L 40 soft tissue"));
    assert!(driver.press("w").text().contains("W 1500 L −600 lung"));
    assert!(driver.press("]").text().contains("own"));
}

#[test]
fn coordinator_marks_a_group_and_retries_it_with_the_outcome_in_counts() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    let text = driver.press("2 enter * r").text();
    assert!(text.contains("12 files went through; 2 not: no longer there"), "{text}");
    let retried = driver.stub.acts.lock().unwrap().iter().any(|act| matches!(act, Command::RetryIntake(_)));
    assert!(retried);
}

#[test]
fn release_and_discard_ask_first() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("2 d n");
    assert!(driver.stub.acts.lock().unwrap().is_empty());
    driver.press("d y");
    assert!(matches!(driver.stub.acts.lock().unwrap()[0], Command::DiscardIntake(_)));
}

#[test]
fn values_are_masked_until_somebody_asks_and_paths_too() {
    let mut driver = Driver::new(Stub::default(), (120, 40));
    let masked = driver.press("2 enter").text();
    assert!(!masked.contains("Jane") && !masked.contains("JANE") && masked.contains("•••"), "{masked}");
    assert!(driver.press("p").text().contains("Doe^Jane"));
}

#[test]
fn door_of_an_alert_leads_to_screen_and_filter() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    let text = driver.press("enter").text();
    assert!(text.contains("Catalog ▸ site:site-B finding:missing_slices"), "{text}");
    driver.press("esc esc");
    assert_eq!(driver.app.screen(), "overview");
}

#[test]
fn a_million_series_are_paged() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("3 G");
    assert!(driver.text().contains("subj-3333"));
    let asked = driver.stub.asked.lock().unwrap();
    let rows: u32 = asked
        .iter()
        .filter_map(|q| if let Query::SeriesPage(page) = q { Some(page.page.limit) } else { None })
        .sum();
    assert!(rows < 2000, "{rows} rows fetched");
}

#[test]
fn palette_takes_a_screen_with_its_filter() {
    let mut driver = Driver::new(Stub::default(), (120, 40));
    driver.press(":");
    for word in "catalog site:A".split(' ') {
        for letter in word.chars() {
            driver.press(&letter.to_string());
        }
        if word == "catalog" {
            driver.press("space");
        }
    }
    let text = driver.press("enter").text();
    assert!(text.contains("Catalog ▸ site:A"), "{text}");
    let text = driver.press(": x y z enter").text();
    assert!(text.contains("there is no command xyz"), "{text}");
}

#[test]
fn filter_of_ingest_offers_what_occurs() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    let text = driver.press("2 / r e").text();
    assert!(text.contains("Tab reason:not_dicom") && text.contains("reason:pixels_unchecked"), "{text}");
    let text = driver.press("a s tab enter").text();
    assert!(text.contains("Ingest ▸ reason:not_dicom"), "{text}");
}

#[test]
fn the_path_of_a_file_is_shown_on_request_and_of_that_file_alone() {
    let mut driver = Driver::new(Stub::default(), (200, 60));
    let shown = |text: String| text.matches("DOE^JANE").count();
    assert_eq!(shown(driver.press("2 enter").text()), 0);
    assert_eq!(shown(driver.press("p").text()), 1);
    assert_eq!(shown(driver.press("j").text()), 0, "another file is another request");
}

#[test]
fn a_filter_that_matches_nothing_leaves_no_series_beside_it() {
    let mut driver = Driver::new(Stub::default(), (200, 60));
    driver.press("3");
    assert!(driver.text().contains("a slice is missing at 88.5 mm"), "{}", driver.text());
    driver.press("/ n o n e enter");
    let text = driver.text();
    assert!(text.contains("No series matches the filter"), "{text}");
    assert!(!text.contains("a slice is missing at 88.5 mm") && !text.contains("Acme"), "{text}");
    driver.press("m");
    assert!(!driver.text().contains("pictures with masks"), "{}", driver.text());
}

#[test]
fn review_without_a_case_says_so_once_and_offers_one() {
    let mut driver = Driver::new(Stub::default(), (120, 40));
    let text = driver.press("5").text();
    assert!(text.contains("n take a case") && !text.contains("n skip"), "{text}");
    let text = driver.press("?").text();
    assert_eq!(text.matches("now: no case is open").count(), 1, "{text}");
}

#[test]
fn screens_that_are_for_others_are_not_offered() {
    let may = vec![Permission::Attend, Permission::SeeImages];
    let mut driver = Driver::new(Stub { may, ..Stub::default() }, (120, 60));
    let help = driver.press("?").text();
    assert!(
        help.contains("to Catalog") && !help.contains("to Audit") && !help.contains("to Drift"),
        "{help}"
    );
    let text = driver.press("esc 9").text();
    assert!(text.contains("gantry ▸ Overview") && text.contains("Audit is for the role"), "{text}");
    assert!(driver.press(":").text().contains("to Catalog"));
}

#[test]
fn flow_is_whole_words_in_a_small_terminal() {
    let text = Driver::new(Stub::default(), (80, 24)).text();
    let flow: Vec<&str> = text.lines().skip(1).take_while(|line| !line.contains("Attention")).collect();
    assert!(flow.iter().all(|line| !line.contains('…')), "{text}");
    for word in ["de-ident.", "37 quarant.", "12 open", "2 claimed", "4 overdue"] {
        assert!(flow.iter().any(|line| line.contains(word)), "{word}: {text}");
    }
}
