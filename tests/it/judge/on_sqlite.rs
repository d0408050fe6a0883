//! The same program over SQLite: by the async operations of `Sqlite`, and as plain rusqlite code that knows nothing of a
//! harness.
//!
//! A mark is a row under a primary key, so that each kind of insert is the statement that someone would write for it.

use std::time::Duration;

use tokio::time::timeout;

use redeliver::{
    Delivery, Outcome, Sqlite,
    rusqlite::{self, Connection, ErrorCode, Row, TransactionBehavior},
    sqlite::{Database, Transaction},
};

use super::{
    cursor::{Answer, Cursor, Next, Reply},
    on_key_value::outcome,
    program::{Insert, Instruction, Program, Said},
};

const SCHEMA: &str = "CREATE TABLE account(balance INTEGER NOT NULL, value INTEGER); INSERT INTO account VALUES (0, NULL); \
                      CREATE TABLE mark(id TEXT PRIMARY KEY) WITHOUT ROWID";
const LEDGER: &str = "CREATE TABLE ledger(sum INTEGER NOT NULL); INSERT INTO ledger VALUES (0)";

/// The replies of programs are tried on the other store.
const NO_REPLIES: &str = "no reply is kept here";
const NO_TASKS: &str = "nothing is spawned here";
/// Nothing ends by itself in SQLite.
const NO_LEASES: &str = "there are no leases here";

const CHECK: &str = "SELECT count(*) FROM mark WHERE id = ?1";
const APPLY: &str = "UPDATE account SET balance = balance + ?1";
const SET: &str = "UPDATE account SET value = ?1";
const EMIT: &str = "UPDATE ledger SET sum = sum + ?1";

/// The bank, and the ledger that no transaction covers.
pub fn databases() -> (Database, Database) {
    let bank = Sqlite::schema(SCHEMA).observe("SELECT balance, value FROM account");
    (bank, Sqlite::schema(LEDGER).named("ledger").observe("SELECT sum FROM ledger"))
}

/// The bank alone, for programs that have nothing to do with the ledger.
pub fn database() -> Database {
    databases().0
}

/// The program by async operations.
pub async fn by_operations(
    program: &Program,
    (bank, ledger): &(Sqlite, Sqlite),
    message: &Delivery<i64>,
) -> Outcome<Option<Said>> {
    let mut cursor = Cursor::default();
    let mut transaction = None;
    loop {
        match cursor.next(program) {
            Next::Answered(answer) => return outcome(answer),
            Next::Sleep => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                cursor.awakes();
            }
            Next::Operation(instruction) => {
                let operation = operation(instruction, &mut transaction, bank, ledger, message);
                let reply = if program.impatient {
                    // What did not act in time has failed, with whatever error.
                    timeout(Duration::from_secs(1), operation).await.unwrap_or(Err(rusqlite::Error::InvalidQuery))
                } else {
                    operation.await
                };
                cursor.answered(program, replied(instruction, reply));
            }
        }
    }
}

/// The rows that a statement found or changed.
async fn operation<'a>(
    instruction: Instruction,
    transaction: &mut Option<Transaction<'a>>,
    bank: &'a Sqlite,
    ledger: &Sqlite,
    message: &Delivery<i64>,
) -> rusqlite::Result<usize> {
    let (id, amount) = (message.id(), *message.payload());
    match (instruction, &*transaction) {
        (Instruction::Check { .. }, Some(open)) => open.query_row(CHECK, [id], found).await,
        (Instruction::Check { .. }, None) => bank.query_row(CHECK, [id], found).await,
        (Instruction::Mark(how), Some(open)) => open.execute(insert(how), [id]).await,
        (Instruction::Mark(how), None) => bank.execute(insert(how), [id]).await,
        (Instruction::Apply, Some(open)) => open.execute(APPLY, [amount]).await,
        (Instruction::Apply, None) => bank.execute(APPLY, [amount]).await,
        (Instruction::Set, Some(open)) => open.execute(SET, [amount]).await,
        (Instruction::Set, None) => bank.execute(SET, [amount]).await,
        (Instruction::Emit, _) => ledger.execute(EMIT, [amount]).await,
        (Instruction::Begin, _) => {
            *transaction = Some(bank.begin(TransactionBehavior::Immediate).await?);
            Ok(0)
        }
        (Instruction::Commit, _) => transaction.take().expect("a transaction is open").commit().await.map(|()| 0),
        (Instruction::Rollback, _) => transaction.take().expect("a transaction is open").rollback().await.map(|()| 0),
        (Instruction::Sleep, _) => unreachable!("who sleeps asks for nothing"),
        (Instruction::Read | Instruction::Keep | Instruction::Recall, _) => unreachable!("{NO_REPLIES}"),
        (Instruction::Lease | Instruction::Release, _) => unreachable!("{NO_LEASES}"),
        (Instruction::Spawn(_), _) => unreachable!("{NO_TASKS}"),
    }
}

/// The program as plain rusqlite code. It has no ledger, and does not sleep.
pub fn by_statements(program: &Program, bank: &Connection, id: &str, amount: i64) -> Result<(), &'static str> {
    let mut cursor = Cursor::default();
    loop {
        match cursor.next(program) {
            Next::Answered(Answer::Done(_)) => return Ok(()),
            Next::Answered(Answer::Retry) => return Err("not now"),
            Next::Answered(Answer::Reject) => unreachable!("{NO_REPLIES}"),
            Next::Sleep => unreachable!("plain code does not sleep"),
            Next::Operation(instruction) => {
                let reply = statement(instruction, bank, id, amount);
                if instruction == Instruction::Commit && reply.is_err() && !bank.is_autocommit() {
                    let _ = bank.execute_batch("ROLLBACK");
                }
                cursor.answered(program, replied(instruction, reply));
            }
        }
    }
}

fn statement(instruction: Instruction, bank: &Connection, id: &str, amount: i64) -> rusqlite::Result<usize> {
    match instruction {
        Instruction::Check { .. } => bank.query_row(CHECK, [id], found),
        Instruction::Mark(how) => bank.execute(insert(how), [id]),
        Instruction::Apply => bank.execute(APPLY, [amount]),
        Instruction::Set => bank.execute(SET, [amount]),
        Instruction::Begin => bank.execute("BEGIN IMMEDIATE", []),
        Instruction::Commit => bank.execute("COMMIT", []),
        Instruction::Rollback => bank.execute("ROLLBACK", []),
        Instruction::Emit | Instruction::Sleep => unreachable!("plain code has no ledger and does not sleep"),
        Instruction::Read | Instruction::Keep | Instruction::Recall => unreachable!("{NO_REPLIES}"),
        Instruction::Lease | Instruction::Release => unreachable!("{NO_LEASES}"),
        Instruction::Spawn(_) => unreachable!("{NO_TASKS}"),
    }
}

/// How many marks there are.
fn found(row: &Row<'_>) -> rusqlite::Result<usize> {
    Ok(usize::from(row.get::<_, bool>(0)?))
}

fn insert(how: Insert) -> &'static str {
    match how {
        Insert::Unique => "INSERT INTO mark VALUES (?1)",
        Insert::IfAbsent => "INSERT OR IGNORE INTO mark VALUES (?1)",
        Insert::Plain => "INSERT OR REPLACE INTO mark VALUES (?1)",
    }
}

/// What an answer of SQLite means to the program.
fn replied(instruction: Instruction, answer: rusqlite::Result<usize>) -> Reply {
    match (instruction, answer) {
        (Instruction::Check { .. }, Ok(1)) | (Instruction::Mark(Insert::IfAbsent), Ok(0)) => Reply::Present,
        (_, Ok(_)) => Reply::Fine,
        (_, Err(error)) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Reply::Present,
        (_, Err(_)) => Reply::Failed,
    }
}
