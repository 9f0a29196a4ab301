//! Every value in force, and where it comes from.

use serde::Serialize;
use toml::Value;

use super::Config;

/// One value in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effective {
    /// Its key, such as `review.share`.
    pub key: String,
    /// Its value, as TOML has it.
    pub value: String,
    /// `file` or `default`.
    pub from: &'static str,
}

/// Every value of `config`, in the order of the file; `text` is the file it was read from.
pub fn effective(config: &Config, text: &str) -> Vec<Effective> {
    let all = Value::try_from(config).unwrap_or(Value::Table(toml::Table::new()));
    let written: Value =
        toml::from_str::<toml::Table>(text).map_or(Value::Table(toml::Table::new()), Value::Table);
    let mut out = Vec::new();
    walk("", &all, Some(&written), &mut out);
    out
}

fn walk(key: &str, value: &Value, written: Option<&Value>, out: &mut Vec<Effective>) {
    let join = |k: &str| if key.is_empty() { k.to_string() } else { format!("{key}.{k}") };
    match value {
        Value::Table(table) => {
            for (name, inner) in table {
                walk(&join(name), inner, written.and_then(|w| w.get(name)), out);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for (i, inner) in items.iter().enumerate() {
                walk(&format!("{key}[{i}]"), inner, written.and_then(|w| w.get(i)), out);
            }
        }
        leaf => {
            let from = if written.is_some() { "file" } else { "default" };
            out.push(Effective { key: key.into(), value: leaf.to_string(), from });
        }
    }
}
