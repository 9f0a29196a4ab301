//! A score that tells lines of writing from texture: boosted regression trees (Friedman 2001) over the features of a
//! line, learned from rendered writing over many pictures and from pictures without any.

use std::sync::OnceLock;

use super::lines::FEATURES;

/// A tree of three levels: seven questions, eight answers.
struct Tree {
    questions: [(usize, f32); 7],
    answers: [f32; 8],
}

struct Forest {
    base: f32,
    trees: Vec<Tree>,
}

/// The logarithm of the odds that a line with these features is writing.
pub fn score(features: &[f32; FEATURES]) -> f32 {
    static FOREST: OnceLock<Forest> = OnceLock::new();
    let forest = FOREST.get_or_init(|| read(include_str!("forest.txt")));
    forest.base + forest.trees.iter().map(|tree| tree.answer(features)).sum::<f32>()
}

impl Tree {
    fn answer(&self, features: &[f32; FEATURES]) -> f32 {
        let mut at = 1;
        while at < 8 {
            let (feature, threshold) = self.questions[at - 1];
            at = 2 * at + usize::from(features[feature] > threshold);
        }
        self.answers[at - 8]
    }
}

/// A first line with the base, then a tree a line: `feature:threshold` seven times, eight answers.
fn read(text: &str) -> Forest {
    let mut lines = text.lines();
    let number = |word: &str| word.parse::<f32>().unwrap_or(0.0);
    let base = lines.next().map_or(0.0, number);
    let tree = |line: &str| {
        let mut words = line.split(' ');
        let questions = std::array::from_fn(|_| {
            let (feature, threshold) = words.next().and_then(|w| w.split_once(':')).unwrap_or(("0", "0"));
            (feature.parse::<usize>().unwrap_or(0).min(FEATURES - 1), number(threshold))
        });
        Tree { questions, answers: std::array::from_fn(|_| words.next().map_or(0.0, number)) }
    };
    Forest { base, trees: lines.map(tree).collect() }
}
