//! Few boxes that cover what many cover.

use super::line::Fit;

/// Clips boxes (left, top, right, bottom) to a picture, drops those that others cover and joins those that lie close; of
/// words those that lie on each other.
pub fn cover(boxes: &mut Vec<[u32; 4]>, width: usize, height: usize, fit: Fit) {
    let (right, bottom) = (width as u32, height as u32);
    for b in boxes.iter_mut() {
        *b = [b[0].min(right), b[1].min(bottom), b[2].min(right), b[3].min(bottom)];
    }
    boxes.retain(|b| b[0] < b[2] && b[1] < b[3]);
    if fit == Fit::Words {
        drop_blocks(boxes, width, height);
    }
    boxes.sort_unstable_by_key(|b| (std::cmp::Reverse(area(b)), *b));
    boxes.dedup();
    // The largest first: a box whose every pixel is covered already adds nothing.
    let mut covered = vec![false; width * height];
    boxes.retain(|b| {
        let mut adds = false;
        let [left, top, right, bottom] = b.map(|v| v as usize);
        for y in top..bottom {
            let row = &mut covered[y * width + left..y * width + right];
            adds |= row.iter().any(|c| !c);
            row.fill(true);
        }
        adds
    });
    boxes.sort_unstable_by_key(|b| (b[1], b[0]));
    while join_once(boxes, fit) {}
}

/// Drops boxes that lie over several lines: much of each is in boxes that are a good deal lower.
fn drop_blocks(boxes: &mut Vec<[u32; 4]>, width: usize, height: usize) {
    let low = |b: &[u32; 4]| (b[2] - b[0]).min(b[3] - b[1]).min(u8::MAX.into()) as u8;
    let rows = |b: &[u32; 4]| {
        let [left, top, right, bottom] = b.map(|v| v as usize);
        (top..bottom).map(move |y| y * width + left..y * width + right)
    };
    // How low the lowest box is that a pixel is in.
    let mut lowest = vec![u8::MAX; width * height];
    for b in boxes.iter() {
        rows(b).for_each(|row| lowest[row].iter_mut().for_each(|l| *l = low(b).min(*l)));
    }
    boxes.retain(|b| {
        let lower = |l: &&u8| 5 * u32::from(**l) <= 3 * u32::from(low(b));
        let inside: usize = rows(b).map(|row| lowest[row].iter().filter(lower).count()).sum();
        3 * (inside as u64) < area(b)
    });
}

fn area(b: &[u32; 4]) -> u64 {
    u64::from(b[2] - b[0]) * u64::from(b[3] - b[1])
}

/// Joins boxes that together fill the box around them; whether there were any.
fn join_once(boxes: &mut Vec<[u32; 4]>, fit: Fit) -> bool {
    let before = boxes.len();
    let mut kept: Vec<[u32; 4]> = Vec::with_capacity(before);
    for b in boxes.drain(..) {
        let mut b = b;
        let mut i = 0;
        while i < kept.len() {
            let a = kept[i];
            let both = [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
            let same = fit == Fit::Lines || 2 * shared(&a, &b) >= area(&a).min(area(&b));
            if same && touch(&a, &b) && 10 * area(&both) <= 11 * (area(&a) + area(&b) - shared(&a, &b)) {
                b = both;
                kept.swap_remove(i);
                i = 0;
            } else {
                i += 1;
            }
        }
        kept.push(b);
    }
    *boxes = kept;
    boxes.sort_unstable_by_key(|b| (b[1], b[0]));
    boxes.len() < before
}

fn shared(a: &[u32; 4], b: &[u32; 4]) -> u64 {
    let width = a[2].min(b[2]).saturating_sub(a[0].max(b[0]));
    let height = a[3].min(b[3]).saturating_sub(a[1].max(b[1]));
    u64::from(width) * u64::from(height)
}

fn touch(a: &[u32; 4], b: &[u32; 4]) -> bool {
    a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3]
}
