//! Law 3, of any bytes: a correct strategy holds in every history, on every store and under every delivery model that it
//! claims.

use std::cell::RefCell;

use redeliver::Fuzzer;
use redeliver_strategies::{
    all,
    run::prepared,
    trial::{self, Trial},
};

/// The messages and processes of the largest histories.
const MESSAGES: usize = 3;
const PROCESSES: usize = 3;

/// Strategies, each on a store and under a delivery model, of which the first byte names one; the other bytes are its
/// history.
pub struct Cells {
    cells: Vec<Cell>,
}

struct Cell {
    trial: Trial,
    /// Once it was named.
    fuzzer: Option<Fuzzer>,
}

impl Cells {
    /// Every correct strategy wherever it is to hold.
    pub fn correct() -> Self {
        let correct = all().iter().filter(|entry| entry.twin_of.is_none());
        Self::of(correct.flat_map(|entry| trial::of(entry)))
    }

    /// These.
    pub fn of(trials: impl IntoIterator<Item = Trial>) -> Self {
        Self { cells: trials.into_iter().map(|trial| Cell { trial, fuzzer: None }).collect() }
    }

    /// What bytes name, and the rest of them.
    pub fn named<'a>(&mut self, bytes: &'a [u8]) -> (&mut Fuzzer, &'a [u8]) {
        let (first, history) = bytes.split_first().unwrap_or((&0, &[]));
        let count = self.cells.len();
        let Cell { trial, fuzzer } = &mut self.cells[usize::from(*first) % count];
        let options = &trial.options;
        let fuzzer = fuzzer.get_or_insert_with(|| {
            let check = prepared(trial.entry, options).messages(MESSAGES).processes(PROCESSES);
            check.fuzzer().unwrap_or_else(|verdict| panic!("{}", verdict.report(trial.entry.name)))
        });
        (fuzzer, history)
    }
}

/// The first byte is a correct strategy, a store and a delivery model, the others are a history, which it must withstand.
/// Whether it was one that can be judged.
pub fn replay(bytes: &[u8]) -> bool {
    thread_local! {
        static CELLS: RefCell<Option<Cells>> = const { RefCell::new(None) };
    }
    CELLS.with_borrow_mut(|cells| {
        let (fuzzer, history) = cells.get_or_insert_with(Cells::correct).named(bytes);
        fuzzer.check(history)
    })
}
