//! Random exploration: executions a second of redeliver beside shuttle and madsim, on one reference cell, in turn.
//!
//! The cell is in `cell`; what one execution is for each, and what differs, stands at the top of `ours`, `shuttle` and
//! `madsim`. In each round everybody has a turn of equally many executions; of each the fastest turn counts, since
//! whatever else the machine does only ever slows one down.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use comfy_table::{CellAlignment, Table, presets};

#[cfg(madsim)]
use crate::madsim;
use crate::{cell::Tally, ours, shuttle};

/// Rounds, after one that is not counted.
const ROUNDS: u32 = 1_000;

/// Executions in one turn: so few that many a turn is not interrupted, also where others use the machine.
const EXECUTIONS: u64 = 200;

/// To whom the others are compared.
const OURS: &str = "redeliver, random";

/// Makes so many executions, and adds up what they came to.
type Explore = Box<dyn FnMut(u64, &Arc<Tally>)>;

/// Whoever explores, and what it came to.
struct Explorer {
    name: &'static str,
    explore: Explore,
    tally: Arc<Tally>,
    fastest: Duration,
    whole: Duration,
}

impl Explorer {
    fn new(name: &'static str, explore: impl FnMut(u64, &Arc<Tally>) + 'static) -> Self {
        let tally = Arc::default();
        Self { name, explore: Box::new(explore), tally, fastest: Duration::MAX, whole: Duration::ZERO }
    }

    /// A turn that is not counted, in which whatever is made once is made.
    fn warm_up(&mut self) {
        (self.explore)(EXECUTIONS, &Arc::default());
    }

    fn turn(&mut self) {
        let began = Instant::now();
        (self.explore)(EXECUTIONS, &self.tally);
        let took = began.elapsed();
        self.fastest = self.fastest.min(took);
        self.whole += took;
    }

    /// Executions a second, in its fastest turn.
    fn rate(&self) -> f64 {
        EXECUTIONS as f64 / self.fastest.as_secs_f64()
    }

    fn row(&self, ours: Option<f64>) -> [String; 7] {
        let all = EXECUTIONS * u64::from(ROUNDS);
        let (operations, violated) = (self.tally.operations() as f64, self.tally.violated());
        [
            self.name.to_owned(),
            all.to_string(),
            format!("{:.2} s", self.whole.as_secs_f64()),
            format!("{:.0}", self.rate()),
            format!("{:.2}", operations / all as f64),
            format!("{violated} ({:.1} %)", violated as f64 / all as f64 * 100.0),
            ours.map_or_else(String::new, |ours| format!("{:.2}", ours / self.rate())),
        ]
    }
}

#[cfg(madsim)]
fn explorers() -> Vec<Explorer> {
    let mut ours = ours::random();
    vec![
        Explorer::new(OURS, move |executions, tally| ours(executions, tally)),
        Explorer::new("shuttle, futures", shuttle::futures()),
        Explorer::new("shuttle, threads", shuttle::threads()),
        Explorer::new("madsim, a runtime for each seed", madsim::seeded()),
        Explorer::new("madsim, one runtime for all", madsim::kept()),
    ]
}

/// Without the flag there is nobody to compare with, and an error says so already.
#[cfg(not(madsim))]
fn explorers() -> Vec<Explorer> {
    Vec::new()
}

/// Lets those explore whose names have the word, and prints what they came to.
pub fn compare(wanted: &str) {
    let mut explorers = explorers();
    explorers.retain(|explorer| explorer.name.contains(wanted));
    explorers.iter_mut().for_each(Explorer::warm_up);
    for _ in 0..ROUNDS {
        explorers.iter_mut().for_each(Explorer::turn);
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "tool",
        "executions",
        "wall",
        "a second, fastest turn",
        "operations each",
        "violated",
        "ours / theirs",
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let ours = explorers.iter().find(|explorer| explorer.name == OURS).map(Explorer::rate);
    for explorer in &explorers {
        table.add_row(explorer.row(ours));
    }
    println!("{table}");
}
