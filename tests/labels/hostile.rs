//! Label files that lie: each is refused, or read with what is sane in it, in little time and memory; none ends the program,
//! writes to the terminal what a terminal obeys, or leaves a file behind where it is refused.

#[path = "hostile/dicom.rs"]
mod dicom;
#[path = "hostile/text.rs"]
mod text;
#[path = "hostile/volumes.rs"]
mod volumes;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::made::Ct;

/// Processor seconds of one command; without optimisation the same work takes many times as long.
const SECONDS: [u32; 2] = [5, 40];
/// Kilobytes of address space of one command.
const KILOBYTES: u32 = 3 << 20;
const SHAPE: [u32; 3] = [8, 6, 4];

/// What may become of a case in `show` and in `convert` to Gantry's form: exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Refused by both.
    Refused,
    /// Shown, and refused where it is to be placed.
    Shown,
    /// Shown and placed.
    Placed,
    /// Either, as long as it is one of the exit statuses that mean something.
    Any,
}

struct Case {
    name: String,
    ending: &'static str,
    bytes: Vec<u8>,
    due: Due,
}

fn case(name: &str, ending: &'static str, bytes: impl Into<Vec<u8>>, due: Due) -> Case {
    Case { name: name.into(), ending, bytes: bytes.into(), due }
}

fn ct() -> Ct {
    Ct::straight(SHAPE, [1.0, 1.0, 2.0])
}

struct Tried {
    show: Output,
    convert: Output,
    folder: Output,
    left: Vec<String>,
}

/// The program with bounds on processor time and memory, in text.
fn run(arguments: &[&str]) -> Output {
    let optimised = env!("CARGO_BIN_EXE_gantry").contains("/release/");
    let seconds = SECONDS[usize::from(!optimised)];
    let bounds = format!("ulimit -t {seconds} && ulimit -v {KILOBYTES} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &bounds, env!("CARGO_BIN_EXE_gantry"), "label"]).args(arguments);
    command.output().unwrap()
}

fn attempt(case: &Case, dir: &Path, image: &Path) -> Tried {
    let input = dir.join(format!("case{}", case.ending));
    std::fs::write(&input, &case.bytes).unwrap();
    let out = dir.join("out");
    std::fs::create_dir(&out).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (input, image) = (text(&input), text(image));
    let convert = run(&["convert", &input, &text(&out.join("a.json")), "--image", &image]);
    let folder = run(&["convert", &input, &format!("{}/", text(&out.join("masks"))), "--image", &image]);
    let left = |path: &Path| -> Vec<String> {
        let names = std::fs::read_dir(path).into_iter().flatten();
        names.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
    };
    let mut found = Vec::new();
    if !convert.status.success() {
        found.extend(left(&out).into_iter().filter(|n| n != "masks"));
    }
    if !folder.status.success() {
        found.extend(left(&out).into_iter().filter(|n| n == "masks"));
    }
    found.extend(left(&out.join("masks")).into_iter().filter(|n| n.contains(".part")));
    Tried { show: run(&["show", &input]), convert, folder, left: found }
}

/// What is wrong with what a command did.
fn wrong(what: &str, output: &Output, due: Option<bool>) -> Vec<String> {
    let mut wrong = Vec::new();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    match (output.status.code(), due) {
        (Some(0), Some(false)) | (Some(2 | 4), Some(true)) | (None | Some(1 | 3 | 5..), _) => {
            wrong.push(format!(
                "{what} ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&said).escape_debug()
            ));
        }
        _ => {}
    }
    let shown = String::from_utf8_lossy(&said);
    if shown.contains("panicked") {
        wrong.push(format!("{what} panicked: {shown}"));
    }
    let obeyed = |c: char| c != '\n' && gantry::model::text::is_control(c);
    if let Some(c) = shown.chars().find(|c| obeyed(*c)) {
        wrong.push(format!("{what} wrote {c:?} to the terminal"));
    }
    if shown.lines().any(|l| l.starts_with("forged")) {
        wrong.push(format!("{what} wrote a line that a name made: {shown}"));
    }
    if said.len() > 16 << 20 {
        wrong.push(format!("{what} wrote {} bytes", said.len()));
    }
    wrong
}

fn all_are_well(cases: Vec<Case>, at_least: usize) {
    assert!(cases.len() >= at_least, "{}", cases.len());
    let root = tempfile::tempdir().unwrap();
    let image = ct().write(&root.path().join("ct"));
    let mut faults = Vec::new();
    for (k, case) in cases.iter().enumerate() {
        let dir = root.path().join(k.to_string());
        std::fs::create_dir(&dir).unwrap();
        let tried = attempt(case, &dir, &image);
        let (shown, placed) = match case.due {
            Due::Refused => (Some(false), Some(false)),
            Due::Shown => (Some(true), Some(false)),
            Due::Placed => (Some(true), Some(true)),
            Due::Any => (None, None),
        };
        let mut found = wrong("show", &tried.show, shown);
        found.extend(wrong("convert", &tried.convert, placed));
        found.extend(wrong("convert to a folder", &tried.folder, placed));
        if !tried.left.is_empty() {
            found.push(format!("left behind {:?}", tried.left));
        }
        faults.extend(
            found.iter().map(|f| format!("{}: {}", case.name, f.chars().take(600).collect::<String>())),
        );
        std::fs::remove_dir_all(&dir).unwrap();
    }
    assert!(faults.is_empty(), "{} faults in {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
    let _ = writeln!(std::io::stderr(), "{} hostile label files, none wrong", cases.len());
}

#[test]
fn what_is_no_file_of_labels_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().to_str().unwrap().to_owned();
    let missing = root.path().join("a\x1b[2J.dcm");
    for path in [PathBuf::from(&folder), missing, PathBuf::from("/dev/null"), PathBuf::from("/dev/zero")] {
        let out = root.path().join("out.json");
        let output = run(&["convert", path.to_str().unwrap(), out.to_str().unwrap()]);
        assert_eq!(wrong("convert", &output, Some(false)), Vec::<String>::new(), "{}", path.display());
        assert!(!out.exists());
    }
}
