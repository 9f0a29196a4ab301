//! NIfTI files that are damaged, contradict themselves, or are written in other ways than ours; nibabel is the oracle.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use gantry::bytes::gzip::GzipError;
use gantry::engine::tools::label::{LabelError, show};
use gantry::engine::tools::measure::{Options, run};
use gantry::format::nifti::{Nifti, NiftiError, Voxels};

use crate::common;

/// Numbers of label, voxels and rounded mm³, and whether a warning is given.
fn shown(path: &Path) -> Result<(Vec<(u32, u64, u64)>, usize), LabelError> {
    let found = show(path)?;
    let segments = found.segments.iter();
    let counted =
        segments.map(|s| (s.number.unwrap(), s.voxels, (s.volume_mm3.unwrap() * 100.0).round() as u64));
    Ok((counted.collect(), found.warnings.len()))
}

fn labels() -> Vec<u8> {
    let mut voxels = vec![0; 6 * 5 * 4];
    voxels[31..35].fill(1);
    voxels[70..72].fill(3);
    voxels
}

fn affine() -> [[f64; 4]; 4] {
    [[2.0, 0.0, 0.0, -4.0], [0.0, 3.0, 0.0, 1.0], [0.0, 0.0, 4.0, 9.0], [0.0, 0.0, 0.0, 1.0]]
}

fn gz(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

#[test]
fn a_compressed_file_is_verified_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.nii.gz");
    let mut raw = Vec::new();
    Nifti::new([6, 5, 4, 1], affine(), Voxels::U8(labels())).unwrap().write_to(&mut raw).unwrap();
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        shown(&path)
    };
    let whole = vec![(1, 4, 9600), (3, 2, 4800)];
    let stored = gz(&raw, 0);
    assert_eq!(read(&stored).unwrap(), (whole.clone(), 0));
    assert_eq!(read(&[gz(&raw[..400], 6), gz(&raw[400..], 6)].concat()).unwrap(), (whole, 0));
    // Zeros behind it are padding, as gzip has it; anything else is damage.
    assert!(read(&[&stored[..], &[0; 100]].concat()).is_ok());
    assert!(read(&[&stored[..], b"more"].concat()).is_err());
    // Every byte that is changed after the header of the gzip file is noticed, wherever it stands.
    for at in (10..stored.len()).step_by(7).chain(stored.len() - 8..stored.len()) {
        let mut damaged = stored.clone();
        damaged[at] ^= 1;
        assert!(read(&damaged).is_err(), "byte {at} of {}", stored.len());
    }
    let damaged = |error| matches!(error, LabelError::Nifti(NiftiError::Gzip(GzipError::Damaged)));
    let mut flipped = stored.clone();
    let at = stored.len() - 20;
    flipped[at] ^= 1;
    assert!(damaged(read(&flipped).unwrap_err()));
    for cut in [stored.len() - 1, stored.len() - 8, 200] {
        let error = read(&stored[..cut]).unwrap_err();
        assert!(matches!(error, LabelError::Nifti(NiftiError::Gzip(GzipError::Cut))), "{cut}: {error}");
    }
    // What is no whole file says so, and is not taken for another kind.
    let error = read(&raw[..raw.len() - 9]).unwrap_err();
    assert!(matches!(error, LabelError::Nifti(NiftiError::Truncated { .. })), "{error}");
    assert!(read(b"NRRD0004\ntype: uchar\n").unwrap_err().to_string().contains("NRRD"));
    assert!(read(b"item,reader,value\n").is_err_and(|e| matches!(e, LabelError::Unknown)));
}

#[test]
fn nifti_2_scaled_labels_and_contradicting_forms_are_read_as_nibabel_reads_them() {
    const MAKE: &str = r"
import sys, numpy as np, nibabel as nib
out = sys.argv[1]; A = np.diag([2., 3, 4, 1]); A[:3, 3] = (-4, 1, 9)
a = np.zeros((6, 5, 4), np.uint8); a[1:4, 2, 1] = 1; a[2, 1:3, 2] = 3
def save(name, i): nib.save(i, f'{out}/{name}')
save('two.nii.gz', nib.Nifti2Image(a, A)); save('two_big.nii', nib.Nifti2Image(a, A, nib.Nifti2Header(endianness='>')))
i = nib.Nifti1Image(a.astype(float), A); i.set_data_dtype(np.int16); save('scaled.nii.gz', i)
b = a.astype(np.float32); b[b == 3] = 3.0007; save('near.nii', nib.Nifti1Image(b, A))
save('far.nii', nib.Nifti1Image(a * np.float32(.97), A))
i = nib.Nifti1Image(a, A); i.header['pixdim'][1:4] = 1; save('pixdim.nii', i)
i = nib.Nifti1Image(a, A); i.set_sform(A, 2); i.set_qform(np.eye(4), 1); save('forms.nii', i)
i = nib.Nifti1Image(a, A); i.set_sform(None, 0); i.set_qform(A, 1); save('qform.nii', i)
S = A.copy(); S[1, 2] = 1.5; i = nib.Nifti1Image(a, S); i.set_qform(None, 0); save('sheared.nii', i)
save('flipped.nii', nib.Nifti1Image(a[::-1, :, ::-1], A @ np.array([[-1, 0, 0, 5], [0, 1, 0, 0], [0, 0, -1, 3], [0, 0, 0, 1.]])))
save('permuted.nii', nib.Nifti1Image(a.transpose(2, 0, 1), A[:, [2, 0, 1, 3]]))
M = A.copy(); M[0, 3] += .5; save('moved.nii', nib.Nifti1Image(a, M))
print(nib.load(f'{out}/near.nii').get_fdata().max())
";
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("python3").args(["-c", MAKE, common::text(folder.path())]).output();
    if !made.as_ref().is_ok_and(|m| m.status.success()) {
        return common::skip("nibabel is not installed");
    }
    let path = |name: &str| folder.path().join(name);
    let right = vec![(1, 3, 7200), (3, 2, 4800)];
    for (name, warnings) in [
        ("two.nii.gz", 0),
        ("two_big.nii", 0),
        ("scaled.nii.gz", 0),
        ("near.nii", 1),
        ("pixdim.nii", 1),
        ("forms.nii", 2),
        ("qform.nii", 0),
        ("flipped.nii", 0),
        ("permuted.nii", 0),
    ] {
        assert_eq!(shown(&path(name)).unwrap(), (right.clone(), warnings), "{name}");
    }
    // A sheared voxel is a parallelepiped: its volume is the determinant, not the product of its edges.
    assert_eq!(shown(&path("sheared.nii")).unwrap().0, right);
    let scaled = show(&path("scaled.nii.gz")).unwrap().rounded.unwrap();
    assert!(scaled.voxels > 0 && scaled.by < 1e-4, "{scaled:?}");
    let error = shown(&path("far.nii")).unwrap_err();
    assert!(matches!(error, LabelError::Nifti(NiftiError::NotLabels(_))), "{error}");
    // The same voxels, whatever way the axes run, are compared voxel by voxel; others are refused.
    for name in ["flipped.nii", "permuted.nii", "two.nii.gz"] {
        for (a, b) in [("qform.nii", name), (name, "qform.nii")] {
            let report = run(&path(a), &path(b), &Options::default()).unwrap();
            let dice: Vec<_> =
                report.structures.iter().map(|s| (s.label, s.measures["dice"].value)).collect();
            assert_eq!(dice, [(1, Some(1.0)), (3, Some(1.0))], "{a} {b}");
        }
    }
    assert!(run(&path("qform.nii"), &path("moved.nii"), &Options::default()).is_err());
    let report = run(&path("qform.nii"), &path("pixdim.nii"), &Options::default()).unwrap();
    assert_eq!(report.warnings.len(), 1);
}
