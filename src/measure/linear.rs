//! Small dense linear algebra, row by row.

/// Solves A x = b for a square A by elimination with partial pivots; `None` where A is singular.
pub fn solve(mut a: Vec<f64>, b: &[f64]) -> Option<Vec<f64>> {
    let n = b.len();
    let mut x = b.to_vec();
    let scale = a.iter().fold(0.0_f64, |s, v| s.max(v.abs()));
    for column in 0..n {
        let pivot =
            (column..n).max_by(|&p, &q| a[p * n + column].abs().total_cmp(&a[q * n + column].abs()))?;
        if a[pivot * n + column].abs() <= scale * 1e-13 {
            return None;
        }
        for k in 0..n {
            a.swap(column * n + k, pivot * n + k);
        }
        x.swap(column, pivot);
        for row in column + 1..n {
            let factor = a[row * n + column] / a[column * n + column];
            for k in column..n {
                a[row * n + k] -= factor * a[column * n + k];
            }
            x[row] -= factor * x[column];
        }
    }
    for row in (0..n).rev() {
        for k in row + 1..n {
            x[row] -= a[row * n + k] * x[k];
        }
        x[row] /= a[row * n + row];
    }
    Some(x)
}

/// Inverse of a square matrix of order `n`; `None` where it is singular.
pub fn inverse(a: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut out = vec![0.0; n * n];
    for column in 0..n {
        let mut unit = vec![0.0; n];
        unit[column] = 1.0;
        for (row, v) in solve(a.to_vec(), &unit)?.into_iter().enumerate() {
            out[row * n + column] = v;
        }
    }
    Some(out)
}

/// ln of the determinant of a positive definite matrix; `None` where it is none.
pub fn ln_determinant(a: &[f64], n: usize) -> Option<f64> {
    let mut l = vec![0.0; n * n];
    let mut sum = 0.0;
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            if i == j {
                if rest <= 0.0 {
                    return None;
                }
                l[i * n + i] = rest.sqrt();
                sum += rest.ln();
            } else {
                l[i * n + j] = rest / l[j * n + j];
            }
        }
    }
    Some(sum)
}
