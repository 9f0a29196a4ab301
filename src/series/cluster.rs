//! Grouping of what is equal within a tolerance, independent of the order of arrival.

/// Gives each vector the number of its group: vectors of one group lie within `tolerance` of its first, componentwise.
/// Groups are numbered in ascending order of their first vector.
pub fn cluster<const N: usize>(vectors: &[[f64; N]], tolerance: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    order.sort_by(|&a, &b| compare(&vectors[a], &vectors[b]));
    let mut leaders: Vec<[f64; N]> = Vec::new();
    let mut groups = vec![0; vectors.len()];
    for &i in &order {
        let v = &vectors[i];
        // Sorted by the first component: leaders further below than the tolerance are out of reach.
        let reach = leaders.partition_point(|l| v[0] - l[0] > tolerance);
        let near = |l: &[f64; N]| l.iter().zip(v).all(|(a, b)| (a - b).abs() <= tolerance);
        groups[i] = match leaders[reach..].iter().position(near) {
            Some(found) => reach + found,
            None => {
                leaders.push(*v);
                leaders.len() - 1
            }
        };
    }
    groups
}

fn compare<const N: usize>(a: &[f64; N], b: &[f64; N]) -> std::cmp::Ordering {
    a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

/// Gives each number the rank of its group: neighbours in ascending order belong together while the step between
/// them is at most `tolerance`. Returns ranks and how many groups there are.
pub fn ranks(values: &[f64], tolerance: f64) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut rank, mut last) = (vec![0; values.len()], 0, None::<f64>);
    for &i in &order {
        if last.is_some_and(|l| values[i] - l > tolerance) {
            rank += 1;
        }
        last = Some(values[i]);
        ranks[i] = rank;
    }
    (ranks, if values.is_empty() { 0 } else { rank + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_do_not_depend_on_the_order() {
        let a = [[1.0, 0.0], [1.0005, 0.0], [0.0, 1.0], [1.002, 0.0]];
        assert_eq!(cluster(&a, 1e-3), [1, 1, 0, 2]);
        let b = [a[3], a[2], a[1], a[0]];
        assert_eq!(cluster(&b, 1e-3), [2, 0, 1, 1]);
        assert_eq!(ranks(&[5.0, 0.0, 5.005, 2.5], 0.01), (vec![2, 0, 2, 1], 3));
    }
}
