//! One check from its settings to its verdict: regressions, search, shrinking, confirmation, report.
//!
//! Each of these lives elsewhere; here is only the order in which they are called.

use std::panic::Location;

use crate::{Contract, DeliveryModel, History, Verdict, subject::Subject};

/// What a check is told.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) model: DeliveryModel,
    pub(crate) contract: Contract,
    pub(crate) processes: usize,
    pub(crate) messages: usize,
    pub(crate) faults: usize,
    pub(crate) name: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: DeliveryModel::at_least_once(),
            contract: Contract::strict(),
            processes: History::DEFAULT_PROCESSES,
            messages: 2,
            faults: 2,
            name: None,
        }
    }
}

pub(crate) fn in_a_test(subject: &mut dyn Subject, options: &Options, caller: &Location<'_>) {
    todo!("{:?} {caller}", verdict(subject, options))
}

pub(crate) fn verdict(_subject: &mut dyn Subject, _options: &Options) -> Verdict {
    todo!()
}

pub(crate) fn replay(_subject: &mut dyn Subject, _options: &Options, _history: &History) -> Verdict {
    todo!()
}
