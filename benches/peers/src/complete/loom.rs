//! loom, in the way that is best for it. One execution: rows are made, each a mutex of loom's; workers are threads of loom's;
//! what every message ended with is looked at when they are joined.
//!
//! An operation of the store is one lock of one row. loom has no choice but that of who goes on and of what a load sees, so
//! that where the crash is is chosen outside of it: a search for no crash, and one for each step of each delivery. The
//! acknowledgement is no operation of loom's: it is local to a worker, and would only multiply its executions. An execution
//! where the worker does not come to its crash is one without a crash once more. With `on_the_first` one of the workers is
//! the thread that loom begins with, which otherwise only waits. Nothing is logged, and locations are not kept.
//!
//! loom answers another question as well, of weak memory, which these mutexes do not ask.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use ::loom::{model::Builder, sync::Mutex, thread};

use super::{Cell, Found, Handler, LIMIT};

/// A crash, after so many steps of this delivery.
#[derive(Clone, Copy)]
struct Crash {
    delivery: usize,
    after: usize,
}

/// The rows of a message.
struct Row {
    seen: Mutex<bool>,
    effect: Mutex<i64>,
}

impl Row {
    fn new() -> Self {
        Self { seen: Mutex::new(false), effect: Mutex::new(0) }
    }

    /// Handles a delivery; not to its end where it crashes after so many steps. Whether it came to its end.
    fn handle(&self, handler: Handler, crash: Option<usize>) -> bool {
        if handler == Handler::Atomic {
            let mut effect = self.effect.lock().expect("nobody panics");
            if *effect == 0 {
                *effect = 100;
            }
            return crash != Some(1);
        }
        let seen = *self.seen.lock().expect("nobody panics");
        if crash == Some(1) || seen {
            return crash != Some(1);
        }
        *self.effect.lock().expect("nobody panics") += 100;
        if crash == Some(2) {
            return false;
        }
        *self.seen.lock().expect("nobody panics") = true;
        crash != Some(3)
    }
}

/// What executions came to.
#[derive(Default)]
struct Counts {
    executions: AtomicU64,
    /// The first violation, counted from one; none is zero.
    violation: AtomicU64,
}

fn work(rows: &[Row], cell: &Cell, crash: Option<Crash>, worker: usize) {
    for delivery in cell.dealt_to(worker) {
        let row = &rows[delivery / 2];
        let here = crash.filter(|crash| crash.delivery == delivery).map(|crash| crash.after);
        if !row.handle(cell.handler, here) {
            row.handle(cell.handler, None);
        }
    }
}

fn execute(cell: Cell, crash: Option<Crash>, on_the_first: bool, counts: &Counts) {
    let rows: Arc<[Row]> = iter::repeat_with(Row::new).take(cell.size).collect();
    let spawn = |worker| {
        let rows = Arc::clone(&rows);
        thread::spawn(move || work(&rows, &cell, crash, worker))
    };
    let threads: Vec<_> = (usize::from(on_the_first)..cell.size).map(spawn).collect();
    if on_the_first {
        work(&rows, &cell, crash, 0);
    }
    for thread in threads {
        thread.join().expect("it does not panic");
    }
    let nth = counts.executions.fetch_add(1, Relaxed) + 1;
    let is_violated = rows.iter().any(|row| *row.effect.lock().expect("nobody panics") != 100);
    if is_violated && counts.violation.load(Relaxed) == 0 {
        counts.violation.store(nth, Relaxed);
    }
}

/// Every worker is a thread that is spawned.
pub(super) fn spawned(cell: &Cell) -> Found {
    search(cell, false)
}

/// One worker is the thread that the others are spawned from.
pub(super) fn on_the_first(cell: &Cell) -> Found {
    search(cell, true)
}

fn search(cell: &Cell, on_the_first: bool) -> Found {
    let counts = Arc::<Counts>::default();
    let began = Instant::now();
    let crashes =
        (0..2 * cell.size).flat_map(|delivery| (1..=cell.handler.steps()).map(move |after| Crash { delivery, after }));
    for crash in iter::once(None).chain(crashes.filter(|_| cell.crashes).map(Some)) {
        let left = LIMIT.saturating_sub(began.elapsed());
        if left > Duration::ZERO {
            let (cell, counts) = (*cell, Arc::clone(&counts));
            builder(left).check(move || execute(cell, crash, on_the_first, &counts));
        }
    }
    let violation = Some(counts.violation.load(Relaxed)).filter(|nth| *nth > 0);
    let executions = counts.executions.load(Relaxed);
    Found { executions, cut: None, violation, finished: began.elapsed() < LIMIT }
}

/// Without any bound but that of time, which is looked at every hundred executions.
fn builder(left: Duration) -> Builder {
    let mut builder = Builder::new();
    builder.preemption_bound = None;
    builder.max_permutations = None;
    builder.max_duration = Some(left);
    builder.checkpoint_interval = 100;
    builder
}
