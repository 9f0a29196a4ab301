//! Tables for other programs (RFC 4180).

/// A line of fields.
pub fn csv_line<S: AsRef<str>>(fields: impl IntoIterator<Item = S>) -> String {
    let fields: Vec<String> = fields.into_iter().map(|field| csv_field(field.as_ref())).collect();
    fields.join(",") + "\n"
}

/// A field that no spreadsheet takes for a formula; a number stays a number.
fn csv_field(text: &str) -> String {
    let safe = crate::model::text::visible(text);
    let formula = safe.starts_with(['=', '+', '-', '@']) && safe.parse::<f64>().is_err();
    let safe = if formula { format!("'{safe}") } else { safe };
    if safe.contains([',', '"', '\'']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_are_no_formulas() {
        assert_eq!(
            csv_line(["a,b", "=1+1", "-0.5", "say \"no\""]),
            "\"a,b\",\"'=1+1\",-0.5,\"say \"\"no\"\"\"\n"
        );
    }
}
