//! What the TOML reader says, in words of the file.

/// The known name that is written most like `name`, where one is like it at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let far = |known: &str| {
        let known = known.to_lowercase();
        // What was begun and not written to its end is meant.
        let begun = lower.chars().count() > 2 && known.starts_with(&lower);
        if begun { 1 } else { distance(&lower, &known) }
    };
    let close = known.into_iter().map(|known| (far(known), known)).min()?;
    (close.0 <= 1 + name.chars().count() / 4).then_some(close.1)
}

/// `; did you mean X?` where something like it is known, else every name.
pub fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("; did you mean {near}?"),
        None if known.is_empty() => String::new(),
        None => format!("; there are {}", known.join(", ")),
    }
}

/// Letters to insert, take away, replace or swap (Damerau and Levenshtein, of neighbours).
fn distance(a: &str, b: &str) -> usize {
    // What is longer than any key is like none.
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// The reader's message, translated; as it is where it is of another kind.
pub fn of_file(message: &str) -> String {
    let ticked: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if let (true, [name, known @ ..]) = (message.starts_with("unknown field"), &*ticked) {
        return format!("there is no key {name} here{}", suggestion(name, known));
    }
    if let (true, [name, known @ ..]) = (message.starts_with("unknown variant"), &*ticked) {
        let near = nearest(name, known.iter().copied());
        let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
        return format!("{name:?} is none of {}{near}", known.join(", "));
    }
    if let (true, [name]) = (message.starts_with("missing field"), &*ticked) {
        return format!("the key {name} is missing");
    }
    if let Some((found, expected)) = message.strip_prefix("invalid type: ").and_then(split) {
        return format!("{} is expected, not {}", kind(expected), value(found));
    }
    if let Some((found, expected)) = message.strip_prefix("invalid value: ").and_then(split) {
        return format!("{} is expected, not {}", kind(expected), value(found));
    }
    message.into()
}

fn split(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once(", expected ")
}

/// What a type is called in a file.
fn kind(expected: &str) -> &str {
    match expected {
        "a string" | "path string" => "text in quotes",
        "u64" | "usize" | "u32" | "u8" => "a whole number, not below zero,",
        "i64" | "i32" => "a whole number",
        "f64" | "f32" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list in square brackets",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other if other.starts_with("an array of length 2") => "a list of two",
        other => other,
    }
}

/// What stands there.
fn value(found: &str) -> String {
    let plain = found.replace('`', "");
    match plain.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer", number)) => format!("the number {number}"),
        Some(("floating", number)) => format!("the number {}", number.trim_start_matches("point ")),
        Some(("boolean", word)) => word.into(),
        _ => match &*plain {
            "map" => "a table".into(),
            "sequence" => "a list".into(),
            other => other.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_in_words_of_the_file() {
        let said = of_file("unknown field `shares`, expected one of `sample`, `share`, `seed`");
        assert_eq!(said, "there is no key shares here; did you mean share?");
        let said = of_file("unknown field `colour`, expected `theme` or `keys`");
        assert_eq!(said, "there is no key colour here; there are theme, keys");
        let said = of_file("invalid type: string \"often\", expected u64");
        assert_eq!(said, "a whole number, not below zero, is expected, not the text \"often\"");
        let said = of_file("unknown variant `mvoe`, expected one of `keep`, `remove`, `move`");
        assert_eq!(said, "\"mvoe\" is none of \"keep\", \"remove\", \"move\"; did you mean \"move\"?");
        assert_eq!(
            of_file("invalid type: map, expected a string"),
            "text in quotes is expected, not a table"
        );
        assert_eq!(nearest("retain_uid", ["retain_uids", "clean_graphics"]), Some("retain_uids"));
        assert_eq!(nearest("x", ["retain_uids"]), None);
    }
}
