//! Label files that lie: each is refused, or read with what is sane in it, in little time and memory; none ends the program,
//! writes to the terminal what a terminal obeys, or leaves a file behind where it is refused.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use gantry::dicom::Element;
use gantry::model::{Tag, Vr};
use serde_json::{Value, json};

use crate::made::{Ct, RtFile, SERIES, SegFile, file, sequence, text, us};

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
        wrong.push(format!("{what} wrote {:?} to the terminal", c));
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

// ---------- segmentations

fn seg() -> SegFile {
    let plane: Vec<u8> = (0..48).map(|k| u8::from(k % 3 == 0)).collect();
    SegFile::on(&ct(), "BINARY", &[(1, 0, plane.clone()), (2, 2, plane)])
}

fn seg_case(name: &str, due: Due, change: impl FnOnce(&mut SegFile)) -> Case {
    let mut it = seg();
    change(&mut it);
    case(name, ".dcm", it.bytes(), due)
}

#[test]
fn segmentations() {
    let long = seg().bytes();
    // The length of pixel data, which stands last.
    let pixels = long.len() - seg().pixels.len();
    let mut lying = long.clone();
    lying[pixels - 4..pixels].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
    all_are_well(
        vec![
            seg_case("as it should be", Due::Placed, |_| {}),
            case("pixel data longer than the file", ".dcm", lying, Due::Any),
            case("cut within the functional groups", ".dcm", &long[..long.len() / 2], Due::Refused),
            case("cut within the preamble", ".dcm", &long[..131], Due::Refused),
            seg_case("2^31 frames", Due::Refused, |s| s.frame_count = "2147483648".into()),
            seg_case("2^31 − 1 frames", Due::Refused, |s| s.frame_count = "2147483647".into()),
            seg_case("a negative number of frames", Due::Refused, |s| s.frame_count = "-2".into()),
            seg_case("no frame", Due::Refused, |s| s.frame_count = "0".into()),
            seg_case("frames that are no number", Due::Refused, |s| s.frame_count = "two".into()),
            seg_case("rows, columns and frames that overflow", Due::Refused, |s| {
                (s.rows, s.columns, s.frame_count) = (65535, 65535, "65535".into());
            }),
            seg_case("no row", Due::Refused, |s| s.rows = 0),
            seg_case("no column", Due::Refused, |s| s.columns = 0),
            seg_case("more pixels than there are", Due::Refused, |s| s.rows = 6000),
            seg_case("no pixel data", Due::Refused, |s| s.pixels.clear()),
            seg_case("bits that no pixel has", Due::Refused, |s| s.bits = 77),
            seg_case("no bit", Due::Refused, |s| s.bits = 0),
            seg_case("segment 0", Due::Refused, |s| {
                s.frames[0].0 = Some(0);
                s.segments[0].0 = 0;
            }),
            seg_case("segment 65535", Due::Placed, |s| {
                s.frames[0].0 = Some(65535);
                s.segments[0].0 = 65535;
            }),
            seg_case("a segment that is described twice", Due::Placed, |s| {
                s.segments.push((1, "again".into()))
            }),
            seg_case("frames of a segment that nothing describes", Due::Placed, |s| s.segments.clear()),
            seg_case("5000 segments", Due::Placed, |s| {
                s.segments = (1..=5000).map(|n| (n, "s".into())).collect();
                s.frames.truncate(1);
                s.frame_count = "1".into();
            }),
            seg_case("no per-frame group", Due::Refused, |s| s.frames.clear()),
            seg_case("one per-frame group for two frames", Due::Refused, |s| s.frames.truncate(1)),
            seg_case("a frame without a segment", Due::Refused, |s| s.frames[1].0 = None),
            seg_case("axes that are not at right angles", Due::Shown, |s| {
                s.orientation = "1\\0\\0\\0.7\\0.7\\0".into()
            }),
            seg_case("axes of no length", Due::Shown, |s| s.orientation = "0\\0\\0\\0\\0\\0".into()),
            seg_case("axes that are no numbers", Due::Shown, |s| s.orientation = "nan\\0\\0\\0\\1\\0".into()),
            seg_case("axes that are five numbers", Due::Shown, |s| s.orientation = "1\\0\\0\\0\\1".into()),
            seg_case("spacing 0", Due::Shown, |s| s.spacing = "0\\0".into()),
            seg_case("negative spacing", Due::Shown, |s| s.spacing = "-1\\1".into()),
            seg_case("infinite spacing", Due::Shown, |s| s.spacing = "inf\\1".into()),
            seg_case("the smallest spacing", Due::Shown, |s| s.spacing = "1e-300\\1e-300".into()),
            seg_case("spacing between slices 0", Due::Placed, |s| s.step = "0".into()),
            seg_case("a position that is no number", Due::Shown, |s| s.frames[0].1 = "nan\\0\\0".into()),
            seg_case("a position beyond everything", Due::Shown, |s| {
                s.frames[0].1 = "1e300\\1e300\\-1e300".into()
            }),
            seg_case("frames 10 km apart in steps of a millimetre", Due::Shown, |s| {
                (s.frames[0].1, s.step) = ("0\\0\\0".into(), "1".into());
                s.frames[1].1 = "0\\0\\10000000".into();
            }),
            seg_case("65535 slices between two frames", Due::Shown, |s| {
                (s.frames[0].1, s.step) = ("-31.5\\12.25\\0".into(), "2".into());
                s.frames[1].1 = "-31.5\\12.25\\131070".into();
            }),
            seg_case("references to nothing", Due::Placed, |s| s.referred = vec!["1.2.3".into(); 2000]),
            seg_case("a name that a terminal obeys", Due::Placed, |s| {
                s.segments[0].1 = "\x1b[2J\x1b]0;owned\x07\u{9b}31m\u{202e}\u{2066}\u{200b}x".into();
            }),
            seg_case("a name with a line end", Due::Placed, |s| {
                s.segments[0].1 = "a\nforged: 1\r\nforged".into()
            }),
            seg_case("a name of zeros", Due::Placed, |s| s.segments[0].1 = "\0\0\0".into()),
            seg_case("names of 10,000 characters", Due::Placed, |s| {
                s.segments[0].1 = "病".repeat(10_000);
                s.segments[1].1 = "病".repeat(10_001);
            }),
            seg_case("names that lead out of the folder", Due::Placed, |s| {
                s.segments[0].1 = "../../../tmp/x".into();
                s.segments[1].1 = "/etc/passwd".into();
            }),
            seg_case("names of dots", Due::Placed, |s| {
                s.segments[0].1 = "..".into();
                s.segments[1].1 = ".".into();
            }),
            case("frames by value that are many", ".dcm", many_values(), Due::Any),
            case("deep sequences", ".dcm", deep(), Due::Any),
            case("an unknown class", ".dcm", file(vec![text(0x0008_0016, Vr::UI, "1.2.3")]), Due::Refused),
        ],
        45,
    );
}

/// A labelmap of 50 × 50 pixels, each of its own value, that was drawn on twenty thousand images.
fn many_values() -> Vec<u8> {
    let mut it = SegFile::on(&ct(), "LABELMAP", &[(1, 0, Vec::new())]);
    (it.rows, it.columns, it.bits) = (50, 50, 16);
    it.pixels = (1..=2500_u16).flat_map(|v| v.to_le_bytes()).collect();
    it.segments = (1..=2500).map(|n| (n, "v".into())).collect();
    let source =
        |k: u32| vec![text(0x0008_1150, Vr::UI, "1.2"), text(0x0008_1155, Vr::UI, &format!("2.25.9.{k}"))];
    let group = vec![
        sequence(0x0020_9113, vec![vec![text(0x0020_0032, Vr::DS, "-31.5\\12.25\\-40")]]),
        sequence(0x0008_9124, vec![vec![sequence(0x0008_2112, (0..20_000).map(source).collect())]]),
    ];
    it.more = vec![sequence(0x5200_9230, vec![group])];
    let mut set = gantry::dicom::DataSet::new();
    let bytes = it.bytes();
    let read = gantry::dicom::read(&bytes, gantry::dicom::ReadOptions::default()).unwrap();
    read.dataset.into_elements().into_iter().for_each(|e| set.put(e));
    it.more.into_iter().for_each(|e| set.put(e));
    gantry::dicom::write(&set, gantry::dicom::Syntax::EXPLICIT_LE).unwrap()
}

/// A segmentation in which sequences are nested ten thousand times.
fn deep() -> Vec<u8> {
    let mut bytes = seg().bytes();
    for _ in 0..10_000 {
        bytes.extend([0x40, 0x00, 0x30, 0xA7, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    bytes
}

// ---------- structure sets

fn rt(contours: Vec<String>) -> RtFile {
    RtFile {
        structures: vec![("body".into(), contours)],
        referred: (1..=4).map(|k| format!("{SERIES}.{k}")).collect(),
        ..RtFile::default()
    }
}

fn rt_case(name: &str, due: Due, points: &str) -> Case {
    case(name, ".dcm", rt(vec![points.into()]).bytes(), due)
}

fn million(point: impl Fn(u32) -> [f64; 2]) -> String {
    let point = |k: u32| {
        let [x, y] = point(k);
        format!("{:.2}\\{:.2}\\-38", x - 31.5, y + 12.25)
    };
    (0..1_000_000).map(point).collect::<Vec<_>>().join("\\")
}

#[test]
fn structure_sets() {
    let square = "-30\\13\\-38\\-27\\13\\-38\\-27\\16\\-38\\-30\\16\\-38";
    let with = |name: &str| {
        let mut it = rt(vec![square.into()]);
        it.structures[0].0 = name.into();
        it.bytes()
    };
    let mut twice = rt(vec![square.into()]);
    twice.structures.push(twice.structures[0].clone());
    let mut none = rt(vec![square.into()]);
    none.referred = vec!["2.25.404".into()];
    let many: Vec<(String, Vec<String>)> =
        (0..3000).map(|_| ("same".to_owned(), vec![square.to_owned()])).collect();
    all_are_well(
        vec![
            rt_case("as it should be", Due::Placed, square),
            rt_case("NaN", Due::Refused, "nan\\13\\-38\\-27\\13\\-38\\-27\\16\\-38"),
            rt_case("Infinity", Due::Refused, "-30\\inf\\-38\\-27\\13\\-38\\-27\\16\\-38"),
            rt_case("1e300", Due::Refused, "1e300\\13\\-38\\-27\\13\\-38\\-27\\16\\-38"),
            rt_case("a number is missing", Due::Refused, "-30\\13\\-38\\-27\\13\\-38\\-27\\16"),
            rt_case("an empty number", Due::Refused, "-30\\\\-38\\-27\\13\\-38\\-27\\16\\-38"),
            rt_case("words", Due::Refused, "left\\right\\up"),
            rt_case("hexadecimal digits", Due::Refused, "0x10\\13\\-38\\-27\\13\\-38\\-27\\16\\-38"),
            rt_case("one point", Due::Placed, "-30\\13\\-38"),
            rt_case("two points", Due::Placed, "-30\\13\\-38\\-27\\13\\-38"),
            rt_case("no point", Due::Placed, ""),
            rt_case("a point a thousand times", Due::Placed, &["-30\\13\\-38"; 1000].join("\\")),
            rt_case("far off the image", Due::Placed, "-9e6\\13\\-38\\9e6\\13\\-38\\-27\\9e6\\-38"),
            rt_case(
                "a plane across the slices",
                Due::Shown,
                "-30\\13\\-40\\-30\\16\\-40\\-30\\16\\-34\\-30\\13\\-34",
            ),
            rt_case(
                "a million points to and fro",
                Due::Placed,
                &million(|k| [f64::from(k % 700) / 100.0, f64::from(k % 2 * 9) - 2.0]),
            ),
            rt_case(
                "a million points all over",
                Due::Placed,
                &million(|k| {
                    [
                        f64::from(k.wrapping_mul(2_654_435_761) >> 22) / 100.0,
                        f64::from(k.wrapping_mul(40_503) % 997) / 100.0,
                    ]
                }),
            ),
            rt_case(
                "a million points round",
                Due::Placed,
                &million(|k| {
                    let (s, c) = (f64::from(k) / 1e6 * std::f64::consts::TAU).sin_cos();
                    [3.5 + 3.0 * c, 2.5 + 2.0 * s]
                }),
            ),
            case(
                "a hundred thousand contours on one slice",
                ".dcm",
                rt(vec![square.into(); 100_000]).bytes(),
                Due::Placed,
            ),
            case("a structure twice", ".dcm", twice.bytes(), Due::Placed),
            case(
                "3000 structures of one name",
                ".dcm",
                RtFile { structures: many, ..rt(Vec::new()) }.bytes(),
                Due::Placed,
            ),
            case("references to nothing", ".dcm", none.bytes(), Due::Placed),
            case(
                "no structure",
                ".dcm",
                RtFile { structures: Vec::new(), ..rt(Vec::new()) }.bytes(),
                Due::Placed,
            ),
            case(
                "a name that a terminal obeys",
                ".dcm",
                with("\x1b[31m\x1b]8;;http://x\x07\u{202e}"),
                Due::Placed,
            ),
            case(
                "a name with a line end, and a warning of it",
                ".dcm",
                {
                    let mut it = rt(vec!["-90\\13\\-38\\-27\\13\\-38\\-27\\16\\-38".into()]);
                    it.structures[0].0 = "a\nforged\n\x1b[2J".into();
                    it.bytes()
                },
                Due::Placed,
            ),
            case(
                "a name with a line end, and a refusal of it",
                ".dcm",
                {
                    let mut it = rt(vec!["-30\\13\\800\\-27\\13\\800\\-27\\16\\800".into()]);
                    it.structures[0].0 = "a\nforged\n\x1b[2J".into();
                    it.bytes()
                },
                Due::Shown,
            ),
        ],
        25,
    );
}

// ---------- volumes

fn nrrd(fields: &str, body: &[u8]) -> Vec<u8> {
    [b"NRRD0004\n".as_slice(), fields.as_bytes(), b"\n\n", body].concat()
}

/// Fields of an NRRD on the image, some of them changed.
fn nrrd_with(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("type", "unsigned char"),
        ("dimension", "3"),
        ("space", "left-posterior-superior"),
        ("sizes", "8 6 4"),
        ("space directions", "(1,0,0) (0,1,0) (0,0,2)"),
        ("endian", "little"),
        ("encoding", "raw"),
        ("space origin", "(-31.5,12.25,-40)"),
    ];
    for (key, value) in changes {
        fields.retain(|(k, _)| k != key);
        fields.push((key, value));
    }
    fields.iter().map(|(k, v)| format!("{k}: {v}")).collect::<Vec<_>>().join("\n")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// Zeros that unpack to so many bytes.
fn bomb(mebibytes: usize) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    (0..mebibytes).for_each(|_| gz.write_all(&[0; 1 << 20]).unwrap());
    gz.finish().unwrap()
}

#[test]
fn nrrd_files() {
    let voxels = [1_u8; 192];
    let is = |name: &str, due: Due, changes: &[(&str, &str)]| {
        case(name, ".nrrd", nrrd(&nrrd_with(changes), &voxels), due)
    };
    let packed = gzip(&voxels);
    let zipped = |name: &str, due: Due, body: &[u8]| {
        case(name, ".nrrd", nrrd(&nrrd_with(&[("encoding", "gzip")]), body), due)
    };
    let checkers: Vec<u8> = (0..192).map(|k| k % 2).collect();
    let segments: String = (0..60_000).map(|k| format!("\nSegment{k}_Name:=a")).collect();
    let layered = |more: &str, body: &[u8]| {
        case(more, ".seg.nrrd", nrrd(&(nrrd_with(&[]) + "\n" + more), body), Due::Refused)
    };
    all_are_well(
        vec![
            is("as it should be", Due::Placed, &[]),
            is("sizes that overflow", Due::Refused, &[("sizes", "4294967295 4294967295 4294967295")]),
            is("sizes of twenty digits", Due::Refused, &[("sizes", "18446744073709551616 6 4")]),
            is("negative sizes", Due::Refused, &[("sizes", "-8 6 4")]),
            is("a size of 0", Due::Refused, &[("sizes", "8 0 4")]),
            is("1e20", Due::Refused, &[("sizes", "1e20 6 4")]),
            is("sizes of a terabyte", Due::Refused, &[("sizes", "10000 10000 10000")]),
            is("a row of more than 65535", Due::Refused, &[("sizes", "70000 1 1")]),
            is("one size", Due::Refused, &[("sizes", "192")]),
            is("nine sizes", Due::Refused, &[("sizes", "2 2 2 2 2 2 3 1 1")]),
            is(
                "directions that are no numbers",
                Due::Refused,
                &[("space directions", "(nan,0,0) (0,1,0) (0,0,2)")],
            ),
            is("infinite directions", Due::Refused, &[("space directions", "(inf,0,0) (0,1,0) (0,0,2)")]),
            is("directions of no length", Due::Refused, &[("space directions", "(0,0,0) (0,1,0) (0,0,2)")]),
            is("directions in one plane", Due::Refused, &[("space directions", "(1,0,0) (0,1,0) (1,1,0)")]),
            is(
                "directions beyond everything",
                Due::Refused,
                &[("space directions", "(1e300,0,0) (0,1,0) (0,0,2)")],
            ),
            is(
                "two axes without direction",
                Due::Refused,
                &[("sizes", "2 4 6 4"), ("space directions", "none none (0,1,0) (0,0,2)")],
            ),
            is("an origin that is no point", Due::Refused, &[("space origin", "(0,nan,0)")]),
            is("an origin beyond everything", Due::Shown, &[("space origin", "(1e300,-1e300,1e300)")]),
            is("a file elsewhere", Due::Refused, &[("data file", "../../../../etc/passwd")]),
            is("a list of files", Due::Refused, &[("datafile", "LIST")]),
            is("bytes to skip", Due::Refused, &[("byte skip", "-1")]),
            is("a type that is none", Due::Refused, &[("type", "block")]),
            is("bz2", Due::Refused, &[("encoding", "bzip2")]),
            is("text", Due::Refused, &[("encoding", "ascii")]),
            case(
                "numbers that are no labels",
                ".nrrd",
                nrrd(&nrrd_with(&[("type", "double"), ("sizes", "8 3 1")]), &[0x40; 192]),
                Due::Refused,
            ),
            case(
                "a header that has no end",
                ".nrrd",
                [b"NRRD0004\n".as_slice(), &vec![b'x'; 6 << 20]].concat(),
                Due::Refused,
            ),
            case("the magic alone", ".nrrd", b"NRRD".to_vec(), Due::Refused),
            case("too few voxels", ".nrrd", nrrd(&nrrd_with(&[]), &voxels[..190]), Due::Refused),
            case("too many voxels", ".nrrd", nrrd(&nrrd_with(&[]), &[1; 200]), Due::Refused),
            zipped("gzip", Due::Placed, &packed),
            zipped("gzip that is cut", Due::Refused, &packed[..packed.len() - 6]),
            zipped("gzip that is damaged", Due::Refused, &[&packed[..packed.len() - 5], b"XXXXX"].concat()),
            zipped("gzip of a gigabyte for 192 bytes", Due::Refused, &bomb(1024)),
            case(
                "gzip of 600 megabytes of zeros, as it says",
                ".nrrd",
                nrrd(&nrrd_with(&[("encoding", "gzip"), ("sizes", "1024 1024 600")]), &bomb(600)),
                Due::Placed,
            ),
            case(
                "60,000 segments of one value",
                ".seg.nrrd",
                nrrd(&(nrrd_with(&[]) + &segments), &checkers),
                Due::Refused,
            ),
            layered("Segment0_Name:=a\nSegment0_Layer:=7", &voxels),
            layered("Segment0_Name:=a\nSegment0_LabelValue:=-1", &voxels),
            layered("Segment0_Name:=a\nSegment0_LabelValue:=99999999999", &voxels),
            case(
                "a name that a terminal obeys",
                ".seg.nrrd",
                nrrd(
                    &(nrrd_with(&[])
                        + "\nSegment0_Name:=\x1b[2Ja\\nforged\u{202e}\nSegment0_Color:=nan inf -1"),
                    &voxels,
                ),
                Due::Placed,
            ),
        ],
        38,
    );
}

#[test]
fn meta_images() {
    let header = |changes: &[(&str, &str)]| {
        let mut fields = vec![
            ("ObjectType", "Image"),
            ("NDims", "3"),
            ("BinaryData", "True"),
            ("BinaryDataByteOrderMSB", "False"),
            ("CompressedData", "False"),
            ("TransformMatrix", "1 0 0 0 1 0 0 0 1"),
            ("Offset", "-31.5 12.25 -40"),
            ("ElementSpacing", "1 1 2"),
            ("DimSize", "8 6 4"),
            ("ElementType", "MET_UCHAR"),
        ];
        let mut file = "LOCAL";
        for (key, value) in changes {
            if *key == "ElementDataFile" {
                file = value;
                continue;
            }
            fields.retain(|(k, _)| k != key);
            fields.push((key, value));
        }
        let lines: String = fields.iter().map(|(k, v)| format!("{k} = {v}\n")).collect();
        format!("{lines}ElementDataFile = {file}\n").into_bytes()
    };
    let voxels = [1_u8; 192];
    let is = |name: &str, due: Due, changes: &[(&str, &str)]| {
        case(name, ".mha", [header(changes), voxels.to_vec()].concat(), due)
    };
    let zlib = {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        (0..1024).for_each(|_| zlib.write_all(&[0; 1 << 20]).unwrap());
        zlib.finish().unwrap()
    };
    let compressed = header(&[("CompressedData", "True")]);
    all_are_well(
        vec![
            is("as it should be", Due::Placed, &[]),
            is("a file elsewhere", Due::Refused, &[("ElementDataFile", "../../etc/passwd")]),
            is("a file at the root", Due::Refused, &[("ElementDataFile", "/etc/passwd")]),
            is("this folder", Due::Refused, &[("ElementDataFile", ".")]),
            is("a file that is not there", Due::Refused, &[("ElementDataFile", "not\x1b[2Jthere.raw")]),
            is("a list of files", Due::Refused, &[("ElementDataFile", "LIST")]),
            is("files by a pattern", Due::Refused, &[("ElementDataFile", "slice%03d.raw 1 4 1")]),
            is("the header itself", Due::Refused, &[("ElementDataFile", "case.mha")]),
            is("a head of 2^63", Due::Refused, &[("HeaderSize", "9223372036854775807")]),
            is("a negative head", Due::Refused, &[("HeaderSize", "-2")]),
            is("a head that is no number", Due::Refused, &[("HeaderSize", "all")]),
            is("the end of the file", Due::Placed, &[("HeaderSize", "-1")]),
            is("sizes that overflow", Due::Refused, &[("DimSize", "4294967295 4294967295 4294967295")]),
            is("a negative size", Due::Refused, &[("DimSize", "-1 8 6 4")]),
            is("a size that is a word", Due::Refused, &[("DimSize", "8 six 6 4")]),
            is("a size of 0", Due::Refused, &[("DimSize", "8 6 0")]),
            is("spacing that is no number", Due::Refused, &[("ElementSpacing", "1 nan 2")]),
            is("spacing 0", Due::Refused, &[("ElementSpacing", "1 0 2")]),
            is("negative spacing", Due::Refused, &[("ElementSpacing", "1 -1 2")]),
            is("spacing beyond everything", Due::Refused, &[("ElementSpacing", "1e200 1e200 1e200")]),
            is("axes that are no numbers", Due::Refused, &[("TransformMatrix", "nan 0 0 0 1 0 0 0 1")]),
            is("axes that are too few", Due::Refused, &[("TransformMatrix", "1 0 0 0 1")]),
            is("axes of no length", Due::Refused, &[("TransformMatrix", "0 0 0 0 0 0 0 0 0")]),
            is("axes in one plane", Due::Refused, &[("TransformMatrix", "1 0 0 0 1 0 1 0 0")]),
            is("an origin beyond everything", Due::Shown, &[("Offset", "1e300 1e300 1e300")]),
            is("an origin that is no number", Due::Refused, &[("Offset", "inf 0 0")]),
            is("several channels", Due::Refused, &[("ElementNumberOfChannels", "3")]),
            is("text", Due::Refused, &[("BinaryData", "False")]),
            is("an unknown type", Due::Refused, &[("ElementType", "MET_STRING")]),
            is("zlib that is none", Due::Refused, &[("CompressedData", "True")]),
            case(
                "zlib of a gigabyte for 192 bytes",
                ".mha",
                [compressed.clone(), zlib].concat(),
                Due::Refused,
            ),
            case(
                "a header without an end",
                ".mha",
                [b"NDims = 3\n".as_slice(), &vec![b'='; 8 << 20]].concat(),
                Due::Refused,
            ),
            case(
                "ten million lines",
                ".mha",
                [b"NDims = 3\n".as_slice(), &vec![b'\n'; 10_000_000]].concat(),
                Due::Refused,
            ),
            case("cut within the voxels", ".mha", [header(&[]), vec![1; 100]].concat(), Due::Refused),
        ],
        34,
    );
}

#[test]
fn a_file_beside_the_header_is_a_file_and_no_link() {
    let root = tempfile::tempdir().unwrap();
    let image = ct().write(&root.path().join("ct"));
    let head = root.path().join("case.mhd");
    let fields = "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 8 6 4\nElementSpacing = 1 1 2\nOffset = -31.5 12.25 -40\nElementType = MET_UCHAR\nElementDataFile = voxels.raw\n";
    std::fs::write(&head, fields).unwrap();
    let raw = root.path().join("voxels.raw");
    let out = root.path().join("out.json");
    let convert = || {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        run(&["convert", &text(&head), &text(&out), "--image", &text(&image)]).status.code()
    };
    assert_eq!(convert(), Some(4), "it is not there");
    let elsewhere = root.path().join("ct/elsewhere");
    std::fs::write(&elsewhere, [1; 192]).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &raw).unwrap();
    assert_eq!(convert(), Some(4), "a link");
    std::fs::remove_file(&raw).unwrap();
    assert!(Command::new("mkfifo").arg(&raw).status().unwrap().success());
    assert_eq!(convert(), Some(4), "a pipe that nobody writes to");
    std::fs::remove_file(&raw).unwrap();
    assert!(!out.exists());
    std::fs::write(&raw, [1; 192]).unwrap();
    assert_eq!(convert(), Some(0));
}

#[test]
fn nifti_files() {
    let made = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = vec![0_u8; 352 + 192];
        bytes[..4].copy_from_slice(&348_i32.to_le_bytes());
        for (k, n) in [3_i16, 8, 6, 4, 1, 1, 1, 1].into_iter().enumerate() {
            bytes[40 + 2 * k..42 + 2 * k].copy_from_slice(&n.to_le_bytes());
        }
        bytes[70..72].copy_from_slice(&2_i16.to_le_bytes());
        bytes[72..74].copy_from_slice(&8_i16.to_le_bytes());
        let float =
            |bytes: &mut Vec<u8>, at: usize, v: f32| bytes[at..at + 4].copy_from_slice(&v.to_le_bytes());
        (0..4).for_each(|k| float(&mut bytes, 76 + 4 * k, [1.0, 1.0, 1.0, 2.0][k]));
        float(&mut bytes, 108, 352.0);
        bytes[254..256].copy_from_slice(&1_i16.to_le_bytes());
        let affine = [-1.0, 0.0, 0.0, 31.5, 0.0, -1.0, 0.0, -12.25, 0.0, 0.0, 2.0, -40.0];
        affine.into_iter().enumerate().for_each(|(k, v)| float(&mut bytes, 280 + 4 * k, v));
        bytes[344..348].copy_from_slice(b"n+1\0");
        bytes[352..].fill(1);
        change(&mut bytes);
        bytes
    };
    let is = |name: &str, due: Due, change: &dyn Fn(&mut Vec<u8>)| case(name, ".nii", made(change), due);
    let put = |at: usize, value: &'static [u8]| {
        move |b: &mut Vec<u8>| b[at..at + value.len()].copy_from_slice(value)
    };
    let float = |at: usize, v: f32| move |b: &mut Vec<u8>| b[at..at + 4].copy_from_slice(&v.to_le_bytes());
    all_are_well(
        vec![
            is("as it should be", Due::Placed, &|_| {}),
            is("axes of 32767", Due::Refused, &put(42, &[0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F])),
            is("a negative axis", Due::Refused, &put(42, &[0xFF, 0xFF])),
            is("no dimension", Due::Refused, &put(40, &[0, 0])),
            is("eight dimensions", Due::Refused, &put(40, &[8, 0])),
            is("voxels before the header", Due::Refused, &float(108, -5.0)),
            is("voxels at no place", Due::Refused, &float(108, f32::NAN)),
            is("voxels a gigabyte away", Due::Refused, &float(108, 1e9)),
            is("an affine that is no number", Due::Any, &float(280, f32::NAN)),
            is("an affine beyond everything", Due::Any, &float(292, f32::MAX)),
            is("a slope that is no number", Due::Placed, &float(112, f32::NAN)),
            is("a slope of 1e30", Due::Refused, &float(112, 1e30)),
            is("a negative intercept", Due::Refused, &|b| {
                float(112, 1.0)(b);
                float(116, -9.0)(b);
            }),
            is("complex numbers", Due::Refused, &put(70, &[32, 0])),
            is("cut", Due::Refused, &|b| b.truncate(400)),
            case(
                "gzip that is cut",
                ".nii.gz",
                {
                    let g = gzip(&made(&|_| {}));
                    g[..g.len() - 4].to_vec()
                },
                Due::Refused,
            ),
            case("gzip of a gigabyte of zeros", ".nii.gz", bomb(1024), Due::Refused),
            case(
                "gzip of a header and a gigabyte",
                ".nii.gz",
                [gzip(&made(&|_| {})), bomb(1024)].concat(),
                Due::Any,
            ),
            case("gzip of nothing", ".nii.gz", gzip(&[]), Due::Refused),
        ],
        19,
    );
}

// ---------- text

fn coco(segmentation: Value, width: u64, height: u64) -> Vec<u8> {
    json!({
        "images": [{"id": 1, "file_name": "03.dcm", "width": width, "height": height}],
        "categories": [{"id": 1, "name": "body"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation}],
    })
    .to_string()
    .into_bytes()
}

fn runs_of(counts: Value, height: u64, width: u64) -> Vec<u8> {
    coco(json!({"size": [height, width], "counts": counts}), width, height)
}

#[test]
fn coco_files() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let plain = text(runs_of(json!([0, 48]), 6, 8));
    let huge = |n: &str| text(runs_of(json!([0, 48]), 6, 8)).replace("48]", &format!("{n}]"));
    let annotation = |more: &str, times: usize| {
        let one = format!("{{\"id\":1,\"image_id\":1,\"category_id\":1,\"segmentation\":{more}}}");
        let all = vec![one; times].join(",");
        format!(
            "{{\"images\":[{{\"id\":1,\"file_name\":\"03.dcm\",\"width\":65000,\"height\":4000}}],\"categories\":[{{\"id\":1,\"name\":\"x\"}}],\"annotations\":[{all}]}}"
        )
    };
    let zebra: Vec<u64> = (0..8000).map(|_| 4000).collect();
    all_are_well(
        vec![
            case("as it should be", ".json", plain.clone(), Due::Placed),
            case("counts that are too few", ".json", runs_of(json!([0, 40]), 6, 8), Due::Refused),
            case("counts that are too many", ".json", runs_of(json!([0, 49]), 6, 8), Due::Refused),
            case("no count", ".json", runs_of(json!([]), 6, 8), Due::Refused),
            case("negative counts", ".json", runs_of(json!([-4, 52]), 6, 8), Due::Refused),
            case(
                "counts that overflow",
                ".json",
                runs_of(json!([u64::MAX, u64::MAX, 50]), 6, 8),
                Due::Refused,
            ),
            case("a count beyond 64 bits", ".json", huge("18446744073709551616"), Due::Refused),
            case("1e400", ".json", huge("1e400"), Due::Refused),
            case(
                "compressed counts that end too early",
                ".json",
                runs_of(json!("`````"), 6, 8),
                Due::Refused,
            ),
            case("compressed counts of other signs", ".json", runs_of(json!("\u{7f}é!"), 6, 8), Due::Refused),
            case("compressed counts below 0", ".json", runs_of(json!("@O"), 6, 8), Due::Refused),
            case(
                "compressed counts without an end",
                ".json",
                runs_of(json!("o".repeat(1 << 20)), 6, 8),
                Due::Refused,
            ),
            case(
                "compressed counts that add up beyond 64 bits",
                ".json",
                runs_of(json!("oooooooo?".repeat(300_000)), 6, 8),
                Due::Refused,
            ),
            case(
                "an image of 2^32 by 2^32",
                ".json",
                runs_of(json!([0, 1]), 4_294_967_295, 4_294_967_295),
                Due::Refused,
            ),
            case(
                "an image of 65535 by 65535",
                ".json",
                runs_of(json!([0, 4_294_836_225_u64]), 65535, 65535),
                Due::Refused,
            ),
            case("a width beyond 32 bits", ".json", runs_of(json!([0, 1]), 1, 4_294_967_296), Due::Refused),
            case(
                "a full image, two thousand times",
                ".json",
                annotation("{\"size\":[4000,65000],\"counts\":[0,260000000]}", 2000),
                Due::Refused,
            ),
            case(
                "columns in and out, a hundred times",
                ".json",
                annotation(
                    &format!("{{\"size\":[4000,65000],\"counts\":{}}}", {
                        let mut counts = zebra.clone();
                        counts.push(260_000_000 - 8000 * 4000);
                        json!(counts)
                    }),
                    100,
                ),
                Due::Refused,
            ),
            case(
                "another size than the image's",
                ".json",
                coco(json!({"size": [4, 12], "counts": [0, 48]}), 8, 6),
                Due::Refused,
            ),
            case(
                "a size of three",
                ".json",
                coco(json!({"size": [6, 8, 1], "counts": [0, 48]}), 8, 6),
                Due::Refused,
            ),
            case("an odd number of coordinates", ".json", coco(json!([[1, 1, 3, 1, 3]]), 8, 6), Due::Refused),
            case("coordinates of 1e300", ".json", coco(json!([[1, 1, 1e300, 1, 3, 3]]), 8, 6), Due::Refused),
            case("a polygon without a point", ".json", coco(json!([[]]), 8, 6), Due::Placed),
            case("a polygon of words", ".json", coco(json!([["a", "b"]]), 8, 6), Due::Refused),
            case(
                "an image that is not listed",
                ".json",
                plain.replace("\"image_id\":1", "\"image_id\":2"),
                Due::Refused,
            ),
            case(
                "a category that is not listed",
                ".json",
                plain.replace("\"category_id\":1", "\"category_id\":2"),
                Due::Refused,
            ),
            case(
                "a name of a megabyte for an image, often",
                ".json",
                annotation("[[1,1,2,1,2,2]]", 20_000).replace("03.dcm", &"x".repeat(1 << 20)),
                Due::Refused,
            ),
            case(
                "an image in another folder",
                ".json",
                plain.replace("03.dcm", "../../../03.dcm"),
                Due::Placed,
            ),
            case(
                "depth 100000",
                ".json",
                format!("{{\"images\":[],\"annotations\":{}", "[".repeat(100_000)),
                Due::Refused,
            ),
            case(
                "objects of depth 100000",
                ".json",
                format!("{{\"images\":[],\"x\":{}", "{\"a\":".repeat(100_000)),
                Due::Refused,
            ),
            case("cut", ".json", &plain.as_bytes()[..plain.len() / 2], Due::Refused),
            case(
                "a name that a terminal obeys",
                ".json",
                plain.replace("body", "\\u001b[2J\\nforged\\u202e\\u0000"),
                Due::Placed,
            ),
            case(
                "70,000 categories",
                ".json",
                {
                    let categories: Vec<Value> =
                        (1..=70_000).map(|k| json!({"id": k, "name": "a"})).collect();
                    json!({"images": [], "categories": categories, "annotations": []}).to_string()
                },
                Due::Shown,
            ),
        ],
        33,
    );
}

#[test]
fn gantrys_own_files() {
    let made = |shape: Value, runs: Value, more: Value| {
        let mut structure = json!({"number": 1, "name": "a", "state": "found", "runs": runs});
        if let (Some(all), Some(more)) = (structure.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        json!({
            "gantry_labels": 1,
            "grid": {"shape": shape, "origin_mm": [-31.5, 12.25, -40.0], "column_mm": [1.0, 0.0, 0.0],
                "row_mm": [0.0, 1.0, 0.0], "slice_mm": [0.0, 0.0, 2.0]},
            "structures": [structure],
        })
        .to_string()
    };
    let is = |name: &str, due: Due, shape: Value, runs: Value| {
        case(name, ".json", made(shape, runs, json!({})), due)
    };
    let good = made(json!([8, 6, 4]), json!([[0, 0, 8]]), json!({}));
    all_are_well(
        vec![
            case("as it should be", ".json", good.clone(), Due::Placed),
            is(
                "a shape that overflows",
                Due::Refused,
                json!([65535, 4_294_967_295_u32, 4_294_967_295_u32]),
                json!([]),
            ),
            is("a line of 2^32 slices", Due::Refused, json!([1, 1, 4_294_967_295_u32]), json!([])),
            is("a shape of 65535 three times", Due::Refused, json!([65535, 65535, 65535]), json!([])),
            is("two thousand million empty voxels", Due::Placed, json!([1024, 1024, 2048]), json!([])),
            is("a shape of 0", Due::Refused, json!([0, 6, 4]), json!([])),
            is("a negative shape", Due::Refused, json!([-8, 6, 4]), json!([])),
            is("a row that is not there", Due::Refused, json!([8, 6, 4]), json!([[24, 0, 8]])),
            is("a run beyond its row", Due::Refused, json!([8, 6, 4]), json!([[0, 0, 9]])),
            is("a run that runs back", Due::Refused, json!([8, 6, 4]), json!([[0, 5, 2]])),
            is("a run of 2^32", Due::Refused, json!([8, 6, 4]), json!([[0, 0, 4_294_967_296_u64]])),
            is(
                "a hundred thousand runs at one place",
                Due::Placed,
                json!([8, 6, 4]),
                json!(vec![[0, 0, 8]; 100_000]),
            ),
            case(
                "a grid of no volume",
                ".json",
                good.replace("\"slice_mm\":[0.0,0.0,2.0]", "\"slice_mm\":[0.0,1.0,0.0]"),
                Due::Refused,
            ),
            case("a grid beyond everything", ".json", good.replace("-31.5", "1e308"), Due::Shown),
            case("1e400", ".json", good.replace("-31.5", "1e400"), Due::Refused),
            case(
                "another version",
                ".json",
                good.replace("\"gantry_labels\":1", "\"gantry_labels\":9"),
                Due::Refused,
            ),
            case(
                "depth 100000",
                ".json",
                format!("{{\"gantry_labels\":1,\"grid\":{}", "[".repeat(100_000)),
                Due::Refused,
            ),
            case(
                "a name that a terminal obeys",
                ".json",
                made(json!([8, 6, 4]), json!([]), json!({"name": "\u{1b}]0;x\u{7}\nforged\u{202e}\u{0}"})),
                Due::Placed,
            ),
            case(
                "a name of 10,000 dots",
                ".json",
                made(json!([8, 6, 4]), json!([]), json!({"name": ".".repeat(10_000)})),
                Due::Placed,
            ),
            case(
                "a name of slashes",
                ".json",
                made(json!([8, 6, 4]), json!([]), json!({"name": "/".repeat(300)})),
                Due::Placed,
            ),
            case(
                "number 0",
                ".json",
                made(json!([8, 6, 4]), json!([[0, 0, 8]]), json!({"number": 0})),
                Due::Placed,
            ),
            case(
                "number 2^32 − 1",
                ".json",
                made(json!([8, 6, 4]), json!([[0, 0, 8]]), json!({"number": 4_294_967_295_u32})),
                Due::Placed,
            ),
            case("nothing", ".json", Vec::new(), Due::Refused),
            case("zeros", ".json", vec![0; 5000], Due::Refused),
        ],
        24,
    );
}

#[test]
fn lidc_files() {
    let wrap = |nodules: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<LidcReadMessage><readingSession>{nodules}</readingSession></LidcReadMessage>"
        )
    };
    let roi = |uid: &str, inclusion: &str, points: &[[i64; 2]]| {
        let edges: String = points
            .iter()
            .map(|[x, y]| format!("<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>"))
            .collect();
        format!("<roi><imageSOP_UID>{uid}</imageSOP_UID><inclusion>{inclusion}</inclusion>{edges}</roi>")
    };
    let nodule = |rois: &str| {
        format!("<unblindedReadNodule><noduleID>n\u{1b}[2J</noduleID>{rois}</unblindedReadNodule>")
    };
    let uid = format!("{SERIES}.1");
    let square = [[1, 1], [5, 1], [5, 4], [1, 4]];
    let with = |points: &[[i64; 2]]| wrap(&nodule(&roi(&uid, "TRUE", points)));
    let zigzag: Vec<[i64; 2]> = (0..100_000).map(|k| [k % 60_000, (k % 2) * 65_000]).collect();
    let many: String = (0..50_000).map(|k| roi(&format!("2.25.{k}"), "TRUE", &[[1, 1]])).collect();
    let holes: String =
        (0..20_000).map(|k| roi(&uid, if k % 2 == 0 { "TRUE" } else { "FALSE" }, &square)).collect();
    let entities = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c SYSTEM \"file:///etc/passwd\">]>";
    all_are_well(
        vec![
            case("as it should be", ".xml", with(&square), Due::Placed),
            case(
                "entities",
                ".xml",
                wrap(&nodule("&c;&b;")).replacen('\n', &format!("\n{entities}\n"), 1),
                Due::Placed,
            ),
            case("depth 100000", ".xml", format!("<LidcReadMessage>{}", "<a>".repeat(100_000)), Due::Refused),
            case(
                "unclosed",
                ".xml",
                with(&square).replace("</readingSession></LidcReadMessage>", ""),
                Due::Refused,
            ),
            case("closed by another name", ".xml", with(&square).replace("</roi>", "</ror>"), Due::Refused),
            case("a comment without an end", ".xml", with(&square) + "<!-- ", Due::Refused),
            case("an attribute without an end", ".xml", "<LidcReadMessage a=\"", Due::Refused),
            case("negative coordinates", ".xml", with(&[[-1, 1], [5, 1], [5, 4]]), Due::Refused),
            case(
                "coordinates beyond 32 bits",
                ".xml",
                with(&[[4_294_967_297, 1], [5, 1], [5, 4]]),
                Due::Refused,
            ),
            case(
                "coordinates that are words",
                ".xml",
                with(&square).replace("<xCoord>5", "<xCoord>five"),
                Due::Refused,
            ),
            case("a point without y", ".xml", with(&square).replace("<yCoord>4</yCoord>", ""), Due::Refused),
            case(
                "an edge map round everything",
                ".xml",
                with(&[[0, 0], [65_534, 0], [65_534, 65_534], [0, 65_534]]),
                Due::Shown,
            ),
            case("an edge map to and fro", ".xml", with(&zigzag), Due::Refused),
            case("beyond the image", ".xml", with(&[[100, 1], [105, 1], [105, 4], [100, 4]]), Due::Shown),
            case("fifty thousand images that are not here", ".xml", wrap(&nodule(&many)), Due::Shown),
            case("ten thousand holes", ".xml", wrap(&nodule(&holes)), Due::Refused),
            case(
                "ratings that are no numbers",
                ".xml",
                wrap(
                    "<unblindedReadNodule><characteristics><malignancy>high</malignancy></characteristics></unblindedReadNodule>",
                ),
                Due::Refused,
            ),
            case(
                "infinite ratings",
                ".xml",
                wrap(
                    "<unblindedReadNodule><characteristics><malignancy>inf</malignancy></characteristics></unblindedReadNodule>",
                ),
                Due::Refused,
            ),
            case(
                "UTF-16 that is none",
                ".xml",
                [b"<LidcReadMessage>\xff\xfe".as_slice(), &[0xff; 1000]].concat(),
                Due::Refused,
            ),
            case(
                "text of ten megabytes",
                ".xml",
                wrap(&nodule(&format!("<imageSOP_UID>{}</imageSOP_UID>", "x".repeat(10 << 20)))),
                Due::Placed,
            ),
        ],
        20,
    );
}

#[test]
fn reports() {
    let code = |tag: u32, value: &str| {
        sequence(
            tag,
            vec![vec![
                text(0x0008_0100, Vr::SH, value),
                text(0x0008_0102, Vr::SH, "DCM"),
                text(0x0008_0104, Vr::LO, "a\x1b[2J\u{202e}"),
            ]],
        )
    };
    let floats = |values: &[f32]| -> Element<'static> {
        Element::new(
            Tag(0x0070_0022),
            Vr::FL,
            values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>(),
        )
    };
    let report = |items: Vec<Vec<Element<'static>>>| {
        let mut group = vec![text(0x0040_A040, Vr::CS, "CONTAINER"), code(0x0040_A043, "125007")];
        group.push(sequence(0x0040_A730, items));
        file(vec![
            text(0x0008_0005, Vr::CS, "ISO_IR 192"),
            text(0x0008_0016, Vr::UI, "1.2.840.10008.5.1.4.1.1.88.34"),
            text(0x0008_0018, Vr::UI, "2.25.701"),
            text(0x0008_0060, Vr::CS, "SR"),
            text(0x0040_A040, Vr::CS, "CONTAINER"),
            sequence(0x0040_A730, vec![group]),
        ])
    };
    let region = |kind: &str, values: &[f32]| {
        report(vec![vec![
            text(0x0040_A040, Vr::CS, "SCOORD3D"),
            text(0x0070_0023, Vr::CS, kind),
            floats(values),
        ]])
    };
    let number = |value: &str| {
        let measured = vec![text(0x0040_A30A, Vr::DS, value)];
        report(vec![vec![
            text(0x0040_A040, Vr::CS, "NUM"),
            code(0x0040_A043, "118565006"),
            sequence(0x0040_A300, vec![measured]),
        ]])
    };
    let mut nested = vec![text(0x0040_A040, Vr::CS, "NUM"), us(0x0062_000B, 1)];
    for _ in 0..60 {
        nested = vec![text(0x0040_A040, Vr::CS, "CONTAINER"), sequence(0x0040_A730, vec![nested])];
    }
    let square = [-30.0, 13.0, -38.0, -27.0, 13.0, -38.0, -27.0, 16.0, -38.0, -30.0, 16.0, -38.0];
    all_are_well(
        vec![
            case("as it should be", ".dcm", region("POLYGON", &square), Due::Placed),
            case("a region that is no number", ".dcm", region("POLYGON", &[f32::NAN; 9]), Due::Shown),
            case(
                "a region beyond everything",
                ".dcm",
                region("POLYGON", &[f32::MAX, 0.0, -38.0, 1.0, 1.0, -38.0, 1.0, 2.0, -38.0]),
                Due::Shown,
            ),
            case("a region of two numbers", ".dcm", region("POLYGON", &[1.0, 2.0]), Due::Shown),
            case("an ellipse", ".dcm", region("ELLIPSOID", &square), Due::Shown),
            case("a value that is no number", ".dcm", number("nan"), Due::Shown),
            case("a value of 1e999", ".dcm", number("1e999"), Due::Shown),
            case("a value that a terminal obeys", ".dcm", number("\x1b[2J"), Due::Shown),
            case("no content", ".dcm", report(Vec::new()), Due::Shown),
            case("items sixty deep", ".dcm", report(vec![nested]), Due::Shown),
        ],
        10,
    );
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
