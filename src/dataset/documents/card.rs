//! The dataset card, after "Datasheets for Datasets" (Gebru et al. 2021): what only people know is asked for, never made up.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dataset, Series, day};
use crate::dataset::export::kinds;
use crate::snapshot::LabelState;

/// The card as Markdown.
pub fn text(dataset: &Dataset<'_>) -> String {
    let s = &dataset.snapshot;
    let mut text = format!("# {}\n\n", plain(&s.name));
    if !s.note.is_empty() {
        text += &format!("{}\n\n", plain(&s.note));
    }
    text += &table(
        ["", ""],
        &[
            ["Snapshot".into(), s.name.clone()],
            ["Identifier".into(), format!("`{}`", s.id)],
            ["Made".into(), day(s.created_ms)],
            ["Query".into(), s.query.clone().unwrap_or_else(|| "every series with accepted labels".into())],
            ["Series".into(), s.series.to_string()],
            ["Subjects".into(), s.subjects.to_string()],
            ["Instances".into(), s.instances.to_string()],
            ["Accepted labels".into(), format!("{}, *none* included", s.labels)],
            ["Written by".into(), format!("Gantry {}", env!("CARGO_PKG_VERSION"))],
        ],
    );
    text += &left_out(dataset);
    text += "\n## Composition\n\n";
    text += &composition(&dataset.series);
    text += "\n## Labels\n\n";
    text += &labels(&dataset.series);
    text += "\n## How labels were made\n\n";
    text += &reading(&dataset.series);
    text += "\n## De-identification\n\nEvery image was de-identified by Gantry before anything else was done with it: identifiers \
        were removed or replaced by pseudonyms, dates shifted by one distance for each subject, UIDs remapped. `provenance.json` \
        has the hash of the record of each.\n";
    text += "\n## Files\n\n`manifest.json` has every file with its SHA-256. `provenance.json` (W3C PROV-JSON) leads from each file \
        to the read, the reader, the guideline, who decided, and the SHA-256 of the source files. `croissant.json` (MLCommons \
        Croissant) describes the files for machines.\n";
    text += "\n## Not stated here\n\nPurpose, licence, consent and ethics approval, known limits, and who maintains the dataset are \
        for its owner to state.\n";
    text
}

fn left_out(dataset: &Dataset<'_>) -> String {
    if dataset.left_out.is_empty() {
        return String::new();
    }
    let kinds = kinds(dataset.left_out);
    let counts: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    format!("\nLeft out of these files: {}. `manifest.json` says of each why.\n", counts.join(", "))
}

/// Series and subjects by site, modality and split.
fn composition(series: &[Series<'_>]) -> String {
    type Of = fn(&Series<'_>) -> String;
    let groups: [(&str, Of); 3] = [
        ("Site", |s| s.content.site.clone()),
        ("Modality", |s| s.content.modality.clone()),
        ("Split", |s| s.split.unwrap_or("none").to_owned()),
    ];
    let mut rows = Vec::new();
    for (name, of) in groups {
        let mut counts: BTreeMap<String, (u64, BTreeSet<&str>)> = BTreeMap::new();
        for one in series {
            let count = counts.entry(of(one)).or_default();
            count.0 += 1;
            count.1.insert(&one.content.subject);
        }
        rows.extend(counts.into_iter().map(|(value, (n, subjects))| {
            [format!("{name}: {}", plain(&value)), n.to_string(), subjects.len().to_string()]
        }));
    }
    table(["", "Series", "Subjects"], &rows)
}

/// How often each structure was found, looked for and not found, and not looked at.
fn labels(series: &[Series<'_>]) -> String {
    let mut counts: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for one in series {
        let uid = one.content.series_uid.as_str();
        for label in one.content.labels() {
            let (found, none) = counts.entry(&label.structure).or_default();
            match label.state {
                LabelState::Found => found.insert(uid),
                LabelState::None => none.insert(uid),
            };
        }
    }
    let rows: Vec<[String; 4]> = counts
        .into_iter()
        .map(|(structure, (found, none))| {
            let not = series.len() - found.union(&none).count();
            [plain(structure), found.len().to_string(), none.len().to_string(), not.to_string()]
        })
        .collect();
    table(["Structure", "Series with it", "None", "Not looked at"], &rows)
}

fn reading(series: &[Series<'_>]) -> String {
    let mut how: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut readers, mut guidelines) = (BTreeSet::new(), BTreeSet::new());
    for one in series {
        let Some(standing) = &one.content.standing else { continue };
        *how.entry(standing.how.as_str()).or_default() += 1;
        readers.extend(one.reader.as_deref());
        guidelines.insert((standing.guideline.as_str(), standing.document.as_deref()));
    }
    let mut text = format!("{} readers. Series by how their labels came to stand: ", readers.len());
    let counts: Vec<String> = how.iter().map(|(how, n)| format!("{n} {how}")).collect();
    text += &format!("{}.\n", counts.join(", "));
    for (version, document) in guidelines {
        let hash = document.map(|d| format!(" (SHA-256 `{d}`)")).unwrap_or_default();
        text += &format!("\n- Guideline {}{hash}", plain(version));
    }
    text + "\n"
}

fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(|h| (*h).to_owned()).collect());
    text += &line(head.iter().map(|_| "---".to_owned()).collect());
    rows.iter().for_each(|row| text += &line(row.iter().map(|c| cell(c)).collect()));
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// A text that is no Markdown and no HTML.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '*' | '_' | '`' | '[' | ']' | '#' | '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}
