//! The walk over the data set: every element, at every depth, gets exactly one action.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::binary;
use super::date::{self, Shift};
use super::explain::Trace;
use super::keys::{Keys, Subject};
use super::plan::{Plan, Plans};
use super::private::{self, SafePrivate, drop_empty_blocks};
use super::record::{Action, ActionEntry};
use super::table::Code;
use super::text::{Cleaner, Strictness};
use super::uid;
use super::values::{ElementOutcome, age, ascii, document, dummy_of, is_technical, temporal};
use crate::dicom::{Charset, DataSet, Element, Value, is_pixel_data, keyword, tag_of, vr_of};
use crate::model::{Tag, Vr, tags};

const ENCAPSULATED_DOCUMENT: Tag = Tag::new(0x0042, 0x0011);
const MIME_TYPE: Tag = Tag::new(0x0042, 0x0012);
const TIMEZONE_OFFSET_FROM_UTC: Tag = Tag::new(0x0008, 0x0201);
/// A text beyond this goes as a whole: nobody wrote it, and cleaning takes many times its size.
const LONGEST_TEXT: usize = 4 << 20;
/// PET image, enhanced PET image, legacy converted enhanced PET image.
const PET_IMAGES: [&str; 3] =
    ["1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1"];

/// De-identifies one data set.
pub struct Scrub<'s> {
    /// What to do with each attribute.
    pub plans: &'s Plans,
    /// Pseudonyms.
    pub keys: &'s Keys,
    /// Whose data set this is.
    pub subject: Subject,
    /// Days by which dates move into the past; 0 keeps them.
    pub shift: Shift,
    /// Cleans text.
    pub cleaner: Cleaner<'s>,
    /// The SOP class of the instance.
    pub sop_class: String,
    /// What was done so far, with how often.
    pub actions: BTreeMap<ActionEntry, u32>,
    /// Text beyond ASCII stays, and is UTF-8 from now on.
    pub beyond_ascii: bool,
    /// A private element stays.
    pub private_kept: bool,
    /// Patient's Weight stays.
    pub weight_kept: bool,
    /// Row by row what was done, where somebody wants to know.
    pub trace: Option<Trace>,
    /// Inside a sequence of which every value is to be replaced.
    dummies_only: bool,
}

/// Where an element stands.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    /// The sequence around it.
    pub parent: Option<Tag>,
    /// The character set that holds there.
    pub charset: &'p Charset,
    /// Times of day beside it, by their tags, where these move with their dates.
    pub times: &'p Times,
}

/// Times of day of a data set, as they stand.
pub type Times = BTreeMap<Tag, String>;

fn times_of(set: &DataSet<'_>) -> Times {
    let of_time = set.elements().iter().filter(|e| e.vr == Vr::TM || vr_of(e.tag) == Some(Vr::TM));
    of_time.filter_map(|e| Some((e.tag, ascii(e.bytes()?)?.to_string()))).collect()
}

/// The time of day that belongs to a date: Study Time to Study Date.
fn time_beside(tag: Tag) -> Option<Tag> {
    let name = keyword(tag).filter(|name| name.contains("Date") && !name.contains("DateTime"))?;
    tag_of(&name.replace("Date", "Time")).filter(|tag| vr_of(*tag) == Some(Vr::TM))
}

impl<'s> Scrub<'s> {
    /// A walk that has not begun.
    pub fn new(
        plans: &'s Plans,
        keys: &'s Keys,
        subject: Subject,
        shift: Shift,
        cleaner: Cleaner<'s>,
        sop_class: String,
    ) -> Self {
        Self {
            plans,
            keys,
            subject,
            shift,
            cleaner,
            sop_class,
            actions: BTreeMap::new(),
            beyond_ascii: false,
            private_kept: false,
            weight_kept: false,
            trace: None,
            dummies_only: false,
        }
    }

    /// The data set without what identifies.
    pub fn data_set<'a>(&mut self, set: DataSet<'a>, outer: &Charset) -> DataSet<'a> {
        self.level(set, None, outer)
    }

    fn level<'a>(&mut self, set: DataSet<'a>, parent: Option<Tag>, outer: &Charset) -> DataSet<'a> {
        let charset = set.charset(outer);
        let times = if self.shift.minutes == 0 { Times::new() } else { times_of(&set) };
        let place = Place { parent, charset: &charset, times: &times };
        let safe = SafePrivate::of(&set);
        let mime = set.ascii(MIME_TYPE).map(str::to_string);
        // The root gets some that say what was done; of items there may be hundreds of thousands.
        let more = if parent.is_none() { 6 } else { 0 };
        let mut kept = Vec::with_capacity(set.elements().len() + more);
        for element in set.into_elements() {
            let tag = element.tag;
            let row = self.trace.as_mut().map(|trace| trace.begin(&element, self.plans, &charset));
            let (element, action) = if tag.is_private() {
                self.private(element, &safe, place)
            } else if tag == ENCAPSULATED_DOCUMENT {
                document(element, mime.as_deref(), self.plans.of(tag))
            } else {
                self.public(element, place)
            };
            *self.actions.entry(ActionEntry { tag, action }).or_default() += 1;
            let weight = action == Action::Kept && self.is_weight_of_pet(tag, place);
            self.weight_kept |= weight;
            if let (Some(trace), Some(row)) = (&mut self.trace, row) {
                trace.end(
                    row,
                    (element.as_ref(), &charset),
                    action,
                    weight.then_some("kept: the uptake values of PET are computed from it"),
                );
            }
            kept.extend(element);
        }
        for &private::MissingCreator { tag, name } in &safe.missing {
            if !kept.iter().any(|e| e.tag.is_private() && e.tag.private_creator() == tag) {
                continue;
            }
            *self.actions.entry(ActionEntry { tag, action: Action::Added }).or_default() += 1;
            kept.push(Element::text(tag, Vr::LO, name));
        }
        drop_empty_blocks(&mut kept);
        DataSet::from_elements(kept)
    }

    fn public<'a>(&mut self, mut element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        let tag = element.tag;
        // What has no representation that this reader knows gets the dictionary's.
        if element.vr == Vr::UN {
            element.vr = vr_of(tag).filter(|vr| *vr != Vr::SQ).unwrap_or(Vr::UN);
        }
        let repeating = matches!(tag.group() & 0xFF00, 0x5000 | 0x6000);
        let stray_pixels = place.parent.is_some() && tag.group() == 0x7FE0;
        if tag.group() < 8 || tag.is_group_length() || repeating || stray_pixels {
            return (None, Action::Removed);
        }
        if self.dummies_only {
            return self.only_dummy(element, place);
        }
        if self.is_weight_of_pet(tag, place) {
            return self.unnamed(element, place);
        }
        match self.plans.of(tag) {
            Some(Plan::Keep) => self.keep(element, place),
            Some(Plan::Clean(code)) => self.clean(element, code, place),
            Some(Plan::Code(code)) => self.coded(element, code, place),
            None => self.unnamed(element, place),
        }
    }

    /// Patient's Weight, where the profile keeps it because the standardised uptake value is computed from it.
    fn is_weight_of_pet(&self, tag: Tag, place: Place<'_>) -> bool {
        tag == tags::PATIENT_WEIGHT
            && place.parent.is_none()
            && self.plans.pet_weight
            && PET_IMAGES.contains(&&*self.sop_class)
    }

    /// A date or a time moved as far as those of its subject.
    fn moved<'a>(&self, element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        let time = time_beside(element.tag).filter(|_| !place.times.is_empty());
        let time = time.and_then(|tag| place.times.get(&tag)).map(String::as_str);
        temporal(element, self.shift, time, Action::Shifted)
    }

    fn keep<'a>(&mut self, element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        match (element.vr, &element.value) {
            (_, Value::Items(_)) => self.items(element, place, Action::Kept),
            (Vr::DA | Vr::DT | Vr::TM, _) => temporal(element, Shift::NONE, None, Action::Kept),
            (Vr::AS, _) => age(element),
            (Vr::UN, _) => (None, Action::Removed),
            (vr, Value::Bytes(bytes)) if vr.uses_character_set() && !bytes.is_ascii() => {
                let text = place.charset.decode(bytes, vr);
                (Some(self.put(element.tag, vr, &text)), Action::Kept)
            }
            _ => (Some(element), Action::Kept),
        }
    }

    fn clean<'a>(&mut self, element: Element<'a>, code: Code, place: Place<'_>) -> ElementOutcome<'a> {
        let tag = element.tag;
        let was_empty = element.is_empty();
        let code = self.plans.resolve(code, tag, place.parent, &self.sop_class);
        let cleaned = match element.vr {
            _ if tag == TIMEZONE_OFFSET_FROM_UTC => {
                let valid = element
                    .bytes()
                    .and_then(|b| std::str::from_utf8(b).ok())
                    .is_some_and(|t| date::is_zone(t.trim()));
                (valid.then_some(element), Action::Kept)
            }
            Vr::SQ => self.items(element, place, Action::Cleaned),
            Vr::DA | Vr::DT | Vr::TM => match self.plans.dates {
                None => (None, Action::Removed),
                Some(_) => self.moved(element, place),
            },
            Vr::AS => age(element),
            Vr::AE => (Some(self.pseudonym(&element)), Action::Pseudonymised),
            vr if vr.uses_character_set() => self.text(element, Strictness::Terms, place),
            _ => (None, Action::Removed),
        };
        match cleaned {
            (Some(element), action) if !element.is_empty() || was_empty => (Some(element), action),
            _ => self.finish(tag, code, place),
        }
    }

    /// What a code leaves where there is no value to work on.
    fn finish<'a>(&mut self, tag: Tag, code: Code, place: Place<'_>) -> ElementOutcome<'a> {
        let vr = self.plans.vr(tag).or_else(|| vr_of(tag)).unwrap_or(Vr::LO);
        self.coded(Element::new(tag, vr, &[][..]), code, place)
    }

    fn coded<'a>(&mut self, element: Element<'a>, code: Code, place: Place<'_>) -> ElementOutcome<'a> {
        let tag = element.tag;
        match self.plans.resolve(code, tag, place.parent, &self.sop_class) {
            Code::Z => self.emptied(element),
            Code::U if matches!(element.value, Value::Items(_)) => {
                self.items(element, place, Action::UidReplaced)
            }
            Code::U | Code::D if element.vr == Vr::UI => (Some(self.uids(&element)), Action::UidReplaced),
            Code::D => self.dummy(element, place),
            _ => (None, Action::Removed),
        }
    }

    fn emptied<'a>(&mut self, element: Element<'a>) -> ElementOutcome<'a> {
        let tag = element.tag;
        match tag {
            tags::PATIENT_ID => {
                (Some(Element::text(tag, Vr::LO, &self.subject.pseudonym())), Action::Pseudonymised)
            }
            tags::PATIENT_NAME => {
                (Some(Element::text(tag, Vr::PN, &self.subject.pseudonym())), Action::Pseudonymised)
            }
            tags::ACCESSION_NUMBER if !element.is_empty() => {
                (Some(self.pseudonym(&element)), Action::Pseudonymised)
            }
            _ => {
                let vr = self.plans.vr(tag).unwrap_or(element.vr);
                let empty = if vr == Vr::SQ {
                    Element::sequence(tag, Vec::new())
                } else {
                    Element::new(tag, vr, &[][..])
                };
                (Some(empty), Action::Emptied)
            }
        }
    }

    fn dummy<'a>(&mut self, element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        let tag = element.tag;
        let vr = self.plans.vr(tag).or_else(|| vr_of(tag)).unwrap_or(element.vr);
        if let Value::Items(_) = element.value {
            let before = std::mem::replace(&mut self.dummies_only, true);
            let fate = self.items(element, place, Action::Dummy);
            self.dummies_only = before;
            return fate;
        }
        let is_device = matches!(tag, tags::DEVICE_SERIAL_NUMBER | tags::STATION_NAME);
        if is_device && !element.is_empty() {
            return (Some(self.pseudonym(&element)), Action::Pseudonymised);
        }
        (Some(dummy_of(tag, vr)), Action::Dummy)
    }

    /// Inside a sequence that is replaced as a whole: structure and codes of the standard stay, values do not.
    fn only_dummy<'a>(&mut self, element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        match element.vr {
            Vr::SQ => self.items(element, place, Action::Dummy),
            Vr::UI if uid::is_class(element.tag) => self.unnamed(element, place),
            Vr::UI => (Some(self.uids(&element)), Action::UidReplaced),
            Vr::CS => self.unnamed(element, place),
            // A moved date tells no more than a dummy, and intervals stay what they are.
            Vr::DA | Vr::DT | Vr::TM if self.plans.dates.is_some() => self.moved(element, place),
            vr if vr.is_string() => (Some(dummy_of(element.tag, vr)), Action::Dummy),
            Vr::US | Vr::SS | Vr::UL | Vr::SL | Vr::FL | Vr::FD => (Some(element), Action::Kept),
            _ => (None, Action::Removed),
        }
    }

    fn unnamed<'a>(&mut self, element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        let tag = element.tag;
        match (element.vr, &element.value) {
            (_, Value::Items(_)) => self.items(element, place, Action::Kept),
            (_, Value::Fragments(_)) if is_pixel_data(tag) => (Some(element), Action::Kept),
            (_, Value::Fragments(_) | Value::Unread(_)) => (None, Action::Removed),
            _ if tag == tags::SPECIFIC_CHARACTER_SET => self.charset(element, place),
            _ if element.is_empty() => (Some(element), Action::Kept),
            (_, Value::Bytes(_) | Value::Stored(_)) if is_pixel_data(tag) && element.vr != Vr::UN => {
                (Some(element), Action::Kept)
            }
            (Vr::UI, _) => self.unnamed_uid(element),
            (Vr::PN, _) => (Some(dummy_of(tag, Vr::PN)), Action::Dummy),
            (Vr::DA | Vr::DT | Vr::TM, _) => match self.plans.dates {
                Some(_) => self.moved(element, place),
                None => (Some(Element::new(tag, element.vr, &[][..])), Action::Emptied),
            },
            (Vr::AS, _) => age(element),
            (Vr::AE, _) => (Some(self.pseudonym(&element)), Action::Pseudonymised),
            (Vr::CS, _) => self.coded_string(element, place),
            (Vr::DS | Vr::IS, Value::Bytes(bytes)) => {
                if private::is_numeric_text(bytes) {
                    (Some(element), Action::Kept)
                } else {
                    (Some(Element::new(tag, element.vr, &[][..])), Action::Emptied)
                }
            }
            (vr, _) if vr.uses_character_set() => {
                let how =
                    if is_technical(tag, place.parent) { Strictness::Technical } else { Strictness::Terms };
                self.text(element, how, place)
            }
            (Vr::OB, _) if !binary::is_known_bulk(tag) => (None, Action::Removed),
            (Vr::UR | Vr::UN, _) => (None, Action::Removed),
            (_, Value::Bytes(bytes)) if binary::looks_like_text(bytes) => (None, Action::Removed),
            (_, Value::Stored(extent)) if binary::is_text_throughout(extent) => (None, Action::Removed),
            _ => (Some(element), Action::Kept),
        }
    }

    fn private<'a>(
        &mut self,
        element: Element<'a>,
        safe: &SafePrivate,
        place: Place<'_>,
    ) -> ElementOutcome<'a> {
        let tag = element.tag;
        match self.plans.of(tag) {
            Some(Plan::Keep) => {
                self.private_kept = true;
                return self.keep(element, place);
            }
            Some(_) => return (None, Action::Removed),
            None if self.dummies_only => return (None, Action::Removed),
            None => {}
        }
        if tag.is_private_creator() {
            // Taken out again where nothing of its block stays.
            let name = safe.creators.iter().find(|c| c.0 == tag).map(|c| c.1);
            return (name.map(|name| Element::text(tag, Vr::LO, name)), Action::Kept);
        }
        let Some(kind) = safe.elements.iter().find(|e| e.0 == tag).map(|e| e.1) else {
            return (None, Action::Removed);
        };
        if kind == private::Safe::Items {
            let (sequence, action) = self.items(element, place, Action::Cleaned);
            let holds = |e: &Element<'_>| matches!(&e.value, Value::Items(i) if !i.is_empty());
            let sequence = sequence.filter(holds);
            self.private_kept |= sequence.is_some();
            let action = if sequence.is_some() { action } else { Action::Removed };
            return (sequence, action);
        }
        let action = if kind.is_rebuilt() { Action::Cleaned } else { Action::Kept };
        let cleaned = private::cleaned(element, kind, &|text| self.cleaner.is_clean(text))
            .filter(|e| self.is_clean_code(e));
        self.private_kept |= cleaned.is_some();
        let action = if cleaned.is_some() { action } else { Action::Removed };
        (cleaned, action)
    }

    /// Text, also text that is a number, holds no identifier.
    pub fn is_clean_code(&self, element: &Element<'_>) -> bool {
        match element.bytes() {
            Some(bytes) if bytes.is_ascii() => {
                !bytes.iter().all(|&b| b == 0 || b.is_ascii_graphic() || b == b' ')
                    || std::str::from_utf8(bytes).is_ok_and(|text| self.cleaner.is_known_clean(text))
            }
            _ => element.vr.unit() > 1 || matches!(element.vr, Vr::UN | Vr::OB),
        }
    }

    fn items<'a>(&mut self, element: Element<'a>, place: Place<'_>, action: Action) -> ElementOutcome<'a> {
        let tag = element.tag;
        let Value::Items(items) = element.value else { return (None, Action::Removed) };
        let mut cleaned = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            if let Some(trace) = &mut self.trace {
                trace.path.extend([tag.0 as usize, number]);
            }
            cleaned.push(self.level(item, Some(tag), place.charset));
            if let Some(trace) = &mut self.trace {
                trace.path.truncate(trace.path.len() - 2);
            }
        }
        (Some(Element::sequence(tag, cleaned)), action)
    }

    /// A text as far as it does not identify.
    pub fn text<'a>(
        &mut self,
        element: Element<'a>,
        how: Strictness,
        place: Place<'_>,
    ) -> ElementOutcome<'a> {
        let Some(bytes) = element.bytes().filter(|bytes| bytes.len() <= LONGEST_TEXT) else {
            return (None, Action::Removed);
        };
        let (tag, vr) = (element.tag, element.vr);
        let text = place.charset.decode(bytes, vr);
        // Zeros inside a word would make it letters that each look harmless.
        let split = text.trim_end_matches('\0').contains('\0');
        let text = if split { text.replace('\0', "") } else { text };
        let cleaned = if vr.is_single_text() {
            self.cleaner.cleaned(&text, how)
        } else {
            let values: Vec<Cow<'_, str>> = text.split('\\').map(|v| self.cleaner.cleaned(v, how)).collect();
            if values.iter().all(|v| matches!(v, Cow::Borrowed(_))) {
                Cow::Borrowed(&*text)
            } else {
                Cow::Owned(values.join("\\"))
            }
        };
        let hidden = split
            || cleaned.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t' | '\x0c' | '\0'));
        if let (Cow::Borrowed(_), true, false) = (&cleaned, bytes.is_ascii() && text.is_ascii(), hidden) {
            return (Some(element), Action::Kept);
        }
        let plain: String =
            cleaned.chars().filter(|c| !c.is_control() || matches!(c, '\r' | '\n' | '\t' | '\x0c')).collect();
        let blank = plain.chars().all(|c| matches!(c, '\\') || !c.is_alphanumeric());
        if blank && self.plans.of(tag).is_none() {
            return (Some(dummy_of(tag, vr)), Action::Dummy);
        }
        let element =
            if blank { Element::new(tag, vr, &[][..]) } else { self.put(tag, vr, plain.trim_end()) };
        (Some(element), Action::Cleaned)
    }

    /// A text element, in UTF-8 if need be.
    fn put<'a>(&mut self, tag: Tag, vr: Vr, text: &str) -> Element<'a> {
        self.beyond_ascii |= !text.is_ascii();
        let limit = match vr {
            Vr::SH => 16,
            Vr::LO => 64,
            _ => usize::MAX,
        };
        if text.contains('\\') || text.chars().nth(limit).is_none() {
            return Element::text(tag, vr, text);
        }
        Element::text(tag, vr, at_most(text, limit))
    }

    /// A coded string whose values do not identify.
    pub fn coded_string<'a>(&mut self, element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        let Some(bytes) = element.bytes() else { return (None, Action::Removed) };
        let text = place.charset.decode(bytes, Vr::CS);
        if text.is_ascii() && self.cleaner.is_known_clean(&text) {
            return (Some(element), Action::Kept);
        }
        let values: Vec<&str> = text
            .split('\\')
            .map(|v| if v.is_ascii() && self.cleaner.is_known_clean(v) { v } else { "" })
            .collect();
        (Some(Element::text(element.tag, Vr::CS, &values.join("\\"))), Action::Cleaned)
    }

    /// Known terms stay; what follows is decided when the whole data set is done.
    fn charset<'a>(&mut self, element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        if place.charset.is_known() && element.bytes().is_some_and(<[u8]>::is_ascii) {
            (Some(element), Action::Kept)
        } else {
            (None, Action::Removed)
        }
    }

    fn unnamed_uid<'a>(&mut self, element: Element<'a>) -> ElementOutcome<'a> {
        let Some(bytes) = element.bytes() else { return (None, Action::Removed) };
        let class = uid::is_class(element.tag);
        let stays = ascii(bytes).is_some_and(|text| {
            text.split('\\')
                .map(|v| v.trim_matches([' ', '\0']))
                .all(|v| v.is_empty() || uid::is_standard(v) || class && uid::is_valid(v))
        });
        if stays { (Some(element), Action::Kept) } else { (Some(self.uids(&element)), Action::UidReplaced) }
    }

    /// Every UID replaced by its keyed hash; those of the standard stay.
    fn uids<'a>(&self, element: &Element<'_>) -> Element<'a> {
        let bytes = element.bytes().unwrap_or_default();
        let replaced = uid::replaced(&String::from_utf8_lossy(bytes), self.keys);
        Element::text(element.tag, Vr::UI, &replaced)
    }

    fn pseudonym<'a>(&self, element: &Element<'_>) -> Element<'a> {
        let bytes = element.bytes().unwrap_or_default().trim_ascii();
        let vr = self.plans.vr(element.tag).unwrap_or(element.vr);
        if bytes.is_empty() {
            return Element::new(element.tag, vr, &[][..]);
        }
        let kind = format!("{}", element.tag);
        Element::text(element.tag, vr, &self.keys.pseudonym(&kind, bytes))
    }
}

/// The words at the beginning of a text that have room in so many characters: half of a word would be another word.
fn at_most(text: &str, characters: usize) -> &str {
    let Some((end, next)) = text.char_indices().nth(characters) else { return text };
    let head = &text[..end];
    let whole = if next.is_alphanumeric() { head.rfind(|c: char| !c.is_alphanumeric()) } else { Some(end) };
    head[..whole.unwrap_or(end)].trim_end()
}
