//! RLE Lossless (PS3.5 Annex G), the writing side: two byte planes of 16-bit samples, packed row by row.

/// One frame of 16-bit samples.
pub fn encode(samples: &[u16], columns: usize) -> Vec<u8> {
    let planes = [8, 0].map(|shift| {
        let mut packed = Vec::with_capacity(samples.len());
        for row in samples.chunks(columns) {
            pack(&row.iter().map(|v| (v >> shift) as u8).collect::<Vec<_>>(), &mut packed);
        }
        if packed.len() % 2 == 1 {
            packed.push(0);
        }
        packed
    });
    let mut header = [0u32; 16];
    (header[0], header[1], header[2]) = (2, 64, 64 + planes[0].len() as u32);
    let mut frame: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    planes.iter().for_each(|plane| frame.extend_from_slice(plane));
    frame
}

/// PackBits: runs of three and more equal bytes as a run, everything between them as it is.
fn pack(row: &[u8], out: &mut Vec<u8>) {
    let run = |at: usize| row[at..].iter().take(128).take_while(|b| **b == row[at]).count();
    let mut at = 0;
    while at < row.len() {
        let length = run(at);
        if length >= 3 {
            out.extend([(257 - length) as u8, row[at]]);
            at += length;
            continue;
        }
        let start = at;
        while at < row.len() && at - start < 128 && run(at) < 3 {
            at += 1;
        }
        out.push((at - start - 1) as u8);
        out.extend_from_slice(&row[start..at]);
    }
}
