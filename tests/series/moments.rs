//! Volumes in the order of time, and slices that are different images.

use gantry::model::{Frame, Header};
use gantry::series::{Moment, SplitReason, Stack, VolumeReason};
use proptest::prelude::*;

use super::common::series::{again, ct, framed, slice};
use super::{one, only, order};

/// `times` volumes of `depth` slices, numbered by `number(volume, slice)`.
fn series(
    times: u32,
    depth: u32,
    number: impl Fn(u32, u32) -> u32,
    change: impl Fn(&mut Frame, u32, u32),
) -> Vec<Header> {
    let at = |t: u32, k: u32| {
        framed(again(&slice(k), number(t, k)), |f| {
            f.acquisition_number = None;
            change(f, t, k);
        })
    };
    (0..times).flat_map(|t| (0..depth).map(move |k| (t, k))).map(|(t, k)| at(t, k)).collect()
}

/// The numbers of the slices, volume by volume.
fn numbers(stack: &Stack) -> Vec<u32> {
    order(stack).iter().map(|uid| uid.rsplit('.').next().unwrap().parse().unwrap()).collect()
}

/// A permutation of 12 numbers from a seed.
fn shuffled(seed: u64) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..12).collect();
    let mut state = seed | 1;
    for i in (1..numbers.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        numbers.swap(i, (state >> 33) as usize % (i + 1));
    }
    numbers
}

type Tell = (Moment, fn(&mut Frame, f64));

const TELLING: [Tell; 8] = [
    (Moment::TriggerTime, |f, t| f.trigger_ms = Some(50.0 * t)),
    (Moment::AcquisitionTime, |f, t| f.acquired_s = Some(6.4e10 + 5.0 * t)),
    (Moment::ContentTime, |f, t| f.content_s = Some(5.0 * t)),
    (Moment::FrameReferenceTime, |f, t| f.frame_reference_ms = Some(5000.0 * t)),
    (Moment::TemporalOffset, |f, t| f.temporal_offset_s = Some(5.0 * t)),
    (Moment::TemporalPosition, |f, t| f.temporal_position = Some(t as i32 + 1)),
    (Moment::CardiacPercent, |f, t| f.cardiac_percent = Some(25.0 * t)),
    (Moment::CardiacDelay, |f, t| f.cardiac_delay_ms = Some(40.0 * t)),
];

proptest! {
    /// Whatever tells the moment, whatever the instance numbers are, and whatever constant times stand beside it.
    #[test]
    fn volumes_go_in_the_order_of_time(told in 0usize..8, seed in any::<u64>(), constant in 0usize..8) {
        let numbers_of = shuffled(seed);
        let number = |t: u32, k: u32| numbers_of[(t * 3 + k) as usize];
        let headers = series(4, 3, number, |f, t, k| {
            // The same at every moment, though not at every position.
            (TELLING[constant].1)(f, f64::from(k));
            (TELLING[told].1)(f, f64::from(t));
        });
        let series = one(headers);
        let stack = only(&series);
        let expected: Vec<u32> = (0..4).flat_map(|t| (0..3).map(move |k| (t, k))).map(|(t, k)| number(t, k)).collect();
        prop_assert_eq!(numbers(stack), expected);
        prop_assert_eq!(stack.times.as_ref().map(|t| t.told_by), Some(TELLING[told].0));
    }
}

#[test]
fn a_moment_of_its_own_for_every_slice_tells_volumes_apart() {
    // Each position has its own delay, longer than the repetition.
    let headers = series(
        4,
        3,
        |t, k| 11 - (t * 3 + k),
        |f, t, k| {
            f.acquired_s = Some(2.0 * f64::from(t) + 100.0 * f64::from(k));
        },
    );
    let series = one(headers);
    let stack = only(&series);
    assert_eq!((stack.volumes, stack.volumes_by), (Some(4), Some(VolumeReason::AcquisitionTime)));
    assert_eq!(numbers(stack), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(stack.step_s(), Some(2.0));
}

#[test]
fn acquisitions_come_one_after_the_other_in_the_order_of_time() {
    let headers = series(3, 3, |t, k| 8 - (t * 3 + k), |f, t, _| f.acquisition_number = Some(t as i32 + 1));
    let series = one(headers);
    let numbers: Vec<Vec<u32>> = series.stacks.iter().map(numbers).collect();
    assert_eq!(numbers, [[8, 7, 6], [5, 4, 3], [2, 1, 0]]);
}

#[test]
fn uneven_times_have_no_step() {
    let at = |times: [f64; 4], tr: Option<f64>| {
        let headers = series(4, 2, |t, k| t * 2 + k, |f, t, _| f.acquired_s = Some(times[t as usize]));
        let headers = headers.into_iter().map(|h| {
            super::common::series::with(h, |c| {
                c.modality = Some("MR".into());
                c.repetition_time_ms = tr;
            })
        });
        one(headers.collect()).stacks[0].step_s()
    };
    assert_eq!(at([0.0, 5.0, 10.0, 15.0], None), Some(5.0));
    assert_eq!(at([0.0, 5.0, 10.02, 15.0], None), Some(5.0), "within one in a hundred");
    assert_eq!(at([0.0, 5.0, 10.0, 30.0], None), None);
    assert_eq!(at([0.0, 5.0, 10.0, 30.0], Some(5000.0)), None, "what is declared does not make it even");
    assert_eq!(at([0.0, 2.0, 5.0, 7.0], Some(2437.0)), Some(2.437), "times to the second");
    assert_eq!(at([1.0; 4], Some(2437.0)), Some(2.437), "no time tells, the header declares");
}

#[test]
fn slices_that_are_different_images_are_apart_wherever_they_lie() {
    let kinds: [(SplitReason, fn(&mut Frame)); 7] = [
        (SplitReason::Echo, |f| f.echo_time_ms = Some(80.0)),
        (SplitReason::ImageType, |f| f.image_type = Some("ORIGINAL\\PRIMARY\\P".into())),
        (SplitReason::Kernel, |f| f.kernel = Some("B70f".into())),
        (SplitReason::Kvp, |f| f.kvp = Some(80.0)),
        (SplitReason::FlipAngle, |f| f.flip_degrees = Some(15.0)),
        (SplitReason::Diffusion, |f| f.b_value = Some(1000.0)),
        (SplitReason::ContrastPhase, |f| f.contrast = Some("Agent".into())),
    ];
    for offset in [1.25, 25.0] {
        let second = |i: u32| {
            framed(again(&slice(i), 20 + i), |f| {
                f.position_mm = f.position_mm.map(|p| [p[0], p[1], p[2] + offset]);
            })
        };
        let mut same = ct(5);
        same.extend((0..5).map(second));
        assert_eq!(only(&one(same)).slices.len(), 10);
        for (reason, change) in kinds {
            let mut headers = ct(5);
            headers.extend((0..5).map(|i| framed(second(i), change)));
            let series = one(headers);
            let found: Vec<_> = series.stacks.iter().map(|s| (s.slices.len(), s.split_by.clone())).collect();
            assert_eq!(found, [(5, vec![reason]), (5, vec![reason])], "{reason:?} {offset}");
        }
    }
}

/// Orders, stacks and volumes do not hang on UIDs, which another secret makes anew.
#[test]
fn uids_decide_nothing() {
    let headers = series(3, 4, |_, _| 0, |f, t, _| f.temporal_position = Some(t as i32));
    let named = |seed: u64| {
        let numbers = shuffled(seed);
        headers.iter().enumerate().map(move |(i, h)| {
            let mut header = h.clone();
            header.numbers_digest = i as u64;
            header.instance_number = Some(1);
            header.sop_uid = Some(format!("1.9.{}", numbers[i]).into());
            header.source = i as u32;
            header
        })
    };
    let sources = |seed| {
        let series = one(named(seed).collect());
        let of = |s: &Stack| s.slices.iter().map(|x| series.header_of(x).unwrap().source).collect::<Vec<_>>();
        (series.stacks.iter().map(of).collect::<Vec<_>>(), series.first().unwrap().header.source)
    };
    assert_eq!(sources(3), sources(77));
}
