//! Tag trees (ISO/IEC 15444-1 B.10.2) and the bits of packet headers (B.10.1).

/// Bits of packet headers: after 0xFF the next byte carries seven.
pub(super) struct HeaderBits<'a> {
    data: &'a [u8],
    at: usize,
    byte: u8,
    count: u32,
}

impl<'a> HeaderBits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, byte: 0, count: 0 }
    }

    /// The next bit; `None` at the end of data.
    #[inline]
    pub(super) fn bit(&mut self) -> Option<u32> {
        if self.count == 0 {
            let after_ff = self.byte == 0xFF;
            self.byte = *self.data.get(self.at)?;
            self.at += 1;
            self.count = if after_ff { 7 } else { 8 };
        }
        self.count -= 1;
        Some(u32::from(self.byte >> self.count & 1))
    }

    /// The next `n` bits.
    pub(super) fn bits(&mut self, n: u32) -> Option<u32> {
        let mut value = 0_u32;
        for _ in 0..n {
            value = value.checked_mul(2)? | self.bit()?;
        }
        Some(value)
    }

    /// Where the next byte after the header is: a stuffed byte after a last 0xFF belongs to it.
    pub(super) fn end(self) -> usize {
        if self.byte == 0xFF && self.at > 0 { self.at + 1 } else { self.at }
    }
}

#[derive(Clone, Copy)]
struct Node {
    value: u32,
    low: u32,
}

/// A tag tree over a grid of leaves.
pub(super) struct TagTree {
    nodes: Vec<Node>,
    /// First node and width of each level, leaves first.
    levels: Vec<(usize, usize)>,
}

impl TagTree {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let (mut w, mut h, mut total) = (width.max(1), height.max(1), 0);
        let mut levels = Vec::new();
        loop {
            levels.push((total, w));
            total += w * h;
            if w * h == 1 {
                break;
            }
            (w, h) = (w.div_ceil(2), h.div_ceil(2));
        }
        Self { nodes: vec![Node { value: u32::MAX, low: 0 }; total], levels }
    }

    /// Whether the leaf's value is below `threshold`.
    pub(super) fn below(
        &mut self,
        x: usize,
        y: usize,
        threshold: u32,
        bits: &mut HeaderBits<'_>,
    ) -> Option<bool> {
        let mut low = 0;
        let mut value = u32::MAX;
        for (level, &(first, width)) in self.levels.iter().enumerate().rev() {
            let node = &mut self.nodes[first + (y >> level) * width + (x >> level)];
            low = low.max(node.low);
            while low < threshold && low < node.value {
                if bits.bit()? == 1 {
                    node.value = low;
                } else {
                    low += 1;
                }
            }
            node.low = low;
            value = node.value;
        }
        Some(value < threshold)
    }
}
