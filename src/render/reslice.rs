//! Cuts across a stack: coronal and sagittal planes of an axial one, and so on.

use super::{Pixels, Slice};

/// A plane through a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Plane {
    /// The slices as they were acquired.
    #[default]
    Native,
    /// A row of every slice: coronal in an axial stack.
    Rows,
    /// A column of every slice: sagittal in an axial stack.
    Columns,
}

impl Plane {
    /// The next plane.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Native => Self::Rows,
            Self::Rows => Self::Columns,
            Self::Columns => Self::Native,
        }
    }

    /// Its name in the patient, from the stack's Image Orientation (Patient).
    pub fn name(self, orientation: Option<&[f64; 6]>) -> &'static str {
        let Some(&[a, b, c, d, e, f]) = orientation else {
            return match self {
                Self::Native => "slices",
                Self::Rows => "along rows",
                Self::Columns => "along columns",
            };
        };
        let across = match self {
            Self::Native => normal(&[a, b, c, d, e, f]),
            Self::Rows => [d, e, f],
            Self::Columns => [a, b, c],
        };
        let axis = (0..3).max_by(|i, j| across[*i].abs().total_cmp(&across[*j].abs())).unwrap_or(2);
        ["sagittal", "coronal", "axial"][axis]
    }
}

/// The normal of a slice: row direction × column direction.
fn normal(&[a, b, c, d, e, f]: &[f64; 6]) -> [f64; 3] {
    [b * f - c * e, c * d - a * f, a * e - b * d]
}

/// Whether a cut shows the last slice at the top: up is towards the head; in a coronal stack, seen from above, towards the
/// front.
pub fn is_reversed(orientation: Option<&[f64; 6]>) -> bool {
    let across = normal(orientation.unwrap_or(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]));
    if across[2].abs() > 0.5 { across[2] > 0.0 } else { across[1] < 0.0 }
}

/// Cuts a stack of equal grey slices (in their order along the normal, `None` where one is not decoded yet) at a row
/// or column. Slices that are missing are as the lowest value. The stack's upper end (head, else anterior) is up.
/// `None` for [`Plane::Native`], colour, or when no slice is there.
pub fn reslice(stack: &[Option<&Slice>], plane: Plane, at: u32, step_mm: f64) -> Option<Slice> {
    let first = stack.iter().flatten().next()?;
    let (columns, rows) = (first.columns as usize, first.rows as usize);
    let (width, at) = match plane {
        Plane::Native => return None,
        Plane::Rows => (columns, (at as usize).min(rows.saturating_sub(1))),
        Plane::Columns => (rows, (at as usize).min(columns.saturating_sub(1))),
    };
    let orientation = first.orientation.unwrap_or([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let across = normal(&orientation);
    let reversed = is_reversed(Some(&orientation));
    let mut values = Vec::with_capacity(width * stack.len());
    let mut place = |slice: Option<&Slice>| {
        let pixels =
            slice.filter(|s| s.columns as usize == columns && s.rows as usize == rows).map(|s| &s.pixels);
        match (pixels, plane) {
            (Some(Pixels::Grey(grey)), Plane::Rows) => {
                values.extend_from_slice(grey.get(at * columns..(at + 1) * columns)?);
            }
            (Some(Pixels::Grey(grey)), _) => values.extend(grey.iter().skip(at).step_by(columns).take(rows)),
            _ => values.extend(std::iter::repeat_n(f32::MIN, width)),
        }
        Some(())
    };
    if reversed {
        stack.iter().copied().rev().try_for_each(&mut place)?;
    } else {
        stack.iter().copied().try_for_each(&mut place)?;
    }
    let [a, b, c, d, e, f] = orientation;
    let along = if plane == Plane::Rows { [a, b, c] } else { [d, e, f] };
    let down = if reversed { across.map(|v| -v) } else { across };
    let spacing = first.spacing_mm.map(|[row, column]| if plane == Plane::Rows { column } else { row });
    let step = if step_mm.is_finite() && step_mm > 0.0 { step_mm } else { 1.0 };
    Some(Slice {
        columns: width as u32,
        rows: stack.len() as u32,
        pixels: Pixels::Grey(values),
        inverted: first.inverted,
        spacing_mm: spacing.map(|across| [step, across]),
        aspect: step / spacing.unwrap_or(1.0),
        orientation: first.orientation.map(|_| [along[0], along[1], along[2], down[0], down[1], down[2]]),
        windows: first.windows.clone(),
        modality: first.modality.clone(),
        unit: first.unit.clone(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::edges;
    use super::*;

    fn axial(z: f32) -> Slice {
        let value = |row: u32, column: u32| z * 100.0 + row as f32 * 10.0 + column as f32;
        Slice {
            columns: 4,
            rows: 3,
            pixels: Pixels::Grey((0..3).flat_map(|r| (0..4).map(move |c| value(r, c))).collect()),
            inverted: false,
            spacing_mm: Some([0.5, 0.7]),
            aspect: 0.5 / 0.7,
            orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            windows: Vec::new(),
            modality: "CT".into(),
            unit: "HU".into(),
        }
    }

    #[test]
    fn coronal_and_sagittal_of_an_axial_stack_have_the_head_up() {
        let slices = [axial(0.0), axial(1.0)];
        let stack: Vec<Option<&Slice>> = slices.iter().map(Some).collect();
        let coronal = reslice(&stack, Plane::Rows, 2, 2.0).unwrap();
        let upper = Pixels::Grey(vec![120.0, 121.0, 122.0, 123.0, 20.0, 21.0, 22.0, 23.0]);
        assert_eq!((coronal.columns, coronal.rows, &coronal.pixels), (4, 2, &upper));
        assert_eq!(coronal.spacing_mm, Some([2.0, 0.7]));
        let letters = edges(&coronal.orientation.unwrap());
        assert_eq!((&*letters.left, &*letters.top, &*letters.bottom), ("R", "H", "F"));
        let sagittal = reslice(&stack, Plane::Columns, 1, 2.0).unwrap();
        assert_eq!(sagittal.pixels, Pixels::Grey(vec![101.0, 111.0, 121.0, 1.0, 11.0, 21.0]));
        assert_eq!(edges(&sagittal.orientation.unwrap()).left, "A");
        assert_eq!(Plane::Rows.name(coronal.orientation.as_ref()), "axial");
        assert_eq!(Plane::Rows.name(slices[0].orientation.as_ref()), "coronal");
        assert_eq!(Plane::Columns.name(slices[0].orientation.as_ref()), "sagittal");
    }
}
