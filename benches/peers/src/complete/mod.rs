//! Complete search: redeliver beside loom and stateright, on reference cells, in one run.
//!
//! A cell is so many messages, each delivered twice, dealt round-robin to as many workers, which handle what they are dealt
//! one after the other; in some cells at most one of them crashes once, between the first step of a handler and its last, and
//! begins again with the delivery that it had. A message that does not end with exactly 100 is a violation.
//!
//! How many executions there are that differ in more than the order of what commutes is known beforehand; of redeliver
//! exactly so many are demanded. What everybody runs stands at the top of `ours`, `loom` and `stateright`. A search is
//! repeated for two seconds and at least three times, and the fastest counts; one that is given up is not repeated.

mod loom;
mod ours;
mod stateright;

use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};

/// Whoever needs longer for a cell has not finished.
const LIMIT: Duration = Duration::from_secs(60);

/// A search is repeated for so long.
const REPEATED: Duration = Duration::from_secs(2);

/// To whom the others are compared.
const OURS: &str = "redeliver, every execution";

/// What a worker does with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handler {
    /// One transaction.
    Atomic,
    /// Check, apply, mark.
    ApplyMark,
}

impl Handler {
    /// Its steps, without the acknowledgement.
    fn steps(self) -> usize {
        match self {
            Handler::Atomic => 1,
            Handler::ApplyMark => 3,
        }
    }
}

/// So many messages, to as many workers.
#[derive(Clone, Copy, Debug)]
struct Cell {
    name: &'static str,
    handler: Handler,
    size: usize,
    crashes: bool,
}

const CELLS: [Cell; 6] = [
    Cell { name: "atomic-ack 2,2, a crash", handler: Handler::Atomic, size: 2, crashes: true },
    Cell { name: "atomic-ack 3,3, a crash", handler: Handler::Atomic, size: 3, crashes: true },
    Cell { name: "apply-mark 2,2, a crash", handler: Handler::ApplyMark, size: 2, crashes: true },
    Cell { name: "apply-mark 3,3, a crash", handler: Handler::ApplyMark, size: 3, crashes: true },
    Cell { name: "toctou 2,2", handler: Handler::ApplyMark, size: 2, crashes: false },
    Cell { name: "toctou 3,3", handler: Handler::ApplyMark, size: 3, crashes: false },
];

impl Cell {
    /// So many executions differ in more than the order of what commutes.
    fn closed_form(&self) -> u64 {
        let (m, power) = (self.size as u64, self.size as u32);
        match (self.handler, self.crashes) {
            (Handler::Atomic, true) => 2_u64.pow(power) * (1 + 3 * m),
            (Handler::Atomic, false) => 2_u64.pow(power),
            (Handler::ApplyMark, true) => 6_u64.pow(power - 1) * (6 + 46 * m),
            (Handler::ApplyMark, false) => 6_u64.pow(power),
        }
    }

    /// The deliveries of a worker, of which there are two for each message, the first two for the first.
    fn dealt_to(&self, worker: usize) -> impl Iterator<Item = usize> {
        (worker..2 * self.size).step_by(self.size)
    }
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    /// So many executions went to their end; or there are so many states.
    executions: u64,
    /// So many were left before, where that is told.
    cut: Option<u64>,
    /// The how-manieth is the first that is a violation.
    violation: Option<u64>,
    /// They are all that there are.
    finished: bool,
}

/// A tool, in one way to use it.
struct Tool {
    name: &'static str,
    search: fn(&Cell) -> Found,
}

const TOOLS: [Tool; 5] = [
    Tool { name: OURS, search: ours::explored },
    Tool { name: "redeliver, its verdict", search: ours::verdict },
    Tool { name: "loom, one thread a worker", search: loom::spawned },
    Tool { name: "loom, a worker on the first", search: loom::on_the_first },
    Tool { name: "stateright, a model's states", search: stateright::searched },
];

/// Searches until it is known how long that takes at best.
fn fastest(tool: &Tool, cell: &Cell) -> (Found, Duration) {
    let mut best = Duration::MAX;
    let began = Instant::now();
    let mut times = 0;
    loop {
        let turn = Instant::now();
        let found = (tool.search)(cell);
        best = best.min(turn.elapsed());
        times += 1;
        if !found.finished || times >= 3 && began.elapsed() >= REPEATED {
            return (found, best);
        }
    }
}

fn readable(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        1.0.. => format!("{seconds:.2} s"),
        0.001.. => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{:.0} µs", seconds * 1e6),
    }
}

fn row(tool: &Tool, cell: &Cell, found: &Found, took: Duration, ours: Option<Duration>) -> [String; 7] {
    let counted = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let limit = LIMIT.as_secs();
    let (more, wall) =
        if found.finished { ("", readable(took)) } else { ("> ", format!("not finished within {limit} s")) };
    let ratio = |ours: Duration| format!("{more}{:.1}", took.as_secs_f64() / ours.as_secs_f64());
    [
        cell.name.to_owned(),
        tool.name.to_owned(),
        format!("{more}{}", found.executions),
        counted(found.cut),
        counted(found.violation),
        wall,
        ours.map_or_else(String::new, ratio),
    ]
}

/// Lets those search whose names have the word, and prints what they came to.
pub fn compare(wanted: &str) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["cell", "tool", "executions", "cut short", "first violation", "wall, fastest", "theirs / ours"]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for cell in &CELLS {
        stateright::assert_modelled(cell);
        let mut ours = None;
        for tool in TOOLS.iter().filter(|tool| tool.name.contains(wanted)) {
            let (found, wall) = fastest(tool, cell);
            if tool.name == OURS {
                assert_eq!(found.executions, cell.closed_form(), "{}", cell.name);
                ours = Some(wall);
            }
            table.add_row(row(tool, cell, &found, wall, ours));
        }
    }
    println!("{table}");
    for cell in CELLS.iter().filter(|cell| !cell.crashes && OURS.contains(wanted)) {
        println!("{}, searched by fault count: first violation in replay {}", cell.name, ours::by_fault_count(cell));
    }
}
