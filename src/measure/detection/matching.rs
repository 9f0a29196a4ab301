//! Best one-to-one matching.

/// Rows matched to columns so that the sum of `gain` (row by row) is largest; pairs without gain are left out.
///
/// Source: the Hungarian method with potentials (Kuhn 1955, Munkres 1957; Jonker and Volgenant 1987), O(n²m).
pub fn best_matching(gain: &[f64], rows: usize, columns: usize) -> Vec<(usize, usize)> {
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    if rows > columns {
        let turned: Vec<f64> =
            (0..columns).flat_map(|c| (0..rows).map(move |r| gain[r * columns + c])).collect();
        let mut pairs: Vec<_> =
            best_matching(&turned, columns, rows).into_iter().map(|(c, r)| (r, c)).collect();
        pairs.sort_unstable();
        return pairs;
    }
    // Index 0 stands for "none"; rows and columns count from 1.
    let mut row_price = vec![0.0; rows + 1];
    let mut column_price = vec![0.0; columns + 1];
    let mut owner = vec![0; columns + 1];
    for row in 1..=rows {
        owner[0] = row;
        let mut at = 0;
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut from = vec![0; columns + 1];
        let mut used = vec![false; columns + 1];
        while owner[at] != 0 {
            used[at] = true;
            let r = owner[at];
            let (mut step, mut next) = (f64::INFINITY, 0);
            for c in 1..=columns {
                if used[c] {
                    continue;
                }
                let cost = -gain[(r - 1) * columns + c - 1] - row_price[r] - column_price[c];
                if cost < least[c] {
                    least[c] = cost;
                    from[c] = at;
                }
                if least[c] < step {
                    step = least[c];
                    next = c;
                }
            }
            for c in 0..=columns {
                if used[c] {
                    row_price[owner[c]] += step;
                    column_price[c] -= step;
                } else {
                    least[c] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            owner[at] = owner[from[at]];
            at = from[at];
        }
    }
    let mut pairs: Vec<(usize, usize)> = (1..=columns)
        .filter(|&c| owner[c] > 0)
        .map(|c| (owner[c] - 1, c - 1))
        .filter(|&(r, c)| gain[r * columns + c] > 0.0)
        .collect();
    pairs.sort_unstable();
    pairs
}
