//! What several commands are told, and the names that can be said on one command line: those of its table.

use clap::{
    Args, Command, CommandFactory, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
    value_parser,
};
use redeliver_harness::{Bounds, DeliveryModel, history::Fault};

use super::{
    Arguments, Checked, Complaint, How, Program,
    checked::{OnStore, USUAL_FAULTS},
};

/// How much is searched.
#[derive(Args)]
pub(super) struct Much {
    /// Workloads have at most so many messages
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u8).range(1..=5))]
    messages: u8,
    /// So many processes take deliveries
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u8).range(1..=16))]
    processes: u8,
    /// Every history with up to so many faults is searched; 2, where nobody says, or in a
    /// matrix 1; a twin there as many as it is charged with
    #[arg(long, value_name = "K", value_parser = value_parser!(u8).range(0..=6))]
    pub(super) faults: Option<u8>,
    /// After that come so many random histories with up to 8 faults
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(super) cases: u64,
    /// The random histories are those of this seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

impl Default for Much {
    fn default() -> Self {
        Self { messages: 2, processes: 2, faults: None, cases: 256, seed: 0 }
    }
}

/// A complete search instead of that.
#[derive(Args)]
pub(super) struct Completely {
    /// Every execution of so many messages, with so many copies of each dealt to so many processes in advance, instead of
    /// histories with a few faults under a model
    #[arg(long, conflicts_with_all = ["model", "faults", "cases", "seed"])]
    complete: bool,
    /// With `--complete`: so many copies of each message
    #[arg(long, value_name = "N", default_value_t = 2, requires = "complete", value_parser = value_parser!(u8).range(1..=4))]
    copies: u8,
    /// With `--complete`: at most so many crashes in one execution
    #[arg(long, value_name = "N", default_value_t = 1, requires = "complete", value_parser = value_parser!(u8).range(0..=4))]
    crashes: u8,
    /// With `--complete`: after so many executions it is given up, which is no pass
    #[arg(long, value_name = "N", default_value_t = 1_000_000, requires = "complete")]
    pub(super) executions: u64,
}

impl Completely {
    /// How large the workload is, if it is to be a complete search.
    pub(super) fn bounds(&self, much: &Much) -> Option<Bounds> {
        let bounds = Bounds::default().messages(much.messages.into()).processes(much.processes.into());
        let bounds = bounds.copies(self.copies.into()).crashes(self.crashes.into()).executions(self.executions);
        self.complete.then_some(bounds)
    }
}

/// Who reads what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

/// How it is printed.
#[derive(Args, Default)]
pub(super) struct Printed {
    /// `text` is for a person, `json` for a program: docs/report.md says what its members mean
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) format: Format,
}

/// On what something is checked.
#[derive(Args)]
pub(super) struct On {
    /// What is durable; the first that the strategy stands on, where nobody says
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
}

impl On {
    /// What that comes to for one of the table.
    pub(super) fn of<'a>(&self, checked: &'a Checked) -> Result<&'a OnStore, Complaint> {
        let Some(asked) = &self.store else { return Ok(&checked.stores[0]) };
        checked.stores.iter().find(|on| on.store == asked).ok_or_else(|| {
            let stores: Vec<&str> = checked.stores.iter().map(|on| on.store).collect();
            Complaint(format!("`{}` does not stand on `{asked}`, but on: {}", checked.name, stores.join(", ")))
        })
    }
}

impl Program {
    /// How one of the table is checked.
    pub(super) fn how(&self, checked: &Checked, on: &OnStore, model: DeliveryModel, much: &Much) -> How {
        How {
            name: checked.name,
            replayed_by: self.replay_command(checked, on, "{line}"),
            model,
            messages: much.messages.into(),
            processes: much.processes.into(),
            faults: much.faults.map_or(USUAL_FAULTS, usize::from),
            cases: much.cases,
            seed: much.seed,
            complete: None,
            watcher: None,
        }
    }

    /// The command that replays this line.
    pub(super) fn replay_command(&self, checked: &Checked, on: &OnStore, line: &str) -> String {
        let store = if on.store == checked.stores[0].store { String::new() } else { format!(" --store {}", on.store) };
        format!("{} replay '{line}' --strategy {}{store}", self.name, checked.name)
    }

    /// The one of this name. The command line lets no other name through.
    pub(super) fn named(&self, name: &str) -> Result<&Checked, Complaint> {
        let found = self.table.iter().find(|checked| checked.name == name);
        found.ok_or_else(|| Complaint(format!("no strategy is called `{name}`")))
    }

    /// What can be said, with the names of the table: of a name that there is not, the nearest are named.
    pub(super) fn command(&self) -> Command {
        let names: Vec<&'static str> = self.table.iter().map(|checked| checked.name).collect();
        let mut stores: Vec<&'static str> = Vec::new();
        for on in self.table.iter().flat_map(|checked| &checked.stores) {
            if !on.store.is_empty() && !stores.contains(&on.store) {
                stores.push(on.store);
            }
        }
        let alone = stores.len() < 2;
        Arguments::command().name(self.name).mut_subcommands(|command| {
            command.mut_args(|arg| match arg.get_id().as_str() {
                "strategy" | "strategies" => arg.value_parser(PossibleValuesParser::new(&names)),
                "store" => arg.value_parser(PossibleValuesParser::new(&stores)).hide(alone),
                _ => arg,
            })
        })
    }
}

/// Reads the name of a kind of fault.
pub(super) fn fault_parser() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(Fault::words())
}

/// Reads the name of a delivery model.
pub(super) fn model_parser() -> impl TypedValueParser<Value = DeliveryModel> {
    PossibleValuesParser::new(DeliveryModel::names()).try_map(|name| DeliveryModel::named(&name))
}
