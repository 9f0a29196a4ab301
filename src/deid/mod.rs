//! De-identification after PS3.15 annex E: what identifies is taken away or replaced, what research needs stays, and
//! the result is read back and searched before anybody sees it.

mod again;
mod binary;
mod date;
mod explain;
mod identity;
mod keys;
mod lint;
mod mark;
mod matcher;
mod memo;
mod outcome;
mod patterns;
mod pixels;
mod plan;
mod private;
mod profile;
mod recent;
mod record;
mod rework;
mod scrub;
mod stricter;
mod study_identifiers;
pub mod table;
mod text;
mod uid;
mod values;
mod vault;
mod verify;
mod words;

pub use again::{CleanedAgain, Uncleaned, drawn_by_person, masks_of};
pub use explain::Explained;
pub use identity::Kind;
pub use keys::{Secret, SecretError};
pub use lint::Lint;
pub use outcome::{Facts, Outcome};
pub use pixels::{HELD_AT_ONCE, PixelRule, SearchError};
pub use profile::{Override, Profile, ProfileError, ReviewMasks};
pub use record::{Action, ActionEntry, Mask, Reason, Record};
pub use study_identifiers::{Known, Named, NoIdentifiers};
pub use table::ProfileOption;
pub use vault::{Recipient, VaultEntry, VaultError, VaultKey};

use date::Shift;
use explain::Trace;
use identity::Identity;
use keys::Keys;
use outcome::{ProcessError, Refusal, facts, outcome_of, reason_of};
use pixels::{Need, PixelReview, Rules, Search, Share};
use plan::Plans;
use recent::Recent;
use scrub::Scrub;
use text::Cleaner;

use crate::bytes::{ByteSource, NoRoom, SpillConfig};
use crate::dicom::codec::PixelError;
use crate::dicom::{self, Charset, Contents, DataSet, File, ReadError, ReadOptions, Syntax, Value};
use crate::model::{Drawing, Tag, Vetting, tags};
use crate::ocr::Tesseract;

/// What is known about a source file beside its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The site that sent it: who issued the Patient ID where the file does not say.
    pub site: &'a str,
    /// What a person has said of its pixels.
    pub vetting: &'a Vetting,
    /// Who is known from other instances of the study.
    pub known: &'a dyn Known,
    /// Where what is made of large files is put aside, sealed.
    pub scratch: SpillConfig<'a>,
}

impl Default for Context<'_> {
    fn default() -> Self {
        Self { site: "", vetting: &Vetting::None, known: &NoIdentifiers, scratch: SpillConfig::default() }
    }
}

/// De-identifies instances by one profile and one secret. Built once, shared by every thread.
#[derive(Debug)]
pub struct Deidentifier {
    profile: Profile,
    plans: Plans,
    keys: Keys,
    options: Vec<&'static str>,
    fingerprint: String,
    ocr: Option<Tesseract>,
    recent: Recent,
}

impl Deidentifier {
    /// De-identification by this profile, with pseudonyms from this secret.
    ///
    /// # Errors
    /// [`ProfileError::Tesseract`]: the profile asks for it, and it is not installed.
    pub fn new(profile: Profile, secret: &Secret) -> Result<Self, ProfileError> {
        let plans = Plans::new(&profile);
        let options = profile.options.iter().map(|o| o.name()).collect();
        let ocr = profile.ocr.then(Tesseract::find).transpose().map_err(|_| ProfileError::Tesseract)?;
        let fingerprint = profile.fingerprint();
        let keys = Keys::new(secret);
        Ok(Self { profile, plans, keys, options, fingerprint, ocr, recent: Recent::default() })
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Whom and what an instance names, for the other instances of its study; its header is enough.
    pub fn named(&self, header: &DataSet<'_>) -> Option<Named> {
        Named::of(header, &self.plans)
    }

    /// What a person typed about something of a study, cleaned like any free text: what identifies goes, what the study is
    /// known to name first of all, and a mark stays for it; empty where all of it had to go.
    pub fn clean_words(&self, typed: &str, known: &[(Kind, String)]) -> String {
        let mut identity = Identity::default();
        known.iter().for_each(|(kind, value)| identity.add(value, *kind));
        let cleaner = Cleaner { identity: &identity, allowed: &self.profile.allow_words };
        cleaner.clean(typed.trim(), text::Strictness::Terms).into_owned()
    }

    /// The name of a structure of a study, cleaned like any technical text: all of it stays but what identifies.
    pub fn clean_name(&self, name: &str, known: &[(Kind, String)]) -> String {
        let mut identity = Identity::default();
        known.iter().for_each(|(kind, value)| identity.add(value, *kind));
        let cleaner = Cleaner { identity: &identity, allowed: &self.profile.allow_words };
        cleaner.clean(name.trim(), text::Strictness::Technical).into_owned()
    }

    /// The replacement of a UID: what stands in every output where this one stood.
    pub fn uid(&self, original: &str) -> String {
        self.keys.uid(original.trim_matches(['\0', ' ']))
    }

    /// A pseudonym for a name or number of some kind.
    pub fn pseudonym(&self, kind: &str, original: &str) -> String {
        self.keys.pseudonym(kind, original.as_bytes())
    }

    /// De-identifies one source file.
    ///
    /// # Errors
    /// [`NoRoom`]: nothing is decided about the file.
    pub fn process(&self, source: &Contents<'_>, context: &Context<'_>) -> Result<Outcome, NoRoom> {
        self.process_read(source, source.read(ReadOptions::default()), context)
    }

    /// As [`Deidentifier::process`], of a source that was read as a whole.
    ///
    /// # Errors
    /// As there.
    pub fn process_read(
        &self,
        source: &Contents<'_>,
        read: Result<File<'_>, ReadError>,
        context: &Context<'_>,
    ) -> Result<Outcome, NoRoom> {
        match self.attempt(source, read, context) {
            Ok((bytes, facts, record)) => {
                Ok(Outcome::Written { bytes, facts: Box::new(facts), record: Box::new(record) })
            }
            Err(ProcessError::Refusal(refusal)) => Ok(outcome_of(refusal)),
            Err(ProcessError::NoRoom(no_room)) => Err(no_room),
        }
    }

    /// The outcome for a source that cannot even be looked at. `detail` must hold nothing from it.
    pub fn refuse(&self, reason: Reason, detail: &str) -> Outcome {
        let record = self.record(Vec::new());
        outcome_of(Refusal { reason, detail: detail.into(), record })
    }

    /// What would happen to each attribute, in the order of the data set; with its value only if `values`.
    ///
    /// # Errors
    /// The reason for which the file is refused before anything is looked at.
    pub fn explain(&self, source: &Contents<'_>, values: bool) -> Result<Vec<Explained>, Reason> {
        let file = self.read(source).map_err(|stop| stop.into_reason().0)?;
        let context = Context::default();
        let identity = self.identity(&file.dataset, &context).map_err(|refusal| refusal.reason)?;
        let (subject, shift) = self.subject(&file.dataset, &context);
        let cleaner = Cleaner { identity: &identity, allowed: &self.profile.allow_words };
        let sop_class = file.dataset.ascii(tags::SOP_CLASS_UID).unwrap_or_default().to_string();
        let mut scrub = Scrub::new(&self.plans, &self.keys, subject, shift, cleaner, sop_class);
        scrub.trace = Some(Trace { values, ..Trace::default() });
        let pixels = self.why_pixels(&file.dataset);
        scrub.data_set(file.dataset, &Charset::default());
        let mut rows = scrub.trace.map(|trace| trace.rows).unwrap_or_default();
        if let Some(row) = rows.iter_mut().find(|r| r.depth == 0 && r.tag == tags::PIXEL_DATA) {
            row.why = pixels;
        }
        Ok(rows)
    }

    /// What the profile would mask of an instance's pixels, for a person to decide, and how many frames there are.
    ///
    /// # Errors
    /// In words that hold nothing from the file: it cannot be read, or its pixels cannot be searched.
    pub fn suggest(&self, source: &Contents<'_>) -> Result<(Drawing, u32), String> {
        let file = self.read(source).map_err(|stop| stop.into_reason().1)?;
        let share = self.share(&file, &Context::default()).map_err(|stop| stop.into_reason().1)?;
        let search = Search { lanes: share.lanes.max(1), ..self.search(SpillConfig::default()) };
        search.suggest(&file.dataset, &file.syntax.uid).map_err(|e| e.to_string())
    }

    fn attempt(
        &self,
        source: &Contents<'_>,
        read: Result<File<'_>, ReadError>,
        context: &Context<'_>,
    ) -> Result<(ByteSource<'static>, Facts, Record), ProcessError> {
        let mut file = self.usable(read)?;
        let share = self.share(&file, context)?;
        // Whoever holds memory asks for no more.
        let bytes = Some(source.working_bytes() + share.bytes).filter(|_| !source.holds_memory());
        let _held = bytes.filter(|bytes| *bytes > SMALL).and_then(|bytes| context.scratch.hold(bytes));
        self.strip_hidden_bytes(&mut file, context)?;
        let pixels = take_pixels(&mut file.dataset);
        let set = &file.dataset;
        let identity = self.identity(set, context)?;
        let (subject, shift) = self.subject(set, context);
        let scanner = self.scanner(set);
        let mut syntax =
            if file.syntax.is_native() { Syntax::EXPLICIT_LE.to_string() } else { file.syntax.uid.clone() };
        let sop_class = set.ascii(tags::SOP_CLASS_UID).unwrap_or_default().to_string();
        let pixel_data = pixels.iter().find(|(tag, _)| *tag == tags::PIXEL_DATA).map(|(_, value)| value);
        let search = Search { lanes: share.lanes.max(1), ..self.search(context.scratch) };
        let look = search.look(set, pixel_data, &file.syntax.uid, context.vetting)?;
        let face = pixels::face_recognisable(set);
        let cleaner = Cleaner { identity: &identity, allowed: &self.profile.allow_words };
        let mut scrub = Scrub::new(&self.plans, &self.keys, subject, shift, cleaner, sop_class.clone());
        let mut before = verify::Image::of(set, &pixels);
        let derived = matches!(look, PixelReview::Redacted(_)).then(|| pixels::derived(set));
        let mut clean = scrub.data_set(file.dataset, &Charset::default());
        put_pixels(&mut clean, &pixels);
        if let (PixelReview::Redacted(seen), Some(image_type)) = (&look, derived) {
            syntax.clone_from(&seen.masked.syntax);
            mark::put_masked(seen, image_type, &mut clean, &mut before, &mut scrub);
        }
        let changed = match &look {
            PixelReview::Redacted(seen) => (seen.has_masks(), seen.has_blurred()),
            _ => (false, false),
        };
        self.mark(&mut clean, &mut scrub, changed);
        let mut record = self.record(scrub.actions.into_keys().collect());
        if face && !changed.1 {
            record.notes.push(FACE.into());
        }
        let refuse = |reason, detail: String, record| Err(Refusal { reason, detail, record }.into());
        match &look {
            PixelReview::Unmodified => {}
            PixelReview::Redacted(seen) => {
                record.masks.clone_from(&seen.masks);
                record.notes.extend(seen.masked.note.clone());
            }
            PixelReview::Unsearchable(detail) => {
                return refuse(Reason::PixelsUnchecked, detail.clone(), record);
            }
            PixelReview::Inconclusive(detail) => {
                return refuse(Reason::PixelsDoubtful, detail.clone(), record);
            }
        }
        let facts = facts(&clean, sop_class, subject.pseudonym(), scanner, &syntax);
        let bytes = match written(&clean, &syntax, context.scratch) {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.unreadable(&error)),
        };
        if let Err(problem) = verify::check(&bytes, &clean, &identity, &before) {
            return refuse(Reason::CannotBeMadeSafe, problem.to_string(), record);
        }
        if let PixelReview::Redacted(seen) = &look {
            // Its part of the memory is held already.
            let output = Contents::of(bytes.borrowed(), SpillConfig::default());
            let read = output.read(ReadOptions::default());
            if !read.is_ok_and(|o| seen.agrees(&o.dataset, &o.syntax.uid)) {
                let detail =
                    "its pixels are not what they were outside the masks, or not filled inside".into();
                return refuse(Reason::CannotBeMadeSafe, detail, record);
            }
        }
        if let Err(error) = source.check_unchanged() {
            return refuse(reason_of(&error), error.to_string(), record);
        }
        record.verified = true;
        Ok((bytes, facts, record))
    }

    /// The memory that the pixels take.
    fn share(&self, file: &File<'_>, context: &Context<'_>) -> Result<Share, ProcessError> {
        let search = self.search(context.scratch);
        search.share(&file.dataset, &file.syntax.uid, context.vetting).ok_or_else(|| {
            let (reason, record) = (Reason::PixelsUnchecked, self.record(Vec::new()));
            Refusal { reason, detail: TOO_LARGE.into(), record }.into()
        })
    }

    /// Takes out of the pixel data what is no pixel, streams and unused bits included.
    fn strip_hidden_bytes(&self, file: &mut File<'_>, context: &Context<'_>) -> Result<(), ProcessError> {
        let refuse = |detail: String| Refusal {
            reason: Reason::CannotBeMadeSafe,
            detail,
            record: self.record(Vec::new()),
        };
        if let Some(tag) = verify::not_a_number(&file.dataset) {
            return Err(refuse(format!("{tag} should hold a number and does not")).into());
        }
        let hides = "pixel data that cannot be parsed may hide anything";
        dicom::codec::strip(file, context.scratch).map_err(|error| match error {
            PixelError::NoRoom(no_room) => ProcessError::NoRoom(no_room),
            error => refuse(format!("{hides}: {error}")).into(),
        })?;
        let cleared = pixels::cleared(&file.dataset, context.scratch);
        let cleared = cleared.map_err(|error| self.unreadable(&error))?;
        if let (Some(cleared), Some(element)) = (cleared, file.dataset.get_mut(tags::PIXEL_DATA)) {
            element.value = cleared.into();
        }
        Ok(())
    }

    /// A source that cannot be read to its end, where it is not the room for the output that is missing.
    fn unreadable(&self, error: &std::io::Error) -> ProcessError {
        let read = |error: &std::io::Error| Refusal {
            reason: Reason::Unreadable,
            detail: ReadError::Io(error.kind()).to_string(),
            record: self.record(Vec::new()),
        };
        NoRoom::of(error).map_or_else(|| read(error).into(), ProcessError::NoRoom)
    }

    fn search<'s>(&'s self, scratch: SpillConfig<'s>) -> Search<'s> {
        let rules = Rules { own: &self.profile.masks, built_in: self.profile.maker_masks };
        Search {
            on: self.profile.search_pixels,
            rules,
            ocr: self.ocr.as_ref(),
            review: self.profile.review_masks,
            faces: self.profile.blur_faces,
            scratch,
            lanes: 1,
        }
    }

    /// What becomes of the pixels, in words.
    fn why_pixels(&self, set: &DataSet<'_>) -> String {
        let search = self.search(SpillConfig::default());
        let text = match (search.need(set), search.on) {
            (Need::No, _) => "there are none",
            (Need::QuickLook, true) => {
                "looked at: where there is text, which is not to be expected, quarantined"
            }
            (_, true) => "searched for burned-in text, which is masked (search_pixels)",
            (Need::Must, false) => {
                "may carry burned-in text and is not searched (search_pixels = false): quarantined"
            }
            (Need::QuickLook | Need::Search, false) => {
                "kept as they are, not searched (search_pixels = false)"
            }
        };
        let rules: Vec<&str> = search.rules.of(set).into_iter().map(|rule| &*rule.name).collect();
        let face = search.faces && pixels::face_recognisable(set);
        let mut why = text.to_string();
        if !rules.is_empty() {
            why += &format!("; masked by rule: {}", rules.join(", "));
        }
        why + if face { "; the face is blurred (blur_faces)" } else { "" }
    }

    fn read<'b>(&self, source: &'b Contents<'_>) -> Result<File<'b>, ProcessError> {
        self.usable(source.read(ReadOptions::default()))
    }

    /// A file that was read, where it can be worked on.
    fn usable<'b>(&self, read: Result<File<'b>, ReadError>) -> Result<File<'b>, ProcessError> {
        let refuse = |reason, detail: String| {
            ProcessError::from(Refusal { reason, detail, record: self.record(Vec::new()) })
        };
        let file = read.map_err(|error| match error {
            ReadError::NoRoom(no_room) => no_room.into(),
            error => refuse(reason_of(&error), error.to_string()),
        })?;
        if file.is_directory() {
            return Err(refuse(Reason::Dicomdir, "a DICOMDIR guides reading and is never passed on".into()));
        }
        if file.truncated_at.is_some() {
            return Err(refuse(Reason::Truncated, "the file ends before it is complete".into()));
        }
        if !file.syntax.is_native() && !verify::knows_syntax(&file.syntax.uid) {
            return Err(refuse(Reason::UnknownSyntax, "its transfer syntax is not known".into()));
        }
        for tag in [tags::SOP_INSTANCE_UID, tags::SERIES_INSTANCE_UID] {
            if file.dataset.ascii(tag).is_none() {
                return Err(refuse(Reason::MissingUid, format!("it has no {tag}")));
            }
        }
        Ok(file)
    }

    fn identity(&self, set: &DataSet<'_>, context: &Context<'_>) -> Result<Identity, Refusal> {
        let known = match set.ascii(tags::STUDY_INSTANCE_UID) {
            Some(study) => context.known.of(study).ok_or_else(|| Refusal {
                reason: Reason::CannotBeMadeSafe,
                detail: "whom the other instances of its study name cannot be looked up".into(),
                record: self.record(Vec::new()),
            })?,
            None => [].into(),
        };
        Ok(self.recent.identity(set, &self.plans, &known))
    }

    fn subject(&self, set: &DataSet<'_>, context: &Context<'_>) -> (keys::Subject, Shift) {
        let charset = set.charset(&Charset::default());
        let text = |tag| set.text(tag, &charset).unwrap_or_default();
        let issuer = Some(text(tags::ISSUER_OF_PATIENT_ID)).filter(|i| !i.is_empty());
        let subject = self.keys.subject(
            issuer.as_deref().unwrap_or(context.site),
            &text(tags::PATIENT_ID),
            set.ascii(tags::STUDY_INSTANCE_UID).unwrap_or_default(),
        );
        let shift = match self.plans.dates {
            Some(true) => self.keys.shift(&subject, &self.profile.shift_rule()),
            _ => Shift::NONE,
        };
        (subject, shift)
    }

    /// The keyed identity of the scanner: of its serial number with who made it and what it is.
    fn scanner(&self, set: &DataSet<'_>) -> Option<String> {
        let text = |tag| set.ascii(tag).unwrap_or_default().trim().to_ascii_uppercase();
        let serial = text(tags::DEVICE_SERIAL_NUMBER);
        // Zeros and stars stand for a number that was taken away.
        if !serial.bytes().any(|b| b.is_ascii_alphanumeric() && b != b'0') {
            return None;
        }
        let identity = [text(tags::MANUFACTURER), text(tags::MANUFACTURER_MODEL_NAME), serial].join("\n");
        Some(self.pseudonym("scanner", &identity))
    }

    fn record(&self, actions: Vec<ActionEntry>) -> Record {
        Record {
            profile: self.profile.name.clone(),
            options: self.options.clone(),
            fingerprint: self.fingerprint.clone(),
            version: env!("CARGO_PKG_VERSION"),
            actions,
            masks: Vec::new(),
            notes: Vec::new(),
            verified: false,
        }
    }
}

/// Takes the pixel data out of a data set: it is not copied, whatever becomes of the rest. What stays in its place is
/// empty.
fn take_pixels<'a>(set: &mut DataSet<'a>) -> Vec<(Tag, Value<'a>)> {
    let pixels = set.elements_mut().filter(|e| dicom::is_pixel_data(e.tag));
    pixels.map(|e| (e.tag, std::mem::replace(&mut e.value, Value::Bytes((&[][..]).into())))).collect()
}

/// Puts back what [`take_pixels`] took.
fn put_pixels<'a>(set: &mut DataSet<'a>, pixels: &'a [(Tag, Value<'_>)]) {
    for (tag, value) in pixels {
        if let Some(element) = set.get_mut(*tag) {
            element.value = value.borrowed();
        }
    }
}

/// The output: a large one is put aside.
fn written(
    set: &DataSet<'_>,
    syntax: &str,
    scratch: SpillConfig<'_>,
) -> std::io::Result<ByteSource<'static>> {
    let mut draft = scratch.draft();
    draft.reserve(1024 + dicom::size_hint(set));
    dicom::write_to(&mut draft, set, syntax)?;
    draft.finish()
}

/// Memory that is not asked for: so much every thread has.
const SMALL: u64 = 4 << 20;
/// Why a person has to look at a picture.
const TOO_LARGE: &str = "its frames are larger than what can be looked at within the memory for it";
/// A note for the ledger: a rendering may show a face.
const FACE: &str = "face_recognisable";
