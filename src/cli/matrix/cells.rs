//! The cells of a matrix: what is checked for each, and all of them at once.

use std::{fmt, num::NonZero, sync::Mutex, thread};

use core_affinity::CoreId;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use redeliver_harness::{Anomaly, DeliveryModel, History, Verdict};

use crate::cli::{Charge, Checked, How, Program, arguments::Much, checked::OnStore};

/// One strategy or twin on one store, under one delivery model.
pub(in crate::cli) struct Cell<'a> {
    pub(in crate::cli) checked: &'a Checked,
    pub(in crate::cli) on: &'a OnStore,
    /// What it must be convicted of there, if anything.
    pub(in crate::cli) charge: Option<&'a Charge>,
    how: How,
}

/// What came of it.
pub(in crate::cli) struct Came {
    /// What the search says.
    pub(in crate::cli) verdict: Verdict,
    /// The first history that meets the charge, if another failure was found before it.
    pub(in crate::cli) later: Option<(History, Anomaly)>,
    /// Whether it came out as expected; `None` where nothing is.
    pub(in crate::cli) as_expected: Option<bool>,
}

/// So many faults are searched in a matrix where nothing is charged and nobody says. It is to be there in seconds, and each fault
/// more is twenty times the histories.
pub(super) const FAULTS_WHERE_NOBODY_SAYS: usize = 1;

/// The cells of these strategies, or of all if none is named: strategy by strategy, store by store, model by model.
pub(super) fn of<'a>(
    program: &'a Program,
    strategies: &[String],
    models: &[DeliveryModel],
    much: &Much,
) -> Vec<Cell<'a>> {
    let asked = |checked: &&Checked| strategies.is_empty() || strategies.iter().any(|name| name == checked.name);
    let mut cells = Vec::new();
    for checked in program.table.iter().filter(asked) {
        for on in &checked.stores {
            for model in models {
                let charge = checked.charge(on.store, *model);
                let mut how = program.how(checked, on, *model, much);
                how.faults = match (charge, much.faults) {
                    (Some(charge), _) => charge.faults,
                    (None, Some(_)) => how.faults,
                    // What it takes on one store, under one model, a twin may take on all.
                    (None, None) => {
                        checked.charges.iter().map(|charge| charge.faults).max().unwrap_or(FAULTS_WHERE_NOBODY_SAYS)
                    }
                };
                cells.push(Cell { checked, on, charge, how });
            }
        }
    }
    cells
}

/// Checks all, as many at once as the machine has room for. Each is a world of its own: what one comes to does not depend on
/// the others.
pub(super) fn all(cells: &[Cell<'_>], bar: ProgressDrawTarget) -> Vec<Came> {
    let bar = ProgressBar::with_draw_target(Some(cells.len() as u64), bar);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {wide_msg}").expect("it is tested");
    bar.set_style(style);
    let next = Mutex::new(cells.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(cells.len()));
    let work = |core: Option<CoreId>| {
        // A worker and the thread that it steps never run at once: on one core the one goes on where the other stops.
        // Where that cannot be had it takes longer, and no more.
        if let Some(core) = core {
            core_affinity::set_for_current(core);
        }
        loop {
            let taken = next.lock().expect("nobody panics with it").next();
            let Some((at, cell)) = taken else { return };
            bar.set_message(cell.to_string());
            let came = cell.check();
            done.lock().expect("nobody panics with it").push((at, came));
            bar.inc(1);
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(cells.len());
    // With fewer workers than cores others run there too, and the system knows better where there is room.
    let cores = core_affinity::get_core_ids().filter(|cores| cores.len() <= workers).unwrap_or_default();
    thread::scope(|scope| {
        for worker in 0..workers {
            let (work, core) = (&work, cores.get(worker).copied());
            scope.spawn(move || work(core));
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, came)| came).collect()
}

impl Cell<'_> {
    pub(in crate::cli) fn model(&self) -> DeliveryModel {
        self.how.model
    }

    fn check(&self) -> Came {
        let verdict = self.on.check.verdict(&self.how);
        let Some(charge) = self.charge else {
            let claimed = self.checked.claims.contains(&self.how.model);
            let as_expected = claimed.then_some(matches!(verdict, Verdict::Holds(_)));
            return Came { verdict, later: None, as_expected };
        };
        let Verdict::Violated(found) = &verdict else { return Came { verdict, later: None, as_expected: Some(false) } };
        if charge.is_met_by(found.anomaly(), found.history().faults.len()) {
            return Came { verdict, later: None, as_expected: Some(true) };
        }
        // What is found before that is no acquittal. A store that fails shows nothing further.
        let failing = self.on.check.failing(&self.how).unwrap_or_default();
        let later = failing.into_iter().find(|(history, anomaly)| charge.is_met_by(*anomaly, history.faults.len()));
        let as_expected = Some(later.is_some());
        Came { verdict, later, as_expected }
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.checked.name, self.how.model.name())?;
        match self.on.store {
            "" => Ok(()),
            store => write!(f, ", {store}"),
        }
    }
}
