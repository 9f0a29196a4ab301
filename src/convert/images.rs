//! The images below a path, as labels see them, and which of them a label belongs to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use crate::dicom::{self, ReadOptions, Tree, read_tree};
use crate::format::label::{LabelError, SourceImage};
use crate::label::place::{fit, own_grid};
use crate::label::{Image, LabelSet, Refused, SliceRef};
use crate::model::geometry::{Grid, Vec3};
use crate::series::{Series, Slice, Stack, assemble};

/// Images and the files that they were read from.
#[derive(Debug, Default)]
pub struct Images {
    tree: Tree,
    found: Vec<(Image, u32)>,
}

impl Images {
    /// Reads the headers of all files below a path.
    ///
    /// # Errors
    /// It cannot be found.
    pub fn below(path: &Path) -> io::Result<Self> {
        let mut tree = read_tree(&[PathBuf::from(path)], false, &AtomicU64::new(0))?;
        let series = assemble(std::mem::take(&mut tree.headers));
        let file = |source: u32| {
            let path = tree.path(source)?;
            Some(path.file_name()?.to_string_lossy().into_owned())
        };
        let found = series.iter().flat_map(|s| s.stacks.iter().flat_map(|stack| images(s, stack, &file)));
        let found = found.collect();
        Ok(Self { tree, found })
    }

    /// The image that a label was drawn on: by its references, else by its series, else the only one with its voxels.
    ///
    /// # Errors
    /// None is, or several may be.
    pub fn of(&self, set: &LabelSet) -> Result<&Image, Refused> {
        self.choose(set).map(|(image, _)| image)
    }

    fn choose(&self, set: &LabelSet) -> Result<&(Image, u32), Refused> {
        let names = set.images();
        let referred = |(image, _): &&(Image, u32)| {
            let named = |s: &SliceRef| {
                names.contains(&*s.sop_uid) || s.file.as_deref().is_some_and(|f| names.contains(f))
            };
            image.slices.iter().filter(|s| named(s)).count()
        };
        let most = self.found.iter().max_by_key(|found| (referred(found), std::cmp::Reverse(found.1)));
        if let Some(found) = most.filter(|found| referred(found) > 0) {
            return Ok(found);
        }
        let of_series =
            |(image, _): &&(Image, u32)| set.series_uid.is_some() && image.series_uid == set.series_uid;
        let mut same = self.found.iter().filter(of_series);
        if let (Some(only), None) = (same.next(), same.next()) {
            return Ok(only);
        }
        if let [only] = self.found.as_slice() {
            return Ok(only);
        }
        let own = own_grid(set).map_err(|_| Refused::OtherImage)?;
        let frame = |image: &Image| {
            set.frame_of_reference.is_none() || image.frame_of_reference == set.frame_of_reference
        };
        let mut fitting =
            self.found.iter().filter(|(image, _)| frame(image) && fit(&own, &image.grid).is_ok());
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Refused::OtherImage),
        }
    }

    /// The same with whose it is.
    ///
    /// # Errors
    /// As [`Images::of`]; its first file cannot be read.
    pub fn source_of(&self, set: &LabelSet) -> Result<SourceImage, LabelError> {
        let (image, source) = self.choose(set)?;
        let bytes = self.tree.read(*source).map_err(io::Error::other)?;
        let file = dicom::read(&bytes, ReadOptions { header_only: true, ..ReadOptions::default() })?;
        Ok(SourceImage::new(image.clone(), &file.dataset))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// The images of one stack, each with the file of its first instance: one in space, or one for each instance without
/// position. `file` gives the name of a file by its number.
pub fn images(series: &Series, stack: &Stack, file: &dyn Fn(u32) -> Option<String>) -> Vec<(Image, u32)> {
    if stack.frames == 0 || stack.common.modality.as_deref() == Some("SEG") {
        return Vec::new();
    }
    let slice_ref = |slice: &Slice| {
        let header = series.header_of(slice)?;
        Some(SliceRef {
            sop_uid: slice.uid.to_string(),
            sop_class: header.common.sop_class.as_deref().unwrap_or_default().to_owned(),
            frame: (slice.frame > 0).then_some(slice.frame),
            file: file(header.source),
        })
    };
    let image = |grid: Grid, origins_mm: Vec<Vec3>, slices: &[Slice]| {
        let first = series.header_of(slices.first()?)?;
        let slices = slices.iter().map(slice_ref).collect::<Option<Vec<_>>>()?;
        let text = |value: &Option<std::sync::Arc<str>>| value.as_deref().map(str::to_owned);
        let image = Image {
            series_uid: text(&series.series_uid),
            study_uid: text(&series.study_uid),
            frame_of_reference: text(&stack.common.frame_of_reference_uid),
            grid,
            placed: !origins_mm.is_empty(),
            origins_mm,
            slices,
        };
        Some((image, first.source))
    };
    match stack.grid {
        // Of several volumes at the same places the first.
        Some(grid) => {
            let slices = stack.slices.get(..grid.shape[2] as usize).unwrap_or_default();
            let origins = slices.iter().map(|s| position(series, s)).collect::<Option<Vec<_>>>();
            origins.and_then(|origins| image(grid, origins, slices)).into_iter().collect()
        }
        None => {
            let flat = |slices: &[Slice]| image(flat_grid(stack, slices.len() as u32)?, Vec::new(), slices);
            stack.slices.chunk_by(|a, b| a.instance == b.instance).filter_map(flat).collect()
        }
    }
}

fn position(series: &Series, slice: &Slice) -> Option<Vec3> {
    series.header_of(slice)?.frame(slice.frame.saturating_sub(1))?.position_mm
}

/// Pixels without a place: columns to the left, rows to the feet of a lying sheet, one millimetre deep.
fn flat_grid(stack: &Stack, depth: u32) -> Option<Grid> {
    let [rows_mm, columns_mm] = stack.spacing_mm.unwrap_or([1.0, 1.0]);
    let shape = [stack.common.columns?, stack.common.rows?, depth];
    Grid::new(shape, [columns_mm, 0.0, 0.0], [0.0, rows_mm, 0.0], [0.0, 0.0, 1.0], [0.0; 3])
}
