//! What is taken in, what is written and the workspace lie apart, by their real paths.

use std::fs;

use crate::Place;
use crate::common::text;

fn configure(place: &Place, more: &str) {
    let path = place.workspace().join("gantry.toml");
    let text = fs::read_to_string(&path).unwrap();
    let head = text.split("\n[[inbox]]").next().unwrap().to_string();
    fs::write(path, format!("{head}\n{more}\n")).unwrap();
}

fn inbox(path: &std::path::Path, more: &str) -> String {
    format!("\n[[inbox]]\nname = \"in\"\nsite = \"A\"\npath = {:?}\n{more}\n", text(path))
}

#[test]
fn an_inbox_on_the_workspace_is_refused_before_anything_is_touched() {
    let place = Place::with(3);
    let blobs = place.blobs();
    std::os::unix::fs::symlink(place.workspace().join("store"), place.at("link")).unwrap();
    fs::create_dir_all(place.at("in")).unwrap();
    for (path, more) in [
        (place.workspace().join("store"), "after = \"remove\"".to_string()),
        (place.at("link"), "after = \"remove\"".to_string()),
        (place.dir.path().to_path_buf(), String::new()),
        (place.at("in"), format!("after = \"move\"\nmove_to = {:?}", text(&place.at("in/done")))),
        (place.at("in"), format!("after = \"move\"\nmove_to = {:?}", text(&place.workspace().join("done")))),
    ] {
        configure(&place, &inbox(&path, &more));
        for command in [&["config", "check"][..], &["run", "--once"], &["search", "modality:CT"]] {
            let told = place.run(command, 3).to_string();
            assert!(told.contains("gantry.toml") && told.contains("inside"), "{told}");
        }
        let told = place.run(&["doctor"], 1).to_string();
        assert!(told.contains("inside"), "{told}");
    }
    assert_eq!(place.blobs(), blobs);
    configure(
        &place,
        &(inbox(&place.at("in"), "") + &inbox(&place.at("in/a"), "").replace("\"in\"", "\"b\"")),
    );
    assert!(place.run(&["config", "check"], 3).to_string().contains("inbox[1].path"));
    configure(&place, &inbox(&place.at("in"), ""));
    assert_eq!(place.run(&["config", "check"], 0)["valid"], true);
    place.run(&["run", "--once"], 0);
}

#[test]
fn the_workspace_is_neither_ingested_nor_written_over() {
    let place = Place::with(3);
    for source in [place.workspace().join("store"), place.dir.path().to_path_buf()] {
        place.refusal(&["ingest", text(&source)], 2);
    }
    let (store, root) = (place.workspace().join("store/out"), place.workspace());
    place.refusal(&["export", "--format", "nifti", "--to", text(&store)], 2);
    place.refusal(&["backup", text(&root.join("copy"))], 2);
    configure(&place, &inbox(&place.sources(), ""));
    place.refusal(&["export", "--format", "nifti", "--to", text(&place.sources().join("out"))], 2);
    // The folder that is meant for it takes exports.
    let to = root.join("exports/one");
    place.run(&["export", "--format", "nifti", "--query", "modality:CT", "--to", text(&to)], 0);
}
