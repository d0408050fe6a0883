//! `check STRATEGY`: searches the histories of one strategy, or all its executions, and shows on a terminal how far that is.

mod progress;

use clap::Args;
use indicatif::ProgressDrawTarget;
use redeliver_harness::DeliveryModel;

use super::{
    Answer, Complaint, How, Program,
    arguments::{Completely, Much, On, Printed, fault_parser, model_parser},
    words,
};

/// What is checked, and how much.
#[derive(Args)]
pub(super) struct Check {
    /// The strategy or twin; `list` names them all
    #[arg(hide_possible_values = true)]
    strategy: String,
    #[command(flatten)]
    on: On,
    /// Which deliveries there are, and what a crash or a lost answer comes to
    #[arg(long, value_name = "MODEL", default_value = DeliveryModel::at_least_once().name(), value_parser = model_parser())]
    model: DeliveryModel,
    #[command(flatten)]
    much: Much,
    #[command(flatten)]
    completely: Completely,
    /// It is no pass if no fault of this kind acted; may be said several times
    #[arg(long, value_name = "FAULT", value_parser = fault_parser())]
    must_act: Vec<String>,
    #[command(flatten)]
    printed: Printed,
}

impl Check {
    pub(super) fn run(&self, program: &Program, bar: ProgressDrawTarget) -> Result<Answer, Complaint> {
        let checked = program.named(&self.strategy)?;
        let on = self.on.of(checked)?;
        let how = program.how(checked, on, self.model, &self.much);
        let complete = self.completely.bounds(&self.much);
        let shown = complete.map(|bounds| progress::shown(bounds, self.completely.executions, bar));
        let watcher = shown.as_ref().map(progress::Shown::watcher);
        let verdict = on.check.verdict(&How { complete, watcher, ..how });
        drop(shown);
        Ok(words::answer(checked, &verdict.if_acted(&self.must_act), self.printed.format))
    }
}
