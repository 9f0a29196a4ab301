//! Instances that were just stored: what their headers and pixels say, taken while their bytes were in memory, so that
//! the stages that follow need not read and decode them again.
//!
//! An entry is known by the hash of the stored bytes and is a function of these bytes alone: it cannot be out of date.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::bytes::{ByteSource, SpillConfig};
use crate::dicom::{self, Contents, ReadOptions};
use crate::harmonise::Attributes;
use crate::model::{Header, Interner};
use crate::qc::{self, InstancePixels};

/// Entries that are kept, at most: about 16 MiB.
const MOST: usize = 16_384;
/// Instances with more frames are not kept.
const MOST_FRAMES: u32 = 4;
/// Where there is no room, entries go that nobody has asked for in this time.
const STALE: Duration = Duration::from_secs(60);
/// After so many entries the interner is made anew: it would keep every text for ever.
const INTERNED: usize = 4_096;
/// Attributes that are compared with, so that equal ones are kept once.
const REMEMBERED: usize = 4;

/// Instances that were just stored.
#[derive(Default)]
pub struct Fresh(Mutex<State>);

#[derive(Default)]
struct State {
    instances: HashMap<String, Instance>,
    /// Names in the order of arrival; some of them may have been taken out since.
    order: VecDeque<(String, Instant)>,
    attributes: VecDeque<Arc<Attributes>>,
    interner: Arc<Interner>,
    interned: usize,
}

/// What one instance says.
struct Instance {
    header: Header,
    attributes: Arc<Attributes>,
    pixels: InstancePixels,
}

impl Fresh {
    /// Notes what a stored image says, where it is small and there is room.
    pub fn note(&self, name: &str, bytes: &ByteSource<'_>) {
        let Some(interner) = self.lock().room() else { return };
        let read = || read(bytes, &interner);
        // A defect shows itself again in the stage that reads the instance, and parks its job.
        if let Ok(Some((header, attributes, pixels))) = catch_unwind(AssertUnwindSafe(read)) {
            self.lock().put(name, header, attributes, pixels);
        }
    }

    /// The header of an instance and its attributes, if it is here.
    pub fn header(&self, name: &str) -> Option<(Header, Arc<Attributes>)> {
        self.lock().instances.get(name).map(|i| (i.header.clone(), i.attributes.clone()))
    }

    /// The statistics of its pixels, if it is here.
    pub fn pixels(&self, name: &str) -> Option<InstancePixels> {
        self.lock().instances.get(name).map(|i| i.pixels.clone())
    }

    /// These are not asked for any more.
    pub fn forget(&self, names: &[String]) {
        let mut state = self.lock();
        names.iter().for_each(|name| drop(state.instances.remove(name)));
        state.shrink();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The interner for one entry more, if there is room for it.
    fn room(&mut self) -> Option<Arc<Interner>> {
        while self.instances.len() >= MOST && self.order.front().is_some_and(|o| o.1.elapsed() > STALE) {
            if let Some((name, _)) = self.order.pop_front() {
                self.instances.remove(&name);
            }
        }
        if self.instances.len() >= MOST {
            return None;
        }
        self.interned += 1;
        if self.interned > INTERNED {
            (self.interner, self.interned) = (Arc::default(), 1);
        }
        Some(self.interner.clone())
    }

    fn put(&mut self, name: &str, header: Header, attributes: Attributes, pixels: InstancePixels) {
        let attributes = match self.attributes.iter().find(|known| ***known == attributes) {
            Some(known) => known.clone(),
            None => {
                self.attributes.truncate(REMEMBERED - 1);
                self.attributes.push_front(Arc::new(attributes));
                self.attributes[0].clone()
            }
        };
        self.instances.insert(name.to_string(), Instance { header, attributes, pixels });
        self.order.push_back((name.to_string(), Instant::now()));
    }

    /// Lets go of the names of entries that are gone.
    fn shrink(&mut self) {
        if self.instances.is_empty() {
            *self = Self::default();
        } else if self.order.len() > 2 * self.instances.len() {
            let instances = &self.instances;
            self.order.retain(|(name, _)| instances.contains_key(name));
        }
    }
}

/// As the stages read it from the store.
fn read(bytes: &ByteSource<'_>, interner: &Interner) -> Option<(Header, Attributes, InstancePixels)> {
    let ByteSource::Memory(whole) = bytes else { return None };
    let file = dicom::read(whole, ReadOptions { header_only: true, partial: false }).ok()?;
    let header = dicom::header(&file, bytes.len(), interner, 0);
    if !header.is_image() || header.frame_count > MOST_FRAMES {
        return None;
    }
    let pixels = qc::statistics(&Contents::of(bytes.borrowed(), SpillConfig::default()))?;
    Some((header, dicom::attributes(&file.dataset), pixels))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dicom::{DataSet, Element, Syntax};
    use crate::model::{Vr, tags};

    fn image(uid: &str) -> Vec<u8> {
        let number = |tag, v: u16| Element::new(tag, Vr::US, v.to_le_bytes().to_vec());
        let set = DataSet::from_elements(vec![
            Element::text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
            Element::text(tags::SOP_INSTANCE_UID, Vr::UI, uid),
            Element::text(tags::MODALITY, Vr::CS, "CT"),
            number(tags::SAMPLES_PER_PIXEL, 1),
            Element::text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2"),
            number(tags::ROWS, 2),
            number(tags::COLUMNS, 2),
            number(tags::BITS_ALLOCATED, 16),
            number(tags::BITS_STORED, 16),
            number(tags::HIGH_BIT, 15),
            number(tags::PIXEL_REPRESENTATION, 0),
            Element::new(tags::PIXEL_DATA, Vr::OW, vec![1, 0, 2, 0, 3, 0, 4, 0]),
        ]);
        dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
    }

    #[test]
    fn says_what_a_reader_of_the_file_finds_until_it_is_forgotten() {
        let (fresh, bytes) = (Fresh::default(), image("1.2.3"));
        fresh.note("a", &ByteSource::from(&*bytes));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.dcm");
        std::fs::write(&path, &bytes).unwrap();
        let found = dicom::with_header(&path, |file, length| {
            (dicom::header(file, length, &Interner::default(), 0), dicom::attributes(&file.dataset))
        });
        let (header, attributes) = fresh.header("a").unwrap();
        assert_eq!((header, (*attributes).clone()), found.unwrap());
        assert_eq!(fresh.pixels("a"), qc::statistics(&Contents::from(&bytes)));
        assert!((fresh.pixels("a").unwrap().frames[0].max - 4.0).abs() < 1e-9);
        assert!(fresh.header("b").is_none());
        fresh.forget(&["a".into()]);
        assert!(fresh.header("a").is_none() && fresh.lock().order.is_empty());
    }

    #[test]
    fn what_is_no_image_is_not_kept_and_no_room_is_no_fault() {
        let fresh = Fresh::default();
        fresh.note("a", &ByteSource::from(&b"no DICOM"[..]));
        assert!(fresh.header("a").is_none());
        let bytes = image("1.2.3");
        for n in 0..=MOST {
            fresh.note(&n.to_string(), &ByteSource::from(&*bytes));
        }
        assert!(fresh.header("0").is_some() && fresh.header(&MOST.to_string()).is_none());
    }
}
