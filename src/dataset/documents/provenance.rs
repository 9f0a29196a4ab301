//! W3C PROV as PROV-JSON (Submission of 24 April 2013): from every file over reads, readers, guidelines and decisions to the
//! SHA-256 of the files that came in.
//!
//! A read is the entity `gantry:read-N`, a series `gantry:series-UID`. Source files are known by their hashes, never by names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Series, Snapshot, time};
use crate::dataset::export::FileEntry;
use crate::snapshot::{Content, Standing};

/// The name space of identifiers.
const NAMESPACE: &str = "urn:gantry:";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A provenance document being put together.
#[derive(Debug, Clone, Default)]
pub struct Provenance {
    records: BTreeMap<&'static str, Map<String, Value>>,
}

impl Provenance {
    fn put(&mut self, kind: &'static str, id: String, attributes: Value) {
        self.records.entry(kind).or_default().insert(id, attributes);
    }

    /// A relation between two things, by the names of its ends.
    fn relate(&mut self, kind: &'static str, (a, from): (&str, &str), (b, to): (&str, &str)) {
        let relations = self.records.entry(kind).or_default();
        let id = format!("_:{kind}{}", relations.len() + 1);
        relations.insert(id, json!({ format!("prov:{a}"): from, format!("prov:{b}"): to }));
    }

    fn gantry(&mut self) -> String {
        let id = format!("gantry:gantry-{VERSION}");
        let about = json!({
            "prov:type": { "$": "prov:SoftwareAgent", "type": "prov:QUALIFIED_NAME" },
            "gantry:name": "Gantry", "gantry:version": VERSION,
        });
        self.put("agent", id.clone(), about);
        id
    }

    fn person(&mut self, name: &str) -> String {
        let id = format!("gantry:person-{}", short(name));
        let about = json!({
            "prov:type": { "$": "prov:Person", "type": "prov:QUALIFIED_NAME" }, "gantry:name": name,
        });
        self.put("agent", id.clone(), about);
        id
    }

    /// A snapshot, with the series in it.
    pub fn snapshot(&mut self, snapshot: &Snapshot, series: &[Series<'_>]) {
        let id = snapshot_id(snapshot);
        let about = json!({
            "prov:type": { "$": "prov:Collection", "type": "prov:QUALIFIED_NAME" },
            "gantry:name": snapshot.name, "gantry:id": snapshot.id, "gantry:root": snapshot.root,
            "prov:generatedAtTime": time(snapshot.created_ms),
        });
        self.put("entity", id.clone(), about);
        let gantry = self.gantry();
        self.relate("wasAttributedTo", ("entity", &id), ("agent", &gantry));
        for one in series {
            self.relate("hadMember", ("collection", &id), ("entity", &series_id(one.content)));
        }
    }

    /// A series: what came in, what de-identification made of it, and what readers said of it.
    pub fn series(&mut self, series: &Series<'_>) {
        let (content, gantry) = (series.content, self.gantry());
        let id = series_id(content);
        let of = short(&content.series_uid);
        let (source, deid) = (format!("gantry:source-{of}"), format!("gantry:deidentification-{of}"));
        let sources: BTreeSet<String> = series.images.iter().map(|i| hex::encode(i.source)).collect();
        let ledger: BTreeSet<String> = series.images.iter().map(|i| hex::encode(i.ledger)).collect();
        self.put(
            "entity",
            source.clone(),
            json!({ "prov:type": "gantry:SourceFiles", "gantry:sha256": sources }),
        );
        let about = json!({
            "prov:type": "gantry:Series", "gantry:series_uid": content.series_uid, "gantry:subject": content.subject,
            "gantry:site": content.site, "gantry:modality": content.modality,
            "gantry:instances": content.instances, "gantry:images_sha256": content.images,
            "gantry:harmonisation_rules": content.harmonised.rules,
        });
        self.put("entity", id.clone(), about);
        let about = json!({ "prov:type": "gantry:Deidentification", "gantry:ledger_sha256": ledger });
        self.put("activity", deid.clone(), about);
        self.relate("used", ("activity", &deid), ("entity", &source));
        self.relate("wasGeneratedBy", ("entity", &id), ("activity", &deid));
        self.relate("wasDerivedFrom", ("generatedEntity", &id), ("usedEntity", &source));
        self.relate("wasAssociatedWith", ("activity", &deid), ("agent", &gantry));
        if let Some(standing) = &content.standing {
            self.read(series, standing, &id);
        }
    }

    /// The read that stands: who, when, under which guideline, and who decided.
    fn read(&mut self, series: &Series<'_>, standing: &Standing, of: &str) {
        let read = format!("gantry:read-{}", standing.read);
        let reading = format!("gantry:reading-{}", standing.read);
        let gantry = self.gantry();
        let labels: Vec<Value> = standing.labels.iter().map(label).collect();
        // One read may be of several series: what it says of each is a part of it.
        let part = format!("gantry:labels-{}-{}", standing.read, short(&series.content.series_uid));
        self.put("entity", read.clone(), json!({ "prov:type": "gantry:Read", "gantry:read": standing.read }));
        self.put("entity", part.clone(), json!({ "prov:type": "gantry:Labels", "gantry:labels": labels }));
        self.relate("wasDerivedFrom", ("generatedEntity", &part), ("usedEntity", &read));
        self.relate("wasDerivedFrom", ("generatedEntity", &read), ("usedEntity", of));
        let began = standing.seconds.map(|s| standing.read_ms - (s * 1000.0) as i64);
        let mut about = json!({
            "prov:type": "gantry:Reading", "prov:endTime": time(standing.read_ms),
            "gantry:plan_version": standing.plan_version, "gantry:plan_sha256": standing.plan_digest,
        });
        if let Some(began) = began {
            about["prov:startTime"] = time(began).into();
        }
        self.put("activity", reading.clone(), without_nothing(about));
        self.relate("wasGeneratedBy", ("entity", &read), ("activity", &reading));
        self.relate("used", ("activity", &reading), ("entity", of));
        let guideline = format!("gantry:guideline-{}", short(&standing.guideline));
        let about = json!({
            "prov:type": "gantry:Guideline", "gantry:version": standing.guideline, "gantry:sha256": standing.document,
        });
        self.put("entity", guideline.clone(), without_nothing(about));
        self.relate("used", ("activity", &reading), ("entity", &guideline));
        self.relate("wasAssociatedWith", ("activity", &reading), ("agent", &gantry));
        if let Some(reader) = &series.reader {
            let reader = self.person(reader);
            self.relate("wasAssociatedWith", ("activity", &reading), ("agent", &reader));
            self.relate("wasAttributedTo", ("entity", &read), ("agent", &reader));
        }
        if !series.stands {
            return;
        }
        let decision = format!("gantry:decision-{}", standing.read);
        let about = json!({
            "prov:type": "gantry:Decision", "gantry:how": standing.how, "prov:endTime": time(standing.at_ms),
        });
        self.put("activity", decision.clone(), about);
        self.relate("used", ("activity", &decision), ("entity", &read));
        let by = series.by.as_deref().map_or(gantry, |by| self.person(by));
        self.relate("wasAssociatedWith", ("activity", &decision), ("agent", &by));
    }

    /// Files of an export: each is derived from its series and what was said of it, or from the whole.
    pub fn files(&mut self, snapshot: &Snapshot, files: &[FileEntry], series: &[Series<'_>]) {
        let (export, gantry) = ("gantry:export", self.gantry());
        self.put("activity", export.into(), json!({ "prov:type": "gantry:Export" }));
        self.relate("wasAssociatedWith", ("activity", export), ("agent", &gantry));
        let by_uid: BTreeMap<&str, &Content> =
            series.iter().map(|s| (s.content.series_uid.as_str(), s.content)).collect();
        for (number, file) in (1..).zip(files) {
            let id = format!("gantry:file-{number}");
            let about = json!({
                "prov:type": "gantry:File", "gantry:path": file.path, "gantry:sha256": file.sha256,
                "gantry:format": file.format,
            });
            self.put("entity", id.clone(), about);
            self.relate("wasGeneratedBy", ("entity", &id), ("activity", export));
            let of = file.series_uid.as_deref().and_then(|uid| by_uid.get(uid));
            let Some(content) = of else {
                self.relate(
                    "wasDerivedFrom",
                    ("generatedEntity", &id),
                    ("usedEntity", &snapshot_id(snapshot)),
                );
                continue;
            };
            self.relate("wasDerivedFrom", ("generatedEntity", &id), ("usedEntity", &series_id(content)));
            if let Some(standing) = &content.standing {
                let read = format!("gantry:read-{}", standing.read);
                self.relate("wasDerivedFrom", ("generatedEntity", &id), ("usedEntity", &read));
            }
        }
    }

    /// The document.
    pub fn json(&self) -> Value {
        let mut document = Map::from_iter([("prefix".to_owned(), json!({ "gantry": NAMESPACE }))]);
        document
            .extend(self.records.iter().map(|(kind, all)| ((*kind).to_owned(), Value::Object(all.clone()))));
        Value::Object(document)
    }
}

fn label(label: &crate::snapshot::FrozenLabel) -> Value {
    let mut words = format!("{} {}", label.structure, label.state.as_str());
    if let Some(instance) = label.instance {
        words = format!("{} {instance} {}", label.structure, label.state.as_str());
    }
    if let Some(value) = &label.value {
        words += &format!(" {value}");
    }
    if let Some(drawn) = &label.drawn {
        words += &format!(" sha256:{drawn}");
    }
    words.into()
}

/// Without attributes that have no value: PROV-JSON knows no null.
fn without_nothing(mut attributes: Value) -> Value {
    if let Some(attributes) = attributes.as_object_mut() {
        attributes.retain(|_, value| !value.is_null());
    }
    attributes
}

fn snapshot_id(snapshot: &Snapshot) -> String {
    format!("gantry:snapshot-{}", snapshot.id)
}

fn series_id(content: &Content) -> String {
    format!("gantry:series-{}", content.series_uid)
}

/// Digits that stand for a text in an identifier.
fn short(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

/// The chain of series as a tree, for people.
pub fn tree(series: &[Series<'_>]) -> String {
    let mut text = String::new();
    for one in series {
        let content = one.content;
        text += &format!("series {} ({}, {})\n", content.series_uid, content.modality, content.site);
        text += &format!("├─ subject {}\n", content.subject);
        let sources: BTreeSet<String> = one.images.iter().map(|i| hex::encode(i.source)).collect();
        let ledger: BTreeSet<String> = one.images.iter().map(|i| hex::encode(i.ledger)).collect();
        text += &format!("├─ {} instances, de-identified by Gantry\n", content.instances);
        text += &branch("│  ", "ledger", &ledger);
        text += &branch("│  ", "source", &sources);
        let Some(standing) = &content.standing else {
            text += "└─ no accepted labels\n";
            continue;
        };
        let by = one.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        let stands = format!(" {}{by} on {}", standing.how.as_str(), time(standing.at_ms));
        text += &format!("└─ read {}{}\n", standing.read, if one.stands { &stands } else { "" });
        let reader = one.reader.as_deref().unwrap_or("somebody");
        text += &format!("   ├─ read by {reader} on {}\n", time(standing.read_ms));
        let document = standing.document.as_deref().map(|d| format!(", sha256 {d}")).unwrap_or_default();
        text += &format!("   ├─ guideline {}{document}\n", standing.guideline);
        if let Some(version) = standing.plan_version {
            text += &format!("   ├─ plan version {version}\n");
        }
        for (at, one) in (1..).zip(&standing.labels) {
            let corner = if at == standing.labels.len() { "└" } else { "├" };
            text += &format!("   {corner}─ {}\n", label(one).as_str().unwrap_or_default());
        }
    }
    text
}

/// Hashes, a few of them.
fn branch(indent: &str, what: &str, hashes: &BTreeSet<String>) -> String {
    const SHOWN: usize = 3;
    let mut text: String =
        hashes.iter().take(SHOWN).map(|hash| format!("{indent}├─ {what} sha256 {hash}\n")).collect();
    if hashes.len() > SHOWN {
        text += &format!("{indent}├─ and {} more\n", hashes.len() - SHOWN);
    }
    text
}
