//! `redeliver check STRATEGY`: searches the histories of one strategy.

use clap::{Args, value_parser};
use redeliver_harness::DeliveryModel;
use redeliver_strategies::{Entry, Options};

use super::{Answer, On, model_parser, strategy_parser, words};

/// What is checked, and how much.
#[derive(Args)]
pub(super) struct Check {
    /// The strategy or twin; `redeliver list` names them all
    #[arg(value_parser = strategy_parser(), hide_possible_values = true)]
    strategy: &'static Entry,
    #[command(flatten)]
    on: On,
    /// Which deliveries there are, and what a crash or a lost answer comes to
    #[arg(long, value_name = "MODEL", default_value = DeliveryModel::at_least_once().name(), value_parser = model_parser())]
    model: DeliveryModel,
    /// Workloads have at most so many messages
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u8).range(1..=5))]
    messages: u8,
    /// So many processes take deliveries
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u8).range(1..=16))]
    processes: u8,
    /// Every history with up to so many faults is searched
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = value_parser!(u8).range(0..=6))]
    faults: u8,
    /// After that come so many random histories with up to 8 faults
    #[arg(long, value_name = "N", default_value_t = 256)]
    cases: u64,
    /// The random histories are those of this seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

impl Check {
    pub(super) fn run(&self) -> Answer {
        let options = Options {
            store: self.on.store,
            model: self.model,
            messages: self.messages.into(),
            processes: self.processes.into(),
            faults: self.faults.into(),
            cases: self.cases,
            seed: self.seed,
        };
        words::answer(self.strategy, &redeliver_strategies::check(self.strategy, &options))
    }
}
