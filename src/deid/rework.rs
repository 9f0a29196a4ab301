//! Work on a file that was made safe once: text is cleaned again, a stricter profile takes more away, more is masked. The
//! result is verified as every output is.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::again::{Again, CleanedAgain, Uncleaned};
use super::date::Shift;
use super::identity::{Identity, Kind};
use super::pixels::{PixelReview, Search, Seen, Share};
use super::profile::Profile;
use super::scrub::Scrub;
use super::stricter::{Stricter, pixels_marked};
use super::text::Cleaner;
use super::{Deidentifier, mark, pixels, verify};
use super::{SMALL, TOO_LARGE, put_pixels, take_pixels, written};
use crate::bytes::{ByteSource, SpillConfig};
use crate::dicom::{Charset, Contents, DataSet, File, ReadOptions, Value};
use crate::model::{Drawing, Tag, Vetting, tags};

/// A note for the ledger: names of other instances of the study were taken out later.
const AGAIN: &str = "cleaned_again";
/// A note for the ledger: a person has masked more in what was stored.
const MASKED_LATER: &str = "masked_later";
/// A note for the ledger: what a stricter profile takes away was taken out of what was stored under another.
const WITHOUT_SOURCE: &str = "reprocessed_without_source";

/// Why a stored file is worked on again, and how.
struct Rework<'r> {
    /// What the ledger says of it.
    note: &'static str,
    /// What another profile takes away.
    stricter: Option<Stricter>,
    /// What a person has drawn.
    drawing: Option<&'r Arc<Drawing>>,
}

impl Rework<'_> {
    /// How the pixels are looked at, where they are.
    fn vetting(&self) -> Option<Vetting> {
        match self.drawing {
            Some(drawing) => Some(Vetting::Masked(drawing.clone())),
            None => self.stricter.as_ref().filter(|s| s.looks).map(|_| Vetting::None),
        }
    }
}

impl Deidentifier {
    /// Cleans the text of an output of [`Deidentifier::process`] of what its study is known to name; `None` where
    /// nothing changes and none of it is there, which is the rule.
    ///
    /// # Errors
    /// It cannot be read, or holds afterwards something that identifies where no cleaning reaches.
    pub fn clean_again(
        &self,
        stored: &Contents<'_>,
        known: &[(Kind, String)],
        scratch: SpillConfig<'_>,
    ) -> Result<Option<CleanedAgain>, Uncleaned> {
        self.rework(stored, known, scratch, &Rework { note: AGAIN, stricter: None, drawing: None })
    }

    /// Masks in an output of [`Deidentifier::process`] what a person has drawn; what was masked before stays masked.
    ///
    /// # Errors
    /// It cannot be read or masked, or holds something that identifies.
    pub fn mask_stored(
        &self,
        stored: &Contents<'_>,
        known: &[(Kind, String)],
        drawing: &Arc<Drawing>,
        scratch: SpillConfig<'_>,
    ) -> Result<CleanedAgain, Uncleaned> {
        let how = Rework { note: MASKED_LATER, stricter: None, drawing: Some(drawing) };
        let masked = self.rework(stored, known, scratch, &how)?;
        masked.ok_or_else(|| Uncleaned::because("nothing was masked"))
    }

    /// Takes out of an output of [`Deidentifier::process`] under another profile what this one does not leave.
    ///
    /// # Errors
    /// [`NeedsSource`] as [`Uncleaned`]: this profile leaves more than the other, or something else in its place. It cannot
    /// be read, its pixels are for a person to judge, or it holds something that identifies.
    pub fn bring_under(
        &self,
        was: &Profile,
        stored: &Contents<'_>,
        known: &[(Kind, String)],
        scratch: SpillConfig<'_>,
    ) -> Result<CleanedAgain, Uncleaned> {
        let stricter = Stricter::of(was, &self.profile, &self.plans).map_err(Uncleaned::because)?;
        let how = Rework { note: WITHOUT_SOURCE, stricter: Some(stricter), drawing: None };
        let mut again = self
            .rework(stored, known, scratch, &how)?
            .ok_or_else(|| Uncleaned::because("nothing changed"))?;
        again.under = Some(self.record(Vec::new()));
        Ok(again)
    }

    fn rework(
        &self,
        stored: &Contents<'_>,
        known: &[(Kind, String)],
        scratch: SpillConfig<'_>,
        how: &Rework<'_>,
    ) -> Result<Option<CleanedAgain>, Uncleaned> {
        let mut file = stored.read(ReadOptions::default()).map_err(Uncleaned::because)?;
        let share = self.share_again(&file, how, scratch)?;
        let bytes = Some(stored.working_bytes() + share.bytes).filter(|_| !stored.holds_memory());
        let _held = bytes.filter(|bytes| *bytes > SMALL).and_then(|bytes| scratch.hold(bytes));
        let pixels = take_pixels(&mut file.dataset);
        let mut identity = Identity::default();
        known.iter().for_each(|(kind, value)| identity.add(value, *kind));
        let mut before = verify::Image::of(&file.dataset, &pixels);
        let mut syntax = file.syntax.uid.clone();
        let sop_class = file.dataset.ascii(tags::SOP_CLASS_UID).unwrap_or_default().to_string();
        let search = Search { lanes: share.lanes.max(1), ..self.search(scratch) };
        let seen = look_again(&search, &file.dataset, &pixels, &syntax, how)?;
        let derived = seen.is_some().then(|| pixels::derived(&file.dataset));
        let marked = pixels_marked(file.dataset.get(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE));
        let cleaner = Cleaner { identity: &identity, allowed: &self.profile.allow_words };
        // What stands for the subject is there already, and no date moves a second time.
        let nobody = self.keys.subject("", "", "");
        let scrub = Scrub::new(&self.plans, &self.keys, nobody, Shift::NONE, cleaner, sop_class);
        let stricter = how.stricter.as_ref();
        let mut walk = Again { scrub, stricter, actions: BTreeSet::new(), untouched: BTreeSet::new() };
        let mut clean = walk.level(file.dataset, None, &Charset::default());
        put_pixels(&mut clean, &pixels);
        let Again { mut scrub, mut actions, untouched, .. } = walk;
        let unsafe_because = |problem: verify::Problem| Uncleaned::because(problem);
        if actions.is_empty() && seen.is_none() && stricter.is_none() {
            return verify::check(stored.whole(), &clean, &identity, &before)
                .map(|()| None)
                .map_err(unsafe_because);
        }
        if let (Some(seen), Some(derived)) = (&seen, derived) {
            syntax.clone_from(&seen.masked.syntax);
            mark::put_masked(seen, derived, &mut clean, &mut before, &mut scrub);
        }
        if seen.is_some() || stricter.is_some() {
            let now = seen.as_ref().map_or((false, false), |seen| (seen.has_masks(), seen.has_blurred()));
            scrub.private_kept =
                clean.elements().iter().any(|e| e.tag.is_private() && !e.tag.is_private_creator());
            scrub.weight_kept =
                self.plans.pet_weight && clean.get(tags::PATIENT_WEIGHT).is_some_and(|w| !w.is_empty());
            self.mark(&mut clean, &mut scrub, (marked.0 || now.0, marked.1 || now.1));
            actions.extend(scrub.actions.keys());
        }
        let bytes = written(&clean, &syntax, scratch).map_err(Uncleaned::because)?;
        verify::check(&bytes, &clean, &identity, &before).map_err(unsafe_because)?;
        seen.as_ref().map_or(Ok(()), |seen| agrees(seen, &bytes))?;
        let masks = seen.map(|seen| seen.masks.clone()).unwrap_or_default();
        let actions = actions.into_iter().collect();
        Ok(Some(CleanedAgain { bytes, actions, untouched, masks, note: how.note, under: None }))
    }

    /// The memory that the pixels of a stored file take, where they are looked at.
    fn share_again(
        &self,
        file: &File<'_>,
        how: &Rework<'_>,
        scratch: SpillConfig<'_>,
    ) -> Result<Share, Uncleaned> {
        let Some(vetting) = how.vetting() else { return Ok(Share::default()) };
        let share = self.search(scratch).share(&file.dataset, &file.syntax.uid, &vetting);
        share.ok_or_else(|| Uncleaned::because(TOO_LARGE))
    }
}

/// Looks at the pixels of a stored file, where a person has drawn or rules have changed.
fn look_again<'a>(
    search: &Search<'_>,
    set: &DataSet<'_>,
    pixels: &'a [(Tag, Value<'_>)],
    syntax: &str,
    how: &Rework<'_>,
) -> Result<Option<Box<Seen<'a>>>, Uncleaned> {
    let Some(vetting) = how.vetting() else { return Ok(None) };
    let pixel_data = pixels.iter().find(|(tag, _)| *tag == tags::PIXEL_DATA).map(|(_, value)| value);
    match search.look(set, pixel_data, syntax, &vetting) {
        Ok(PixelReview::Unmodified) => Ok(None),
        Ok(PixelReview::Redacted(seen)) => Ok(Some(seen)),
        Ok(PixelReview::Unsearchable(why) | PixelReview::Inconclusive(why)) => Err(Uncleaned::because(why)),
        Err(no_room) => Err(Uncleaned::because(no_room)),
    }
}

/// Whether the pixels that were written are those that were read but for the masks.
fn agrees(seen: &Seen<'_>, output: &ByteSource<'_>) -> Result<(), Uncleaned> {
    // Its part of the memory is held already.
    let output = Contents::of(output.borrowed(), SpillConfig::default());
    let read = output.read(ReadOptions::default());
    if read.is_ok_and(|o| seen.agrees(&o.dataset, &o.syntax.uid)) {
        return Ok(());
    }
    Err(Uncleaned::because("its pixels are not what they were outside the masks"))
}
