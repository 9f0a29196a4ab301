//! The configuration: one file per case; the first line of an invalid one says where and what.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use gantry::config::{Config, Edit, Inbox, Workspace, WorkspaceError, effective};
use gantry::engine::tools::rules::check_config;

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(kind);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

#[test]
fn valid_files_are_valid() {
    for path in cases("valid") {
        Config::load(&path).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn errors_name_line_column_and_key() {
    for path in cases("invalid") {
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = text.lines().next().unwrap().trim_start_matches("# ").to_string();
        let error = Config::load(&path).expect_err(&path.to_string_lossy()).to_string();
        let found = error.strip_prefix(&format!("{}:", path.display())).unwrap_or(&error);
        assert!(found.starts_with(&expected), "{}\nexpected {expected}\nfound    {found}", path.display());
    }
}

#[test]
fn every_value_is_shown_with_where_it_comes_from() {
    let path = &cases("valid")[1];
    let config = Config::load(path).unwrap();
    let values = effective(&config, &std::fs::read_to_string(path).unwrap());
    let of = |key: &str| values.iter().find(|v| v.key == key).map(|v| (v.value.as_str(), v.from)).unwrap();
    assert_eq!(of("review.share"), ("0.25", "file"));
    assert_eq!(of("review.due_hours"), ("72", "default"));
    assert_eq!(of("inbox[1].after"), ("\"move\"", "file"));
    assert_eq!(of("inbox[0].after"), ("\"keep\"", "default"));
}

#[test]
fn the_template_is_valid_and_says_the_defaults() {
    let config = Config::parse(gantry::config::TEMPLATE, Path::new("gantry.toml")).unwrap();
    assert_eq!(config, Config::default());
    // Every commented key of the template, made real, still is the default.
    let real: String = gantry::config::TEMPLATE
        .lines()
        .filter(|l| {
            !l.starts_with("# [[") && !l.starts_with("#   ") && (l.starts_with('[') || l.starts_with("# "))
        })
        .skip_while(|l| !l.starts_with("[ingest]"))
        .map(|l| format!("{}\n", l.trim_start_matches("# ")))
        .collect();
    let real = real.replace("keys = { \"review.accept\" = \"a\" }", "keys = {}");
    assert_eq!(Config::parse(&real, Path::new("template")).unwrap(), Config::default());
}

#[test]
fn inboxes_come_and_go_while_comments_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gantry.toml");
    std::fs::write(&path, "# ours\n[project]\nname = \"x\" # short\n").unwrap();
    let inbox = Inbox {
        name: "pacs".into(),
        path: "/data".into(),
        site: "A".into(),
        after: Default::default(),
        move_to: None,
        pixels: Default::default(),
        links: Default::default(),
    };
    let mut edit = Edit::open(&path).unwrap();
    edit.add_inbox(&inbox);
    edit.set("review.share", "0.5");
    let config = edit.save().unwrap();
    assert_eq!((config.inboxes.len(), config.review.share), (1, 0.5));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("# ours") && text.contains("# short"), "{text}");

    let before = text.clone();
    let mut edit = Edit::open(&path).unwrap();
    edit.set("review.share", "7");
    assert!(edit.save().is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before, "an invalid change changes nothing");

    let mut edit = Edit::open(&path).unwrap();
    assert!(edit.remove_inbox("pacs"));
    assert_eq!(edit.save().unwrap().inboxes, []);
}

#[test]
fn a_workspace_is_private_where_it_must_be() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("w");
    let workspace = Workspace::init(&root).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&workspace.landing()), 0o700);
    assert_eq!(mode(&workspace.quarantine()), 0o700);
    assert_eq!(mode(&root.join("secret")), 0o600);
    assert!(matches!(Workspace::init(&root), Err(WorkspaceError::Exists(_))));
    assert_eq!(Workspace::find(&workspace.store()).unwrap(), workspace);

    let lock = workspace.lock().unwrap();
    assert!(matches!(workspace.lock(), Err(WorkspaceError::Locked)));
    lock.mark_clean();
    drop(lock);
    let unclean = workspace.lock().unwrap();
    assert!(!unclean.was_unclean);
    drop(unclean);
    assert!(workspace.lock().unwrap().was_unclean, "whoever dies without a word leaves a mark");

    std::fs::set_permissions(root.join("secret"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(workspace.secret().unwrap_err().to_string().contains("chmod 600"));
}

#[test]
fn a_profile_that_cannot_be_used_is_found_by_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let check = |deid: &str| {
        let path = dir.path().join("gantry.toml");
        std::fs::write(&path, format!("[deid]\n{deid}\n")).unwrap();
        check_config(dir.path(), &Config::load(&path).unwrap()).map_err(|e| e.to_string())
    };
    assert!(check("profile = \"basic\"").is_ok());
    for wrong in ["profile = \"site\"", "profiles = \"deid.toml\"", "options = [\"keep_all\"]"] {
        let why = check(wrong).unwrap_err();
        assert!(why.starts_with("[deid] "), "{why}");
    }
    std::fs::write(dir.path().join("deid.toml"), "[profile.site]\nreview_masks = \"always\"\n").unwrap();
    assert!(check("profile = \"site\"\nprofiles = \"deid.toml\"").is_ok());
}
