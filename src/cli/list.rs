//! `redeliver list`: the strategies, each before its broken twins.

use redeliver_strategies::{expected, registry};

use super::{Answer, Exit, words};

/// The list.
pub(super) fn list() -> Answer {
    let mut table = words::columns(&["strategy", "is", "what it does"]);
    for entry in registry::all() {
        let is = match expected::of(entry.name) {
            Some(charge) => format!("broken: {}", words::charge(&charge)),
            None => format!("correct: {}", words::models(entry)),
        };
        table.add_row([words::name(entry), is, entry.summary.to_owned()]);
    }
    Answer { text: words::rows(&table), exit: Exit::Holds }
}
