//! Faults that are planted on purpose, one in a study, each named after the check or the reason that must find it.

use super::phantom::Phantom;
use super::scanner::MATRIX;
use super::study::{Image, SourceFile, Study};
use crate::measure::agreement::bootstrap::SplitMix;

/// A planted fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named after the check or reason that finds it")]
pub enum Fault {
    MissingSlices,
    DuplicatedSlices,
    UnevenSpacing,
    MixedOrientation,
    MixedMatrix,
    DeclaredCount,
    TruncatedPixels,
    UndecodablePixels,
    GantryTilt,
    BlankSlices,
    ModalitySopClass,
    InstanceConflict,
    NotDicom,
    Truncated,
    Duplicate,
    PixelsUnchecked,
    BurnedInText,
}

/// What must tell of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A finding of the check that is named like the fault, on the series.
    Finding,
    /// A file that ended so: status and reason.
    File(&'static str, &'static str),
    /// The marked file is stored, with masks in its ledger line.
    Masked,
}

/// The tilt of a tilted gantry.
const TILT_DEGREES: f64 = 14.0;

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 17] = [
        Self::MissingSlices,
        Self::DuplicatedSlices,
        Self::UnevenSpacing,
        Self::MixedOrientation,
        Self::MixedMatrix,
        Self::DeclaredCount,
        Self::TruncatedPixels,
        Self::UndecodablePixels,
        Self::GantryTilt,
        Self::BlankSlices,
        Self::ModalitySopClass,
        Self::InstanceConflict,
        Self::NotDicom,
        Self::Truncated,
        Self::Duplicate,
        Self::PixelsUnchecked,
        Self::BurnedInText,
    ];

    /// Its name: that of the check or reason that must find it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingSlices => "missing_slices",
            Self::DuplicatedSlices => "duplicated_slices",
            Self::UnevenSpacing => "uneven_spacing",
            Self::MixedOrientation => "mixed_orientation",
            Self::MixedMatrix => "mixed_matrix",
            Self::DeclaredCount => "declared_count",
            Self::TruncatedPixels => "truncated_pixels",
            Self::UndecodablePixels => "undecodable_pixels",
            Self::GantryTilt => "gantry_tilt",
            Self::BlankSlices => "blank_slices",
            Self::ModalitySopClass => "modality_sop_class",
            Self::InstanceConflict => "instance_conflict",
            Self::NotDicom => "not_dicom",
            Self::Truncated => "truncated",
            Self::Duplicate => "duplicate",
            Self::PixelsUnchecked => "pixels_unchecked",
            Self::BurnedInText => "burned_in_text",
        }
    }

    /// What must tell of it.
    pub fn expected(self) -> Expected {
        match self {
            Self::NotDicom => Expected::File("rejected", "not_dicom"),
            Self::Truncated => Expected::File("quarantined", "truncated"),
            Self::Duplicate => Expected::File("duplicate", ""),
            Self::PixelsUnchecked => Expected::File("quarantined", "pixels_unchecked"),
            Self::BurnedInText => Expected::Masked,
            _ => Expected::Finding,
        }
    }

    /// Further checks that rightly speak up on the same series because of this fault.
    pub fn consequences(self) -> &'static [&'static str] {
        match self {
            // Fewer images than the scanner declared.
            Self::MissingSlices | Self::Truncated => &["declared_count"],
            // What is too short cannot be decoded either.
            Self::TruncatedPixels => &["undecodable_pixels"],
            // The two files of the instance are also one found again.
            Self::InstanceConflict => &["duplicate_instance"],
            _ => &[],
        }
    }

    /// The scanner on which alone it can be planted, where that is so.
    pub fn scanner(self) -> Option<usize> {
        match self {
            // The scanner that declares how many images an acquisition has.
            Self::DeclaredCount => Some(1),
            // Pixels that need a decoder.
            Self::UndecodablePixels => Some(2),
            // Pixels that do not.
            Self::TruncatedPixels => Some(3),
            _ => None,
        }
    }

    /// The tilt of the planes, in degrees.
    pub fn tilt_degrees(self) -> f64 {
        if self == Self::GantryTilt { TILT_DEGREES } else { 0.0 }
    }

    /// Changes the images of the study.
    pub fn on_images(self, study: &mut Study, phantom: &Phantom, random: &mut SplitMix) {
        let n = study.images.len();
        let inside = 6 + random.below(n - 16);
        match self {
            Self::MissingSlices => {
                study.images.drain(inside..inside + 3);
            }
            Self::DuplicatedSlices => {
                let again: Vec<Image> = study.images[inside..inside + 4].to_vec();
                for (i, image) in (1..).zip(again) {
                    study.images.push(Image {
                        number: n as i32 + i,
                        uid: study.uid(n + 500 + i as usize),
                        ..image
                    });
                }
            }
            Self::UnevenSpacing => {
                let shift = 0.37 * study.scanner.step_mm;
                study.images[inside..inside + 2].iter_mut().for_each(|i| i.plane.origin_mm[2] += shift);
            }
            Self::MixedOrientation => {
                for i in 1..=3 {
                    let image = study.coronal(phantom, 14.0 * f64::from(i), random);
                    study.images.push(Image {
                        number: n as i32 + i,
                        uid: study.uid(n + 500 + i as usize),
                        ..image
                    });
                }
            }
            Self::MixedMatrix => study.images[n - 5..].iter_mut().for_each(halve),
            Self::DeclaredCount => study.images.truncate(n - 4),
            Self::TruncatedPixels => study.images[inside].lost_bytes = MATRIX * 2 * 31,
            Self::UndecodablePixels => study.images[inside].broken = true,
            Self::BlankSlices => {
                let air = study.scanner.air();
                study.images[inside..inside + 2].iter_mut().for_each(|i| i.stored.fill(air));
            }
            Self::ModalitySopClass => study.modality = "MR",
            Self::GantryTilt
            | Self::InstanceConflict
            | Self::NotDicom
            | Self::Truncated
            | Self::Duplicate
            | Self::PixelsUnchecked
            | Self::BurnedInText => {}
        }
    }

    /// Changes the files of the study. Those that [`Expected::File`] means are marked.
    ///
    /// # Errors
    /// As [`Study::files`].
    pub fn on_files(
        self,
        study: &Study,
        files: &mut Vec<SourceFile>,
        random: &mut SplitMix,
    ) -> std::io::Result<()> {
        let some = 6 + random.below(files.len() - 12);
        match self {
            Self::NotDicom => {
                let bytes = b"[.ShellClassInfo]\r\nIconResource=viewer.exe,0\r\n".to_vec();
                files.push(SourceFile { name: "desktop.ini".into(), bytes, marked: true });
            }
            Self::Truncated => {
                let last = files.len() - 1;
                let rest = files[last].bytes.len() * 3 / 5;
                files[last].bytes.truncate(rest);
                files[last].marked = true;
            }
            Self::Duplicate => {
                for i in some..some + 3 {
                    let name = files[i].name.replace(".dcm", " (1).dcm");
                    let bytes = files[i].bytes.clone();
                    files[i].marked = true;
                    files.push(SourceFile { name, bytes, marked: true });
                }
            }
            Self::InstanceConflict => {
                // The same instance sent again after somebody had worked on its pixels.
                let mut image = study.images[some].clone();
                let (from, to) = (MATRIX * MATRIX / 2, MATRIX * MATRIX / 2 + MATRIX * 12);
                image.stored[from..to].fill(study.scanner.stored(-40.0));
                let name = files[some].name.replace(".dcm", "_resend.dcm");
                files.push(SourceFile { name, bytes: study.encode(&image)?, marked: false });
            }
            Self::PixelsUnchecked => {
                let bytes = super::burned::dose_report(study, true)?;
                files.push(SourceFile { name: "DOSE0001.dcm".into(), bytes, marked: true });
            }
            Self::BurnedInText => {
                let bytes = super::burned::dose_report(study, false)?;
                files.push(SourceFile { name: "DOSE0001.dcm".into(), bytes, marked: true });
            }
            _ => {}
        }
        Ok(())
    }
}

/// The image at half the matrix, each pixel the mean of four.
fn halve(image: &mut Image) {
    let (n, half) = (image.plane.size, image.plane.size / 2);
    let signed = image.signed;
    let value = |row: usize, column: usize| {
        let v = image.stored[row * n + column];
        if signed { i32::from(v as i16) } else { i32::from(v) }
    };
    let mean = |i: usize| {
        let (row, column) = (2 * (i / half), 2 * (i % half));
        let sum =
            value(row, column) + value(row + 1, column) + value(row, column + 1) + value(row + 1, column + 1);
        (sum / 4) as u16
    };
    let stored = (0..half * half).map(mean).collect();
    image.stored = stored;
    let plane = &mut image.plane;
    for i in 0..3 {
        plane.origin_mm[i] += plane.pixel_mm / 2.0 * (plane.row[i] + plane.column[i]);
    }
    (plane.size, plane.pixel_mm) = (half, 2.0 * plane.pixel_mm);
}
