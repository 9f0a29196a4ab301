//! How long data may be kept.

use serde::{Deserialize, Serialize};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3_600_000;
/// A hundred years.
const MOST_DAYS: u32 = 36_525;

/// How long the data of a site may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The site; every site without a rule of its own where none is named.
    #[serde(default)]
    pub site: Option<String>,
    /// Days since the last instance of the subject came in.
    pub days: u32,
}

/// Days for which the data of a site may be kept; none where no rule says.
pub fn days_of(rules: &[Retention], site: &str) -> Option<u32> {
    let own = rules.iter().find(|r| r.site.as_deref() == Some(site));
    own.or_else(|| rules.iter().find(|r| r.site.is_none())).map(|r| r.days)
}

/// When a subject is due whose last instance of each of these sites came in at this time: once the last of them is; `None`
/// where a site's data are kept for good.
pub fn due_ms<'a>(rules: &[Retention], sites: impl IntoIterator<Item = (&'a str, i64)>) -> Option<i64> {
    sites
        .into_iter()
        .map(|(site, latest)| Some(latest.saturating_add(i64::from(days_of(rules, site)?) * DAY_MS)))
        .reduce(|a, b| Some(a?.max(b?)))
        .flatten()
}

/// Keys that are wrong, and why.
pub(super) fn invalid_values(rules: &[Retention]) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        if rule.days == 0 || rule.days > MOST_DAYS {
            wrong.push((format!("retention[{at}].days"), "between a day and a hundred years".into()));
        }
        if rules[..at].iter().any(|before| before.site == rule.site) {
            wrong.push((format!("retention[{at}].site"), "another rule is for this site".into()));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_due_when_the_last_of_its_sites_is() {
        let rule = |site: Option<&str>, days| Retention { site: site.map(str::to_owned), days };
        let rules = [rule(Some("A"), 10), rule(None, 30)];
        assert_eq!(due_ms(&rules, [("A", 5)]), Some(5 + 10 * DAY_MS));
        assert_eq!(due_ms(&rules, [("A", 0), ("B", 1)]), Some(1 + 30 * DAY_MS));
        // A site without a rule keeps what it has, and with it the subject.
        assert_eq!(due_ms(&rules[..1], [("A", 0), ("B", 0)]), None);
        assert_eq!(due_ms(&rules, []), None);
        assert_eq!(invalid_values(&[rule(None, 0), rule(None, 1)]).len(), 2);
    }
}
