//! A score that tells lines of writing from texture: boosted regression trees (Friedman 2001) over the features of a
//! line, learned from rendered writing over many pictures and from pictures without any.

use std::sync::OnceLock;

/// A question, or an answer where there is nothing to ask.
struct Node {
    feature: Option<usize>,
    /// Threshold of the question, or the answer.
    value: f32,
    /// Where it goes on if the feature is above the threshold; else with the next node.
    above: usize,
}

/// Trees, each node before its two branches.
struct Forest {
    base: f32,
    trees: Vec<Vec<Node>>,
}

/// The logarithm of the odds that a line with these features is writing.
pub fn score(features: &[f32]) -> f32 {
    static FOREST: OnceLock<Forest> = OnceLock::new();
    FOREST.get_or_init(|| read(include_str!("forest.txt"))).answer(features)
}

/// The same for a line of a quick look.
pub fn quick(features: &[f32]) -> f32 {
    static FOREST: OnceLock<Forest> = OnceLock::new();
    FOREST.get_or_init(|| read(include_str!("quick.txt"))).answer(features)
}

impl Forest {
    fn answer(&self, features: &[f32]) -> f32 {
        self.base + self.trees.iter().map(|tree| answer(tree, features)).sum::<f32>()
    }
}

fn answer(tree: &[Node], features: &[f32]) -> f32 {
    let mut at = 0;
    while let Some(node) = tree.get(at) {
        match node.feature.map(|feature| features.get(feature)) {
            Some(value) => at = if value.is_some_and(|v| *v > node.value) { node.above } else { at + 1 },
            None => return node.value,
        }
    }
    0.0
}

/// A first line with the base, then a tree a line: `feature:threshold` before what is asked next if not above and what
/// is asked next if above; an answer is a bare number.
fn read(text: &str) -> Forest {
    let mut lines = text.lines();
    let base = lines.next().map_or(0.0, number);
    let trees = lines.map(|line| {
        let mut tree = Vec::new();
        branch(&mut line.split(' '), &mut tree);
        tree
    });
    Forest { base, trees: trees.collect() }
}

fn number(word: &str) -> f32 {
    word.parse().unwrap_or(0.0)
}

/// Reads a node and what is below it.
fn branch<'a>(words: &mut impl Iterator<Item = &'a str>, tree: &mut Vec<Node>) {
    let Some(word) = words.next() else { return };
    let Some((feature, threshold)) = word.split_once(':') else {
        return tree.push(Node { feature: None, value: number(word), above: 0 });
    };
    let feature = feature.parse::<usize>().unwrap_or(0);
    let at = tree.len();
    tree.push(Node { feature: Some(feature), value: number(threshold), above: 0 });
    branch(words, tree);
    tree[at].above = tree.len();
    branch(words, tree);
}
