//! Masks by rule, by Tesseract and by a person: each where it should be, nothing else changed, and the ledger says why.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "burned_in/compose.rs"]
#[allow(dead_code, clippy::pedantic)]
mod compose;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use compose::{Look, Picture, Random, lay, scene};
use gantry::config::Workspace;
use gantry::deid::{Context, Deidentifier, Mask, Outcome, Profile, ProfileError, Reason, Secret};
use gantry::dicom::{self, Contents, DataSet, Element, ReadOptions, Syntax, codec};
use gantry::engine::command::{
    DiscardIntake, Ingest, IngestOutcome, IntakeChoice, MaskIntake, Moved, QuestionMasks, ReleaseIntake,
    Reprocess,
};
use gantry::engine::query::{
    Depth, IntakeFiles, IntakeGroups, IntakeMasks, Page, SeriesDetail, SeriesPage, SeriesSort, Verify,
    VerifyTrail,
};
use gantry::engine::{Client, Engine, EngineError};
use gantry::model::{Area, Drawing, DrawnMask, Tag, Vetting, Vr, tags};

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
const FRAMES: usize = 3;

/// A cine without writing; its header says that there is some.
fn cine(number: usize, width: usize, more: Vec<Element<'static>>) -> Vec<u8> {
    let frame = |i| scene(Look::Ultrasound, width, HEIGHT, &[], &mut Random((number * 10 + i) as u64)).pixels;
    instance(number, width, (0..FRAMES).flat_map(frame).collect(), more)
}

fn strips() -> Vec<compose::Strip> {
    let packed = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/burned_in.z")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    compose::strips(&bytes).into_iter().filter(|s| !s.mark).collect()
}

/// A cine with writing that cannot be overlooked.
fn written(number: usize) -> Vec<u8> {
    let strips: Vec<_> = strips().into_iter().filter(|s| s.size >= 16).collect();
    let mut random = Random(5);
    let mut picture = Picture { width: WIDTH, height: HEIGHT, pixels: vec![0; WIDTH * HEIGHT] };
    lay(&mut picture, &strips, 2, &mut random);
    let frames = picture.pixels.repeat(FRAMES);
    instance(number, WIDTH, frames, Vec::new())
}

fn instance(number: usize, width: usize, pixels: Vec<u8>, more: Vec<Element<'static>>) -> Vec<u8> {
    let value = |tag, v: usize| Element::new(tag, Vr::US, (v as u16).to_le_bytes().to_vec());
    let uid = |n: usize| format!("1.3.6.1.4.1.99999.8.{n}.{number}");
    let mut set = DataSet::from_elements(vec![
        Element::text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.3.1"),
        Element::text(tags::SOP_INSTANCE_UID, Vr::UI, &uid(1)),
        Element::text(tags::STUDY_INSTANCE_UID, Vr::UI, &uid(2)),
        Element::text(tags::SERIES_INSTANCE_UID, Vr::UI, &uid(3)),
        Element::text(tags::PATIENT_ID, Vr::LO, "P1"),
        Element::text(tags::MODALITY, Vr::CS, "US"),
        Element::text(tags::MANUFACTURER, Vr::LO, "Acme Sound"),
        value(tags::SAMPLES_PER_PIXEL, 1),
        Element::text(tags::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2"),
        Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, &FRAMES.to_string()),
        value(tags::ROWS, HEIGHT),
        value(tags::COLUMNS, width),
        value(tags::BITS_ALLOCATED, 8),
        value(tags::BITS_STORED, 8),
        value(tags::HIGH_BIT, 7),
        value(tags::PIXEL_REPRESENTATION, 0),
        Element::new(tags::PIXEL_DATA, Vr::OB, pixels),
    ]);
    more.into_iter().for_each(|element| set.put(element));
    dicom::write(&set, Syntax::EXPLICIT_LE).unwrap()
}

fn says_burned_in() -> Vec<Element<'static>> {
    vec![Element::text(tags::BURNED_IN_ANNOTATION, Vr::CS, "YES")]
}

fn frames(bytes: &[u8]) -> Vec<Vec<f64>> {
    let file = dicom::read(bytes, ReadOptions::default()).unwrap();
    let reader = codec::open(&file).unwrap();
    let frame = |index| {
        let mut values = Vec::new();
        reader.decode_frame(index).unwrap().samples.each(|v| values.push(v));
        values
    };
    (0..FRAMES as u32).map(frame).collect()
}

/// Inside the areas of each frame there is nothing, outside everything.
fn assert_masked(source: &[u8], output: &[u8], width: usize, areas: impl Fn(u32) -> Vec<Area>) {
    let before = frames(source);
    for (frame, (old, new)) in (1..).zip(before.iter().zip(frames(output))) {
        for (at, (old, new)) in old.iter().zip(new).enumerate() {
            let pixel = Area { x: (at % width) as u32, y: (at / width) as u32, width: 1, height: 1 };
            let expected = if areas(frame).iter().any(|a| a.contains(&pixel)) { 0.0 } else { *old };
            assert_eq!(new, expected, "frame {frame}, {pixel:?}");
        }
    }
}

fn profile(toml: &str) -> Result<Profile, ProfileError> {
    Profile::from_toml(toml, "site")
}

fn deidentify(profile: Profile, source: &[u8], vetting: &Vetting) -> Outcome {
    let deidentifier = Deidentifier::new(profile, &Secret::new([7; 32])).unwrap();
    deidentifier.process(&Contents::from(source), &Context { vetting, ..Context::default() }).unwrap()
}

fn written_with_masks(outcome: Outcome) -> (Vec<u8>, Vec<Mask>) {
    match outcome {
        Outcome::Written { bytes, record, .. } => {
            assert!(record.verified);
            (bytes.into_bytes().unwrap(), record.masks)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rule_masks_what_it_is_for_and_says_its_name() {
    let rule = "[[profile.site.mask]]\nname = \"acme\"\nmanufacturer = \"ACME\"\nrows = 240\nareas = [[0, 0, 4000, 20]]\n";
    let source = cine(1, WIDTH, Vec::new());
    let (bytes, masks) = written_with_masks(deidentify(profile(rule).unwrap(), &source, &Vetting::None));
    let band = Area { x: 0, y: 0, width: WIDTH as u32, height: 20 };
    assert_masked(&source, &bytes, WIDTH, |_| vec![band]);
    assert!(masks.len() == FRAMES && masks.iter().all(|m| m.why == "rule acme"), "{masks:?}");
    // Another matrix, and the same scanner, which the rule is not for.
    let rule = rule.replace("240", "480");
    let (_, masks) = written_with_masks(deidentify(profile(&rule).unwrap(), &source, &Vetting::None));
    assert!(masks.is_empty(), "{masks:?}");
    for idle in ["name = \"all\"\nareas = [[0, 0, 9, 9]]", "name = \"none\"\nmanufacturer = \"ACME\""] {
        let error = profile(&format!("[[profile.site.mask]]\n{idle}\n")).unwrap_err();
        assert!(matches!(error, ProfileError::Mask(_)), "{error}");
    }
}

#[test]
fn the_rules_that_come_along_are_followed_also_where_the_header_denies_writing() {
    let more = vec![
        Element::text(tags::BURNED_IN_ANNOTATION, Vr::CS, "NO"),
        Element::text(tags::MANUFACTURER, Vr::LO, "SIEMENS"),
        Element::text(tags::MANUFACTURER_MODEL_NAME, Vr::LO, "ACUSON S2000"),
        Element::new(tags::ROWS, Vr::US, 768u16.to_le_bytes().to_vec()),
        Element::new(tags::COLUMNS, Vr::US, 1024u16.to_le_bytes().to_vec()),
        Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, "1"),
        Element::new(tags::PIXEL_DATA, Vr::OB, vec![90; 768 * 1024]),
    ];
    let source = instance(2, WIDTH, Vec::new(), more);
    let (_, masks) = written_with_masks(deidentify(Profile::default(), &source, &Vetting::None));
    let [mask] = &*masks else { panic!("{masks:?}") };
    assert_eq!((mask.x, mask.y, mask.width, mask.height), (0, 0, 1024, 60));
    assert_eq!(mask.why, "rule us-siemens-s2000");
    let without = Profile { maker_masks: false, ..Profile::default() };
    assert!(without.lint().iter().any(|l| l.code == "weakened"));
    let (_, masks) = written_with_masks(deidentify(without, &source, &Vetting::None));
    assert!(masks.is_empty(), "{masks:?}");
}

#[test]
fn all_but_the_ultrasound_regions_can_be_masked() {
    let side = |tag: u16, v: u32| Element::new(Tag::new(0x0018, tag), Vr::UL, v.to_le_bytes().to_vec());
    let region = DataSet::from_elements(vec![
        side(0x6018, 40),
        side(0x601A, 30),
        side(0x601C, 239),
        side(0x601E, 199),
    ]);
    let source = cine(3, WIDTH, vec![Element::sequence(Tag::new(0x0018, 0x6011), vec![region])]);
    let rule = "[[profile.site.mask]]\nname = \"beside\"\nmodality = [\"US\"]\noutside_regions = true\n";
    let (bytes, masks) = written_with_masks(deidentify(profile(rule).unwrap(), &source, &Vetting::None));
    let area = |x, y, width, height| Area { x, y, width, height };
    let around = [area(0, 0, 320, 30), area(0, 30, 40, 170), area(240, 30, 80, 170), area(0, 200, 320, 40)];
    assert_masked(&source, &bytes, WIDTH, |_| around.to_vec());
    assert!(masks.iter().all(|m| m.why == "rule beside"));
}

#[test]
fn tesseract_reads_where_the_profile_wants_it() {
    if common::peer("tesseract").is_none() {
        return;
    }
    // The first letters of a word: too few for the detector.
    let mut read = 0;
    for (number, strip) in strips().into_iter().filter(|s| s.size >= 24).take(24).enumerate() {
        let (cover, width) = (&strip.cover, (2 * usize::from(strip.size)).min(strip.cover.width));
        let mut pixels = vec![0; WIDTH * HEIGHT];
        for y in 0..cover.height.min(HEIGHT - 80) {
            let row = &cover.pixels[y * cover.width..][..width];
            pixels[(y + 80) * WIDTH + 60..][..width].copy_from_slice(row);
        }
        let source = instance(number, WIDTH, pixels.repeat(FRAMES), Vec::new());
        let masks = |ocr| {
            let profile = profile(&format!("[profile.site]\nocr = {ocr}\n")).unwrap();
            written_with_masks(deidentify(profile, &source, &Vetting::None)).1
        };
        let (without, with) = (masks(false), masks(true));
        assert!(without.iter().all(|m| with.contains(m)), "what the detector finds stays");
        let word = Area { x: 60, y: 80, width: width as u32, height: cover.height as u32 };
        for mask in with.iter().filter(|m| m.why == "text read by Tesseract") {
            let area = Area { x: mask.x, y: mask.y, width: mask.width, height: mask.height };
            assert!(area.shared(&word) > 0, "{mask:?}");
        }
        read += usize::from(without.is_empty() && !with.is_empty());
    }
    assert!(read > 0, "Tesseract reads what the detector does not look for");
}

#[test]
fn a_rule_is_no_answer_to_a_header_that_says_that_there_is_writing() {
    let rule = "[[profile.site.mask]]\nname = \"acme\"\nmanufacturer = \"ACME\"\nareas = [[0, 0, 9, 9]]\n";
    let says = cine(6, WIDTH, says_burned_in());
    let outcome = deidentify(profile(rule).unwrap(), &says, &Vetting::None);
    assert!(matches!(outcome, Outcome::Quarantined { reason: Reason::PixelsDoubtful, .. }), "{outcome:?}");
}

#[test]
fn what_can_be_seen_in_part_alone_is_kept_back_and_what_cannot_be_seen_is_not() {
    // Photographs of four frames with writing, of which fewer are there.
    let photograph = |bytes: usize| {
        let plain = written(8);
        let mut set = dicom::read(&plain, ReadOptions::default()).unwrap().dataset.into_owned();
        let pixels = set.bytes(tags::PIXEL_DATA).unwrap()[..bytes].to_vec();
        set.put(Element::text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.77.1.4.1"));
        set.put(Element::text(tags::MODALITY, Vr::CS, "XC"));
        set.put(Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, "4"));
        set.put(Element::new(tags::PIXEL_DATA, Vr::OB, pixels));
        let source = dicom::write(&set, Syntax::EXPLICIT_LE).unwrap();
        deidentify(Profile::default(), &source, &Vetting::None)
    };
    let part = photograph(3 * WIDTH * HEIGHT);
    assert!(matches!(part, Outcome::Quarantined { reason: Reason::PixelsUnchecked, .. }), "{part:?}");
    let nothing = photograph(WIDTH * HEIGHT / 2);
    assert!(matches!(nothing, Outcome::Written { .. }), "{nothing:?}");
}

#[test]
fn a_person_can_be_made_to_confirm_every_mask() {
    let source = written(5);
    let reviewed = profile("[profile.site]\nreview_masks = \"always\"\n").unwrap();
    let outcome = deidentify(reviewed.clone(), &source, &Vetting::None);
    let Outcome::Quarantined { reason: Reason::PixelsDoubtful, detail, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(detail.contains("confirm"), "{detail}");
    let deidentifier = Deidentifier::new(reviewed.clone(), &Secret::new([7; 32])).unwrap();
    let (drawing, count) = deidentifier.suggest(&Contents::from(&source)).unwrap();
    assert_eq!((count, drawing.columns, drawing.rows), (FRAMES as u32, WIDTH as u32, HEIGHT as u32));
    assert!(!drawing.masks.is_empty() && drawing.masks.iter().all(|m| m.frame.is_none()), "{drawing:?}");
    let areas: Vec<Area> = drawing.masks.iter().map(|m| m.area).collect();
    let (bytes, masks) =
        written_with_masks(deidentify(reviewed, &source, &Vetting::Masked(Arc::new(drawing))));
    assert_masked(&source, &bytes, WIDTH, |_| areas.clone());
    assert!(masks.iter().all(|m| m.why == "masked by a person"));
    // Without a look at what is written, nothing would be found wanting: the search alone gives the same.
    let (automatic, _) = written_with_masks(deidentify(Profile::default(), &source, &Vetting::None));
    assert_eq!(frames(&automatic), frames(&bytes));
}

#[test]
fn pictures_in_which_something_may_be_writing_can_be_kept_back() {
    let small: Vec<_> = strips().into_iter().filter(|s| s.size <= 10).collect();
    let doubtful = profile("[profile.site]\nreview_masks = \"doubtful\"\n").unwrap();
    let (mut kept, mut passed) = (0, 0);
    for number in 0..24 {
        let mut random = Random(number as u64 + 100);
        let mut picture = scene(Look::Ultrasound, WIDTH, HEIGHT, &[], &mut random);
        lay(&mut picture, &small, number % 3, &mut random);
        let source = instance(number, WIDTH, picture.pixels.repeat(FRAMES), Vec::new());
        match deidentify(doubtful.clone(), &source, &Vetting::None) {
            Outcome::Quarantined { reason: Reason::PixelsDoubtful, detail, .. } => {
                assert!(detail.contains("may be writing"), "{detail}");
                kept += 1;
            }
            // What passes is what it is without the question.
            Outcome::Written { bytes, record, .. } => {
                let (same, masks) =
                    written_with_masks(deidentify(Profile::default(), &source, &Vetting::None));
                assert_eq!((bytes.into_bytes().unwrap(), record.masks), (same, masks));
                passed += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(kept > 0 && passed > 0, "{kept} kept back, {passed} passed");
}

struct Workplace {
    dir: tempfile::TempDir,
    engine: Arc<Engine>,
}

impl Workplace {
    fn new(files: &[Vec<u8>]) -> (Self, IngestOutcome) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        for (n, bytes) in files.iter().enumerate() {
            std::fs::write(dir.path().join(format!("in/{n}.dcm")), bytes).unwrap();
        }
        let workspace = Workspace::init(&dir.path().join("w")).unwrap();
        let config = std::fs::read_to_string(workspace.config_file()).unwrap();
        let config = config.replace("[deid]", "[deid]\nprofile = \"site\"\nprofiles = \"deid.toml\"");
        std::fs::write(workspace.config_file(), config).unwrap();
        std::fs::write(dir.path().join("w/deid.toml"), "[profile.site]\nallow_words = [\"zorblax\"]\n")
            .unwrap();
        let engine = Engine::open(workspace).unwrap();
        let workplace = Self { dir, engine };
        let path = workplace.dir.path().join("in").to_str().unwrap().to_string();
        let session = workplace.engine.session("amira", false);
        let outcome = (&session as &dyn Client)
            .act(Ingest { paths: vec![path], site: "A".into(), links: Default::default() })
            .unwrap();
        (workplace, outcome)
    }

    fn with<T>(&self, act: impl FnOnce(&dyn Client) -> T) -> T {
        act(&self.engine.session("amira", false))
    }

    /// Files in quarantine.
    fn waiting(&self) -> Vec<i64> {
        let groups = self.with(|c| c.ask(IntakeGroups { filter: "status:quarantined".into() })).unwrap();
        let files = groups.iter().flat_map(|group| {
            let page = Page { offset: 0, limit: 100 };
            self.with(|c| c.ask(IntakeFiles { group: group.key.clone(), page, names: false })).unwrap().rows
        });
        files.map(|file| file.id).collect()
    }

    fn mask(&self, files: Vec<i64>, drawing: Drawing) -> Result<Moved, EngineError> {
        self.with(|c| c.act(MaskIntake { choice: IntakeChoice::Files(files), drawing }))
    }
}

fn stored(root: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(root).unwrap().flatten() {
        if entry.path().is_dir() {
            stored(&entry.path(), found);
        } else {
            found.push(std::fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn a_person_masks_what_was_kept_back_and_the_ledger_and_the_trail_say_so() {
    let sources =
        [cine(1, WIDTH, says_burned_in()), cine(2, WIDTH, says_burned_in()), cine(3, 300, says_burned_in())];
    let (place, outcome) = Workplace::new(&sources);
    assert_eq!((outcome.received, outcome.quarantined), (3, 3));
    let waiting = place.waiting();
    let proposed = place.with(|c| c.ask(IntakeMasks { id: waiting[0] })).unwrap();
    assert_eq!((proposed.frames, proposed.drawing.masks.len()), (3, 0));
    let empty = place.mask(waiting.clone(), proposed.drawing);
    assert!(matches!(empty, Err(EngineError::Invalid { .. })), "{empty:?}");
    let everywhere = Area { x: 10, y: 5, width: 100, height: 12 };
    let once = Area { x: 300, y: 230, width: 500, height: 500 };
    let masks = vec![DrawnMask { frame: None, area: everywhere }, DrawnMask { frame: Some(2), area: once }];
    let drawing = Drawing { columns: WIDTH as u32, rows: HEIGHT as u32, masks };
    let moved = place.mask(waiting, drawing).unwrap();
    // The third has another matrix: what was drawn does not fit it.
    assert_eq!(moved.moved, 2, "{moved:?}");
    assert_eq!(moved.refused, [(1, "still quarantined: pixels_doubtful".to_string())]);
    assert_eq!(place.waiting().len(), 1);
    let mut blobs = Vec::new();
    stored(&place.dir.path().join("w/store"), &mut blobs);
    assert_eq!(blobs.len(), 2);
    for source in &sources[..2] {
        let areas = |frame| if frame == 2 { vec![everywhere, once] } else { vec![everywhere] };
        let middle = |bytes: &[u8]| frames(bytes)[1][100 * WIDTH..120 * WIDTH].to_vec();
        let fits: Vec<_> = blobs.iter().filter(|b| middle(b) == middle(source)).collect();
        assert_eq!(fits.len(), 1);
        assert_masked(source, fits[0], WIDTH, areas);
    }
    let catalog = rusqlite::Connection::open(place.dir.path().join("w/catalog.sqlite")).unwrap();
    let text = |sql: &str| catalog.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert!(text("SELECT detail FROM trail WHERE action = 'intake.mask'").contains("\"masks\":2"));
    // Who opens a picture leaves a mark before it is seen, each time; who asks for boxes alone does not.
    let looks = || text("SELECT CAST(count(*) AS TEXT) FROM trail WHERE action = 'intake.look'");
    assert_eq!(looks(), "0");
    let left = place.waiting()[0];
    assert_eq!(place.with(|c| c.quarantined(left)).unwrap().into_bytes().unwrap(), sources[2]);
    assert_eq!(looks(), "1");
    assert!(place.with(|c| c.quarantined(12_345)).is_err());
    assert_eq!(looks(), "1");
    assert!(place.with(|c| c.ask(VerifyTrail::default())).unwrap().broken.is_none());
    let mut kept = Vec::new();
    stored(&place.dir.path().join("w/landing/quarantine"), &mut kept);
    assert_eq!(kept.len(), 1, "copies go when nothing needs them");
}

fn all_series() -> SeriesPage {
    SeriesPage { filter: String::new(), sort: SeriesSort::default(), page: Page { offset: 0, limit: 10 } }
}

#[test]
fn masks_of_what_is_stored_are_lifted_and_drawn_anew() {
    let source = written(1);
    let (place, outcome) = Workplace::new(std::slice::from_ref(&source));
    assert_eq!(outcome.deidentified, 1, "{outcome:?}");
    let store = || {
        let mut blobs = Vec::new();
        stored(&place.dir.path().join("w/store"), &mut blobs);
        assert_eq!(blobs.len(), 1, "the bytes before are gone");
        blobs.remove(0)
    };
    let found = place.with(|c| c.ask(all_series())).unwrap();
    let series_uid = found.rows[0].series_uid.clone();
    let ask = || place.with(|c| c.act(QuestionMasks { series_uid: series_uid.clone(), instances: vec![] }));
    let shown = || {
        let detail = place.with(|c| c.ask(SeriesDetail { series_uid: series_uid.clone() })).unwrap();
        detail.masks.map(|m| (m.areas, m.instances, m.why.into_keys().collect::<Vec<_>>())).unwrap()
    };
    let (areas, instances, why) = shown();
    assert!(areas >= 3 && instances == 1 && why.iter().all(|w| w.contains("detector")), "{why:?}");
    let before = store();
    // What is masked now is what is proposed.
    assert_eq!(ask().unwrap().moved, 1);
    let waiting = place.waiting();
    let proposed = place.with(|c| c.ask(IntakeMasks { id: waiting[0] })).unwrap();
    assert!(!proposed.drawing.masks.is_empty() && proposed.drawing.masks.iter().all(|m| m.frame.is_none()));
    assert_eq!(store(), before, "nothing changes before somebody decides");
    // Discarded: everything stays as it is.
    let files = IntakeChoice::Files(waiting);
    assert_eq!(place.with(|c| c.act(DiscardIntake { choice: files })).unwrap().moved, 1);
    assert_eq!((store(), place.waiting().len()), (before, 0));
    // Drawn anew: exactly these, from the source.
    ask().unwrap();
    let area = Area { x: 4, y: 6, width: 50, height: 20 };
    let drawing = |area| Drawing {
        columns: WIDTH as u32,
        rows: HEIGHT as u32,
        masks: vec![DrawnMask { frame: None, area }],
    };
    let moved = place.mask(place.waiting(), drawing(area)).unwrap();
    assert_eq!((moved.moved, place.waiting().len()), (1, 0), "{moved:?}");
    assert_masked(&source, &store(), WIDTH, |_| vec![area]);
    assert_eq!(shown(), (3, 1, vec!["masked by a person".to_string()]));
    // What a person has drawn outlives another look by the profile.
    let again = place.with(|c| c.act(Reprocess { filter: None, all: true })).unwrap();
    assert_eq!((again.from_source, again.left), (1, 0), "{again:?}");
    assert_masked(&source, &store(), WIDTH, |_| vec![area]);
    // The source is gone: more can be masked, nothing lifted.
    std::fs::remove_file(place.dir.path().join("in/0.dcm")).unwrap();
    ask().unwrap();
    let release = ReleaseIntake { choice: IntakeChoice::Files(place.waiting()) };
    let refused = place.with(|c| c.act(release)).unwrap();
    assert!(refused.moved == 0 && refused.refused[0].1.contains("cannot be lifted"), "{refused:?}");
    let more = Area { x: 100, y: 100, width: 30, height: 30 };
    assert_eq!(place.mask(place.waiting(), drawing(more)).unwrap().moved, 1);
    assert_masked(&source, &store(), WIDTH, |_| vec![area, more]);
    assert_eq!(shown().0, 6);
    let verified = place.with(|c| c.ask(Verify { depth: Depth::Whole, checkpoint: None })).unwrap();
    assert_eq!(verified.damage, [], "{verified:?}");
    assert!(place.with(|c| c.ask(VerifyTrail::default())).unwrap().broken.is_none());
    let mut kept = Vec::new();
    stored(&place.dir.path().join("w/landing/quarantine"), &mut kept);
    assert_eq!(kept.len(), 0, "copies go when nothing needs them");
}

#[test]
fn all_masks_of_what_is_stored_are_lifted_by_a_release() {
    let source = written(1);
    let (place, _) = Workplace::new(std::slice::from_ref(&source));
    let found = place.with(|c| c.ask(all_series())).unwrap();
    let series_uid = found.rows[0].series_uid.clone();
    place.with(|c| c.act(QuestionMasks { series_uid, instances: vec![] })).unwrap();
    let release = ReleaseIntake { choice: IntakeChoice::Files(place.waiting()) };
    assert_eq!(place.with(|c| c.act(release)).unwrap().moved, 1);
    let mut blobs = Vec::new();
    stored(&place.dir.path().join("w/store"), &mut blobs);
    assert_eq!(frames(&blobs[0]), frames(&source));
    // It stays released when the profile looks again.
    let again = place.with(|c| c.act(Reprocess { filter: None, all: true })).unwrap();
    assert_eq!(again.from_source, 1, "{again:?}");
    let mut blobs = Vec::new();
    stored(&place.dir.path().join("w/store"), &mut blobs);
    assert_eq!(frames(&blobs[0]), frames(&source));
}

/// A thin slice of a head, its nose towards the upper edge.
fn head(orientation: &str) -> Vec<u8> {
    let side = 128;
    let value = |x: f64, y: f64| -> u16 {
        let nose = (x - 64.0).abs() < 4.0 && (8.0..24.0).contains(&y);
        if (x - 64.0).hypot(y - 64.0) < 44.0 || nose { 1050 } else { 20 }
    };
    let pixels = (0..side * side).flat_map(|at| value((at % side) as f64, (at / side) as f64).to_le_bytes());
    let number = |tag, v: u16| Element::new(tag, Vr::US, v.to_le_bytes().to_vec());
    let more = vec![
        Element::text(tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
        Element::text(tags::MODALITY, Vr::CS, "CT"),
        Element::text(Tag::new(0x0018, 0x0015), Vr::CS, "HEAD"),
        Element::text(tags::SLICE_THICKNESS, Vr::DS, "1"),
        Element::text(tags::IMAGE_ORIENTATION_PATIENT, Vr::DS, orientation),
        Element::text(tags::PIXEL_SPACING, Vr::DS, "2\\2"),
        Element::text(tags::RESCALE_INTERCEPT, Vr::DS, "-1024"),
        Element::text(tags::RESCALE_SLOPE, Vr::DS, "1"),
        Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, "1"),
        number(tags::ROWS, side as u16),
        number(tags::COLUMNS, side as u16),
        number(tags::BITS_ALLOCATED, 16),
        number(tags::BITS_STORED, 12),
        number(tags::HIGH_BIT, 11),
        Element::new(tags::PIXEL_DATA, Vr::OW, pixels.collect::<Vec<u8>>()),
    ];
    instance(9, WIDTH, Vec::new(), more)
}

#[test]
fn frames_that_are_declared_and_not_there_are_kept_back_and_cost_nothing() {
    let frames = Element::text(tags::NUMBER_OF_FRAMES, Vr::IS, "60000");
    let source = cine(7, WIDTH, vec![frames.clone()]);
    let area = Area { x: 0, y: 0, width: 10, height: 10 };
    let masks = vec![DrawnMask { frame: None, area }];
    let drawing = Drawing { columns: WIDTH as u32, rows: HEIGHT as u32, masks };
    for vetting in [Vetting::None, Vetting::Masked(Arc::new(drawing))] {
        let outcome = deidentify(Profile::default(), &source, &vetting);
        assert!(
            matches!(outcome, Outcome::Quarantined { reason: Reason::PixelsUnchecked, .. }),
            "{outcome:?}"
        );
    }
    let blurring = profile("[profile.site]\nblur_faces = true\n").unwrap();
    let mut set =
        dicom::read(&head("1\\0\\0\\0\\1\\0"), ReadOptions::default()).unwrap().dataset.into_owned();
    set.put(frames);
    let outcome = deidentify(blurring, &dicom::write(&set, Syntax::EXPLICIT_LE).unwrap(), &Vetting::Trusted);
    assert!(matches!(outcome, Outcome::Quarantined { .. }), "{outcome:?}");
}

#[test]
fn faces_are_blurred_where_the_profile_wants_it_and_what_cannot_be_is_kept_back() {
    let blurring = profile("[profile.site]\nblur_faces = true\n").unwrap();
    let source = head("1\\0\\0\\0\\1\\0");
    for vetting in [Vetting::None, Vetting::Trusted] {
        let (bytes, masks) = written_with_masks(deidentify(blurring.clone(), &source, &vetting));
        let [mask] = &*masks else { panic!("{masks:?}") };
        assert_eq!((&*mask.why, mask.frame), ("face blurred", 1));
        let file = dicom::read(&bytes, ReadOptions::default()).unwrap();
        assert_eq!(file.dataset.ascii(Tag::new(0x0028, 0x0302)), Some("NO"));
        assert_eq!(file.dataset.ascii(tags::BURNED_IN_ANNOTATION), None, "nobody looked for text");
        assert!(file.dataset.ascii_values(tags::IMAGE_TYPE).eq(["DERIVED", "PRIMARY"]));
        let codes = file.dataset.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
        assert!(codes.iter().any(|c| c.ascii(Tag::new(0x0008, 0x0100)) == Some("113102")));
        let pixels = |bytes: &[u8]| {
            let file = dicom::read(bytes, ReadOptions::default()).unwrap();
            let mut values = Vec::new();
            codec::open(&file).unwrap().decode_frame(0).unwrap().samples.each(|v| values.push(v));
            values
        };
        let (before, after) = (pixels(&source), pixels(&bytes));
        assert!(before[12 * 128 + 64] > 724.0 && after[12 * 128 + 64] < 724.0, "the tip of the nose");
        assert_eq!(before[66 * 128..], after[66 * 128..], "the back");
    }
    // The same, told by functional groups; then by groups that do not agree.
    let group = |tag, element| Element::sequence(tag, vec![DataSet::from_elements(vec![element])]);
    let enhanced = |orientations: [&str; 2]| {
        let mut set = dicom::read(&source, ReadOptions::default()).unwrap().dataset.into_owned();
        for tag in [Tag::new(0x0018, 0x0015), tags::SLICE_THICKNESS, tags::IMAGE_ORIENTATION_PATIENT] {
            set.remove(tag);
        }
        let meaning = Element::text(Tag::new(0x0008, 0x0104), Vr::LO, "Brain");
        let shared = DataSet::from_elements(vec![
            group(tags::PIXEL_MEASURES_SEQUENCE, Element::text(tags::SLICE_THICKNESS, Vr::DS, "1")),
            group(Tag::new(0x0020, 0x9071), group(Tag::new(0x0008, 0x2218), meaning)),
        ]);
        let frames = orientations.map(|text| {
            let orientation = Element::text(tags::IMAGE_ORIENTATION_PATIENT, Vr::DS, text);
            DataSet::from_elements(vec![group(tags::PLANE_ORIENTATION_SEQUENCE, orientation)])
        });
        set.put(Element::sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]));
        set.put(Element::sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames.to_vec()));
        deidentify(blurring.clone(), &dicom::write(&set, Syntax::EXPLICIT_LE).unwrap(), &Vetting::None)
    };
    let axial = "1\\0\\0\\0\\1\\0";
    assert_eq!(written_with_masks(enhanced([axial, axial])).1.len(), 1);
    let mixed = enhanced([axial, "0\\1\\0\\0\\0\\-1"]);
    assert!(matches!(mixed, Outcome::Quarantined { reason: Reason::PixelsDoubtful, .. }), "{mixed:?}");
    let coronal = deidentify(blurring, &head("1\\0\\0\\0\\0\\-1"), &Vetting::None);
    assert!(matches!(coronal, Outcome::Quarantined { reason: Reason::PixelsDoubtful, .. }), "{coronal:?}");
    let Outcome::Written { record, .. } = deidentify(Profile::default(), &source, &Vetting::None) else {
        panic!()
    };
    assert_eq!(record.notes, ["face_recognisable"]);
}
