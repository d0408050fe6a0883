//! The same program as a handler over [`KeyValue`].
//!
//! Here only what one instruction is on that store. How a program goes on after each answer is [`Cursor`]'s.

use std::time::Duration;

use tokio::time::timeout;

use redeliver::{Delivery, Error, KeyValue, KeyValueTransaction, Outcome};

use super::{
    bank::LEASE,
    cursor::{Answer, Cursor, Next, Reply},
    program::{Insert, Instruction, Job, Program, Said},
};

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
                let operation =
                    on_key_values(instruction, &mut transaction, stores, message, cursor.would_say(program));
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

/// What the harness is told of an answer.
pub fn outcome(answer: Answer) -> Outcome<Option<Said>> {
    match answer {
        Answer::Done(said) => Outcome::Done(said),
        Answer::Retry => Outcome::Retry("not now".to_owned()),
        Answer::Reject => Outcome::Reject("it was handled".to_owned()),
    }
}

async fn on_key_values(
    instruction: Instruction,
    transaction: &mut Option<KeyValueTransaction>,
    (bank, ledger): &(KeyValue, KeyValue),
    message: &Delivery<i64>,
    said: Option<Said>,
) -> Result<Reply, Error> {
    let (mark, kept) = (format!("mark:{}", message.id()), format!("reply:{}", message.id()));
    let said = said.map(|said| said.to_string()).unwrap_or_default();
    // No two deliveries have both in common.
    let holder = format!("{}, attempt {}", message.broker_id(), message.attempt());
    let amount = *message.payload();
    let open = &*transaction;
    match (instruction, open) {
        (Instruction::Check { .. }, _) => {
            let found = get(bank, open, &mark).await?;
            return Ok(if found.is_some() { Reply::Present } else { Reply::Fine });
        }
        (Instruction::Mark(Insert::Plain), Some(open)) => open.put(&mark, "1").await?,
        (Instruction::Mark(Insert::Plain), None) => bank.put(&mark, "1").await?,
        (Instruction::Mark(_), _) => {
            let won = put_if_absent(bank, open, &mark, "1", None).await?;
            return Ok(if won { Reply::Fine } else { Reply::Present });
        }
        (Instruction::Apply, Some(open)) => drop(open.add("balance", amount).await?),
        (Instruction::Apply, None) => drop(bank.add("balance", amount).await?),
        (Instruction::Set, Some(open)) => open.put("value", &amount.to_string()).await?,
        (Instruction::Set, None) => bank.put("value", &amount.to_string()).await?,
        (Instruction::Spawn(job), _) => {
            let (key, store) = if job == Job::Apply { ("balance", bank.clone()) } else { ("sum", ledger.clone()) };
            let spawned = tokio::spawn(async move { store.add(key, amount).await });
            spawned.await.expect("it does not panic")?;
        }
        (Instruction::Lease, _) => {
            let won = put_if_absent(bank, open, "lease", &holder, Some(Duration::from_millis(LEASE))).await?;
            return Ok(if won { Reply::Fine } else { Reply::Present });
        }
        (Instruction::Release, Some(open)) => drop(open.compare_and_delete("lease", &holder).await?),
        (Instruction::Release, None) => drop(bank.compare_and_delete("lease", &holder).await?),
        (Instruction::Keep, Some(open)) => open.put(&kept, &said).await?,
        (Instruction::Keep, None) => bank.put(&kept, &said).await?,
        (Instruction::Recall, _) => {
            let found = get(bank, open, &kept).await?;
            return Ok(found.map_or(Reply::Fine, |found| Reply::Found(Said::parse(&found))));
        }
        (Instruction::Read, _) => {
            let found = get(bank, open, "balance").await?;
            let balance = found.map_or(0, |found| found.parse().expect("a balance is a number"));
            return Ok(Reply::Found(Some(Said::Balance(balance))));
        }
        (Instruction::Emit, _) => drop(ledger.add("sum", amount).await?),
        (Instruction::Begin, _) => *transaction = Some(bank.begin().await?),
        (Instruction::Commit, _) => transaction.take().expect("a transaction is open").commit().await?,
        (Instruction::Rollback, _) => transaction.take().expect("a transaction is open").rollback().await?,
        (Instruction::Sleep, _) => unreachable!("who sleeps asks for nothing"),
    }
    Ok(Reply::Fine)
}

async fn get(bank: &KeyValue, open: &Option<KeyValueTransaction>, key: &str) -> Result<Option<String>, Error> {
    match open {
        Some(open) => open.get(key).await,
        None => bank.get(key).await,
    }
}

async fn put_if_absent(
    bank: &KeyValue,
    open: &Option<KeyValueTransaction>,
    key: &str,
    value: &str,
    ttl: Option<Duration>,
) -> Result<bool, Error> {
    match open {
        Some(open) => open.put_if_absent(key, value, ttl).await,
        None => bank.put_if_absent(key, value, ttl).await,
    }
}
