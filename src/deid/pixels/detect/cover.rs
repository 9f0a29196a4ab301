//! Few boxes that cover what many cover.

/// Clips boxes (left, top, right, bottom) to a picture, drops those that others cover and joins those that lie close.
pub fn cover(boxes: &mut Vec<[u32; 4]>, width: usize, height: usize) {
    let (right, bottom) = (width as u32, height as u32);
    for b in boxes.iter_mut() {
        *b = [b[0].min(right), b[1].min(bottom), b[2].min(right), b[3].min(bottom)];
    }
    boxes.retain(|b| b[0] < b[2] && b[1] < b[3]);
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
    while join_once(boxes) {}
}

fn area(b: &[u32; 4]) -> u64 {
    u64::from(b[2] - b[0]) * u64::from(b[3] - b[1])
}

/// Joins boxes that together fill the box around them; whether there were any.
fn join_once(boxes: &mut Vec<[u32; 4]>) -> bool {
    let before = boxes.len();
    let mut kept: Vec<[u32; 4]> = Vec::with_capacity(before);
    for b in boxes.drain(..) {
        let mut b = b;
        let mut i = 0;
        while i < kept.len() {
            let a = kept[i];
            let both = [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
            if touch(&a, &b) && 10 * area(&both) <= 11 * (area(&a) + area(&b) - shared(&a, &b)) {
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
