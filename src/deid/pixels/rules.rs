//! Where scanners burn text into pictures: rules by manufacturer, model, matrix and what else the header says.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::dicom::DataSet;
use crate::model::{Area, Tag, tags};

const REGIONS: Tag = Tag::new(0x0018, 0x6011);
/// Sides of a region of an ultrasound picture: smallest column and row, largest column and row.
const SIDES: [Tag; 4] =
    [Tag::new(0x0018, 0x6018), Tag::new(0x0018, 0x601A), Tag::new(0x0018, 0x601C), Tag::new(0x0018, 0x601E)];
/// Regions that are looked at; no screen has more.
const MOST_REGIONS: usize = 64;

/// A rule: on pictures like these, text stands there. What is left out does not matter to it; letters are compared
/// without case, spaces and punctuation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PixelRule {
    /// What the ledger calls it.
    pub name: String,
    /// Modality is one of these.
    pub modality: Vec<String>,
    /// Manufacturer has these words.
    pub manufacturer: String,
    /// Manufacturer's Model Name contains one of these.
    pub model: Vec<String>,
    /// Rows.
    pub rows: Option<u32>,
    /// Columns.
    pub columns: Option<u32>,
    /// A value of Image Type contains this.
    pub image_type: String,
    /// Series Description contains this.
    pub series_description: String,
    /// Burned In Annotation is YES.
    pub burned_in: bool,
    /// What is masked: left, top, width, height, in pixels; what lies outside the picture does not count.
    pub areas: Vec<[u32; 4]>,
    /// Everything outside the ultrasound regions is masked, where the header names regions.
    pub outside_regions: bool,
}

impl PixelRule {
    /// Whether it has no condition: it would mask every picture that is looked at.
    pub fn is_unconditional(&self) -> bool {
        let free = Self {
            name: self.name.clone(),
            areas: self.areas.clone(),
            outside_regions: false,
            ..Self::default()
        };
        Self { outside_regions: false, ..self.clone() } == free && !self.areas.is_empty()
    }

    /// Whether it masks nothing.
    pub fn is_idle(&self) -> bool {
        self.areas.is_empty() && !self.outside_regions
    }

    /// Whether it is for pictures of this kind.
    fn is_for(&self, kind: &Kind<'_>) -> bool {
        let is = |wanted: Option<u32>, found: Option<i32>| {
            wanted.is_none_or(|wanted| found.is_some_and(|v| u32::try_from(v) == Ok(wanted)))
        };
        is(self.rows, kind.rows)
            && is(self.columns, kind.columns)
            && (self.modality.is_empty() || self.modality.iter().any(|m| m == kind.modality))
            && (!self.burned_in || kind.burned_in)
            && has_words(&kind.manufacturer, &self.manufacturer)
            && (self.model.is_empty() || self.model.iter().any(|m| kind.model.contains(&folded(m))))
            && kind.image_type.contains(&folded(&self.image_type))
            && kind.series_description.contains(&folded(&self.series_description))
    }

    /// What it masks of a picture with these ultrasound regions.
    pub fn areas_in(&self, columns: u32, rows: u32, regions: &[Area]) -> Vec<Area> {
        let own = self.areas.iter().map(|&[x, y, width, height]| Area { x, y, width, height });
        let mut areas: Vec<Area> = own.filter_map(|a| a.within(columns, rows)).collect();
        if self.outside_regions && !regions.is_empty() {
            areas.extend(around(regions, columns, rows));
        }
        areas
    }
}

/// What rules ask of a data set, read once.
#[derive(Debug)]
struct Kind<'a> {
    modality: &'a str,
    manufacturer: Vec<String>,
    model: String,
    rows: Option<i32>,
    columns: Option<i32>,
    /// The values, apart from each other.
    image_type: String,
    series_description: String,
    burned_in: bool,
}

impl<'a> Kind<'a> {
    fn of(set: &'a DataSet<'_>) -> Self {
        let value = |tag| set.ascii(tag).unwrap_or_default();
        Self {
            modality: value(tags::MODALITY),
            manufacturer: words(value(tags::MANUFACTURER)),
            model: folded(value(tags::MANUFACTURER_MODEL_NAME)),
            rows: set.integer(tags::ROWS),
            columns: set.integer(tags::COLUMNS),
            image_type: set.ascii_values(tags::IMAGE_TYPE).map(folded).collect::<Vec<_>>().join("\n"),
            series_description: folded(value(tags::SERIES_DESCRIPTION)),
            burned_in: super::says_burned_in(set),
        }
    }
}

/// Upper-case letters and digits alone: makers write one name in many ways.
fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(folded).collect()
}

/// Whether whole words of a text are the wanted ones: GE is no part of an IMAGE.
fn has_words(text: &[String], wanted: &str) -> bool {
    let wanted = words(wanted);
    wanted.is_empty() || text.windows(wanted.len()).any(|w| w == wanted)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rule: Vec<PixelRule>,
}

/// The rules that come with Gantry: bands and corners that others have found names in, as RSNA CTP's library of burned-in
/// annotation and the recipes of pydicom/deid publish them.
static BUILT_IN: LazyLock<Vec<PixelRule>> =
    LazyLock::new(|| toml::from_str::<Table>(include_str!("rules.toml")).map(|t| t.rule).unwrap_or_default());

/// The rules of a profile and, where it wants them, those that come with Gantry.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'r> {
    /// The profile's own.
    pub own: &'r [PixelRule],
    /// Whether those that come with Gantry are asked, too.
    pub built_in: bool,
}

impl<'r> Rules<'r> {
    /// Those that a data set is for.
    pub fn of(self, set: &DataSet<'_>) -> Vec<&'r PixelRule> {
        let built_in: &'static [PixelRule] = if self.built_in { &BUILT_IN } else { &[] };
        let kind = Kind::of(set);
        self.own.iter().chain(built_in).filter(|r| r.is_for(&kind)).collect()
    }
}

/// The regions of an ultrasound picture (PS3.3 C.8.5.5); the largest column and row belong to them.
pub fn regions(set: &DataSet<'_>) -> Vec<Area> {
    let side =
        |item: &DataSet<'_>, tag| item.number(tag).filter(|v| (0.0..65536.0).contains(v)).map(|v| v as u32);
    let area = |item| {
        let [left, top, right, bottom] = SIDES.map(|tag| side(item, tag));
        let (x, y) = (left?, top?);
        Some(Area { x, y, width: right?.checked_sub(x)? + 1, height: bottom?.checked_sub(y)? + 1 })
    };
    set.items(REGIONS).iter().take(MOST_REGIONS).filter_map(area).collect()
}

/// What is left of a picture around its regions, in bands from above.
fn around(regions: &[Area], columns: u32, rows: u32) -> Vec<Area> {
    let regions: Vec<Area> = regions.iter().filter_map(|r| r.within(columns, rows)).collect();
    let mut edges: Vec<u32> = regions.iter().flat_map(|r| [r.y, r.bottom()]).chain([0, rows]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut areas = Vec::new();
    for band in edges.windows(2) {
        let (y, height) = (band[0], band[1] - band[0]);
        let mut spans: Vec<(u32, u32)> =
            regions.iter().filter(|r| r.y <= y && r.bottom() > y).map(|r| (r.x, r.right())).collect();
        spans.sort_unstable();
        spans.push((columns, columns));
        let mut x = 0;
        for (left, right) in spans {
            if left > x {
                areas.push(Area { x, y, width: left - x, height });
            }
            x = x.max(right);
        }
    }
    areas
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dicom::Element;
    use crate::model::Vr;

    #[test]
    fn what_comes_with_gantry_can_be_read_and_each_rule_is_for_something_and_masks_something() {
        let table: Table = toml::from_str(include_str!("rules.toml")).unwrap();
        assert!(table.rule.len() > 40, "{}", table.rule.len());
        let mut names: Vec<&str> = table.rule.iter().map(|r| &*r.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|n| n[0] != n[1]), "{names:?}");
        for rule in &table.rule {
            assert!(!rule.is_unconditional() && !rule.is_idle(), "{}", rule.name);
            assert!(!rule.modality.is_empty() && !rule.manufacturer.is_empty(), "{}", rule.name);
        }
    }

    #[test]
    fn every_condition_counts() {
        let number = |tag, v: u16| Element::new(tag, Vr::US, v.to_le_bytes().to_vec());
        let set = DataSet::from_elements(vec![
            Element::text(tags::IMAGE_TYPE, Vr::CS, "DERIVED\\SECONDARY\\SCREEN SAVE"),
            Element::text(tags::MODALITY, Vr::CS, "US"),
            Element::text(tags::MANUFACTURER, Vr::LO, "Ge Medical-Systems"),
            Element::text(tags::SERIES_DESCRIPTION, Vr::LO, "Dose  Report"),
            Element::text(tags::MANUFACTURER_MODEL_NAME, Vr::LO, "LOGIQ E9"),
            number(tags::ROWS, 100),
            number(tags::COLUMNS, 200),
        ]);
        let rule = PixelRule {
            modality: vec!["US".into()],
            manufacturer: "GE Medical".into(),
            model: vec!["V830".into(), "LOGIQE9".into()],
            rows: Some(100),
            columns: Some(200),
            image_type: "SCREENSAVE".into(),
            series_description: "dose report".into(),
            ..PixelRule::default()
        };
        let kind = Kind::of(&set);
        assert!(rule.is_for(&kind));
        let others = [
            PixelRule { modality: vec!["CT".into()], ..rule.clone() },
            PixelRule { manufacturer: "Philips".into(), ..rule.clone() },
            PixelRule { manufacturer: "GE Med".into(), ..rule.clone() },
            PixelRule { model: vec!["V830".into()], ..rule.clone() },
            PixelRule { rows: Some(101), ..rule.clone() },
            PixelRule { columns: Some(201), ..rule.clone() },
            PixelRule { image_type: "MPR".into(), ..rule.clone() },
            PixelRule { series_description: "scout".into(), ..rule.clone() },
            PixelRule { burned_in: true, ..rule.clone() },
        ];
        assert!(others.iter().all(|r| !r.is_for(&kind)));
    }

    #[test]
    fn what_is_around_regions_and_the_regions_are_the_picture() {
        let regions = [
            Area { x: 2, y: 1, width: 3, height: 4 },
            Area { x: 4, y: 3, width: 10, height: 2 },
            Area { x: 30, y: 3, width: 10, height: 2 },
        ];
        let (columns, rows) = (12, 8);
        let mut seen = vec![0; 96];
        for a in around(&regions, columns, rows) {
            for (x, y) in (a.y..a.bottom()).flat_map(|y| (a.x..a.right()).map(move |x| (x, y))) {
                seen[(y * columns + x) as usize] += 1;
            }
        }
        for (at, count) in seen.iter().enumerate() {
            let pixel = Area { x: at as u32 % columns, y: at as u32 / columns, width: 1, height: 1 };
            let inside = regions.iter().any(|r| r.contains(&pixel));
            assert_eq!(*count, u32::from(!inside), "{pixel:?}");
        }
    }
}
