//! A query over the columns.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::column::{Cell, Column};
use super::{Bits, Loaded};
use crate::catalog::fields::{Kind, WORDS};
use crate::catalog::filter::{Bound, Test, match_expression};
use crate::catalog::{CatalogError, Filter};

impl Loaded {
    /// The rows that match.
    pub(super) fn evaluate(&self, reader: &Connection, filter: &Filter) -> Result<Bits, CatalogError> {
        let mut rows = self.live.clone();
        for term in &filter.terms {
            if rows.count() == 0 {
                break;
            }
            rows.keep(&self.matching(reader, &term.test)?, term.negated);
        }
        Ok(rows)
    }

    fn matching(&self, reader: &Connection, test: &Test) -> Result<Bits, CatalogError> {
        match test {
            Test::Words(words) => self.with_words(reader, words),
            Test::OneOf(field, values) if field.kind == Kind::Finding => {
                let mut rows = Bits::empty(self.len);
                values.iter().filter_map(|v| self.findings.get(v)).for_each(|has| rows.join(has));
                Ok(rows)
            }
            Test::OneOf(field, values) => {
                let exact = field.kind == Kind::Exact;
                let wanted = |text: &str| {
                    values.iter().any(|v| match (v.contains('*'), exact) {
                        (true, _) => is_like(text.as_bytes(), v.as_bytes()),
                        (false, true) => text == v,
                        (false, false) => text.eq_ignore_ascii_case(v),
                    })
                };
                match self.columns.get(field.column) {
                    Some(column) => {
                        Ok(self.accepted(column, |cell| matches!(cell, Cell::Text(t) if wanted(t))))
                    }
                    None => with_uid(reader, values, self.len),
                }
            }
            Test::Range(field, low, high) => match self.columns.get(field.column) {
                Some(column) => {
                    Ok(self.accepted(column, |cell| is_between(cell, low.as_ref(), high.as_ref())))
                }
                None => Ok(Bits::empty(self.len)),
            },
        }
    }

    fn accepted(&self, column: &Column, accept: impl Fn(&Cell) -> bool) -> Bits {
        let accepted = column.accepted(accept);
        if accepted.iter().any(|a| *a) { column.rows(self.len, &accepted) } else { Bits::empty(self.len) }
    }

    /// Words are looked for among the distinct texts; then the rows that have one of those.
    fn with_words(&self, reader: &Connection, words: &str) -> Result<Bits, CatalogError> {
        let mut statement = reader.prepare_cached(
            "SELECT p.text FROM phrase_text t JOIN phrase p ON p.id = t.rowid WHERE phrase_text MATCH ?1",
        )?;
        let mut accepted: Vec<(&Column, Vec<bool>)> = WORDS
            .iter()
            .filter_map(|name| self.columns.get(name))
            .map(|column| (column, vec![false; column.distinct()]))
            .collect();
        for text in statement.query_map([match_expression(words)], |row| row.get::<_, String>(0))? {
            let text = text?;
            for (column, accepted) in &mut accepted {
                if let Some(code) = column.find(&text) {
                    accepted[code as usize] = true;
                }
            }
        }
        let mut rows = Bits::empty(self.len);
        for (column, accepted) in accepted.iter().filter(|(_, accepted)| accepted.contains(&true)) {
            rows.join(&column.rows(self.len, accepted));
        }
        Ok(rows)
    }
}

/// Series UIDs are not held: there is one a row, and SQL has an index of them.
fn with_uid(reader: &Connection, values: &[String], len: usize) -> Result<Bits, CatalogError> {
    let mut rows = Bits::empty(len);
    for value in values {
        let pattern = value.contains('*');
        let (condition, value) = if pattern {
            ("uid GLOB ?1", value.replace('[', "[[]").replace('?', "[?]"))
        } else {
            ("uid = ?1", value.clone())
        };
        let mut statement = reader.prepare_cached(&format!("SELECT id FROM series WHERE {condition}"))?;
        for id in statement.query_map([value], |row| row.get::<_, i64>(0))? {
            rows.set(id? as usize, true);
        }
    }
    Ok(rows)
}

fn is_between(cell: &Cell, low: Option<&Bound>, high: Option<&Bound>) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if matches!(cell, Cell::Null) {
        return false;
    }
    let against = |bound: &Bound| {
        let other = match &bound.value {
            Value::Text(t) => Cell::Text(t.as_str().into()),
            Value::Real(n) => Cell::Number(*n),
            Value::Integer(n) => Cell::Number(*n as f64),
            Value::Null | Value::Blob(_) => Cell::Null,
        };
        (cell.order(&other), bound.closed)
    };
    low.map(against).is_none_or(|(order, closed)| order == Greater || (closed && order == Equal))
        && high.map(against).is_none_or(|(order, closed)| order == Less || (closed && order == Equal))
}

/// Whether a text fits a pattern in which `*` stands for anything, without regard to the case of ASCII letters. Linear
/// in both: on a mismatch only the last star gives way.
fn is_like(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|c| c.eq_ignore_ascii_case(&text[t])) {
            (t, p) = (t + 1, p + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (t, p) = (from + 1, at + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_stands_for_anything() {
        for (text, pattern, fits) in [
            ("SOMATOM Definition AS", "somatom*", true),
            ("SOMATOM Definition AS", "*defin*as", true),
            ("SOMATOM Definition AS", "*force*", false),
            ("", "*", true),
            ("aab", "*ab", true),
            ("abc", "ab", false),
        ] {
            assert_eq!(is_like(text.as_bytes(), pattern.as_bytes()), fits, "{text} {pattern}");
        }
    }
}
