//! The stored instances themselves, de-identified, as they are: a folder for each series, in the order of their UIDs.

use std::fs;
use std::io;

use super::item::stem;
use super::{Exporter, Out, SeriesItem};

/// Folders of `.dcm`.
pub struct Instances;

impl Exporter for Instances {
    fn name(&self) -> &'static str {
        "dicom"
    }

    fn series(&self, item: &SeriesItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let whole = stem(item.content, &crate::series::Series::default(), 0);
        for (number, (_, blob)) in (1..).zip(item.instances) {
            let path = out.file(&whole.join(format!("{number:05}.dcm")))?;
            fs::write(path, (item.read)(blob)?)?;
        }
        Ok(())
    }
}
