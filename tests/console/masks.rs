//! Masks by hand: keys and mouse in, one command out.

use crossterm::event::{Event, KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use gantry::engine::command::{Command, IntakeChoice, MaskIntake, QuestionMasks};
use gantry::engine::query::Query;
use gantry::model::{Area, DrawnMask};

use super::frames::Driver;
use super::stub::Stub;

fn masked(driver: &Driver) -> Vec<MaskIntake> {
    let acts = driver.stub.acts.lock().unwrap();
    acts.iter()
        .filter_map(|act| match act {
            Command::MaskIntake(mask) => Some(mask.clone()),
            _ => None,
        })
        .collect()
}

fn area(x: u32, y: u32, width: u32, height: u32) -> Area {
    Area { x, y, width, height }
}

#[test]
fn what_was_proposed_is_moved_sized_added_to_and_used_on_what_was_marked() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    // Two files marked; the step at one pixel; the mask to the right, wider; a second one, in this frame alone.
    driver.press("2 enter space space m s s l l L . n t h enter");
    assert!(driver.text().contains("Mask 2 areas in 2 files as drawn"), "{}", driver.text());
    assert!(masked(&driver).is_empty(), "nothing before the answer");
    // The cursor has gone on to the third; what is seen is one of those that are masked.
    let opened = |q: &Query| matches!(q, Query::IntakeMasks(masks) if [0, 1].contains(&masks.id));
    let asked = driver
        .stub
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter(|q| matches!(q, Query::IntakeMasks(_)))
        .cloned()
        .collect::<Vec<_>>();
    assert!(asked.len() == 1 && asked.iter().all(opened), "{asked:?}");
    driver.press("y");
    let [mask] = &masked(&driver)[..] else { panic!("one command") };
    assert_eq!(mask.choice, IntakeChoice::Files(vec![0, 1]));
    assert_eq!((mask.drawing.columns, mask.drawing.rows), (64, 48));
    let [first, second] = mask.drawing.masks[..] else { panic!("{:?}", mask.drawing) };
    assert_eq!(first, DrawnMask { frame: None, area: area(6, 3, 25, 6) });
    assert_eq!((second.frame, second.area.width, second.area.height), (Some(2), 16, 3));
    assert!(driver.text().contains("masked and passed"), "{}", driver.text());
}

#[test]
fn a_mask_never_leaves_the_picture_and_esc_leaves_all_as_it_was() {
    let mut driver = Driver::new(Stub::default(), (200, 60));
    driver.press("2 enter m l l l l l l l l l L L L L J J J J j j j j j enter y");
    let [mask] = &masked(&driver)[..] else { panic!("one command") };
    let Area { x, y, width, height } = mask.drawing.masks[0].area;
    assert!(x + width <= 64 && y + height <= 48 && width > 0 && height > 0, "{:?}", mask.drawing);
    let mut driver = Driver::new(Stub::default(), (200, 60));
    driver.press("2 enter m x n n esc");
    assert!(masked(&driver).is_empty());
    assert!(driver.text().contains("pixels unchecked"), "{}", driver.text());
}

#[test]
fn what_is_drawn_stays_when_the_screen_is_refreshed() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("2 enter m n n");
    let drawn = driver.text();
    driver.changed(gantry::model::ChangeKind::Intake { files: 1 }).input(Event::Key(KeyCode::F(5).into()));
    assert_eq!(driver.text(), drawn);
}

#[test]
fn without_a_mask_the_picture_is_released_as_a_person_says() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("2 enter m x enter");
    assert!(driver.text().contains("without a mask"), "{}", driver.text());
    driver.press("y");
    let acts = driver.stub.acts.lock().unwrap();
    assert!(matches!(&acts[..], [Command::ReleaseIntake(_)]), "{acts:?}");
}

#[test]
fn the_mouse_draws() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("2 enter m x");
    driver.text();
    let event =
        |kind, column, row| Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    let button = MouseButton::Left;
    driver.input(event(MouseEventKind::Down(button), 20, 8));
    driver.input(event(MouseEventKind::Drag(button), 24, 9));
    driver.input(event(MouseEventKind::Drag(button), 30, 11));
    driver.input(event(MouseEventKind::Up(button), 30, 11));
    driver.press("enter y");
    let [mask] = &masked(&driver)[..] else { panic!("one command") };
    let [one] = mask.drawing.masks[..] else { panic!("{:?}", mask.drawing) };
    assert!(one.area.width > 8 && one.area.height > 4 && one.area.width < 40, "{:?}", one.area);
}

#[test]
fn masks_of_what_is_stored_are_offered_again_from_review_and_from_the_catalog() {
    let asked = |driver: &Driver| -> Vec<QuestionMasks> {
        let acts = driver.stub.acts.lock().unwrap();
        let of = |act: &Command| match act {
            Command::QuestionMasks(question) => Some(question.clone()),
            _ => None,
        };
        acts.iter().filter_map(of).collect()
    };
    let mut driver = Driver::new(Stub::default(), (80, 24));
    // The picture on screen, and no other; nothing before the answer.
    driver.press("4 enter j j m");
    assert!(driver.text().contains("masks of this picture"), "{}", driver.text());
    assert!(asked(&driver).is_empty());
    driver.press("y");
    assert_eq!(asked(&driver)[0].instances.len(), 1);
    // A slice that was cut from others is no picture that was stored.
    driver.press("v m");
    assert!(driver.text().contains("as it was acquired"), "{}", driver.text());
    // Of a series those that have masks; one without is told.
    let mut driver = Driver::new(Stub::default(), (80, 24));
    driver.press("3 m");
    assert!(driver.text().contains("nothing is masked"), "{}", driver.text());
    driver.press("j m");
    assert!(driver.text().contains("2 pictures with masks"), "{}", driver.text());
    driver.press("y");
    let [question] = &asked(&driver)[..] else { panic!("one command") };
    assert!(question.instances.is_empty() && !question.series_uid.is_empty());
    assert!(driver.text().contains("12 pictures in Ingest"), "{}", driver.text());
}
