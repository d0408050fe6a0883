//! Handlers as lists of statements, so that they can be mutated: what a strategy does in Rust, said as data.

use redeliver::{Outcome, rusqlite};
use rusqlite::{Connection, OptionalExtension, ToSql, ffi::SQLITE_CONSTRAINT_UNIQUE, params_from_iter};

use crate::mutants::derive::Instruction;

/// What stands for a parameter of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Id,
    Amount,
    /// The balance that [`Op::Take`] was told.
    Balance,
    /// The account that every transfer goes to.
    Account,
    /// A key that was cut off behind its first letter: the same for every message.
    Cut,
}

/// One statement, and what its outcome means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `BEGIN IMMEDIATE`.
    Begin,
    /// `BEGIN`: a transaction that takes the write lock with its first write.
    BeginDeferred,
    Commit,
    Run(&'static str, &'static [Value]),
    /// A row says that the message was handled.
    EndIfFound(&'static str, &'static [Value]),
    /// A row is what was asked and answered.
    AnswerIfFound(&'static str, &'static [Value]),
    /// The unique constraint's refusal says that the message was handled.
    EndIfRefused(&'static str, &'static [Value]),
    /// The statement tells a balance.
    Take(&'static str, &'static [Value]),
}

impl Op {
    /// Its SQL with what stands for its parameters.
    pub fn sql(self) -> Option<(&'static str, &'static [Value])> {
        match self {
            Op::Begin | Op::BeginDeferred | Op::Commit => None,
            Op::Run(sql, values)
            | Op::EndIfFound(sql, values)
            | Op::AnswerIfFound(sql, values)
            | Op::EndIfRefused(sql, values)
            | Op::Take(sql, values) => Some((sql, values)),
        }
    }

    /// The same, with every id cut off.
    fn without_id(self) -> Option<Self> {
        let (_, values) = self.sql()?;
        if !values.contains(&Value::Id) {
            return None;
        }
        let cut = |value: &Value| if *value == Value::Id { Value::Cut } else { *value };
        let values: &'static [Value] = values.iter().map(cut).collect::<Vec<_>>().leak();
        Some(match self {
            Op::Begin | Op::BeginDeferred | Op::Commit => self,
            Op::Run(sql, _) => Op::Run(sql, values),
            Op::EndIfFound(sql, _) => Op::EndIfFound(sql, values),
            Op::AnswerIfFound(sql, _) => Op::AnswerIfFound(sql, values),
            Op::EndIfRefused(sql, _) => Op::EndIfRefused(sql, values),
            Op::Take(sql, _) => Op::Take(sql, values),
        })
    }
}

impl Instruction for Op {
    const BEGIN: Self = Op::Begin;
    const COMMIT: Self = Op::Commit;

    fn begins(&self) -> bool {
        matches!(self, Op::Begin | Op::BeginDeferred)
    }

    fn commits(&self) -> bool {
        *self == Op::Commit
    }

    fn cut(self) -> Option<Self> {
        self.without_id()
    }

    fn others(self) -> Vec<(&'static str, Self)> {
        Vec::new()
    }
}

/// What a delivery comes to.
pub type Came = rusqlite::Result<Outcome<i64>>;

/// Runs a program for one message. What it leaves open is rolled back, as a dropped transaction is.
pub fn run(program: &[Op], db: &Connection, id: &str, amount: i64) -> Came {
    let came = steps(program, db, id, amount);
    if !db.is_autocommit() {
        drop(db.execute_batch("ROLLBACK"));
    }
    came
}

fn steps(program: &[Op], db: &Connection, id: &str, amount: i64) -> Came {
    let mut balance = 0;
    for op in program {
        let bound: Vec<&dyn ToSql> = match op.sql() {
            Some((_, values)) => values.iter().map(|value| bound(*value, &id, &amount, &balance)).collect(),
            None => Vec::new(),
        };
        match *op {
            Op::Begin => db.execute_batch("BEGIN IMMEDIATE")?,
            Op::BeginDeferred => db.execute_batch("BEGIN")?,
            Op::Commit => db.execute_batch("COMMIT")?,
            Op::Run(sql, _) => drop(db.execute(sql, params_from_iter(bound))?),
            Op::Take(sql, _) => balance = db.query_row(sql, params_from_iter(bound), |row| row.get(0))?,
            Op::EndIfFound(sql, _) => {
                if db.query_row(sql, params_from_iter(bound), |_| Ok(())).optional()?.is_some() {
                    return Ok(Outcome::Done(0));
                }
            }
            Op::AnswerIfFound(sql, _) => {
                let stored = db.query_row(sql, params_from_iter(bound), |row| Ok((row.get(0)?, row.get(1)?)));
                if let Some((asked, answered)) = stored.optional()? {
                    let other = || Outcome::Reject("another amount".to_owned());
                    let _: i64 = asked;
                    return Ok(if asked == amount { Outcome::Done(answered) } else { other() });
                }
            }
            Op::EndIfRefused(sql, _) => match db.execute(sql, params_from_iter(bound)) {
                Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == SQLITE_CONSTRAINT_UNIQUE => {
                    return Ok(Outcome::Done(0));
                }
                done => drop(done?),
            },
        }
    }
    Ok(Outcome::Done(balance))
}

fn bound<'a>(value: Value, id: &'a &str, amount: &'a i64, balance: &'a i64) -> &'a dyn ToSql {
    match value {
        Value::Id => id,
        Value::Amount => amount,
        Value::Balance => balance,
        Value::Account => &"666",
        Value::Cut => &"m",
    }
}
