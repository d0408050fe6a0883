//! stateright, breadth first, in one thread. It never runs a handler: what it searches is the model of the cell below, which
//! is written by hand, and it counts the states of it that differ, not executions. Its walls are thus those of another task.
//!
//! A worker is where it stands in what it was dealt, a message what it has come to. A step is one operation of the store, and
//! where there are crashes the acknowledgement is one too. All states are visited; that the model has a violation where the
//! handler has one is asked in a search of its own, which ends at one and is not timed.

use ::stateright::{Checker, Model, Property};

use super::{Cell, Found, Handler};

/// The most messages and workers that there are.
const MOST: usize = 3;

/// Where a worker stands: in which of its deliveries, and before which step of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    nth: usize,
    step: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    seen: [bool; MOST],
    effect: [u8; MOST],
    places: [Place; MOST],
    has_crashed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Step(usize),
    Crash(usize),
}

/// The cell, and whether a violation ends the search.
struct Modelled {
    cell: Cell,
    ends: bool,
}

impl Modelled {
    fn message(&self, state: &State, worker: usize) -> Option<usize> {
        self.cell.dealt_to(worker).nth(state.places[worker].nth).map(|delivery| delivery / 2)
    }

    /// Whether all have ended, and a message has not exactly what it is to have.
    fn is_violated(&self, state: &State) -> bool {
        (0..self.cell.size).all(|worker| self.message(state, worker).is_none())
            && state.effect[..self.cell.size].iter().any(|effect| *effect != 1)
    }

    /// One step of a worker; after its last the delivery is to be acknowledged, or the next begins.
    fn step(&self, state: &mut State, worker: usize, message: usize) {
        let last = self.cell.handler.steps();
        let step = state.places[worker].step;
        let mut next = step + 1;
        match (self.cell.handler, step) {
            (_, step) if step == last => {}
            (Handler::Atomic, _) => state.effect[message] = 1,
            (Handler::ApplyMark, 0) if state.seen[message] => next = last,
            (Handler::ApplyMark, 0) => {}
            (Handler::ApplyMark, 1) => state.effect[message] += 1,
            (Handler::ApplyMark, _) => state.seen[message] = true,
        }
        let steps = last + usize::from(self.cell.crashes);
        let place = &mut state.places[worker];
        *place = if next >= steps { Place { nth: place.nth + 1, step: 0 } } else { Place { step: next, ..*place } };
    }
}

impl Model for Modelled {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for worker in (0..self.cell.size).filter(|worker| self.message(state, *worker).is_some()) {
            actions.push(Action::Step(worker));
            if self.cell.crashes && !state.has_crashed && state.places[worker].step > 0 {
                actions.push(Action::Crash(worker));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Step(worker) => {
                let message = self.message(last, worker)?;
                self.step(&mut state, worker, message);
            }
            Action::Crash(worker) => {
                state.places[worker].step = 0;
                state.has_crashed = true;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("once", |model, state| !(model.ends && model.is_violated(state)))]
    }
}

/// All states that differ.
pub(super) fn searched(cell: &Cell) -> Found {
    let checker = Modelled { cell: *cell, ends: false }.checker().spawn_bfs().join();
    Found { executions: checker.unique_state_count() as u64, cut: None, violation: None, finished: true }
}

/// The model has a violation where the handler has one.
pub(super) fn assert_modelled(cell: &Cell) {
    let checker = Modelled { cell: *cell, ends: true }.checker().spawn_bfs().join();
    assert_eq!(checker.discovery("once").is_some(), cell.handler == Handler::ApplyMark, "{}", cell.name);
}
