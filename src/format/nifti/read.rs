//! The reading side: header and voxels, in either byte order, and what follows to the end.

use std::io::{self, Read};

use super::header::Header;
use super::{MAX_BYTES, Nifti, NiftiError, Voxels};

/// Bytes behind the voxels that are read to verify a compressed file; what is longer is no end.
const MAX_REST: u64 = 1 << 30;

/// Fills as much of the buffer as there is; how much.
pub(super) fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match source.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

/// Reads a whole file: only at its end is it known that a check sum is right.
pub(super) fn decode(mut source: impl Read) -> Result<Nifti, NiftiError> {
    let header = Header::read(&mut source)?;
    let Header { big, shape, datatype, gap, slope, intercept, affine, spacing_mm, step_s, warnings } = header;
    if io::copy(&mut source.by_ref().take(gap), &mut io::sink())? < gap {
        return Err(NiftiError::Header("vox_offset lies beyond the end"));
    }
    let count = shape.iter().try_fold(1_usize, |n, &axis| n.checked_mul(axis));
    let count = count.ok_or(NiftiError::Header("more voxels than are read"))?;
    let voxels = read_voxels(&mut source, datatype, count, big)?;
    if io::copy(&mut source.take(MAX_REST + 1), &mut io::sink())? > MAX_REST {
        return Err(NiftiError::Header("more than 1 GiB follows the voxels"));
    }
    Ok(Nifti { shape, spacing_mm, step_s, affine, slope, intercept, voxels, warnings })
}

fn read_voxels(mut source: impl Read, datatype: i16, count: usize, big: bool) -> Result<Voxels, NiftiError> {
    let width = match datatype {
        2 | 256 => 1,
        4 | 512 => 2,
        8 | 16 | 768 => 4,
        64 | 1024 | 1280 => 8,
        128 => 3,
        other => return Err(NiftiError::Datatype(other)),
    };
    let declared = (count as u64).checked_mul(width).filter(|&n| n <= MAX_BYTES);
    let declared = declared.ok_or(NiftiError::Header("more voxels than are read"))?;
    // Grows with what is there, not with what is declared, and in few steps: while it grows it stands twice.
    let mut bytes = Vec::new();
    for upto in [declared / 64, declared / 8, declared] {
        let more = upto - bytes.len() as u64;
        bytes.reserve_exact(more as usize);
        if source.by_ref().take(more).read_to_end(&mut bytes)? < more as usize {
            break;
        }
    }
    if (bytes.len() as u64) < declared {
        return Err(NiftiError::Truncated { declared, found: bytes.len() as u64 });
    }
    macro_rules! numbers {
        ($kind:ident, $t:ty) => {
            Voxels::$kind(
                bytes
                    .as_chunks::<{ size_of::<$t>() }>()
                    .0
                    .iter()
                    .map(|&b| if big { <$t>::from_be_bytes(b) } else { <$t>::from_le_bytes(b) })
                    .collect(),
            )
        };
    }
    Ok(match datatype {
        2 => Voxels::U8(bytes),
        4 => numbers!(I16, i16),
        8 => numbers!(I32, i32),
        16 => numbers!(F32, f32),
        64 => numbers!(F64, f64),
        128 => Voxels::Rgb(bytes.as_chunks::<3>().0.to_vec()),
        256 => numbers!(I8, i8),
        512 => numbers!(U16, u16),
        768 => numbers!(U32, u32),
        1024 => numbers!(I64, i64),
        _ => numbers!(U64, u64),
    })
}
