//! `matrix`: every strategy and every twin under every delivery model, and whether that is as expected.
//!
//! A cell is judged where something is expected: a strategy must hold under the models that it claims, a twin must be
//! convicted where it is charged. The others are shown. Who checks which cell, and the bar, is in `cells`.

mod cells;

use std::fmt::Write;

use clap::Args;
use indicatif::ProgressDrawTarget;
use redeliver_harness::{DeliveryModel, History, Verdict, history::Line};

pub(super) use self::cells::{Came, Cell};
use super::{
    Answer, Checked, Complaint, Exit, Program,
    arguments::{Format, Much, Printed, model_parser},
    json, words,
};

/// What stands in the table, and how much is searched for it.
#[derive(Args, Default)]
pub(super) struct Matrix {
    /// Only these strategies or twins, instead of all
    #[arg(value_name = "STRATEGY", hide_possible_values = true)]
    strategies: Vec<String>,
    /// Only this delivery model; may be said several times
    #[arg(long = "model", value_name = "MODEL", value_parser = model_parser())]
    models: Vec<DeliveryModel>,
    #[command(flatten)]
    much: Much,
    /// The command that replays the history of each violated cell, below the table
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    printed: Printed,
}

impl Matrix {
    pub(super) fn run(&self, program: &Program, bar: ProgressDrawTarget) -> Result<Answer, Complaint> {
        let cells = cells::of(program, &self.strategies, &self.models(), &self.much);
        let came = cells::all(&cells, bar);
        let exit = came.iter().fold(Exit::Holds, worse);
        if self.printed.format == Format::Json {
            return Ok(Answer { text: json::matrix(program, &cells, &came), exit });
        }
        let mut text = words::rows(&self.table(&cells, &came));
        if self.history {
            text.push('\n');
            for (cell, came) in cells.iter().zip(&came) {
                replays(program, cell, came, &mut text);
            }
        }
        let _ = writeln!(text, "\n{}\n{}", self.depth(), conclusion(&cells, &came));
        Ok(Answer { text, exit })
    }

    /// How much was searched.
    fn depth(&self) -> String {
        let faults =
            words::counted(self.much.faults.map_or(cells::FAULTS_WHERE_NOBODY_SAYS as u64, u64::from), "fault");
        let random = match self.much.cases {
            0 => String::new(),
            cases => format!("; then {}", words::counted(cases, "random history")),
        };
        format!("every history with up to {faults}, or as many as a twin is charged with{random}")
    }

    fn models(&self) -> Vec<DeliveryModel> {
        let known = DeliveryModel::names().into_iter().filter_map(|name| DeliveryModel::named(name).ok());
        known.filter(|model| self.models.is_empty() || self.models.contains(model)).collect()
    }

    /// A row for each strategy; one for each store where these differ.
    fn table(&self, cells: &[Cell<'_>], came: &[Came]) -> comfy_table::Table {
        let models = self.models();
        let stores = cells.iter().any(|cell| cell.checked.stores.len() > 1);
        let mut columns = vec!["strategy"];
        columns.extend(stores.then_some("store"));
        columns.extend(models.iter().map(DeliveryModel::name));
        let mut table = words::columns(&columns);
        let mut rows: Vec<Row<'_>> = Vec::new();
        for (cells, came) in cells.chunks(models.len()).zip(came.chunks(models.len())) {
            let row = Row::new(cells, came);
            match rows.iter_mut().find(|other| other.says_the_same(&row)) {
                Some(same) => same.join(row),
                None => rows.push(row),
            }
        }
        for row in rows {
            let mut line = vec![words::name(row.checked)];
            line.extend(stores.then(|| row.stores.join(", ")));
            line.extend(row.shown.into_iter().map(Shown::text));
            table.add_row(line);
        }
        table
    }
}

/// A strategy on a store, or on several on which all is the same.
struct Row<'a> {
    checked: &'a Checked,
    stores: Vec<&'a str>,
    shown: Vec<Shown>,
}

/// A cell as it is read.
struct Shown {
    words: String,
    /// Whether it is as expected; `None` where nothing is.
    as_expected: Option<bool>,
}

impl<'a> Row<'a> {
    fn new(cells: &[Cell<'a>], came: &[Came]) -> Self {
        let shown = came.iter().map(|came| Shown { words: verdict(came), as_expected: came.as_expected }).collect();
        Self { checked: cells[0].checked, stores: vec![cells[0].on.store], shown }
    }

    fn says_the_same(&self, other: &Row<'_>) -> bool {
        let differs = |(one, other): (&Shown, &Shown)| one.words != other.words;
        self.checked.name == other.checked.name && !self.shown.iter().zip(&other.shown).any(differs)
    }

    fn join(&mut self, same: Row<'a>) {
        self.stores.extend(same.stores);
        for (shown, other) in self.shown.iter_mut().zip(same.shown) {
            shown.as_expected = match (shown.as_expected, other.as_expected) {
                (Some(one), Some(other)) => Some(one && other),
                (one, other) => one.or(other),
            };
        }
    }
}

impl Shown {
    fn text(self) -> String {
        match self.as_expected {
            Some(true) => self.words,
            Some(false) => format!("{} !", self.words),
            None => format!("({})", self.words),
        }
    }
}

/// What was found first, and what was found further on if that was needed.
fn verdict(came: &Came) -> String {
    let first = match &came.verdict {
        Verdict::Holds(_) => "holds".to_owned(),
        Verdict::Violated(found) => words::violation(found.anomaly(), found.history()),
        Verdict::Inconclusive(why) if why.searched.total() == 0 => "-".to_owned(),
        Verdict::Inconclusive(_) => "inconclusive".to_owned(),
    };
    match &came.later {
        Some((history, anomaly)) => format!("{first}; then {}", words::violation(*anomaly, history)),
        None => first,
    }
}

/// How the histories of a cell are replayed: the first that was found, and the one that meets the charge.
fn replays(program: &Program, cell: &Cell<'_>, came: &Came, text: &mut String) {
    let mut replay = |history: &History| {
        let line = Line { test: cell.checked.name.to_owned(), history: history.clone() };
        let _ = writeln!(text, "{}", program.replay_command(cell.checked, cell.on, &line.to_string()));
    };
    if let Verdict::Violated(found) = &came.verdict {
        replay(found.history());
    }
    if let Some((history, _)) = &came.later {
        replay(history);
    }
}

/// What is not as expected, or that all is; and why nothing could be said where that is so.
fn conclusion(cells: &[Cell<'_>], came: &[Came]) -> String {
    let mut lines = Vec::new();
    for (cell, came) in cells.iter().zip(came) {
        if let Verdict::Inconclusive(why) = &came.verdict {
            lines.push(format!("{cell}: {}", why.reason));
        }
        if came.as_expected == Some(false) {
            let expected = cell.charge.map_or_else(|| "holds".to_owned(), words::charge);
            lines.push(format!("! {cell}: expected: {expected}; it came to: {}", verdict(came)));
        }
    }
    let judged = came.iter().filter(|came| came.as_expected.is_some()).count();
    let wrong = came.iter().filter(|came| came.as_expected == Some(false)).count() as u64;
    let shown = if judged < came.len() { "; what stands in brackets is not judged" } else { "" };
    lines.push(match wrong {
        0 => format!("all {judged} as expected{shown}"),
        _ => format!("{wrong} of {judged} NOT as expected{shown}"),
    });
    lines.join("\n")
}

/// A verdict that was wrong weighs more than one that could not be reached.
fn worse(so_far: Exit, came: &Came) -> Exit {
    match (came.as_expected, so_far, &came.verdict) {
        (Some(true) | None, ..) => so_far,
        (_, Exit::Holds | Exit::Inconclusive, Verdict::Inconclusive(_)) => Exit::Inconclusive,
        _ => Exit::Violated,
    }
}
