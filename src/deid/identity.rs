//! What identifies the subject and everybody around it: collected from the whole data set before anything is changed,
//! then looked for in every text that stays and, at the end, in every byte that was written.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use foldhash::{HashMap, HashSet};

use super::date;
use super::matcher::Matcher;
use super::memo::Memo;
use super::plan::{Plan, Plans};
use super::words;
use crate::dicom::{Charset, DataSet, Element, Value};
use crate::model::{Tag, Vr, tags};

/// Identifiers shorter than this are looked for in text only as whole words, and never in bytes.
pub const MIN_NEEDLE: usize = 3;
/// Inside pixel data and other bulk only values of this many characters count: shorter ones occur by chance. Five digits in
/// UTF-16 are five neighbouring pixels of soft tissue.
pub const MIN_IN_BULK: usize = 8;

/// Dummies and marks that stand in every output.
const WRITTEN: &[u8] = b"https://removed.invalid/ 19000101000000 2.25.0";

/// What kind of identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Part of a person's name.
    Name,
    /// Number or code of a person, an order, an admission …
    Id,
    /// Part of an address, an institution, another description that is taken away.
    Place,
    /// Name or number of a device.
    Device,
    /// A date.
    Date,
    /// A UID.
    Uid,
}

impl Kind {
    /// Every kind, by its number.
    const ALL: [Self; 6] = [Self::Name, Self::Id, Self::Place, Self::Device, Self::Date, Self::Uid];

    /// A number to store.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind of a stored number.
    pub fn of_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// A value that must not occur in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// ASCII letters in lower case; otherwise the bytes that would stand in a file.
    pub bytes: Vec<u8>,
    /// The kind.
    pub kind: Kind,
    /// Found only where no letter or digit stands beside it.
    pub whole_word: bool,
}

impl Needle {
    /// How many characters it has: half of its bytes in UTF-16.
    pub fn characters(&self) -> usize {
        let wide = self.bytes.len() % 2 == 1 && self.bytes.iter().skip(1).step_by(2).all(|b| *b == 0);
        if wide && self.bytes.len() > 1 { self.bytes.len().div_ceil(2) } else { self.bytes.len() }
    }
}

/// Everything that identifies.
#[derive(Debug, Default)]
pub struct Identity {
    /// What instances of a study usually have in common; shared between them.
    own: Arc<Identifiers>,
    uids: Vec<Needle>,
    seen_uids: HashSet<Vec<u8>>,
}

/// Everything that identifies but UIDs.
#[derive(Debug, Clone, Default)]
pub struct Identifiers {
    /// Single words, folded.
    pub words: HashMap<String, Kind>,
    /// Values of several words, folded, letters and digits only.
    pub phrases: Vec<String>,
    /// Values to look for in bytes.
    needles: Vec<Needle>,
    /// Names of the maker and of the model, letters and digits only: a station that is called so identifies nobody.
    makers: HashSet<String>,
    seen: HashSet<Vec<u8>>,
    matchers: OnceLock<(Matcher, Matcher)>,
    /// What became of texts under them.
    pub memo: Memo,
}

/// What an element tells of who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A UID.
    Uid,
    /// A date.
    Date,
    /// Text of this kind.
    Text(Kind),
}

impl Role {
    /// Of an element; `None` where it tells nothing, or stays on purpose.
    pub fn of(element: &Element<'_>, plans: &Plans) -> Option<Self> {
        let plan = plans.of(element.tag);
        if matches!(plan, Some(Plan::Keep)) {
            return None;
        }
        // A value that is hidden behind another representation is text all the same.
        let vr = match element.vr {
            Vr::UN | Vr::OB if plan.is_some() => plans.vr(element.tag).unwrap_or(element.vr),
            vr => vr,
        };
        match vr {
            Vr::UI if element.tag.is_private() || super::uid::is_class(element.tag) => None,
            Vr::UI => Some(Self::Uid),
            Vr::DA | Vr::DT => Some(Self::Date),
            Vr::PN => Some(Self::Text(Kind::Name)),
            Vr::LO | Vr::SH | Vr::ST | Vr::LT | Vr::UT | Vr::UC | Vr::AE | Vr::UR => {
                matches!(plan, Some(Plan::Code(_))).then(|| Self::Text(kind_of(element.tag)))
            }
            _ => None,
        }
    }
}

impl Deref for Identity {
    type Target = Identifiers;

    fn deref(&self) -> &Identifiers {
        &self.own
    }
}

impl Identity {
    /// UIDs beside what is known already.
    pub fn new(own: Arc<Identifiers>) -> Self {
        Self { own, ..Self::default() }
    }

    /// Adds an identifier known from elsewhere, such as a name from another instance of the study.
    pub fn add(&mut self, value: &str, kind: Kind) {
        match kind {
            Kind::Uid => self.uid(value),
            _ => Arc::make_mut(&mut self.own).add(value, kind),
        }
    }

    /// Adds a UID that is none of the standard.
    pub fn uid(&mut self, value: &str) {
        if super::uid::is_standard(value) || value.len() < 6 {
            return;
        }
        let bytes = value.to_ascii_lowercase().into_bytes();
        if is_written(&bytes) || self.seen_uids.contains(&bytes) {
            return;
        }
        self.seen_uids.insert(bytes.clone());
        self.uids.push(Needle { bytes, kind: Kind::Uid, whole_word: true });
    }

    /// Matchers of every needle, see [`Identity::needle`], and of those that are long enough for bulk.
    pub fn matchers(&self) -> (Matcher, Matcher) {
        let (any, long) = self.own.matchers.get_or_init(|| {
            let needles = || self.own.needles.iter().map(|n| &*n.bytes);
            // What is too short for bulk keeps its number and is not looked for.
            let long = |n: &'_ Needle| n.characters() >= MIN_IN_BULK;
            let in_bulk = self.own.needles.iter().map(|n| if long(n) { &*n.bytes } else { &[][..] });
            (Matcher::new(needles(), MIN_NEEDLE), Matcher::new(in_bulk, MIN_IN_BULK))
        });
        let (uids, first) = (|| self.uids.iter().map(|n| &*n.bytes), self.own.needles.len());
        (any.with(uids(), first), long.with(uids(), first))
    }

    /// A value to look for in bytes, by its number.
    pub fn needle(&self, number: usize) -> &Needle {
        let own = &self.own.needles;
        own.get(number).unwrap_or_else(|| &self.uids[number - own.len()])
    }
}

impl Identifiers {
    /// Collects from a data set and everything below it.
    pub fn of(set: &DataSet<'_>, plans: &Plans, charset: &Charset) -> Self {
        let mut identifiers = Self::default();
        let own = set.charset(charset);
        for tag in [tags::MANUFACTURER, tags::MANUFACTURER_MODEL_NAME] {
            identifiers.makers.extend(set.text(tag, &own).map(|name| squeezed(&name)));
        }
        identifiers.data_set(set, plans, charset);
        identifiers
    }

    /// Adds an identifier known from elsewhere.
    pub fn add(&mut self, value: &str, kind: Kind) {
        if self.words.contains_key(&*words::fold(value)) {
            return;
        }
        self.memo = Memo::default();
        match kind {
            Kind::Name => self.person(value),
            Kind::Date => self.date(value),
            Kind::Uid => {}
            Kind::Id | Kind::Place | Kind::Device => self.value(value, kind),
        }
    }

    fn data_set(&mut self, set: &DataSet<'_>, plans: &Plans, outer: &Charset) {
        let charset = set.charset(outer);
        for element in set.elements() {
            match &element.value {
                Value::Items(items) => items.iter().for_each(|item| self.data_set(item, plans, &charset)),
                Value::Bytes(bytes) if !bytes.is_empty() => self.element(element, bytes, plans, &charset),
                _ => {}
            }
        }
    }

    fn element(&mut self, element: &Element<'_>, bytes: &[u8], plans: &Plans, charset: &Charset) {
        match Role::of(element, plans) {
            Some(Role::Date) => each(bytes, |v| self.date(v)),
            Some(Role::Text(kind)) => self.text(element, bytes, charset, kind),
            Some(Role::Uid) | None => {}
        }
    }

    fn text(&mut self, element: &Element<'_>, bytes: &[u8], charset: &Charset, kind: Kind) {
        let text = charset.decode(bytes, element.vr);
        if !bytes.is_ascii() || bytes.contains(&0x1B) {
            for part in bytes.split(|b| matches!(b, b'\\' | b'^' | b'=')) {
                let part = part.trim_ascii();
                if part.len() >= 4 && !part.is_ascii() {
                    self.needle(part.to_ascii_lowercase(), kind, false);
                }
            }
        }
        for value in values_of(&text, element.vr) {
            match kind {
                Kind::Name => self.person(value),
                _ => self.value(value, kind),
            }
        }
    }

    /// A person name: groups at `=`, components at `^`, words within.
    fn person(&mut self, name: &str) {
        for group in name.split('=') {
            let components: Vec<&str> = group.split('^').map(str::trim).filter(|c| !c.is_empty()).collect();
            for component in &components {
                self.plain(component, Kind::Name);
                let mut words = component.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
                words.by_ref().for_each(|word| {
                    for word in words::spellings(word) {
                        self.word(word, Kind::Name, 2);
                    }
                });
            }
            // Its words alone are too short to be looked for among pixels.
            let whole = group.trim().to_ascii_lowercase();
            if whole.is_ascii() && whole.len() >= MIN_IN_BULK && components.len() > 1 {
                self.needle(wide(&whole), Kind::Name, false);
            }
            if let [family, given, ..] = *components {
                self.phrase(&format!("{family}{given}"), Kind::Name);
                self.phrase(&format!("{given}{family}"), Kind::Name);
            }
        }
    }

    /// A number, an address, an institution.
    fn value(&mut self, value: &str, kind: Kind) {
        if self.is_product(value, kind) {
            return;
        }
        self.plain(value, kind);
        let folded = words::fold(value);
        let words: Vec<&str> =
            folded.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
        match &*words {
            [] => {}
            [word] => self.word((*word).to_string(), kind, MIN_NEEDLE),
            several => {
                self.phrase(value, kind);
                if kind != Kind::Device {
                    for word in several.iter().filter(|w| w.chars().count() >= 4) {
                        self.word((*word).to_string(), kind, 4);
                    }
                }
            }
        }
    }

    /// Whether a station, or an institution, is called by nothing but the name of the scanner's maker or model.
    fn is_product(&self, value: &str, kind: Kind) -> bool {
        let named = match kind {
            Kind::Device => value.chars().any(char::is_alphabetic),
            Kind::Place => {
                let folded = words::fold(value);
                let mut parts = folded.split(|c: char| !c.is_alphanumeric());
                parts.all(|w| w.chars().count() <= 1 || words::is_common(w))
            }
            _ => false,
        };
        named && self.makers.contains(&squeezed(value))
    }

    fn word(&mut self, folded: String, kind: Kind, at_least: usize) {
        // One ideograph is a word, one letter is not.
        let length = if folded.is_ascii() { folded.len() } else { folded.chars().count() + 1 };
        if length < at_least {
            return;
        }
        if folded.len() >= MIN_NEEDLE && !words::is_common(&folded) {
            let whole = folded.len() < 6 || folded.bytes().all(|b| b.is_ascii_digit());
            self.needle(folded.clone().into_bytes(), kind, whole);
            if folded.is_ascii() && matches!(kind, Kind::Name | Kind::Id) && folded.len() >= 4 {
                self.needle(wide(&folded), kind, false);
            }
        }
        if kind != Kind::Place || !words::is_common(&folded) {
            self.words.entry(folded).or_insert(kind);
        }
    }

    fn phrase(&mut self, value: &str, kind: Kind) {
        let squeezed = squeezed(value);
        if squeezed.len() >= 5 && !self.phrases.contains(&squeezed) {
            let digits = squeezed.bytes().all(|b| b.is_ascii_digit());
            if !words::is_common(&squeezed) {
                self.needle(squeezed.clone().into_bytes(), kind, digits);
            }
            self.phrases.push(squeezed);
        }
    }

    /// The value as it stands.
    fn plain(&mut self, value: &str, kind: Kind) {
        let lower = value.to_ascii_lowercase();
        let several = lower.bytes().any(|b| matches!(b, b' ' | b'-' | b'/' | b'.' | b',' | b'@' | b'_'));
        if lower.len() >= MIN_NEEDLE && (several || !lower.is_ascii()) && !every_word_is_common(&lower) {
            let whole = lower.len() < 6;
            self.needle(lower.into_bytes(), kind, whole);
        }
    }

    fn date(&mut self, value: &str) {
        let Some((y, m, d)) = value.get(..8).and_then(date::parse_da).or_else(|| date::parse_da(value))
        else {
            return;
        };
        let compact = format!("{y:04}{m:02}{d:02}");
        if !self.needle(compact.clone().into_bytes(), Kind::Date, true) {
            return;
        }
        for text in [
            format!("{y:04}-{m:02}-{d:02}"),
            format!("{y:04}/{m:02}/{d:02}"),
            format!("{y:04}.{m:02}.{d:02}"),
            format!("{d:02}.{m:02}.{y:04}"),
            format!("{d:02}/{m:02}/{y:04}"),
            format!("{m:02}/{d:02}/{y:04}"),
            format!("{d:02}-{m:02}-{y:04}"),
            format!("{m:02}-{d:02}-{y:04}"),
        ] {
            self.needle(text.into_bytes(), Kind::Date, true);
        }
        for word in [format!("{d:02}{m:02}{y:04}"), format!("{m:02}{d:02}{y:04}"), compact] {
            self.words.entry(word).or_insert(Kind::Date);
        }
        self.words.entry(format!("{y:04}")).or_insert(Kind::Date);
    }

    fn needle(&mut self, bytes: Vec<u8>, kind: Kind, whole_word: bool) -> bool {
        let new = self.seen.insert(bytes.clone());
        if new && !is_written(&bytes) {
            self.matchers.take();
            self.needles.push(Needle { bytes, kind, whole_word });
        }
        new
    }
}

/// A value that Gantry itself writes for others tells nothing.
fn is_written(bytes: &[u8]) -> bool {
    memchr::memmem::find(WRITTEN, bytes).is_some()
}

/// Letters and digits of a text, folded.
fn squeezed(value: &str) -> String {
    words::fold(value).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// UTF-16 without the last byte, so that it is found in either byte order.
fn wide(ascii: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = ascii.bytes().flat_map(|b| [b, 0]).collect();
    bytes.pop();
    bytes
}

fn every_word_is_common(lower: &str) -> bool {
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).all(words::is_common)
}

/// The values of an ASCII string element.
pub fn each<'b>(bytes: &'b [u8], mut take: impl FnMut(&'b str)) {
    for value in bytes.split(|&b| b == b'\\') {
        if let Ok(text) = std::str::from_utf8(value) {
            let text = text.trim_matches([' ', '\0']);
            if !text.is_empty() {
                take(text);
            }
        }
    }
}

/// The values of a text without padding and without empty ones; lines are values where text has no others.
pub fn values_of(text: &str, vr: Vr) -> impl Iterator<Item = &str> {
    let separators: &[char] = if vr.is_single_text() { &['\r', '\n', '\x0c'] } else { &['\\'] };
    text.split(separators).map(|v| v.trim_matches([' ', '\0'])).filter(|v| !v.is_empty())
}

/// The kind of identifier that an attribute of text holds.
pub fn kind_of(tag: Tag) -> Kind {
    match tag {
        tags::INSTITUTION_NAME
        | Tag(0x0008_0081 | 0x0008_0092 | 0x0008_1040)
        | Tag(
            0x0010_1040 | 0x0010_2150 | 0x0010_2152 | 0x0010_2160 | 0x0010_21F0 | 0x0010_1080 | 0x0010_1081,
        )
        | Tag(
            0x0032_1033 | 0x0038_0300 | 0x0038_0400 | 0x0040_0011 | 0x0040_0243 | 0x0040_1102 | 0x0040_4036,
        ) => Kind::Place,
        tags::STATION_NAME
        | tags::DEVICE_SERIAL_NUMBER
        | Tag(0x0008_0054 | 0x0008_0055 | 0x0008_1000)
        | Tag(0x0018_1004 | 0x0018_1005 | 0x0018_1007 | 0x0018_1008 | 0x0018_1009 | 0x0018_700A)
        | Tag(0x0040_0001 | 0x0040_0010 | 0x0040_0241 | 0x0040_0242 | 0x0050_0020 | 0x300A_00B2) => {
            Kind::Device
        }
        _ if matches!(tag.group(), 0x0016) => Kind::Device,
        _ => Kind::Id,
    }
}
