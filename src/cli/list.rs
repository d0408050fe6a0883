//! `list`: the strategies, each before its broken twins.

use super::{Answer, Checked, Exit, words};

/// The list.
pub(super) fn list(all: &[Checked]) -> Answer {
    let mut table = words::columns(&["strategy", "is", "what it does"]);
    for checked in all {
        table.add_row([words::name(checked), words::standing(checked), checked.summary.to_owned()]);
    }
    Answer { text: words::rows(&table), exit: Exit::Holds }
}
