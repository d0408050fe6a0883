//! `list`: the strategies, each before its broken twins.

use clap::Args;

use super::{
    Answer, Exit, Program,
    arguments::{Format, Printed},
    json, words,
};

/// How they are listed.
#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    printed: Printed,
}

impl List {
    pub(super) fn run(&self, program: &Program) -> Answer {
        let all = &program.table;
        if self.printed.format == Format::Json {
            return Answer { text: json::list(all), exit: Exit::Holds };
        }
        let mut table = words::columns(&["strategy", "is", "what it does"]);
        for checked in all {
            table.add_row([words::name(checked), words::standing(checked), checked.summary.to_owned()]);
        }
        Answer { text: words::rows(&table), exit: Exit::Holds }
    }
}
