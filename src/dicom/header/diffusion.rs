//! Diffusion weighting and direction, from the standard's attributes and from those of the makers.

use super::csa::Csa;
use super::private;
use crate::dicom::DataSet;
use crate::model::geometry::{Orientation, Vec3, add, norm, scale};
use crate::model::{Tag, tags};

const MR_DIFFUSION_SEQUENCE: Tag = Tag::new(0x0018, 0x9117);
const DIFFUSION_GRADIENT_DIRECTION_SEQUENCE: Tag = Tag::new(0x0018, 0x9076);
const DIFFUSION_GRADIENT_ORIENTATION: Tag = Tag::new(0x0018, 0x9089);

/// Diffusion weighting in s/mm² and gradient direction in LPS.
pub type Diffusion = (Option<f64>, Option<Vec3>);

/// From a functional group.
pub fn of_functional_group(group: &DataSet<'_>) -> Diffusion {
    let Some(item) = group.item(MR_DIFFUSION_SEQUENCE) else { return (None, None) };
    let direction = item
        .item(DIFFUSION_GRADIENT_DIRECTION_SEQUENCE)
        .map(|d| d.numbers(DIFFUSION_GRADIENT_ORIENTATION))
        .unwrap_or_default();
    (item.number(tags::DIFFUSION_B_VALUE), vector(&direction))
}

/// From a whole data set: the standard first, then the maker's private elements.
pub fn of_data_set(set: &DataSet<'_>, csa: Option<&Csa>, orientation: Option<Orientation>) -> Diffusion {
    let standard =
        (set.number(tags::DIFFUSION_B_VALUE), vector(&set.numbers(DIFFUSION_GRADIENT_ORIENTATION)));
    if standard.0.is_some() {
        return standard;
    }
    [siemens(set, csa), ge(set, orientation), philips(set), united_imaging(set)]
        .into_iter()
        .find(|d| d.0.is_some())
        .unwrap_or_default()
}

fn siemens(set: &DataSet<'_>, csa: Option<&Csa>) -> Diffusion {
    const CREATOR: &str = "SIEMENS MR HEADER";
    let b = private::number(set, 0x0019, CREATOR, 0x0C).or_else(|| csa?.number("B_value"));
    let direction = private::binary(set, 0x0019, CREATOR, 0x0E, f64::from_le_bytes);
    (b, vector(&direction).or_else(|| csa?.vector("DiffusionGradientDirection")))
}

/// GE gives directions along the axes of the image and adds a flag of 10⁹ to the weighting.
fn ge(set: &DataSet<'_>, orientation: Option<Orientation>) -> Diffusion {
    let parameter = private::number_of_maker(set, 0x0043, ("GEMS_PARM_01", "GE"), 0x39);
    let Some(b) = parameter else { return (None, None) };
    let component = |element| private::number_of_maker(set, 0x0019, ("GEMS_ACQU_01", "GE"), element);
    let direction = component(0xBB)
        .zip(component(0xBC))
        .zip(component(0xBD))
        .zip(orientation)
        .map(|(((x, y), z), o)| add(add(scale(o.row, x), scale(o.column, y)), scale(o.normal(), z)));
    (Some(b % 1e9), direction.filter(|d| norm(*d) > 1e-6))
}

fn philips(set: &DataSet<'_>) -> Diffusion {
    let single = |b: [u8; 4]| f64::from(f32::from_le_bytes(b));
    let b = private::binary(set, 0x2001, "Philips Imaging DD 001", 0x03, single).first().copied();
    let component =
        |element| private::binary(set, 0x2005, "Philips MR Imaging DD 001", element, single).first().copied();
    let direction = component(0xB0).zip(component(0xB1)).zip(component(0xB2)).map(|((x, y), z)| [x, y, z]);
    (b, direction.filter(|d| norm(*d) > 1e-6))
}

fn united_imaging(set: &DataSet<'_>) -> Diffusion {
    const CREATOR: &str = "Image Private Header";
    let b = private::binary(set, 0x0065, CREATOR, 0x09, f64::from_le_bytes).first().copied();
    (b, vector(&private::binary(set, 0x0065, CREATOR, 0x37, f64::from_le_bytes)))
}

fn vector(values: &[f64]) -> Option<Vec3> {
    values.first_chunk().copied().filter(|d| norm(*d) > 1e-6)
}
