//! The sections of documents.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{Content, Told, time};
use super::evidence;
use crate::engine::command::WriteReport;
use crate::engine::query::{
    Agreement, AgreementView, Measured, PlanState, PlanView, ProfileState, ReaderView, Readers, Stats,
    StatsView,
};
use crate::engine::{Client, EngineError, Session};
use crate::pipeline::now_ms;
use crate::report::{
    Block, Chart, Column, Fact, Figure, Interval, Level, Limit, Note, NoteKind, Section, Series, Table,
};
use crate::snapshot::LabelState;

pub(super) type Sections = Result<Vec<Section>, EngineError>;

/// Agreement, process and what the labels are.
pub fn qa(session: &Session, command: &WriteReport, content: &Content) -> Sections {
    let client: &dyn Client = session;
    let stats = client.ask(Stats { now_ms: now_ms() })?;
    let asked = Agreement {
        since_ms: command.since_ms,
        filter: command.site.as_ref().map(|site| format!("site:{site}")).unwrap_or_default(),
        ..Agreement::default()
    };
    let agreement = client.ask(asked)?;
    Ok(vec![
        counts(content),
        process(&stats),
        agreed(&agreement),
        evidence::drift(session)?,
        labels(content),
        reading(content),
        evidence::findings(session, content)?,
    ])
}

/// What de-identification did.
pub fn deid(session: &Session, content: &Content) -> Sections {
    let client: &dyn Client = session;
    let profile = client.ask(ProfileState { filter: None })?;
    let lines: BTreeSet<_> = content.series.iter().flat_map(|t| t.images.iter().map(|i| i.ledger)).collect();
    let sources: BTreeSet<_> =
        content.series.iter().flat_map(|t| t.images.iter().map(|i| i.source)).collect();
    let facts = vec![
        Fact::new("Profile", &profile.profile, "gantry doctor"),
        Fact::new("Fingerprint of the profile", &profile.fingerprint, ""),
        Fact::new("Source files", sources.len().to_string(), "source hashes"),
        Fact::new("Records of what was done", lines.len().to_string(), "gantry audit ledger"),
        Fact::new("Instances under another profile", profile.under_another.to_string(), "gantry doctor"),
    ];
    let masked = masked(session, content)?;
    let mut done = Section {
        heading: "What was done".into(),
        blocks: vec![
            Block::Facts(facts),
            Block::Paragraph(
                "Identifiers were removed or replaced by pseudonyms, dates were shifted by one distance for each subject, \
                 UIDs were remapped, and pixels with burned-in text were masked. Each output was read back by a second \
                 parser before it was stored. Records hold what was done and never a value."
                    .into(),
            ),
        ],
        ..Section::default()
    };
    if masked > 0 {
        let words = format!("Pixels were masked in {masked} instances.");
        done.blocks.push(Block::Note(Note { kind: NoteKind::Info, text: words }));
    }
    Ok(vec![counts(content), done, composition(content)])
}

fn masked(session: &Session, content: &Content) -> Result<u64, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let mut masked = 0;
    for told in &content.series {
        masked += reader.masked_of(&told.held.series_uid)?.iter().map(|(_, n)| n).sum::<u64>();
    }
    Ok(masked)
}

/// What a site delivered, and what to mend.
pub fn site(session: &Session, content: &Content) -> Sections {
    Ok(vec![counts(content), composition(content), evidence::findings(session, content)?, labels(content)])
}

/// What a regulator asks of a reference standard.
pub fn dossier(session: &Session, command: &WriteReport, content: &Content) -> Sections {
    let client: &dyn Client = session;
    let stats = client.ask(Stats { now_ms: now_ms() })?;
    let agreement = client.ask(Agreement { since_ms: command.since_ms, ..Agreement::default() })?;
    let (plan, people) = (client.ask(PlanState {})?, client.ask(Readers {})?);
    let mut sections = vec![
        counts(content),
        composition(content),
        exclusions(content),
        standard(plan.as_ref(), content),
        readers(&people, content),
        reading(content),
        agreed(&agreement),
        process(&stats),
        labels(content),
    ];
    sections.extend(evidence::trail(session, content)?);
    sections.push(claim());
    Ok(sections)
}

/// Series, subjects, instances, labels.
fn counts(content: &Content) -> Section {
    let source = content
        .snapshot
        .as_ref()
        .map_or_else(|| "gantry search".to_owned(), |s| format!("gantry snapshot show {}", s.name));
    let series = if content.snapshot.is_some() { "Series" } else { "Series with accepted labels" };
    let facts = [
        (series, content.series.len().to_string()),
        ("Subjects", content.subjects().to_string()),
        ("Instances", content.instances().to_string()),
        ("Accepted labels", content.labels().to_string()),
    ];
    let facts = facts.into_iter().map(|(name, n)| Fact::new(name, n, &source)).collect();
    let mut blocks = vec![Block::Facts(facts)];
    for (why, n) in &content.gone {
        let text = format!("{n} series of the snapshot are not in this document: {why}.");
        blocks.push(Block::Note(Note { kind: NoteKind::Info, text }));
    }
    Section { heading: "What is in it".into(), level: Level::One, blocks }
}

/// A number of series and subjects.
type Group<'c> = (u64, BTreeSet<&'c str>);

fn grouped<'c>(content: &'c Content, of: impl Fn(&'c Told) -> String) -> BTreeMap<String, Group<'c>> {
    let mut groups: BTreeMap<String, Group<'c>> = BTreeMap::new();
    for told in &content.series {
        let group = groups.entry(of(told)).or_default();
        group.0 += 1;
        group.1.insert(&told.held.subject);
    }
    groups
}

/// Series and subjects by site, modality, manufacturer, sex and split.
fn composition(content: &Content) -> Section {
    type Of = fn(&Told) -> String;
    let known = |text: Option<&str>| text.unwrap_or("not known").to_owned();
    let sex: Of = |t| t.held.harmonised.text("sex").unwrap_or("not known").to_owned();
    let band: Of = |t| t.held.harmonised.text("age_band").unwrap_or("not known").to_owned();
    let mut rows = Vec::new();
    let mut add = |name: &str, groups: BTreeMap<String, Group<'_>>| {
        rows.extend(groups.into_iter().map(|(value, (n, subjects))| {
            vec![name.to_owned(), value, n.to_string(), subjects.len().to_string()]
        }));
    };
    add("Site", grouped(content, |t| t.held.site.clone()));
    add("Modality", grouped(content, |t| t.held.modality.clone()));
    add("Manufacturer", grouped(content, |t| known(t.held.manufacturer.as_deref())));
    add("Sex", grouped(content, sex));
    add("Age", grouped(content, band));
    add("Split", grouped(content, |t| t.split.clone().unwrap_or_else(|| "none".into())));
    let table = Table {
        caption: "Series and subjects by what is known of them.".into(),
        columns: vec![
            Column::left("By"),
            Column::left("Value"),
            Column::right("Series"),
            Column::right("Subjects"),
        ],
        rows,
        source: "harmonised attributes of the snapshot".into(),
    };
    Section {
        heading: "Composition".into(),
        blocks: vec![Block::Figure(sites(content)), Block::Table(table)],
        ..Section::default()
    }
}

/// Series by site and split.
fn sites(content: &Content) -> Figure {
    let sites: Vec<String> = grouped(content, |t| t.held.site.clone()).into_keys().collect();
    let split_of = |t: &Told| t.split.clone().unwrap_or_else(|| "series".into());
    let splits: Vec<String> = grouped(content, split_of).into_keys().collect();
    let count = |site: &str, split: &str| {
        content.series.iter().filter(|t| t.held.site == site && split_of(t) == split).count() as f64
    };
    let series = splits
        .iter()
        .map(|split| Series {
            name: split.clone(),
            values: sites.iter().map(|site| count(site, split)).collect(),
        })
        .collect();
    Figure {
        caption: "Series by site and split.".into(),
        source: "gantry snapshot show --series".into(),
        alt: format!("Bars of {} sites; the table below has the numbers.", sites.len()),
        chart: Chart::Bars { categories: sites, series, stacked: true, unit: "series".into() },
    }
}

/// Structures: found, none, not looked at.
fn labels(content: &Content) -> Section {
    let mut counts: BTreeMap<&str, [BTreeSet<&str>; 2]> = BTreeMap::new();
    for told in &content.series {
        for label in told.held.labels() {
            let of = counts.entry(&label.structure).or_default();
            of[usize::from(label.state == LabelState::None)].insert(&told.held.series_uid);
        }
    }
    let names: Vec<String> = counts.keys().map(|name| (*name).to_owned()).collect();
    let values = |at: usize| counts.values().map(|of| of[at].len() as f64).collect::<Vec<f64>>();
    let chart = Chart::Bars {
        categories: names,
        series: vec![
            Series { name: "found".into(), values: values(0) },
            Series { name: "none".into(), values: values(1) },
        ],
        stacked: true,
        unit: "series".into(),
    };
    let figure = Figure {
        caption: "Series in which a structure was found, or looked for and not found.".into(),
        source: "accepted labels".into(),
        alt: "Bars of each structure; the table below has the numbers.".into(),
        chart,
    };
    let row = |(name, [found, none]): (&&str, &[BTreeSet<&str>; 2])| {
        let not = content.series.len() - found.union(none).count();
        vec![(*name).to_owned(), found.len().to_string(), none.len().to_string(), not.to_string()]
    };
    let table = Table {
        caption: "Accepted labels by structure, in series.".into(),
        columns: vec![
            Column::left("Structure"),
            Column::right("Found"),
            Column::right("None"),
            Column::right("Not looked at"),
        ],
        rows: counts.iter().map(row).collect(),
        source: "accepted labels".into(),
    };
    Section {
        heading: "Labels".into(),
        blocks: vec![Block::Figure(figure), Block::Table(table)],
        ..Section::default()
    }
}

/// How labels came to stand, under which guideline.
fn reading(content: &Content) -> Section {
    let (mut how, mut guidelines) = (BTreeMap::<&str, u64>::new(), BTreeMap::<(String, String), u64>::new());
    for standing in content.series.iter().filter_map(|t| t.held.standing.as_ref()) {
        *how.entry(standing.how.as_str()).or_default() += 1;
        let document = standing.document.clone().unwrap_or_else(|| "no document".into());
        *guidelines.entry((standing.guideline.clone(), document)).or_default() += 1;
    }
    let how = Table {
        caption: "How accepted labels came to stand.".into(),
        columns: vec![Column::left("How"), Column::right("Series")],
        rows: how.into_iter().map(|(how, n)| vec![how.to_owned(), n.to_string()]).collect(),
        source: "gantry provenance".into(),
    };
    let guidelines = Table {
        caption: "Guidelines that they were read under.".into(),
        columns: vec![
            Column::left("Version"),
            Column::left("SHA-256 of the document"),
            Column::right("Series"),
        ],
        rows: guidelines.into_iter().map(|((v, d), n)| vec![v, d, n.to_string()]).collect(),
        source: "gantry provenance".into(),
    };
    Section {
        heading: "How labels were made".into(),
        blocks: vec![Block::Table(how), Block::Table(guidelines)],
        ..Section::default()
    }
}

/// A value with its interval, in words.
fn words(measured: &Measured) -> String {
    let Some(value) = measured.value else {
        return measured.reason.clone().unwrap_or_else(|| "not defined".into());
    };
    match measured.ci95 {
        Some((low, high)) => format!("{value:.3} ({low:.3} to {high:.3})"),
        None => format!("{value:.3}"),
    }
}

fn process(stats: &StatsView) -> Section {
    let source = "gantry stats";
    let hours = |m: &Measured| m.value.map_or_else(|| words(m), |ms| format!("{:.1} h", ms / 3_600_000.0));
    let facts = vec![
        Fact::new("Open tasks", stats.backlog.to_string(), source),
        Fact::new("Decided tasks", stats.decided.to_string(), source),
        Fact::new("First-pass accuracy", words(&stats.first_pass_accuracy), source),
        Fact::new("Rejection rate", words(&stats.rejection_rate), source),
        Fact::new("Median cycle time", hours(&stats.cycle_time_median_ms), source),
    ];
    let mut blocks = vec![Block::Facts(facts)];
    if let Some(work) = &stats.work {
        let row = |g: &crate::engine::query::ReadingGroup| {
            vec![
                g.name.clone(),
                g.reads.to_string(),
                words(&g.first_pass_acceptance),
                g.reworked.to_string(),
                words(&g.stands),
            ]
        };
        blocks.push(Block::Table(Table {
            caption: "Reads by reader.".into(),
            columns: vec![
                Column::left("Reader"),
                Column::right("Reads"),
                Column::right("Never returned"),
                Column::right("Reworked"),
                Column::right("Stands"),
            ],
            rows: work.readers.iter().map(row).collect(),
            source: source.into(),
        }));
    }
    Section { heading: "Process".into(), blocks, ..Section::default() }
}

fn agreed(view: &AgreementView) -> Section {
    let heading = "Agreement of readers".into();
    if view.measures.is_empty() {
        let text = view.reason.clone().unwrap_or_else(|| "Nothing was read twice.".into());
        return Section { heading, blocks: vec![Block::Paragraph(text)], ..Section::default() };
    }
    let rows = view.measures.iter().filter_map(|m| {
        let estimate = m.value.value?;
        Some(Interval { label: m.id.clone(), estimate, range: m.value.ci95 })
    });
    let mut thresholds: Vec<f64> = view.measures.iter().filter_map(|m| m.threshold).collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    let figure = Figure {
        caption: "Agreement by measure, with 95 % intervals.".into(),
        source: "gantry agreement".into(),
        alt: "Estimates with intervals; the table below has the numbers.".into(),
        chart: Chart::Intervals {
            rows: rows.collect(),
            references: thresholds
                .iter()
                .map(|t| Limit { name: format!("wanted {t:.2}"), value: *t })
                .collect(),
            unit: "coefficient".into(),
        },
    };
    let row = |m: &crate::engine::query::AgreementRow| {
        let threshold = m.threshold.map(|t| format!("{t:.2}")).unwrap_or_default();
        vec![
            m.id.clone(),
            m.coefficient.replace('_', " "),
            words(&m.value),
            m.value.n.to_string(),
            m.readers.to_string(),
            threshold,
            m.warning.clone().unwrap_or_default(),
        ]
    };
    let table = Table {
        caption: "Agreement by measure. Intervals are of 95 %.".into(),
        columns: vec![
            Column::left("Measure"),
            Column::left("Coefficient"),
            Column::right("Value"),
            Column::right("Items"),
            Column::right("Readers"),
            Column::right("Wanted"),
            Column::left("Note"),
        ],
        rows: view.measures.iter().map(row).collect(),
        source: "gantry agreement".into(),
    };
    Section { heading, blocks: vec![Block::Figure(figure), Block::Table(table)], ..Section::default() }
}

/// What is not in it, and why.
fn exclusions(content: &Content) -> Section {
    let mut rows: Vec<Vec<String>> =
        content.gone.iter().map(|(why, n)| vec![(*why).to_owned(), n.to_string()]).collect();
    if let Some(record) = &content.snapshot {
        let left: Vec<crate::engine::query::NotInSnapshot> =
            serde_json::from_str(&record.left_out).unwrap_or_default();
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        left.into_iter().for_each(|l| *reasons.entry(l.reason).or_default() += 1);
        rows.extend(reasons.into_iter().map(|(why, n)| vec![why, n.to_string()]));
    }
    let query = content.snapshot.as_ref().and_then(|s| s.query.clone());
    let asked = query.unwrap_or_else(|| "every series with accepted labels".into());
    let table = Table {
        caption: "Series that were asked for and are not in it.".into(),
        columns: vec![Column::left("Why"), Column::right("Series")],
        rows,
        source: "gantry snapshot show".into(),
    };
    let blocks =
        vec![Block::Paragraph(format!("Series were chosen by the query: {asked}.")), Block::Table(table)];
    Section { heading: "Selection and exclusions".into(), blocks, ..Section::default() }
}

/// How the reference standard was made, as the plan has it.
fn standard(plan: Option<&PlanView>, content: &Content) -> Section {
    let heading = "Reference standard".into();
    let Some(view) = plan else {
        let text = "There is no plan in the workspace: labels were taken in as they came.".into();
        return Section { heading, blocks: vec![Block::Paragraph(text)], ..Section::default() };
    };
    let source = "gantry plan show";
    let plan = &view.plan;
    let adjudicated = content
        .series
        .iter()
        .filter_map(|t| t.held.standing.as_ref())
        .filter(|s| s.how.as_str() == "adjudicated");
    let facts = vec![
        Fact::new("Plan", format!("{}, version {}", plan.name, view.version), source),
        Fact::new("Independent reads of a case", plan.reads.to_string(), source),
        Fact::new("Readers blinded to each other", if plan.blinded { "yes" } else { "no" }, source),
        Fact::new("Level of readers, at least", plan.level.to_string(), source),
        Fact::new("Second look at what agreed", if plan.review.is_some() { "yes" } else { "no" }, source),
        Fact::new("Series adjudicated", adjudicated.count().to_string(), "gantry provenance"),
        Fact::new("Guideline in force", view.guideline_in_force.clone().unwrap_or_default(), source),
        Fact::new("Plan applied", time(view.applied_ms), source),
    ];
    Section { heading, blocks: vec![Block::Facts(facts)], ..Section::default() }
}

/// Who read, with what is known of them.
fn readers(people: &[ReaderView], content: &Content) -> Section {
    let read: BTreeSet<&str> =
        content.series.iter().filter_map(|t| t.held.standing.as_ref()).map(|s| s.reader.as_str()).collect();
    let row = |name: &&str| {
        let known = people.iter().find(|p| p.reader == **name);
        let level = known.map(|p| p.level.to_string()).unwrap_or_default();
        let credentials = known.map(|p| {
            let all: Vec<String> = p.credentials.iter().map(|(k, v)| format!("{k}: {v}")).collect();
            all.join("; ")
        });
        vec![(*name).to_owned(), level, credentials.unwrap_or_default()]
    };
    let table = Table {
        caption: "Readers whose reads stand.".into(),
        columns: vec![Column::left("Reader"), Column::right("Level"), Column::left("Credentials")],
        rows: read.iter().map(row).collect(),
        source: "gantry reader list".into(),
    };
    Section { heading: "Readers".into(), blocks: vec![Block::Table(table)], ..Section::default() }
}

/// Where this document answers CLAIM, and what its owner has to add.
fn claim() -> Section {
    const ITEMS: [(&str, &str); 9] = [
        ("Data sources", "Composition"),
        ("Eligibility criteria, inclusion and exclusion", "Selection and exclusions"),
        ("Data pre-processing and de-identification", "the report on de-identification (gantry report deid)"),
        ("Definition of the reference standard", "Reference standard, How labels were made"),
        ("Rationale for choosing the reference standard", "for the owner to state"),
        ("Source of annotations; qualifications of annotators", "Readers"),
        ("Annotation tools", "provenance.json of the export"),
        ("Measurement of inter- and intrarater variability", "Agreement of readers"),
        ("How data were assigned to partitions", "Composition; gantry snapshot show"),
    ];
    let table = Table {
        caption: "Items of CLAIM (Checklist for Artificial Intelligence in Medical Imaging, 2024) on data and reference standard."
            .into(),
        columns: vec![Column::left("Item"), Column::left("Where")],
        rows: ITEMS.iter().map(|(item, at)| vec![(*item).to_owned(), (*at).to_owned()]).collect(),
        source: String::new(),
    };
    Section { heading: "Checklist".into(), blocks: vec![Block::Table(table)], ..Section::default() }
}
