//! `docs/strategies-mutants.md`: of each strategy its program, how many mutants it has, what they are convicted of, and which of
//! them are right. `REDELIVER_BLESS=1 cargo test mutants` writes it anew.

use std::{collections::BTreeMap, fmt::Debug};

use redeliver_strategies::{Entry, all};

use super::{CORE, came, explained::EXPLAINED, table};
use crate::golden::golden_at;

const HEAD: &str = "# Mutants of the strategies

<!-- Made by tests/it/mutants; `REDELIVER_BLESS=1 cargo test mutants` writes it anew. -->

Is a strategy right for the reason that its page says, and would the search find it out if it were not? Each [strategy](strategies.md)
stands in `tests/it/mutants` as a list of instructions, which a test holds against its own code. Each instruction is left out; every
two beside each other are swapped; each transaction is split wherever it can be; keys are cut off, conditions turned round, times
to live taken away or made short; and some things are done by hand. What is no pass any more is convicted of what stands here.
*Cannot be judged* is what leaves nothing to be seen, or never comes to an end. The rest is right, for the reason below.

";

#[test]
fn the_page_of_mutants_is_what_the_search_says() {
    let mut text = HEAD.to_owned();
    text.push_str("| strategy | mutants | convicted of | cannot be judged | right |\n|---|---|---|---|---|\n");
    let strategies = || all().iter().filter(|entry| entry.twin_of.is_none());
    strategies().for_each(|entry| text.push_str(&row(entry.name)));
    strategies().for_each(|entry| text.push_str(&section(entry)));
    golden_at("docs/strategies-mutants.md", &text);
}

fn row(strategy: &str) -> String {
    let mut convicted = BTreeMap::<&str, usize>::new();
    let (mut unjudged, mut right) = (0, 0);
    for came in came(strategy) {
        match came.wrong.as_deref() {
            None => right += 1,
            Some(wrong) if wrong.starts_with("inconclusive") => unjudged += 1,
            Some(anomaly) => *convicted.entry(anomaly).or_default() += 1,
        }
    }
    let each: Vec<String> = convicted.iter().map(|(anomaly, count)| format!("{anomaly} {count}")).collect();
    let (total, convicted, each) = (came(strategy).len(), convicted.values().sum::<usize>(), each.join(", "));
    format!("| [{strategy}](#{strategy}) | {total} | {convicted}: {each} | {unjudged} | {right} |\n")
}

fn section(entry: &Entry) -> String {
    let name = entry.name;
    let mut text = format!("\n## {name}\n\n[{}](strategies/{name}.md).\n", entry.summary);
    if let Some(core) = CORE.iter().find(|core| core.strategy == name) {
        text.push_str(&listing("", core.program));
    }
    if let Some(of) = table::all().find(|of| of.strategy == name) {
        text.push_str(&listing("", of.handler));
        if let Some((label, program)) = of.background {
            text.push_str(&listing(label, program));
        }
    }
    let right: Vec<_> = EXPLAINED.iter().filter(|(of, ..)| *of == name).collect();
    if right.is_empty() {
        return text + "\nNo mutant is right.\n";
    }
    text.push_str("\nRight are:\n\n");
    right.iter().for_each(|(_, what, why)| text.push_str(&format!("- {what}: {why}\n")));
    text
}

/// Its instructions, by their numbers.
fn listing(label: &str, program: &[impl Debug]) -> String {
    let before = if label.is_empty() { String::new() } else { format!("\n{label}:\n") };
    let lines = program.iter().enumerate().map(|(at, instruction)| {
        let line = format!("{instruction:?}").replace("\\n", " ");
        let words: Vec<&str> = line.split_whitespace().collect();
        format!("{:>2}  {}\n", at + 1, words.join(" "))
    });
    format!("{before}\n```text\n{}```\n", lines.collect::<String>())
}
