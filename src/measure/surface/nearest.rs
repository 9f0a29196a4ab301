//! Nearest neighbours on a lattice in millimetres: a k-d tree (Friedman, Bentley and Finkel 1977, ACM TOMS 3:209)
//! over integer positions, so that distances are exact to rounding and memory grows with the surface, not with the
//! volume.

/// A position on a lattice of half or whole voxels.
pub type Site = [i32; 3];

/// Points in a leaf.
const LEAF: usize = 8;

struct Node {
    low: Site,
    high: Site,
    start: u32,
    end: u32,
    /// Index of the first child; its sibling follows. 0 for a leaf.
    child: u32,
}

/// Lattice points, searchable by distance.
pub struct Nearest {
    step_mm: [f64; 3],
    sites: Vec<Site>,
    nodes: Vec<Node>,
}

impl Nearest {
    /// A tree over `sites`, whose units along each axis are `step_mm`.
    pub fn new(mut sites: Vec<Site>, step_mm: [f64; 3]) -> Self {
        let mut nodes = Vec::with_capacity(sites.len() / 2 + 1);
        nodes.push(Node { low: [0; 3], high: [0; 3], start: 0, end: sites.len() as u32, child: 0 });
        let mut open = vec![0_usize];
        while let Some(at) = open.pop() {
            let (start, end) = (nodes[at].start as usize, nodes[at].end as usize);
            let part = &mut sites[start..end];
            let (low, high) = box_of(part);
            (nodes[at].low, nodes[at].high) = (low, high);
            if part.len() <= LEAF {
                continue;
            }
            let width = |k: usize| f64::from(high[k] - low[k]) * step_mm[k];
            let axis = (0..3).max_by(|&p, &q| width(p).total_cmp(&width(q))).unwrap_or(0);
            let half = part.len() / 2;
            part.select_nth_unstable_by_key(half, |s| s[axis]);
            let child = nodes.len();
            nodes[at].child = child as u32;
            let (s, m, e) = (start as u32, (start + half) as u32, end as u32);
            nodes.push(Node { low, high, start: s, end: m, child: 0 });
            nodes.push(Node { low, high, start: m, end: e, child: 0 });
            open.extend([child, child + 1]);
        }
        Self { step_mm, sites, nodes }
    }

    /// Square of the distance between two positions, mm².
    fn squared(&self, a: &Site, b: &Site) -> f64 {
        // Slowest axis first, each step scaled before it is squared: the order in which an image processing
        // library would sum, so that equal distances are equal to the last bit.
        (0..3).rev().map(|k| (f64::from(a[k] - b[k]) * self.step_mm[k]).powi(2)).sum()
    }

    fn squared_to_box(&self, node: &Node, from: &Site) -> f64 {
        (0..3)
            .map(|k| {
                let outside = (node.low[k] - from[k]).max(from[k] - node.high[k]).max(0);
                (f64::from(outside) * self.step_mm[k]).powi(2)
            })
            .sum()
    }

    /// Distance in millimetres from `from` to the nearest point, which is also returned; `hint` is any point of the
    /// tree (the answer of a neighbouring question makes the search short). `None` for an empty tree.
    pub fn distance(&self, from: &Site, hint: Option<Site>) -> Option<(f64, Site)> {
        let first = hint.or_else(|| self.sites.first().copied())?;
        let mut best = (self.squared(from, &first), first);
        let mut open = [0_u32; 128];
        let mut depth = 1;
        while depth > 0 && best.0 > 0.0 {
            depth -= 1;
            let node = &self.nodes[open[depth] as usize];
            if self.squared_to_box(node, from) >= best.0 {
                continue;
            }
            if node.child == 0 {
                for site in &self.sites[node.start as usize..node.end as usize] {
                    let d = self.squared(from, site);
                    if d < best.0 {
                        best = (d, *site);
                    }
                }
            } else {
                let (left, right) = (node.child, node.child + 1);
                let dl = self.squared_to_box(&self.nodes[left as usize], from);
                let dr = self.squared_to_box(&self.nodes[right as usize], from);
                let (near, far) = if dl <= dr { (left, right) } else { (right, left) };
                // The tree halves: its depth is below 32, and each level leaves at most one box open.
                open[depth] = far;
                open[depth + 1] = near;
                depth += 2;
            }
        }
        Some((best.0.sqrt(), best.1))
    }
}

fn box_of(sites: &[Site]) -> (Site, Site) {
    sites.iter().fold(([i32::MAX; 3], [i32::MIN; 3]), |(low, high), s| {
        (std::array::from_fn(|k| low[k].min(s[k])), std::array::from_fn(|k| high[k].max(s[k])))
    })
}
