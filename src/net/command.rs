//! Command sets of messages (PS3.7 annex E): group 0000, Implicit VR Little Endian.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Elements of group 0000.
pub mod element {
    pub const LENGTH: u16 = 0x0000;
    pub const AFFECTED_CLASS: u16 = 0x0002;
    pub const REQUESTED_CLASS: u16 = 0x0003;
    pub const MOVE_DESTINATION: u16 = 0x0600;
    pub const PRIORITY: u16 = 0x0700;
    pub const FIELD: u16 = 0x0100;
    pub const MESSAGE_ID: u16 = 0x0110;
    pub const ANSWERED_ID: u16 = 0x0120;
    pub const DATA_SET: u16 = 0x0800;
    pub const STATUS: u16 = 0x0900;
    pub const COMMENT: u16 = 0x0902;
    pub const AFFECTED_INSTANCE: u16 = 0x1000;
    pub const REQUESTED_INSTANCE: u16 = 0x1001;
    pub const EVENT_TYPE: u16 = 0x1002;
    pub const ACTION_TYPE: u16 = 0x1008;
    pub const FAILED: u16 = 0x1022;
}

/// Command fields of requests; an answer has the highest bit set.
pub mod field {
    pub const STORE: u16 = 0x0001;
    pub const GET: u16 = 0x0010;
    pub const FIND: u16 = 0x0020;
    pub const MOVE: u16 = 0x0021;
    pub const ECHO: u16 = 0x0030;
    pub const EVENT_REPORT: u16 = 0x0100;
    pub const ACTION: u16 = 0x0130;
    pub const CANCEL: u16 = 0x0FFF;
    pub const ANSWER: u16 = 0x8000;
}

/// Data Set Type of a message without a data set.
const NO_DATA_SET: u16 = 0x0101;
/// Bytes of a text in a command that are looked at.
const LONGEST: usize = 64;

/// The status of an answer (PS3.7 annex C, PS3.4 B.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Status(pub u16);

impl Status {
    /// It is done.
    pub const SUCCESS: Self = Self(0x0000);
    /// No room.
    pub const OUT_OF_RESOURCES: Self = Self(0xA700);
    /// What was sent is no data set.
    pub const CANNOT_UNDERSTAND: Self = Self(0xC000);
    /// Something failed here.
    pub const PROCESSING_FAILURE: Self = Self(0x0110);
    /// An argument has no meaning.
    pub const INVALID_ARGUMENT: Self = Self(0x0115);
    /// Such an instance is not here.
    pub const NO_SUCH_INSTANCE: Self = Self(0x0112);
    /// It is here, of another class.
    pub const CLASS_CONFLICT: Self = Self(0x0119);
    /// The class does not go with this context.
    pub const CLASS_NOT_SUPPORTED: Self = Self(0x0122);
    /// Such an action is not known.
    pub const NO_SUCH_ACTION: Self = Self(0x0123);
    /// Such a request is not known.
    pub const UNRECOGNIZED_OPERATION: Self = Self(0x0211);

    /// Whether more answers follow.
    pub const fn is_pending(self) -> bool {
        matches!(self.0, 0xFF00 | 0xFF01)
    }

    /// Whether what was asked for is done, perhaps with something to be told (PS3.7 annex C).
    pub const fn is_done(self) -> bool {
        self.0 == 0 || self.0 == 0x0001 || self.0 == 0x0107 || self.0 == 0x0116 || self.0 >> 12 == 0xB
    }

    /// What it says, for a log of the sender.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SUCCESS => "",
            Self::OUT_OF_RESOURCES => "no room; try again later",
            Self::CANNOT_UNDERSTAND => "no data set",
            Self::INVALID_ARGUMENT => "an argument without a meaning",
            Self::NO_SUCH_INSTANCE => "no such instance",
            Self::CLASS_CONFLICT => "stored with another SOP class",
            Self::CLASS_NOT_SUPPORTED => "not agreed for this context",
            Self::NO_SUCH_ACTION => "no such action",
            Self::UNRECOGNIZED_OPERATION => "no such operation",
            _ => "it could not be done",
        }
    }
}

/// How often a status was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCount {
    /// The status.
    pub status: Status,
    /// How often.
    pub count: u64,
}

/// A command set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandSet {
    elements: BTreeMap<u16, Vec<u8>>,
}

impl CommandSet {
    /// Reads a command set; `None` where it is none.
    pub fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut elements = BTreeMap::new();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_first_chunk::<8>()?;
            let [g0, g1, e0, e1, l @ ..] = *head;
            if [g0, g1] != [0, 0] {
                return None;
            }
            let (value, rest) = rest.split_at_checked(u32::from_le_bytes(l) as usize)?;
            elements.insert(u16::from_le_bytes([e0, e1]), value.to_vec());
            bytes = rest;
        }
        let set = Self { elements };
        set.number(element::FIELD).is_some().then_some(set)
    }

    /// An unsigned short.
    pub fn number(&self, element: u16) -> Option<u16> {
        self.elements.get(&element)?.first_chunk().map(|b| u16::from_le_bytes(*b))
    }

    /// A UID or another short text: what is printable of it, without what it was padded with.
    pub fn text(&self, element: u16) -> String {
        let bytes = self.elements.get(&element).map(Vec::as_slice).unwrap_or_default();
        let printable = bytes.iter().filter(|b| b.is_ascii_graphic()).take(LONGEST);
        printable.map(|b| char::from(*b)).collect()
    }

    /// What is said to a status, as it may be shown.
    pub fn comment(&self) -> String {
        let bytes = self.elements.get(&element::COMMENT).map(Vec::as_slice).unwrap_or_default();
        let printable = bytes.iter().filter(|b| b.is_ascii_graphic() || **b == b' ').take(LONGEST);
        printable.map(|b| char::from(*b)).collect::<String>().trim().to_owned()
    }

    /// Whether a data set follows.
    pub fn has_data_set(&self) -> bool {
        self.number(element::DATA_SET) != Some(NO_DATA_SET)
    }

    /// A request, without a data set.
    pub fn request(field: u16, message_id: u16, class: &str) -> Self {
        let mut set = Self::default();
        set.put_text(element::AFFECTED_CLASS, class);
        set.put_number(element::FIELD, field);
        set.put_number(element::MESSAGE_ID, message_id);
        set.put_number(element::DATA_SET, NO_DATA_SET);
        set
    }

    /// That no more answers to a request are wanted.
    pub fn cancel(request: u16) -> Self {
        let mut set = Self::default();
        set.put_number(element::FIELD, field::CANCEL);
        set.put_number(element::ANSWERED_ID, request);
        set.put_number(element::DATA_SET, NO_DATA_SET);
        set
    }

    /// The answer to a request.
    pub fn answer(request: &Self, status: Status) -> Self {
        let mut set = Self::default();
        let classes = [element::AFFECTED_CLASS, element::REQUESTED_CLASS];
        let instances = [element::AFFECTED_INSTANCE, element::REQUESTED_INSTANCE];
        for (named, of) in [(classes, element::AFFECTED_CLASS), (instances, element::AFFECTED_INSTANCE)] {
            let name = named.iter().map(|e| request.text(*e)).find(|name| !name.is_empty());
            name.into_iter().for_each(|name| set.put_text(of, &name));
        }
        set.put_number(element::FIELD, request.number(element::FIELD).unwrap_or(0) | field::ANSWER);
        set.put_number(element::ANSWERED_ID, request.number(element::MESSAGE_ID).unwrap_or(0));
        set.put_number(element::DATA_SET, NO_DATA_SET);
        set.put_number(element::STATUS, status.0);
        if status != Status::SUCCESS {
            set.put_text(element::COMMENT, status.words());
        }
        set
    }

    /// Sets an unsigned short.
    pub fn put_number(&mut self, element: u16, value: u16) {
        self.elements.insert(element, value.to_le_bytes().to_vec());
    }

    /// Sets a text, padded to an even length.
    pub fn put_text(&mut self, element: u16, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if element == element::COMMENT { b' ' } else { 0 });
        }
        self.elements.insert(element, bytes);
    }

    /// Sets an AE title, padded with a blank.
    pub fn put_title(&mut self, element: u16, title: &str) {
        let mut bytes = title.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(b' ');
        }
        self.elements.insert(element, bytes);
    }

    /// Its bytes, with the length of the group before them.
    pub fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(128);
        for (element, value) in self.elements.iter().filter(|(element, _)| **element != element::LENGTH) {
            put(&mut body, *element, value);
        }
        let mut whole = Vec::with_capacity(body.len() + 12);
        put(&mut whole, element::LENGTH, &(body.len() as u32).to_le_bytes());
        whole.extend(body);
        whole
    }
}

fn put(out: &mut Vec<u8>, element: u16, value: &[u8]) {
    out.extend([0, 0]);
    out.extend(element.to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    out.extend(value);
}
