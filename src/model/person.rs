//! Who a header says its subject is, and whether two headers can speak of one person. Values identify: they are held in
//! memory and sealed on the landing side alone.

use serde::{Deserialize, Serialize};

/// Name, birth date and sex as a header gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Patient's Name, components joined by `^`.
    pub name: String,
    /// Patient's Birth Date, `YYYYMMDD`.
    pub birth_date: String,
    /// Patient's Sex.
    pub sex: String,
}

/// What keeps two headers from speaking of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonConflict {
    /// No part of the one name is like any part of the other.
    Name,
    /// Both birth dates are complete, and differ.
    BirthDate,
    /// One is male, the other female.
    Sex,
}

impl PersonConflict {
    /// In a person's words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::BirthDate => "birth date",
            Self::Sex => "sex",
        }
    }
}

/// Names that stand for nobody.
const NOBODY: [&str; 12] = [
    "anonymous",
    "anonymized",
    "anonymised",
    "anon",
    "unknown",
    "none",
    "noname",
    "patient",
    "test",
    "removed",
    "deidentified",
    "phantom",
];

impl Person {
    /// What keeps this and another header from speaking of one person; empty where nothing does. What is absent, partial
    /// or stands for nobody contradicts nothing, nor does a spelling that differs by a letter, an initial, or a name in
    /// another script.
    ///
    /// ```
    /// use gantry::model::{Person, PersonConflict};
    /// let person = |name: &str, birth_date: &str, sex: &str| Person {
    ///     name: name.into(), birth_date: birth_date.into(), sex: sex.into(),
    /// };
    /// let jane = person("Doe^Jane", "19700503", "F");
    /// assert_eq!(jane.conflicts(&person("DOE^J", "1970", "")), []);
    /// assert_eq!(jane.conflicts(&person("Roe^Max", "19510101", "M")).len(), 3);
    /// assert_eq!(jane.conflicts(&person("Doe^Jane", "19700503", "M")), [PersonConflict::Sex]);
    /// ```
    pub fn conflicts(&self, other: &Self) -> Vec<PersonConflict> {
        let mut found = Vec::new();
        if names_differ(&words(&self.name), &words(&other.name)) {
            found.push(PersonConflict::Name);
        }
        if dates_differ(self.birth_date.trim(), other.birth_date.trim()) {
            found.push(PersonConflict::BirthDate);
        }
        let sexes = [self.sex.trim(), other.sex.trim()];
        if sexes == ["M", "F"] || sexes == ["F", "M"] {
            found.push(PersonConflict::Sex);
        }
        found
    }

    /// What two headers of one person share: the words of the name in order and the birth date; `None` where either is
    /// missing or says nothing.
    pub fn key(&self) -> Option<String> {
        let mut words = words(&self.name);
        words.sort_unstable();
        (words.len() > 1 && is_full(self.birth_date.trim()))
            .then(|| format!("{}|{}", words.join(" "), self.birth_date.trim()))
    }
}

/// The words of a name in lower case, without those that stand for nobody; empty where the name is a number.
fn words(name: &str) -> Vec<String> {
    // The first representation: others write the same name in another script.
    let first = name.split('=').find(|part| !part.trim().is_empty()).unwrap_or_default();
    first
        .split(|c: char| !c.is_alphabetic())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty() && !NOBODY.contains(&&**word))
        .collect()
}

fn names_differ(a: &[String], b: &[String]) -> bool {
    let long = |words: &[String]| words.iter().any(|w| w.chars().count() >= 3);
    let script = |words: &[String]| words.iter().all(|w| w.is_ascii());
    long(a) && long(b) && script(a) == script(b) && !a.iter().any(|x| b.iter().any(|y| alike(x, y)))
}

/// The same word, an initial of it, or one that a slip of the hand makes of it.
fn alike(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    // An initial says too little beside a full name of its own: it counts only where nothing else does.
    if short.len() >= 2 && long.starts_with(short) {
        return true;
    }
    let allowed = match short.len() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    a == b || allowed > 0 && long.len() - short.len() <= allowed && distance(&a, &b) <= allowed
}

/// Levenshtein's distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

fn is_full(date: &str) -> bool {
    date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) && !date.starts_with("1900") && date > "18"
}

/// Both are complete and differ; a first of January may be a year of which nothing else is known.
fn dates_differ(a: &str, b: &str) -> bool {
    if !is_full(a) || !is_full(b) || a == b {
        return false;
    }
    let only_year = a.ends_with("0101") || b.ends_with("0101");
    !(only_year && a[..4] == b[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(a: &str, b: &str) -> bool {
        names_differ(&words(a), &words(b))
    }

    #[test]
    fn spellings_of_one_name_are_one_name() {
        for (a, b) in [
            ("Smith^John", "SMITH^JOHN^A"),
            ("Smith^John", "John Smith"),
            ("Mueller^Anna", "Muller^Anna"),
            ("Müller^Anna", "Muller^Ana"),
            ("Garcia-Lopez^Maria", "Garcia^Maria"),
            ("Smith", ""),
            ("Anonymous", "Smith^John"),
            ("12345", "Smith^John"),
            ("Yamada^Tarou=山田^太郎", "Yamada^Tarou"),
            ("山田^太郎", "Yamada^Tarou"),
            ("Smith^Jane", "Jones^Jane"),
        ] {
            assert!(!differ(a, b), "{a} {b}");
        }
        for (a, b) in [("Smith^John", "Doe^Jane"), ("Nguyen^Anh", "Tran^Binh"), ("山田^太郎", "鈴木^花子子")]
        {
            assert!(differ(a, b) || words(a).iter().all(|w| w.chars().count() < 3), "{a} {b}");
        }
    }

    #[test]
    fn dates_that_say_little_contradict_nothing() {
        for (a, b) in
            [("19700503", "19700503"), ("1970", "19700503"), ("19700101", "19700503"), ("", "19700503")]
        {
            assert!(!dates_differ(a, b), "{a} {b}");
        }
        assert!(dates_differ("19700503", "19700504") && dates_differ("19700101", "19710503"));
    }

    #[test]
    fn a_key_needs_a_whole_name_and_date() {
        let person = |name: &str, birth_date: &str| Person {
            name: name.into(),
            birth_date: birth_date.into(),
            sex: String::new(),
        };
        assert_eq!(person("Doe^Jane", "19700503").key(), person("JANE^DOE", "19700503").key());
        assert_eq!(person("Doe", "19700503").key(), None);
        assert_eq!(person("Doe^Jane", "1970").key(), None);
    }
}
