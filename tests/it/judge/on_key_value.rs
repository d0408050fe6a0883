//! The same program as a handler over [`KeyValue`].
//!
//! Here only what one instruction is on that store. How a program goes on after each answer is [`Cursor`]'s.

use std::time::Duration;

use tokio::time::timeout;

use redeliver::{Delivery, Error, KeyValue, KeyValueTransaction};

use super::program::{Answer, Cursor, Insert, Instruction, Next, Program, Reply};

/// What a handler over `KeyValue` is given: the bank, and the ledger that no transaction covers.
pub type KeyValues = (KeyValue, KeyValue);

/// Both stores, with what is seen of them in the end.
pub fn key_values() -> KeyValues {
    (KeyValue::new("bank").observe_key("balance").observe_key("value"), KeyValue::new("ledger").observed())
}

/// The program over `KeyValue`.
pub async fn over_key_values(
    program: &Program,
    stores: &(KeyValue, KeyValue),
    message: &Delivery<i64>,
) -> Result<(), &'static str> {
    let mut cursor = Cursor::default();
    let mut transaction = None;
    loop {
        match cursor.next(program) {
            Next::Answered(Answer::Done) => return Ok(()),
            Next::Answered(Answer::Retry) => return Err("not now"),
            Next::Sleep => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                cursor.awakes();
            }
            Next::Operation(instruction) => {
                let operation = on_key_values(instruction, &mut transaction, stores, message);
                let reply = if program.impatient {
                    timeout(Duration::from_secs(1), operation).await.unwrap_or(Ok(Reply::Failed))
                } else {
                    operation.await
                };
                cursor.answered(program, reply.unwrap_or(Reply::Failed));
            }
        }
    }
}

async fn on_key_values(
    instruction: Instruction,
    transaction: &mut Option<KeyValueTransaction>,
    (bank, ledger): &(KeyValue, KeyValue),
    message: &Delivery<i64>,
) -> Result<Reply, Error> {
    let mark = format!("mark:{}", message.id());
    let amount = *message.payload();
    match (instruction, &*transaction) {
        (Instruction::Check { .. }, open) => {
            let found = match open {
                Some(open) => open.get(&mark).await?,
                None => bank.get(&mark).await?,
            };
            return Ok(if found.is_some() { Reply::Present } else { Reply::Fine });
        }
        (Instruction::Mark(Insert::Plain), Some(open)) => open.put(&mark, "1").await?,
        (Instruction::Mark(Insert::Plain), None) => bank.put(&mark, "1").await?,
        (Instruction::Mark(_), open) => {
            let won = match open {
                Some(open) => open.put_if_absent(&mark, "1", None).await?,
                None => bank.put_if_absent(&mark, "1", None).await?,
            };
            return Ok(if won { Reply::Fine } else { Reply::Present });
        }
        (Instruction::Apply, Some(open)) => drop(open.add("balance", amount).await?),
        (Instruction::Apply, None) => drop(bank.add("balance", amount).await?),
        (Instruction::Set, Some(open)) => open.put("value", &amount.to_string()).await?,
        (Instruction::Set, None) => bank.put("value", &amount.to_string()).await?,
        (Instruction::Emit, _) => drop(ledger.add("sum", amount).await?),
        (Instruction::Begin, _) => *transaction = Some(bank.begin().await?),
        (Instruction::Commit, _) => transaction.take().expect("a transaction is open").commit().await?,
        (Instruction::Rollback, _) => transaction.take().expect("a transaction is open").rollback().await?,
        (Instruction::Sleep, _) => unreachable!("who sleeps asks for nothing"),
    }
    Ok(Reply::Fine)
}
