//! De-identification as the line needs it: one profile and secret, shared by every worker.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::study_identifiers::StudyIdentifiers;
use crate::bytes::{ByteSource, SpillConfig};
use crate::catalog::{LedgerLine, NewInstance, ProfileName};
use crate::config::Deid;
use crate::deid::{
    Action, CleanedAgain, Context, Deidentifier, Facts, Kind, Outcome, Profile, ProfileOption, Record,
    Secret, Uncleaned,
};
use crate::dicom::{Charset, Contents, DataSet, Element, File, ReadError, ReadOptions, Value, keyword};
use crate::model::words::io_words;
use crate::model::{Drawing, Person, Tag, Vr, text};

/// Ledger lines that are remembered, for the next instance with the same.
const RECENT_LINES: usize = 8;
/// Attributes that the console shows of a file, at most.
const MAX_ROWS: usize = 2_000;
/// Characters of a value that the console shows.
const MAX_CHARS: usize = 80;

/// De-identifies instances of one workspace.
pub struct Deidentify {
    engine: Deidentifier,
    lines: Mutex<VecDeque<(Record, LedgerLine)>>,
}

/// A source file that was read, or why it cannot be.
pub type ReadFile<'s> = Result<File<'s>, ReadError>;

/// What becomes of a source file.
pub enum Verdict {
    /// It was made safe and verified.
    Stored(Box<Made>),
    /// It is kept on the landing side until a person or a later version passes it.
    Quarantined {
        /// A stable code.
        reason: String,
        /// In words that hold nothing from the file.
        detail: String,
    },
    /// Nothing is decided: the disk has no room for what is made of it.
    Failed(String),
    /// It is never processable.
    Rejected {
        /// A stable code.
        reason: String,
        /// In words that hold nothing from the file.
        detail: String,
    },
}

/// A file that was made safe.
pub struct Made {
    /// The new file.
    pub bytes: ByteSource<'static>,
    /// Its row, without the hashes of source and stored bytes.
    pub instance: NewInstance,
}

/// Whom and what a source file names. It identifies: it is held in memory and on the landing side alone.
pub struct NamedStudy {
    /// The remapped UID of its study.
    pub study_uid: String,
    /// Names, numbers, places.
    pub identifiers: Vec<(Kind, String)>,
    /// Who the subject is said to be.
    pub person: Person,
}

/// An attribute of a file and what the profile does with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The tag, with those of the sequences around it before it.
    pub tag: String,
    /// The keyword; empty for what the dictionary does not know.
    pub keyword: String,
    /// The value representation.
    pub vr: String,
    /// The beginning of the value as it stands: PHI, unless `harmless`.
    pub value: String,
    /// The class of action.
    pub action: String,
    /// The profile keeps the value as it stands.
    pub harmless: bool,
}

impl Deidentify {
    /// De-identification as configured.
    ///
    /// # Errors
    /// The profile or an option is not known, in words for who wrote the configuration.
    pub fn new(root: &Path, config: &Deid, secret: [u8; 32]) -> Result<Self, String> {
        let mut profile = if config.profiles.is_empty() {
            Profile::built_in(&config.profile)
        } else {
            let document = std::fs::read_to_string(root.join(&config.profiles)).map_err(|e| {
                format!("{}, which deid.profiles names: {}", config.profiles, io_words(e.kind()))
            })?;
            Profile::from_toml(&document, &config.profile)
        }
        .map_err(|e| e.to_string())?;
        for name in &config.options {
            let option =
                ProfileOption::from_name(name).ok_or_else(|| format!("no option is called {name:?}"))?;
            profile = profile.with_option(option);
        }
        profile
            .move_dates(config.date_shift.as_ref(), config.shift_times)
            .and_then(|()| profile.narrow(config.patient_characteristics.as_deref()))
            .map_err(|e| e.to_string())?;
        let engine = Deidentifier::new(profile, &Secret::new(secret)).map_err(|e| e.to_string())?;
        Ok(Self { engine, lines: Mutex::default() })
    }

    /// The ledger line of a record; those of a series are mostly the same, and written once.
    fn line(&self, record: Record) -> LedgerLine {
        let lines = || self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, line)) = lines().iter().find(|(r, _)| *r == record) {
            return line.clone();
        }
        let line = LedgerLine::new(&serde_json::to_string(&record).unwrap_or_default());
        let mut lines = lines();
        lines.truncate(RECENT_LINES - 1);
        lines.push_front((record, line.clone()));
        line
    }

    /// The replacement of a source's UID.
    pub fn uid(&self, original: &str) -> String {
        self.engine.uid(original)
    }

    /// What a person typed about a study that is known to name these, cleaned like any free text.
    pub fn clean_words(&self, typed: &str, known: &[(Kind, String)]) -> String {
        self.engine.clean_words(typed, known)
    }

    /// The name of a structure of a study that is known to name these, without what identifies.
    pub fn clean_name(&self, name: &str, known: &[(Kind, String)]) -> String {
        self.engine.clean_name(name, known)
    }

    /// A pseudonym for a reader, for what leaves the workspace.
    pub fn reader(&self, name: &str) -> String {
        self.engine.pseudonym("reader", name)
    }

    /// The salt of what a snapshot holds of a series: known to who has the secret alone, until it is stored.
    pub fn salt(&self, content: &str) -> Vec<u8> {
        self.engine.pseudonym("snapshot", content).into_bytes()
    }

    /// A pseudonym for the name that a source gives an item.
    pub fn item(&self, original: &str) -> String {
        self.engine.pseudonym("item", original)
    }

    /// Whom and what a source file names, with the remapped UID of its study; `None` where it is no DICOM or belongs
    /// to no study. A file that is damaged further on is read as far as it goes.
    pub fn named(&self, source: &Contents<'_>) -> Option<NamedStudy> {
        self.named_in(source, &Self::read(source))
    }

    /// Reads a source: all of it, for elements may stand behind the pixels.
    pub fn read<'s>(source: &'s Contents<'_>) -> ReadFile<'s> {
        let read = || source.read(ReadOptions::default());
        catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(ReadError::Defect))
    }

    /// As [`Deidentify::named`], of a source that was read.
    pub fn named_in(&self, source: &Contents<'_>, read: &ReadFile<'_>) -> Option<NamedStudy> {
        let look = || {
            let header;
            let file = match read {
                Ok(file) => file,
                Err(_) => {
                    header = source.read(ReadOptions { header_only: true, partial: false }).ok()?;
                    &header
                }
            };
            let named = self.engine.named(&file.dataset)?;
            let study_uid = self.engine.study_uid(&named);
            Some(NamedStudy { study_uid, identifiers: named.identifiers, person: named.person })
        };
        catch_unwind(AssertUnwindSafe(look)).ok().flatten()
    }

    /// Cleans a stored file of what its study names; `None` where nothing changes.
    ///
    /// # Errors
    /// It holds something that no cleaning reaches, or cannot be read.
    pub fn clean_again(
        &self,
        stored: &Contents<'_>,
        names: &StudyIdentifiers,
        scratch: SpillConfig<'_>,
    ) -> Result<Option<CleanedAgain>, Uncleaned> {
        let clean = || self.engine.clean_again(stored, &names.identifiers, scratch);
        catch_unwind(AssertUnwindSafe(clean)).unwrap_or_else(|_| Err(Uncleaned::defect()))
    }

    /// The profile in force, as ledger lines name it, and the profile itself as JSON.
    pub fn profile(&self) -> (ProfileName, String) {
        let profile = self.engine.profile();
        let options: Vec<&str> = profile.options.iter().map(|o| o.name()).collect();
        let name = ProfileName {
            name: profile.name.clone(),
            options: serde_json::to_string(&options).unwrap_or_default(),
            fingerprint: profile.fingerprint(),
        };
        (name, serde_json::to_string(profile).unwrap_or_default())
    }

    /// Takes out of a file that was stored under another profile what the one in force does not leave.
    ///
    /// # Errors
    /// The profile in force leaves more, or the file cannot be cleaned.
    pub fn bring_under(
        &self,
        was: &Profile,
        stored: &Contents<'_>,
        names: &StudyIdentifiers,
        scratch: SpillConfig<'_>,
    ) -> Result<CleanedAgain, Uncleaned> {
        let bring = || self.engine.bring_under(was, stored, &names.identifiers, scratch);
        catch_unwind(AssertUnwindSafe(bring)).unwrap_or_else(|_| Err(Uncleaned::defect()))
    }

    /// Masks in a stored file what a person has drawn.
    ///
    /// # Errors
    /// It cannot be masked.
    pub fn mask_stored(
        &self,
        stored: &Contents<'_>,
        names: &StudyIdentifiers,
        drawing: &Arc<Drawing>,
        scratch: SpillConfig<'_>,
    ) -> Result<CleanedAgain, Uncleaned> {
        let mask = || self.engine.mask_stored(stored, &names.identifiers, drawing, scratch);
        catch_unwind(AssertUnwindSafe(mask)).unwrap_or_else(|_| Err(Uncleaned::defect()))
    }

    /// Judges one source file, as it was read, in its context; `generation` is that of what its study is known to name.
    /// A defect in the judging quarantines the file: nothing that was not verified is stored.
    pub fn judge(
        &self,
        source: &Contents<'_>,
        read: ReadFile<'_>,
        context: &Context<'_>,
        generation: i64,
    ) -> Verdict {
        match catch_unwind(AssertUnwindSafe(|| self.engine.process_read(source, read, context))) {
            Ok(Err(no_room)) => Verdict::Failed(no_room.to_string()),
            Ok(Ok(Outcome::Written { bytes, facts, record })) => {
                let mut instance = instance(*facts, context.site, self.line(*record));
                instance.known = generation;
                Verdict::Stored(Box::new(Made { bytes, instance }))
            }
            Ok(Ok(Outcome::Quarantined { reason, detail, .. })) => {
                Verdict::Quarantined { reason: reason.code().into(), detail }
            }
            Ok(Ok(Outcome::Rejected { reason, detail, .. })) => {
                Verdict::Rejected { reason: reason.code().into(), detail }
            }
            Err(_) => {
                let detail = "a defect in de-identification".into();
                Verdict::Quarantined { reason: "cannot_be_made_safe".into(), detail }
            }
        }
    }

    /// What the search for burned-in text would mask, and how many frames there are.
    ///
    /// # Errors
    /// In words that hold nothing from the file.
    pub fn suggest(&self, source: &Contents<'_>) -> Result<(Drawing, u32), String> {
        catch_unwind(AssertUnwindSafe(|| self.engine.suggest(source)))
            .unwrap_or_else(|_| Err("a defect in the search for burned-in text".into()))
    }

    /// The attributes of a file, in order, with what the profile does with each.
    pub fn explain(&self, source: &Contents<'_>) -> Vec<Attribute> {
        let explained = catch_unwind(AssertUnwindSafe(|| self.engine.explain(source, false)));
        let actions: BTreeMap<Tag, Action> = explained
            .ok()
            .and_then(Result::ok)
            .unwrap_or_default()
            .into_iter()
            .map(|e| (e.tag, e.action))
            .collect();
        let mut rows = Vec::new();
        if let Ok(file) = source.read(ReadOptions::default()) {
            walk(&file.dataset, "", &Charset::default(), &actions, &mut rows);
        }
        rows
    }
}

fn instance(facts: Facts, site: &str, record: LedgerLine) -> NewInstance {
    NewInstance {
        sop_uid: facts.sop_uid,
        source_hash: String::new(),
        blob: String::new(),
        bytes: 0,
        series_uid: facts.series_uid,
        study_uid: facts.study_uid,
        subject: facts.subject,
        site: site.into(),
        sop_class: facts.sop_class,
        modality: facts.modality,
        syntax: facts.syntax,
        scanner: facts.scanner,
        record,
        known: 0,
    }
}

fn walk(
    set: &DataSet<'_>,
    path: &str,
    outer: &Charset,
    actions: &BTreeMap<Tag, Action>,
    rows: &mut Vec<Attribute>,
) {
    let charset = set.charset(outer);
    for element in set.elements() {
        if rows.len() >= MAX_ROWS {
            return;
        }
        let action = actions.get(&element.tag).copied();
        let tag = format!("{path}{}", element.tag);
        rows.push(Attribute {
            keyword: keyword(element.tag).unwrap_or_default().into(),
            vr: element.vr.to_string(),
            value: shown(element, &charset),
            action: action.map_or("–".into(), name),
            harmless: action == Some(Action::Kept),
            tag: tag.clone(),
        });
        if let Value::Items(items) = &element.value {
            for (i, item) in items.iter().enumerate() {
                walk(item, &format!("{tag}[{}] ", i + 1), &charset, actions, rows);
            }
        }
    }
}

/// The beginning of a value as text on one line.
fn shown(element: &Element<'_>, charset: &Charset) -> String {
    match &element.value {
        Value::Items(items) => format!("{} items", items.len()),
        Value::Fragments(f) => format!("{} fragments", f.fragments.len()),
        Value::Stored(extent) => format!("{} bytes", extent.len()),
        Value::Unread(_) => String::new(),
        Value::Bytes(bytes) if element.vr.is_string() => {
            let head = &bytes[..bytes.len().min(4 * MAX_CHARS)];
            text::visible(charset.decode(head, element.vr).trim_end_matches([' ', '\0']))
                .chars()
                .take(MAX_CHARS)
                .collect()
        }
        Value::Bytes(bytes) if matches!(element.vr, Vr::OB | Vr::OW | Vr::OF | Vr::OD | Vr::UN) => {
            format!("{} bytes", bytes.len())
        }
        Value::Bytes(_) => {
            let numbers: Vec<String> = element.numbers().iter().take(8).map(ToString::to_string).collect();
            numbers.join("\\")
        }
    }
}

fn name(action: Action) -> String {
    serde_json::to_value(action)
        .ok()
        .and_then(|v| v.as_str().map(|s| s.replace('_', " ")))
        .unwrap_or_default()
}

/// Why a file is not taken in: its subject has withdrawn.
pub const WITHDRAWN: &str = "withdrawn";
/// The reason of a copy of what is stored: a person doubts its masks.
pub const MASKS_QUESTIONED: &str = "masks_questioned";

/// A reason's code in a person's words.
pub fn explain_reason(code: &str) -> &str {
    match code {
        "not_dicom" => "not a DICOM file",
        "dicomdir" => "a DICOMDIR: it lists files and is none itself",
        "unreadable" => "the file cannot be read from its medium",
        "too_large" => "the file is larger than 4 GiB, or its archive expands beyond all measure",
        "unsafe_archive_member" => {
            "an archive's member that is a trap: a path elsewhere, a link, a device, encrypted"
        }
        "archive_unreadable" => "the archive, or its member, cannot be unpacked",
        "truncated" => "the file ends before it is complete",
        "lying_length" => "an element's length reaches beyond what holds it",
        "malformed" => "no element can begin where one should",
        "nested_too_deep" => "sequences nested deeper than any real object",
        "too_many_elements" => "more elements than any real object",
        "deflate_broken" => "the deflated data set is broken",
        "expands_too_far" => "what its header holds, or what it inflates to, is beyond all measure",
        "unknown_syntax" => "its transfer syntax is not known",
        "missing_uid" => "it lacks a UID that every instance has",
        "pixels_unchecked" => {
            "its pixels may carry burned-in text and could not be searched: somebody must look"
        }
        "pixels_doubtful" => "its pixels may show a name or a face, or none: somebody must look",
        "found_without_row" => {
            "its copy was found on the landing side without a record of where it came from"
        }
        MASKS_QUESTIONED => "it is stored, and somebody doubts its masks: look, and draw or lift them",
        WITHDRAWN => "its subject has withdrawn from the dataset",
        "cannot_be_made_safe" => "it could not be made safe",
        other => other,
    }
}
