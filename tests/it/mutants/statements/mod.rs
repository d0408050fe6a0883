//! Handlers as lists of statements to SQLite: what the core strategies do there in Rust, said as data.
//!
//! Here: how a program is checked. What a statement does is in `program`, the strategies are in `table`.

mod program;
mod table;

use std::{fs, path::Path};

use redeliver::{Delivery, Harness, Outcome, Sqlite, Verdict};
use redeliver_strategies::{Entry, named};

use self::program::{Op, run};
pub use self::table::{CORE, Core};

/// A check of a program with the tables, the contract and a model of its strategy.
pub fn checked(core: &Core, program: &[Op]) -> Verdict {
    let entry: &Entry = named(core.strategy).expect("it is registered");
    let contract = (core.promises)((entry.contract)());
    let harness = Harness::new(entry.database()).contract(contract).always("it adds up", core.always);
    let program = program.to_vec();
    harness.model((core.model)()).cases(0).verdict(1..1000i64, async move |db: &Sqlite, m: &Delivery<i64>| {
        let (program, id, amount) = (program.clone(), m.id().to_owned(), *m.payload());
        match db.call(move |db| run(&program, db, &id, amount)).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Retry(error.to_string()),
        }
    })
}

/// Its statements are those of its module.
pub fn tie(core: &Core) {
    let module = core.strategy.replace('-', "_");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("strategies/src/{module}/mod.rs"));
    let source = fs::read_to_string(path).expect("it is there");
    for (sql, _) in core.program.iter().filter_map(|op| op.sql()) {
        assert!(source.contains(sql), "{} has no statement `{sql}`", core.strategy);
    }
    let verdict = checked(core, core.program);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report(core.strategy));
}
