//! The configuration: one file per case; the first line of an invalid one says where and what.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use gantry::config::{Config, Edit, Inbox, Workspace, WorkspaceError, effective};
use gantry::console::invalid_values;
use gantry::engine::tools::config;

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
        anonymous: false,
        requester_pays: false,
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

    std::fs::write(&path, text.replace("0.5", "7.0")).unwrap();
    let mut edit = Edit::open(&path).unwrap();
    edit.set("review.share", "0.5");
    edit.save().expect("what is wrong can be mended");

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

/// Every mistake of a text as `LINE:COLUMN: KEY: MESSAGE`, in a folder of its own.
fn mistakes(folder: &Path, text: &str) -> Vec<String> {
    let path = folder.join("gantry.toml");
    std::fs::write(&path, text).unwrap();
    let head = format!("{}:", path.display());
    config::check(&path, invalid_values)
        .iter()
        .map(|mistake| mistake.to_string().strip_prefix(&head).unwrap().trim_start().to_string())
        .collect()
}

#[test]
fn a_profile_that_cannot_be_used_is_found_by_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let check = |deid: &str| mistakes(dir.path(), &format!("[deid]\n{deid}\n"));
    assert_eq!(check("profile = \"basic\""), Vec::<String>::new());
    assert_eq!(
        check("profile = \"site\""),
        ["2:1: deid.profile: there is no profile site; there are default, basic"]
    );
    assert_eq!(
        check("options = [\"retain_uid\", \"clean_graphics\"]"),
        ["2:1: deid.options: there is no option retain_uid; did you mean retain_uids?"]
    );
    let absent = check("profiles = \"deid.toml\"");
    assert!(absent[0].starts_with("2:1: deid.profiles: deid.toml cannot be read"), "{absent:?}");
    std::fs::write(
        dir.path().join("deid.toml"),
        "[profile.site]\nreview_masks = \"always\"\n[profile.a]\noptions = [\"x\"]\n[profile.b]\nattributes = { Nme = \"keep\" }\n",
    )
    .unwrap();
    let found = check("profile = \"site\"\nprofiles = \"deid.toml\"");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("profile a: \"x\" is no option") && found[1].contains("profile b"),
        "{found:?}"
    );
    std::fs::write(dir.path().join("deid.toml"), "[profile.site]\nreview_masks = \"always\"\n").unwrap();
    assert_eq!(check("profile = \"site\"\nprofiles = \"deid.toml\""), Vec::<String>::new());
}

#[test]
fn every_mistake_is_named_at_once_with_line_and_key() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rules.toml"), "version = 3\n").unwrap();
    std::fs::write(dir.path().join("own.toml"), "acent = \"red\"\n").unwrap();
    let text = r#"[[inbox]]
name = "a"
path = "here"
site = "A"
[[inbox]]
name = "a"
path = "absent"
after = "mvoe"
[ingest]
rescan_seconds = "often"
settle = 3
[revieww]
share = 0.5
[review]
share = 1.5
claim_minutes = 0
return_reasons = "one"
[deid]
profile = "defualt"
options = ["retain_uid"]
[qc]
off = ["missing_slice"]
protocols = ["lung.toml"]
[qc.checks.saturated_intensity]
treshold = 0.1
[qc.checks.instance_order]
threshold = 0.1
[harmonise]
rules = ["rules.toml", "gone.toml"]
[console]
theme = "own.toml"
protocol = "ascii"
[console.keys]
"review.acept" = "a"
"review.accept" = "hyper+a"
[vault]
recipient = "age1nonsense"
"#;
    // Inboxes lie outside the workspace.
    let outside = tempfile::tempdir().unwrap();
    std::fs::create_dir(outside.path().join("here")).unwrap();
    let text = ["here", "absent"].iter().fold(text.to_string(), |text, name| {
        text.replace(&format!("path = {name:?}"), &format!("path = {:?}", outside.path().join(name)))
    });
    let found = mistakes(dir.path(), &text);
    let wanted = [
        "5:1: inbox[1].site: the key site is missing",
        "6:1: inbox[1].name: another inbox has this name",
        "7:1: inbox[1].path: the folder",
        "8:9: inbox[1].after: \"mvoe\" is none of \"keep\", \"remove\", \"move\"; did you mean \"move\"?",
        "10:18: ingest.rescan_seconds: a whole number, not below zero, is expected, not the text \"often\"",
        "11:1: ingest.settle: there is no key settle here; did you mean settle_ms?",
        "12:2: revieww: there is no key revieww here; did you mean review?",
        "15:1: review.share: a share lies between 0 and 1",
        "16:1: review.claim_minutes: between 1 minute and a year",
        "17:18: review.return_reasons: a list in square brackets is expected, not the text \"one\"",
        "19:1: deid.profile: there is no profile defualt; did you mean default?",
        "20:1: deid.options: there is no option retain_uid; did you mean retain_uids?",
        "22:1: qc.off: no check is called missing_slice; did you mean missing_slices?",
        "23:14: qc.protocols[0]: lung.toml: a file cannot be read",
        "25:1: qc.checks.saturated_intensity.treshold: there is no key treshold here; did you mean threshold?",
        "27:1: qc.checks.instance_order.threshold: the check has no threshold",
        "29:10: harmonise.rules[0]: rules.toml: ",
        "29:24: harmonise.rules[1]: gone.toml: a file cannot be read",
        "31:1: console.theme: acent = \"red\": no such role",
        "32:1: console.protocol: one of auto",
        "34:1: console.keys.\"review.acept\": there is no action review.acept; did you mean review.accept?",
        "35:1: console.keys.\"review.accept\": there is no key hyper+a",
        "37:1: vault.recipient: ",
    ];
    let all = found.join("\n");
    for wanted in wanted {
        assert!(found.iter().any(|line| line.starts_with(wanted)), "{wanted}\nin\n{all}");
    }
    assert_eq!(found.len(), wanted.len(), "{all}");
    // A table that should be another kind goes with its keys, which are of no other table.
    let found = mistakes(
        dir.path(),
        "[review]\nshare = 0.5\n[[console]]\ntheme = \"dark\"\n[cost]\nper_read = -1.0\n",
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("3:1: console") && found[1].starts_with("6:1: cost.per_read: "),
        "{found:?}"
    );
    // What is no TOML at all is one mistake.
    assert_eq!(mistakes(dir.path(), "[project\nname = 3\n").len(), 1);
}

proptest::proptest! {
    /// Whatever stands in the file, every mistake has a place in it, and the reading ends.
    #[test]
    fn mistakes_have_a_place_whatever_stands_there(lines in proptest::collection::vec(0usize..12, 1..20)) {
        let known = [
            "[[inbox]]", "name = \"ä\"", "path = 3", "site = true", "[review]", "share = 7", "x = { y = [1, 2] }",
            "[qc.checks.a]", "[console]", "keys = { a = 1, \"b.c\" = \"d\" }", "[agreement]", "threshold = \"ö\"",
        ];
        let text: String = lines.iter().map(|i| format!("{}\n", known[*i])).collect();
        let (_, found) = Config::read(&text, Path::new("x.toml"));
        for mistake in found {
            let (line, _) = mistake.at.expect("a place");
            proptest::prop_assert!(line >= 1 && line <= text.lines().count() + 1, "{mistake} in\n{text}");
        }
    }
}
