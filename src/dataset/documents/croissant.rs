//! Croissant 1.0 (MLCommons): what the dataset is, its files, and the columns of the table of labels.

use serde_json::{Value, json};

use super::{Dataset, day};
use crate::dataset::export::FileEntry;

/// Files of one series that are listed each; with more, only those of the whole dataset are.
const MOST_LISTED: usize = 2_000;

/// The document.
pub fn document(dataset: &Dataset<'_>) -> Value {
    let snapshot = &dataset.snapshot;
    let of_whole = |file: &&FileEntry| file.series_uid.is_none();
    let few = dataset.files.len() <= MOST_LISTED;
    let listed: Vec<Value> = dataset.files.iter().filter(|f| few || of_whole(f)).map(file).collect();
    let description = format!(
        "{} series of {} subjects with {} accepted labels; snapshot {}. De-identified by Gantry; manifest.json has every \
         file with its SHA-256, provenance.json where each comes from.",
        snapshot.series, snapshot.subjects, snapshot.labels, snapshot.id
    );
    json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": snapshot.name,
        "description": description,
        "version": "1.0.0",
        "identifier": snapshot.id,
        "license": "not stated",
        "url": format!("urn:gantry:snapshot-{}", snapshot.id),
        "datePublished": day(snapshot.created_ms),
        "citeAs": format!("Snapshot {} ({}), made by Gantry {}", snapshot.name, snapshot.id, env!("CARGO_PKG_VERSION")),
        "distribution": listed,
        "recordSet": tables(dataset.files),
    })
}

fn file(file: &FileEntry) -> Value {
    json!({
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": format!("{} B", file.bytes),
        "encodingFormat": media_type(&file.path),
        "sha256": file.sha256,
    })
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "json" => "application/json",
        "parquet" => "application/vnd.apache.parquet",
        "dcm" => "application/dicom",
        "png" => "image/png",
        "tar" => "application/x-tar",
        "gz" => "application/gzip",
        "md" => "text/markdown",
        _ => "application/octet-stream",
    }
}

/// The columns of the table of labels, where there is one.
fn tables(files: &[FileEntry]) -> Vec<Value> {
    const COLUMNS: [(&str, &str, &str); 12] = [
        ("series_uid", "sc:Text", "The series"),
        ("subject", "sc:Text", "The subject's pseudonym"),
        ("site", "sc:Text", "The site"),
        ("split", "sc:Text", "The split"),
        ("structure", "sc:Text", "What was looked for"),
        ("state", "sc:Text", "found, or none: looked for and not found"),
        ("value", "sc:Text", "What was said"),
        ("unit", "sc:Text", "The unit of the value, as UCUM writes it"),
        ("voxels", "sc:Integer", "Voxels of what was drawn"),
        ("volume_mm3", "sc:Float", "Their volume in cubic millimetres"),
        ("reader", "sc:Text", "Who read"),
        ("guideline", "sc:Text", "The guideline's version"),
    ];
    let table = files.iter().find(|f| matches!(f.path.as_str(), "labels.csv" | "labels.parquet"));
    let fields = |table: &FileEntry| -> Vec<Value> {
        COLUMNS
            .iter()
            .map(|(name, kind, words)| {
                json!({
                    "@type": "cr:Field", "@id": format!("labels/{name}"), "name": name, "description": words,
                    "dataType": kind,
                    "source": { "fileObject": { "@id": table.path }, "extract": { "column": name } },
                })
            })
            .collect()
    };
    let record_set = |table: &FileEntry| {
        json!({
            "@type": "cr:RecordSet", "@id": "labels", "name": "labels",
            "description": "Accepted labels: a row for each structure of each series", "field": fields(table),
        })
    };
    table.map(record_set).into_iter().collect()
}

/// The context that the specification prescribes.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "data": { "@id": "cr:data", "@type": "@json" },
        "dataType": { "@id": "cr:dataType", "@type": "@vocab" },
        "dct": "http://purl.org/dc/terms/",
        "examples": { "@id": "cr:examples", "@type": "@json" },
        "extract": "cr:extract",
        "field": "cr:field",
        "fileProperty": "cr:fileProperty",
        "fileObject": "cr:fileObject",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "md5": "cr:md5",
        "parentField": "cr:parentField",
        "path": "cr:path",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
    })
}
