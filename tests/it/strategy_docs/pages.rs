//! A module's own doc as a page, with its twins below it.

use std::{collections::BTreeMap, fs, path::Path};

use redeliver_strategies::{Entry, all, expected};

use super::found::Found;

/// What the module of a strategy or a twin says of itself.
pub struct Page {
    entry: &'static Entry,
    /// Its source, from the root of the repository.
    source: String,
    /// Its doc, without the title line.
    body: String,
}

/// The twins of a strategy.
pub fn twins_of(entry: &Entry) -> impl Iterator<Item = &'static Entry> {
    let name = entry.name;
    all().iter().copied().filter(move |twin| twin.twin_of == Some(name))
}

impl Page {
    pub fn of(entry: &'static Entry) -> Self {
        let module = |name: &str| name.replace('-', "_");
        let source = match entry.twin_of {
            None => format!("strategies/src/{}/mod.rs", module(entry.name)),
            Some(of) => format!("strategies/src/{}/{}.rs", module(of), module(entry.name)),
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&source);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{source}: {error}"));
        let doc: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        Self { entry, source, body: linked(&doc.join("\n")) }
    }

    pub fn says(&self, what: &str) -> bool {
        self.body.contains(what)
    }

    /// The page of a strategy, with what is found of its twins.
    pub fn text(&self, found: &BTreeMap<&str, Vec<Found>>) -> String {
        let Self { entry, source, body } = self;
        let name = entry.name;
        let mut text = format!(
            "# {name}\n\n<!-- Made by tests/it/strategy_docs from {source}. -->\n\n[All strategies](../strategies.md) · \
             [source](../../{source}) · `redeliver check {name}`\n\n{body}\n"
        );
        if !entry.witnesses.is_empty() {
            text.push_str("\n## Not claimed\n");
            text.push_str(&witnesses(entry));
        }
        for twin in twins_of(entry) {
            text.push_str(&Self::of(twin).section(&found[twin.name]));
        }
        text
    }

    /// The section of a twin.
    fn section(&self, found: &[Found]) -> String {
        let Self { entry, source, body } = self;
        let name = entry.name;
        let charge = expected::of(name).expect("every twin is charged");
        let mut text = format!("\n## {name}\n\nA broken twin: {}. [source](../../{source})\n\n{body}\n", entry.summary);
        let charged = charge.anomalies.join(" or ");
        text.push_str(&format!("\nIt must be convicted of: {charged}, under {} on {}.\n", charge.model, charge.store));
        text.push_str(&witnesses(entry));
        let cells = found.iter().map(|found| format!("- {}: {}\n", found.model.name(), found.cell(entry)));
        text.push_str(&format!("\nWhat the search finds:\n\n{}", cells.collect::<String>()));
        text
    }
}

/// The histories that show it.
fn witnesses(entry: &Entry) -> String {
    let shown = entry.witnesses.iter().map(|witness| {
        let (model, shows) = (witness.model(), witness.shows);
        format!("\nUnder {}, {shows}:\n\n```text\n{}```\n", model.name(), witness.history)
    });
    shown.collect()
}

/// The same with links of rustdoc as links between pages, or as plain code where there is no page.
fn linked(doc: &str) -> String {
    let mut text = String::new();
    let mut rest = doc;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, after)) = after.split_once("`]") else { break };
        let (target, after) = match after.strip_prefix('(').and_then(|after| after.split_once(')')) {
            Some((target, after)) => (target, after),
            None => (name, after),
        };
        text.push_str(before);
        text.push_str(&link(name, target));
        rest = after;
    }
    text + rest
}

fn link(name: &str, target: &str) -> String {
    let last = target.rsplit("::").next().unwrap_or(target).replace('_', "-");
    match all().iter().find(|entry| entry.name == last).map(|entry| (entry.name, entry.twin_of)) {
        Some((name, None)) => format!("[{name}]({name}.md)"),
        Some((name, Some(of))) => format!("[{name}]({of}.md#{name})"),
        None => format!("`{name}`"),
    }
}

#[test]
fn a_link_of_rustdoc_leads_to_a_page_or_nowhere() {
    let doc = "see [`record_and_check`], [`natural`](crate::natural), [`other`](super::apply_before_mark) and [`TTL`].";
    let expected = "see [record-and-check](record-and-check.md), [natural](natural.md), \
                    [apply-before-mark](record-and-check.md#apply-before-mark) and `TTL`.";
    assert_eq!(linked(doc), expected);
}
