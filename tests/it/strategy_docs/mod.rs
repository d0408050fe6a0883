//! `docs/strategies.md` and the pages below it: made of the registry, of the modules' own docs and of what the search finds.
//! `REDELIVER_BLESS=1 cargo test strategy_docs` writes them anew.
//!
//! What a module says of itself is turned into a page in `pages`; what the search finds of each twin is in `found`.

mod found;
mod pages;

use std::{collections::BTreeMap, fs, path::Path};

use redeliver_strategies::{Entry, all, registry::ANY_MODEL};

use self::{
    found::{Found, found},
    pages::{Page, twins_of},
};
use crate::golden::golden_at;

const HEAD: &str = "# Strategies

<!-- Made by tests/it/strategy_docs from the registry; `REDELIVER_BLESS=1 cargo test strategy_docs` writes it anew. -->

A *strategy* is a handler that shows one way to de-duplicate. Each stands before its broken twins: handlers that look like it
and are wrong. Which of them is for you says [the guide](which-strategy.md); what becomes of a strategy of which one thing is
changed, [the page of mutants](strategies-mutants.md).

What stands for a delivery model: **holds**, where the strategy claims it, and the tests hold it to that on every store that it
stands on; what goes wrong, with the smallest history that is known, where a strategy does not claim it, and for a twin; of a
twin in brackets where nobody charges it with that. A history is written by its faults; `plain` is none. How many messages
it takes stands before it where it is more than one.

";

/// Everything that is made, by its path.
fn made(found: &BTreeMap<&str, Vec<Found>>) -> Vec<(String, String)> {
    let mut index = HEAD.to_owned();
    let models: Vec<&str> = ANY_MODEL.iter().map(redeliver::DeliveryModel::name).collect();
    index.push_str(&format!("| | {} |\n|---|{}\n", models.join(" | "), "---|".repeat(models.len())));
    for entry in all() {
        index.push_str(&row(entry, &found[entry.name]));
    }
    let mut made = vec![("docs/strategies.md".to_owned(), index)];
    for entry in correct() {
        made.push((format!("docs/strategies/{}.md", entry.name), Page::of(entry).text(found)));
    }
    made
}

fn correct() -> impl Iterator<Item = &'static Entry> {
    all().iter().copied().filter(|entry| entry.twin_of.is_none())
}

fn row(entry: &Entry, found: &[Found]) -> String {
    let link = match entry.twin_of {
        None => format!("**[{0}](strategies/{0}.md)**: {1}", entry.name, entry.summary),
        Some(of) => format!("- [{0}](strategies/{of}.md#{0}): {1}", entry.name, entry.summary),
    };
    let cells: Vec<String> = found.iter().map(|found| found.cell(entry)).collect();
    format!("| {link} | {} |\n", cells.join(" | "))
}

#[test]
fn the_pages_of_strategies_are_what_the_registry_and_the_search_say() {
    let found = found();
    for (file, text) in made(&found) {
        golden_at(&file, &text);
    }
}

#[test]
fn there_is_a_page_for_each_strategy_and_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/strategies");
    let files = fs::read_dir(folder).expect("it is there").map(|file| file.expect("it can be read").file_name());
    let mut files: Vec<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
    let mut expected: Vec<String> = correct().map(|entry| format!("{}.md", entry.name)).collect();
    files.sort_unstable();
    expected.sort_unstable();
    assert_eq!(files, expected);
}

#[test]
fn a_strategy_says_what_makes_it_safe_what_it_costs_what_it_needs_when_not_to_use_it_and_where_it_is_from() {
    for entry in correct() {
        let page = Page::of(entry);
        for said in ["**Safe because**", "**Costs**", "**Needs from the delivery model**", "**When not.**", "Source: "]
        {
            assert!(page.says(said), "{} does not say {said}", entry.name);
        }
        let claims_all = ANY_MODEL.iter().all(|model| entry.models.contains(model));
        assert_ne!(page.says("**Not claimed**"), claims_all, "{}", entry.name);
    }
}

#[test]
fn a_twin_says_what_breaks_it_and_where_it_is_from() {
    for twin in correct().flat_map(twins_of) {
        let page = Page::of(twin);
        for said in ["**What breaks it.**", "Source: "] {
            assert!(page.says(said), "{} does not say {said}", twin.name);
        }
    }
}

#[test]
fn every_strategy_but_one_that_is_its_own_has_a_broken_twin() {
    // The twin of a precondition on a value is itself, where a message may come again.
    let alone: Vec<&str> = correct().filter(|entry| twins_of(entry).next().is_none()).map(|entry| entry.name).collect();
    assert_eq!(alone, ["precondition-on-value"]);
}

#[test]
fn the_guide_names_every_strategy_and_links_to_nothing_that_is_not_there() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let guide = fs::read_to_string(docs.join("which-strategy.md")).expect("it is there");
    for entry in correct() {
        assert!(guide.contains(&format!("(strategies/{}.md)", entry.name)), "{} is not named", entry.name);
    }
    let targets = guide.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    for target in targets.filter(|target| !target.contains("://")) {
        assert!(docs.join(target).exists(), "{target} is not there");
    }
}
