//! Labelmaps that lie: NRRD, MetaImage, NIfTI.
// Lists of cases are as long as they are.
#![allow(clippy::too_many_lines)]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::{Due, all_are_well, case, ct, run};

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
    (0..mebibytes).for_each(|_| gz.write_all(&vec![0; 1 << 20]).unwrap());
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
        (0..1024).for_each(|_| zlib.write_all(&vec![0; 1 << 20]).unwrap());
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
