//! The query language of the catalog: `modality:CT body:chest slice<=1.5 date:2024-01..2024-06 finding:missing_slices
//! -site:A "free text"`.
//!
//! Terms are joined by *and*; `a,b` after a colon is *or*; a minus before a term is *not*; words without a field are
//! looked for in descriptions, body part, vendor, modality, subject and site.

use rusqlite::types::Value;

use super::fields::{FIELDS, Field, Kind, WORDS, field_named, field_names};

/// A parsed query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    pub(super) terms: Vec<Term>,
}

/// Why a query cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No field has this name.
    #[error("no field is called {name:?}; there are {}", field_names())]
    UnknownField {
        /// The name.
        name: String,
    },
    /// A value of the wrong kind.
    #[error("{field} is compared with {expected}, not with {value:?}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is expected.
        expected: &'static str,
        /// What stood there.
        value: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub(super) negated: bool,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Words(String),
    OneOf(&'static Field, Vec<String>),
    Range(&'static Field, Option<Bound>, Option<Bound>),
}

/// One end of a range: its value, and whether it belongs to the range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    pub(super) value: Value,
    pub(super) closed: bool,
}

/// A condition on the table `series` with the values of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The SQL text.
    pub text: String,
    /// The values.
    pub values: Vec<Value>,
}

impl Filter {
    /// Parses a query; an empty one matches everything.
    ///
    /// # Errors
    /// [`FilterError`], in words for the person who typed it.
    pub fn parse(query: &str) -> Result<Self, FilterError> {
        let terms = tokens(query).into_iter().map(|token| term(&token)).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// The condition with parameters from `?1`.
    pub fn sql(&self) -> Condition {
        self.sql_from(1)
    }

    /// The condition with parameters from `?first`.
    pub fn sql_from(&self, first: usize) -> Condition {
        let mut values = Vec::new();
        let mut bind = |value: Value| {
            values.push(value);
            format!("?{}", first + values.len() - 1)
        };
        let parts: Vec<String> = self
            .terms
            .iter()
            .map(|term| {
                let sql = term.test.sql(&mut bind);
                if term.negated { format!("NOT coalesce({sql}, 0)") } else { sql }
            })
            .collect();
        let text = if parts.is_empty() { "1".into() } else { parts.join(" AND ") };
        Condition { text, values }
    }

    /// Fields whose name begins like the last word of `text`, as completions of that word.
    pub fn complete_field(text: &str) -> Vec<String> {
        let word = text.rsplit(' ').next().unwrap_or_default().trim_start_matches('-').to_ascii_lowercase();
        let named = |f: &&Field| f.name.starts_with(&word);
        FIELDS.iter().filter(named).map(|f| format!("{}:", f.name)).collect()
    }
}

/// What FTS5 is to look for: a phrase, or words that begin like the one that was typed.
pub(super) fn match_expression(words: &str) -> String {
    let quoted = format!("\"{}\"", words.replace('"', "\"\""));
    if words.contains(' ') { quoted } else { format!("{quoted}*") }
}

/// A value with `*` in it as a pattern of LIKE.
fn like_pattern(value: &str) -> String {
    value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_").replace('*', "%")
}

impl Test {
    fn sql(&self, bind: &mut impl FnMut(Value) -> String) -> String {
        match self {
            Self::Words(words) => {
                let place = bind(match_expression(words).into());
                let found = format!(
                    "IN (SELECT p.text FROM phrase_text t JOIN phrase p ON p.id = t.rowid WHERE phrase_text MATCH {place})"
                );
                let columns: Vec<String> =
                    WORDS.iter().map(|c| format!("coalesce({c} {found}, 0)")).collect();
                format!("({})", columns.join(" OR "))
            }
            Self::OneOf(field, values) if field.kind == Kind::Finding => {
                let places: Vec<String> = values.iter().map(|v| bind(v.clone().into())).collect();
                format!("uid IN (SELECT series_uid FROM finding WHERE check_name IN ({}))", places.join(","))
            }
            Self::OneOf(field, values) => {
                let (patterns, plain): (Vec<_>, Vec<_>) = values.iter().partition(|v| v.contains('*'));
                let collate = if field.kind == Kind::Text { " COLLATE NOCASE" } else { "" };
                let mut parts = Vec::new();
                if !plain.is_empty() {
                    let places: Vec<String> = plain.into_iter().map(|v| bind(v.clone().into())).collect();
                    parts.push(format!("{}{collate} IN ({})", field.column, places.join(",")));
                }
                for pattern in patterns {
                    let place = bind(like_pattern(pattern).into());
                    parts.push(format!("{} LIKE {place} ESCAPE '\\'", field.column));
                }
                if parts.len() == 1 { parts.remove(0) } else { format!("({})", parts.join(" OR ")) }
            }
            Self::Range(field, low, high) => {
                let mut parts = Vec::new();
                if let Some(bound) = low {
                    let sign = if bound.closed { ">=" } else { ">" };
                    parts.push(format!("{} {sign} {}", field.column, bind(bound.value.clone())));
                }
                if let Some(bound) = high {
                    let sign = if bound.closed { "<=" } else { "<" };
                    parts.push(format!("{} {sign} {}", field.column, bind(bound.value.clone())));
                }
                if parts.is_empty() {
                    format!("{} IS NOT NULL", field.column)
                } else {
                    format!("({})", parts.join(" AND "))
                }
            }
        }
    }
}

/// The words of a query: it is split at spaces outside quotes; the quotes stay, so that `"a:b"` is text.
pub fn tokens(query: &str) -> Vec<String> {
    let (mut out, mut token, mut quoted) = (Vec::new(), String::new(), false);
    for c in query.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                token.push(c);
            }
            c if c.is_whitespace() && !quoted => out.push(std::mem::take(&mut token)),
            c => token.push(c),
        }
    }
    out.push(token);
    out.retain(|t| !t.is_empty() && t != "-");
    out
}

fn term(token: &str) -> Result<Term, FilterError> {
    let (negated, body) = match token.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let operator = (!body.starts_with('"')).then(|| body.find([':', '<', '>', '='])).flatten();
    let Some(at) = operator else {
        return Ok(Term { negated, test: Test::Words(body.replace('"', "")) });
    };
    let name = &body[..at];
    let field = field_named(name).ok_or_else(|| FilterError::UnknownField { name: name.into() })?;
    let test = comparison(field, &body[at..])?;
    Ok(Term { negated, test })
}

/// `:value`, `:a,b`, `:low..high`, `<=x`, `<x`, `>=x`, `>x`, `=x`.
fn comparison(field: &'static Field, rest: &str) -> Result<Test, FilterError> {
    let wrong =
        |expected, value: &str| FilterError::Value { field: field.name, expected, value: value.into() };
    let (operator, value) = ["<=", ">=", "<", ">", ":", "="]
        .iter()
        .find_map(|op| rest.strip_prefix(op).map(|value| (*op, value)))
        .ok_or_else(|| wrong("a value", rest))?;
    if matches!(field.kind, Kind::Text | Kind::Exact | Kind::Finding) {
        if !matches!(operator, ":" | "=") {
            return Err(wrong("`:`", operator));
        }
        return Ok(Test::OneOf(field, alternatives(value)));
    }
    let value = value.replace('"', "");
    let end = |text: &str, high: bool, closed: bool| -> Result<Option<Bound>, FilterError> {
        if text.is_empty() {
            return Ok(None);
        }
        let value = match field.kind {
            Kind::Number => text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::Real),
            _ => date(text, high).map(Value::Text),
        };
        let expected = if field.kind == Kind::Number { "a number" } else { "a date such as 2024-06" };
        value.map(|value| Some(Bound { value, closed })).ok_or_else(|| wrong(expected, text))
    };
    Ok(match operator {
        ":" | "=" => match value.split_once("..") {
            Some((low, high)) => Test::Range(field, end(low, false, true)?, end(high, true, true)?),
            None => Test::Range(field, end(&value, false, true)?, end(&value, true, true)?),
        },
        "<=" => Test::Range(field, None, end(&value, true, true)?),
        "<" => Test::Range(field, None, end(&value, false, false)?),
        ">=" => Test::Range(field, end(&value, false, true)?, None),
        _ => Test::Range(field, end(&value, true, false)?, None),
    })
}

/// Values between commas; a comma between quotes belongs to the value.
fn alternatives(text: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in text.chars() {
        match (c, out.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => out.push(String::new()),
            (c, Some(value)) => value.push(c),
            (_, None) => {}
        }
    }
    out
}

/// The first or last day that a date of year, month or day means.
fn date(text: &str, last: bool) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|p| p.len()).collect();
    if !parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    match (&*lengths, last) {
        ([4], false) => Some(format!("{text}-01-01")),
        ([4], true) => Some(format!("{text}-12-31")),
        ([4, 2], false) => Some(format!("{text}-01")),
        ([4, 2], true) => Some(format!("{text}-31")),
        ([4, 2, 2], _) => Some(text.into()),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sql(query: &str) -> (String, Vec<Value>) {
        let condition = Filter::parse(query).unwrap().sql();
        (condition.text, condition.values)
    }

    #[test]
    fn reads_the_language_of_the_contract() {
        let (text, values) =
            sql("modality:CT,mr slice<=1.5 -site:A date:2024-01..2024-06 finding:missing_slices");
        assert_eq!(
            text,
            "modality COLLATE NOCASE IN (?1,?2) AND (spacing_slice_mm <= ?3) \
             AND NOT coalesce(site COLLATE NOCASE IN (?4), 0) AND (study_date >= ?5 AND study_date <= ?6) \
             AND uid IN (SELECT series_uid FROM finding WHERE check_name IN (?7))"
        );
        assert_eq!(values[4..6], [Value::Text("2024-01-01".into()), Value::Text("2024-06-31".into())]);
        let (_, values) = sql("\"free text\" thin");
        assert_eq!(values, [Value::Text("\"free text\"".into()), Value::Text("\"thin\"*".into())]);
        assert_eq!(sql("device:som*_x").1, [Value::Text("som%\\_x".into())]);
        let (_, values) = sql("description:\"a, b\",c");
        assert_eq!(values, [Value::Text("a, b".into()), Value::Text("c".into())]);
        assert_eq!(sql(""), ("1".into(), vec![]));
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(Filter::parse("colour:red").unwrap_err().to_string().contains("modality"));
        assert_eq!(
            Filter::parse("slice<thin").unwrap_err().to_string(),
            "slice is compared with a number, not with \"thin\""
        );
        assert!(Filter::parse("date:June").is_err());
    }

    #[test]
    fn hostile_text_stays_a_parameter() {
        let (text, values) = sql("site:';DROP\u{a0}TABLE-- \" OR 1=1 -- \"");
        assert!(!text.contains("DROP") && !text.contains("1=1"), "{text}");
        assert_eq!(values.len(), 3);
    }
}
