//! Annotations in JSON and XML that lie.
// Lists of cases are as long as they are.
#![allow(clippy::too_many_lines)]

use serde_json::{Value, json};

use super::{Due, all_are_well, case};
use crate::made::SERIES;

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
