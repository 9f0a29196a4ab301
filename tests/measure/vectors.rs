//! Reading the vectors and comparing with them.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde_json::Value;

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracles")).join(name)
}

/// The cases of a topic.
pub fn cases(topic: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path(&format!("{topic}.json"))).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let cases = document["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

pub fn id(case: &Value) -> &str {
    case["id"].as_str().unwrap()
}

/// A number; the strings for NaN and infinity, null and "undefined" are `None`.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => None,
        Value::String(text) => {
            assert!(["NaN", "Infinity", "-Infinity", "undefined"].contains(&text.as_str()), "{text}");
            None
        }
        other => Some(other.as_f64().unwrap()),
    }
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

pub fn wholes(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect()
}

pub fn indices(value: &Value) -> Vec<usize> {
    wholes(value).into_iter().map(|v| v as usize).collect()
}

pub fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

/// Fails unless `got` is `want` within `relative` of the larger of 1 and its size; undefined must be undefined.
#[track_caller]
pub fn close(got: impl Into<Option<f64>>, want: &Value, relative: f64, what: &str) {
    let (got, want) = (got.into().filter(|v| v.is_finite()), number(want));
    match (got, want) {
        (None, None) => {}
        (Some(g), Some(w)) => {
            assert!((g - w).abs() <= relative * w.abs().max(1.0), "{what}: {g} for {w}");
        }
        _ => panic!("{what}: {got:?} for {want:?}"),
    }
}

#[track_caller]
pub fn all_close(got: &[f64], want: &Value, relative: f64, what: &str) {
    let want = want.as_array().unwrap();
    assert_eq!(got.len(), want.len(), "{what}");
    for (k, (g, w)) in got.iter().zip(want).enumerate() {
        close(*g, w, relative, &format!("{what}[{k}]"));
    }
}

/// A gzipped numpy array of bytes: shape (slowest first) and data.
pub fn npy(name: &str) -> (Vec<usize>, Vec<u8>) {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path(&format!("{name}.gz"))).unwrap()).read_to_end(&mut bytes).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(header.contains("'|u1'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
    let shape = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (shape, bytes[10 + length..].to_vec())
}
