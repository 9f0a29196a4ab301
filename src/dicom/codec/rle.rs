//! RLE Lossless (PS3.5 Annex G): byte planes, most significant first, packed by run lengths.

use super::PixelError;

/// Segments that a header can name.
const MAX_SEGMENTS: usize = 15;
/// Bytes of the header.
const HEADER: usize = 64;

fn damaged(what: &'static str) -> PixelError {
    PixelError::Damaged { codec: "RLE", what }
}

/// The frame as native little-endian bytes with Planar Configuration 1: plane by plane of `pixels` samples of
/// `width` bytes.
pub(super) fn decode(
    data: &[u8],
    pixels: usize,
    samples: usize,
    width: usize,
) -> Result<Vec<u8>, PixelError> {
    let header = data.get(..HEADER).ok_or_else(|| damaged("no header"))?;
    let word = |i: usize| {
        header.get(i * 4..i * 4 + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes) as usize
    };
    let segments = word(0);
    if segments != samples * width || segments > MAX_SEGMENTS {
        return Err(damaged("number of segments is not samples × bytes"));
    }
    // A run of 128 bytes takes two: what is there cannot give more than that.
    let most = data.len().saturating_mul(64);
    if pixels.saturating_mul(segments) > most {
        return Err(PixelError::Truncated {
            found: most as u64,
            expected: (pixels * segments) as u64,
            unit: "bytes",
        });
    }
    let mut out = vec![0_u8; pixels * segments];
    for segment in 0..segments {
        let start = word(segment + 1);
        let end = if segment + 1 < segments { word(segment + 2) } else { data.len() };
        let packed = data
            .get(start..end.min(data.len()))
            .filter(|_| start >= HEADER)
            .ok_or_else(|| damaged("segment offset outside the frame"))?;
        let (sample, byte) = (segment / width, width - 1 - segment % width);
        let plane = &mut out[sample * pixels * width..(sample + 1) * pixels * width];
        let found = unpack(packed, plane, byte, width);
        if found < pixels {
            return Err(PixelError::Truncated {
                found: found as u64,
                expected: pixels as u64,
                unit: "pixels",
            });
        }
    }
    Ok(out)
}

/// Unpacks into every `width`-th byte of `plane` from `first` on; how many bytes were there, up to the plane's end.
fn unpack(packed: &[u8], plane: &mut [u8], first: usize, width: usize) -> usize {
    let pixels = plane.len() / width;
    let (mut at, mut done) = (0, 0);
    while done < pixels {
        let Some(&control) = packed.get(at) else { break };
        at += 1;
        if control < 128 {
            let rest = packed.get(at..).unwrap_or_default();
            let count = (control as usize + 1).min(pixels - done).min(rest.len());
            if width == 1 {
                plane[done..done + count].copy_from_slice(&rest[..count]);
            } else {
                let to = plane[done * width + first..].iter_mut().step_by(width);
                to.zip(&rest[..count]).for_each(|(to, &from)| *to = from);
            }
            done += count;
            at += control as usize + 1;
        } else if control > 128 {
            let Some(&value) = packed.get(at) else { break };
            at += 1;
            let count = (257 - control as usize).min(pixels - done);
            if width == 1 {
                plane[done..done + count].fill(value);
            } else {
                plane[done * width + first..]
                    .iter_mut()
                    .step_by(width)
                    .take(count)
                    .for_each(|to| *to = value);
            }
            done += count;
        }
    }
    done
}

/// Packs a frame of native little-endian bytes: `pixels` of `samples` samples of `width` bytes, colour by pixel.
pub(super) fn encode(
    native: &[u8],
    columns: usize,
    samples: usize,
    width: usize,
) -> Result<Vec<u8>, PixelError> {
    let segments = samples * width;
    if segments == 0 || segments > MAX_SEGMENTS {
        return Err(PixelError::Layout("more byte planes than RLE has segments"));
    }
    let mut out = vec![0_u8; HEADER];
    out[0] = segments as u8;
    let mut plane = Vec::with_capacity(native.len() / segments);
    for segment in 0..segments {
        let offset = u32::try_from(out.len()).map_err(|_| PixelError::Layout("frame too large for RLE"))?;
        out[4 + segment * 4..8 + segment * 4].copy_from_slice(&offset.to_le_bytes());
        let first = segment / width * width + (width - 1 - segment % width);
        plane.clear();
        plane.extend(native.iter().skip(first).step_by(segments));
        // Each row is packed by itself (PS3.5 G.3.1).
        for row in plane.chunks(columns.max(1)) {
            pack(row, &mut out);
        }
        if out.len() % 2 == 1 {
            out.push(0);
        }
    }
    Ok(out)
}

/// Packs one row: runs of three or more as replicates, all else as literals.
fn pack(row: &[u8], out: &mut Vec<u8>) {
    let run_at = |i: usize| row[i..].iter().take(128).take_while(|&&b| b == row[i]).count();
    let mut at = 0;
    while at < row.len() {
        let run = run_at(at);
        if run >= 2 {
            out.extend([(257 - run) as u8, row[at]]);
            at += run;
            continue;
        }
        let start = at;
        while at < row.len() && at - start < 128 && run_at(at) < 3 {
            at += 1;
        }
        out.push((at - start - 1) as u8);
        out.extend_from_slice(&row[start..at]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn example_of_the_standard_unpacks() {
        // PS3.5 G.3: a literal of three, a replicate of four, a no-op.
        let mut plane = [0; 7];
        assert_eq!(unpack(&[2, 1, 2, 3, 128, 253, 9], &mut plane, 0, 1), 7);
        assert_eq!(plane, [1, 2, 3, 9, 9, 9, 9]);
    }

    #[test]
    fn short_segments_are_errors() {
        let mut data = vec![0; HEADER];
        data[0] = 1;
        data[4] = 64;
        data.extend([253, 9]);
        assert_eq!(decode(&data, 4, 1, 1).unwrap(), [9; 4]);
        assert_eq!(decode(&data, 5, 1, 1).unwrap_err().code(), "fewer_pixels_than_declared");
        assert_eq!(decode(&data[..60], 4, 1, 1).unwrap_err().code(), "stream_damaged");
        assert_eq!(decode(&data, 4, 3, 1).unwrap_err().code(), "stream_damaged");
    }

    proptest! {
        #[test]
        fn packing_comes_back(
            values in proptest::collection::vec(prop_oneof![Just(0_u8), Just(7), any::<u8>()], 1..600),
            columns in 1_usize..50, samples in prop_oneof![Just(1_usize), Just(3)], width in prop_oneof![Just(1_usize), Just(2), Just(4)],
        ) {
            let pixels = values.len() / (samples * width);
            prop_assume!(pixels > 0);
            let native = &values[..pixels * samples * width];
            let packed = encode(native, columns, samples, width).unwrap();
            let planes = decode(&packed, pixels, samples, width).unwrap();
            let mut by_pixel = vec![0; native.len()];
            for s in 0..samples { for p in 0..pixels { for b in 0..width {
                by_pixel[(p * samples + s) * width + b] = planes[(s * pixels + p) * width + b];
            } } }
            prop_assert_eq!(&by_pixel[..], native);
        }
    }
}
