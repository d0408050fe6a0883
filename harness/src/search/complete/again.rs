//! An execution made again from what was chosen in it, without what was tried in vain.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::{
    chooser::{Choice, Chooser, Open},
    footprint::Access,
};

/// Who tries first where the clock is to move and nobody has tried yet: whoever is to give up then, since of those that have
/// waited equally long the first to try is the first to give up.
pub(super) fn first_to_try(gives_up: Option<usize>, open: &Open) -> usize {
    let can = |process: &usize| open.steps & 1 << process != 0;
    gives_up.filter(can).unwrap_or_else(|| open.steps.trailing_zeros() as usize)
}

/// An execution made again from what was chosen in it.
pub(super) struct Again {
    choices: Vec<Choice>,
    next: Mutex<usize>,
}

impl Again {
    pub(super) fn new(choices: Vec<Choice>) -> Self {
        Self { choices, next: Mutex::new(0) }
    }

    fn place(&self) -> MutexGuard<'_, usize> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chooser for Again {
    fn choose(&self, open: &Open) -> Option<Choice> {
        let next = *self.choices.get(*self.place())?;
        Some(match next {
            Choice::Clock(who) if open.steps != 0 => Choice::Step(first_to_try(who, open)),
            next => next,
        })
    }

    fn came(&self, _choice: Choice, acted: bool, _touched: &[Access]) {
        *self.place() += usize::from(acted);
    }
}
