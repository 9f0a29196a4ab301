//! Segmentations, structure sets and reports that lie.
// Lists of cases are as long as they are.
#![allow(clippy::too_many_lines)]

use gantry::dicom::Element;
use gantry::model::{Tag, Vr};

use super::{Case, Due, all_are_well, case, ct};
use crate::made::{RtFile, SERIES, SegFile, file, sequence, text, us};

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
