//! Law 6 of any bytes: over a generated handler, plain enumeration, the search with and without skips, and the verdict on one
//! history that bytes stand for, never contradict each other.

use std::collections::BTreeSet;

use redeliver::{History, Verdict};

use super::programs::{KINDS, MOST, Made, made, with_one_fault};
use crate::judge::{
    agreement::{AMOUNTS, Cell},
    enumerate::{Judged, histories},
};

/// A program with more histories of one fault than this is tried with one fault only: it is to be fast.
const MOST_FOR_TWO: usize = 16;

/// The first bytes are a handler, the last ones a history of it. Whether all that was tried, the history too.
pub fn handlers(bytes: &[u8]) -> bool {
    let Made { model, program, messages, history } = made(bytes, &KINDS);
    let with_one = with_one_fault(model, &program, messages);
    if with_one > MOST {
        return false;
    }
    let faults = if with_one > MOST_FOR_TWO { 1 } else { 2 };
    let cell = Cell { model, program, messages, faults };
    if let Err(why) = cell.agreement() {
        panic!("{}", cell.shrunk(why));
    }
    // Where it is wrong without a fault there is nothing to fuzz.
    let Ok(mut fuzzer) = cell.prepared(true).processes(2).fuzzer() else { return false };
    let Ok(history) = fuzzer.history(history) else { return false };
    let enumerated = histories(model, &cell.program, &AMOUNTS[..messages], faults);
    let Some(one) = find(&enumerated, &history) else { return false };
    let is_violated = match cell.prepared(true).replay(&history) {
        Verdict::Holds(_) => false,
        Verdict::Violated(_) => true,
        Verdict::Inconclusive(why) => panic!("{:?}\n{history}cannot be judged: {}", cell.program, why.reason),
    };
    assert_eq!(
        is_violated, one.violated,
        "{:?}\n{history}is violated (left), says the enumerator (right)",
        cell.program
    );
    true
}

/// The same history among those that were enumerated, if it is one of them.
fn find<'a>(enumerated: &'a [Judged], history: &History) -> Option<&'a Judged> {
    let faults: BTreeSet<String> = history.faults.iter().map(ToString::to_string).collect();
    let is_it = |one: &&Judged| one.faults.iter().map(ToString::to_string).collect::<BTreeSet<_>>() == faults;
    (history.processes == History::DEFAULT_PROCESSES).then(|| enumerated.iter().find(is_it)).flatten()
}
