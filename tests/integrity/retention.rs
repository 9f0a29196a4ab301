//! Data are kept as long as they may be, and no longer.

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use crate::Place;

const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn what_is_due_is_said_and_erased() {
    let place = Place::with(3);
    assert_eq!(place.run(&["retention"], 0), json!(null));
    let config = place.workspace().join("gantry.toml");
    let rules = "\n[[retention]]\nsite = 'A'\ndays = 100\n[[retention]]\ndays = 5\n";
    fs::write(&config, fs::read_to_string(&config).unwrap() + rules).unwrap();
    // A week old: within the rule of its own site, whatever others have.
    let aged = |days: i64| {
        let catalog = Connection::open(place.workspace().join("catalog.sqlite")).unwrap();
        let sql = "UPDATE instance SET stored_ms = stored_ms - ?1";
        assert_eq!(catalog.execute(sql, [days * DAY_MS]).unwrap(), 3);
    };
    aged(7);
    assert_eq!(place.run(&["retention"], 0), json!(null));
    aged(94);
    let due = place.run(&["retention"], 1);
    assert_eq!(due["sites"], json!(["A"]));
    assert_eq!(due["due_ms"].as_i64().unwrap() - due["latest_ms"].as_i64().unwrap(), 100 * DAY_MS);
    let stored = || crate::files_below(&place.workspace().join("store")).len();
    let before = stored();
    place.run(&["retention", "--erase"], 0);
    assert_eq!(place.run(&["retention"], 0), json!(null));
    assert_eq!(before - stored(), 3);
    let withdrawn = place.run(&["withdraw", "--list"], 0);
    assert!(withdrawn["erased_ms"].is_i64() && withdrawn["subject"] == due["subject"], "{withdrawn}");
}
