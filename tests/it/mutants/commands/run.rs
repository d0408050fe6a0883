//! What commands do: a program run for one delivery, or for one round of background work.

use redeliver::{Delivery, Error, KeyValue, KeyValueTransaction, Outcome};
use redeliver_strategies::{claims::table::Held, registry::EFFECT, sharded_dedup::shard};

use super::{
    Key, Op, Place, Value,
    hands::{Carried, Hands, Memory},
};

/// Where a program goes on.
enum Goes {
    On,
    Behind,
    Back,
    Out(Outcome),
}

/// A program on its way. What is open at its end is rolled back, and what is held given up, as what is dropped is.
struct Run<'a, P> {
    hands: Hands<'a>,
    message: Option<&'a Delivery<P>>,
    store: &'a KeyValue,
    open: Option<KeyValueTransaction>,
    held: Option<Held<'a, String>>,
    found: bool,
    number: i64,
    taken: i64,
    random: u64,
}

/// Runs a program for one message, or for none.
pub async fn run<P: Carried>(program: &[Op], hands: Hands<'_>, message: Option<&Delivery<P>>) -> Outcome {
    let mut run = Run {
        hands,
        message,
        store: hands.first,
        open: None,
        held: None,
        found: false,
        number: 0,
        taken: 0,
        random: 0,
    };
    let mut at = 0;
    while let Some(op) = program.get(at) {
        at = match run.step(*op).await {
            Ok(Goes::On) => at + 1,
            Ok(Goes::Behind) => {
                run.open = None;
                let then = program[at..].iter().position(|op| *op == Op::Then);
                then.map_or(program.len(), |then| at + then)
            }
            Ok(Goes::Back) => {
                // What a loop knows it learns anew each time.
                (run.open, run.found, run.number, run.taken) = (None, false, 0, 0);
                program[..at].iter().rposition(|op| *op == Op::From).unwrap_or(0)
            }
            Ok(Goes::Out(outcome)) => return outcome,
            Err(error) => return Outcome::Retry(error.to_string()),
        };
    }
    Outcome::Done(())
}

/// Asks the transaction, or the store where none is open.
macro_rules! ask {
    ($run:ident.$command:ident($($what:expr),*)) => {
        match &$run.open {
            Some(open) => open.$command($($what),*).await?,
            None => $run.store.$command($($what),*).await?,
        }
    };
}

impl<P: Carried> Run<'_, P> {
    async fn step(&mut self, op: Op) -> Result<Goes, Error> {
        match op {
            Op::IfFound(op) if self.found => return self.plain(*op).await,
            Op::IfMissing(op) if !self.found => return self.plain(*op).await,
            Op::IfFound(_) | Op::IfMissing(_) => {}
            op => return self.plain(op).await,
        }
        Ok(Goes::On)
    }

    /// Of one that is under no condition.
    async fn plain(&mut self, op: Op) -> Result<Goes, Error> {
        match op {
            Op::Skip => return Ok(Goes::Behind),
            Op::Repeat => return Ok(Goes::Back),
            Op::Done => return Ok(Goes::Out(Outcome::Done(()))),
            Op::ComeAgain => return Ok(Goes::Out(again())),
            Op::SkipIfIs(key, value) => {
                if ask!(self.get(&self.key(key))).is_some_and(|found| found == self.value(value)) {
                    return Ok(Goes::Behind);
                }
            }
            Op::SkipUnlessSeen(key) => {
                if ask!(self.add(&self.key(key), 0)) != self.message.map_or(0, |m| m.payload().seen()) {
                    return Ok(Goes::Behind);
                }
            }
            Op::ComeAgainIfAbove(key) => {
                let highest = ask!(self.get(&self.key(key)));
                if highest.and_then(|highest| highest.parse().ok()).unwrap_or(0) > self.number {
                    return Ok(Goes::Out(again()));
                }
            }
            Op::IfFound(_) | Op::IfMissing(_) => unreachable!("no condition stands within another"),
            Op::Then | Op::From => {}
            Op::Refuse => self.found = self.amount() <= 0,
            Op::Own => {
                let place = self.id().strip_prefix('m').and_then(|place| place.parse::<i64>().ok());
                self.number = place.map_or(0, |place| place + 1);
            }
            Op::Next => self.number += 1,
            op => self.act(op).await?,
        }
        Ok(Goes::On)
    }

    /// Of one behind which the next one comes.
    async fn act(&mut self, op: Op) -> Result<(), Error> {
        match op {
            Op::Begin => {
                self.open = None;
                self.open = Some(self.store.begin().await?);
            }
            Op::Commit => {
                if let Some(open) = self.open.take() {
                    open.commit().await?;
                }
            }
            Op::Get(key) => self.found = ask!(self.get(&self.key(key))).is_some(),
            Op::Take(key) => {
                let found = ask!(self.get(&self.key(key)));
                self.found = found.is_some();
                self.taken = number(found)?;
            }
            Op::TakeNumber(key) => self.number = number(ask!(self.get(&self.key(key))))?,
            Op::Put(key, value) => ask!(self.put(&self.key(key), &self.value(value))),
            Op::PutIfAbsent(key, value, ttl) => {
                self.found = !ask!(self.put_if_absent(&self.key(key), &self.value(value), ttl));
            }
            Op::Add(key, value) => drop(ask!(self.add(&self.key(key), number(Some(self.value(value)))?))),
            Op::Count(key) => self.number = ask!(self.add(&self.key(key), 1)),
            Op::CompareAndDelete(key, value) => {
                ask!(self.compare_and_delete(&self.key(key), &self.value(value)));
            }
            op => self.elsewhere(op).await?,
        }
        Ok(())
    }

    /// Of one that asks nothing of the store.
    async fn elsewhere(&mut self, op: Op) -> Result<(), Error> {
        let id = self.id().to_owned();
        match op {
            Op::Draw => self.random = self.message.map_or(0, Delivery::random),
            Op::In(place) => self.store = self.place(place),
            Op::SendOnce(key, value) => {
                let (mail, detail) = (self.hands.mail.expect("there is an outside"), number(Some(self.value(value)))?);
                mail.perform_once(&self.key(key), EFFECT, detail).await?;
            }
            Op::Send(value) => {
                let (mail, detail) = (self.hands.mail.expect("there is an outside"), number(Some(self.value(value)))?);
                mail.perform(EFFECT, detail).await?;
            }
            Op::Ack => self.message.expect("a round acknowledges nothing").ack().await?,
            Op::Knows => self.found = self.memory().known.borrow().contains(&id),
            Op::Learn => drop(self.memory().known.borrow_mut().insert(id)),
            Op::Hold => {
                let held = self.memory().claims.hold(id);
                self.found = held.is_none();
                self.held = held;
            }
            Op::GiveUp => self.held = None,
            Op::Keep => {
                if let Some(held) = self.held.take() {
                    held.keep();
                }
            }
            op => unreachable!("{op:?} is a command to the store"),
        }
        Ok(())
    }

    fn id(&self) -> &str {
        self.message.map_or("", Delivery::id)
    }

    fn amount(&self) -> i64 {
        self.message.map_or(0, |m| m.payload().amount())
    }

    fn key(&self, key: Key) -> String {
        match key {
            Key::Fixed(key) => key.to_owned(),
            Key::Id(before) => format!("{before}{}", self.id()),
            Key::Number(before) => format!("{before}{}", self.number),
            Key::Fresh(before) => format!("{before}{}", self.random),
        }
    }

    fn value(&self, value: Value) -> String {
        match value {
            Value::Nothing => String::new(),
            Value::Fixed(value) => value.to_owned(),
            Value::One => "1".to_owned(),
            Value::Amount => self.amount().to_string(),
            Value::Minus => (-self.amount()).to_string(),
            Value::Taken => self.taken.to_string(),
            Value::Number => self.number.to_string(),
        }
    }
}

impl<'a, P: Carried> Run<'a, P> {
    fn memory(&self) -> &'a Memory {
        self.hands.memory.expect("there is a memory")
    }

    fn place(&self, place: Place) -> &'a KeyValue {
        let Hands { first, second, .. } = self.hands;
        let both = (first, second.expect("there are two"));
        match place {
            Place::Second => both.1,
            Place::ById => {
                if is_even(self.id()) {
                    both.0
                } else {
                    both.1
                }
            }
            Place::ByCopy => {
                if is_even(self.message.map_or("", Delivery::broker_id)) {
                    both.0
                } else {
                    both.1
                }
            }
            Place::ByAttempt => {
                if self.message.is_some_and(Delivery::redelivered) {
                    both.1
                } else {
                    both.0
                }
            }
        }
    }
}

/// Which shard it is.
fn is_even(id: &str) -> bool {
    *shard(&(true, false), id)
}

fn again() -> Outcome {
    Outcome::Retry("not now".to_owned())
}

fn number(found: Option<String>) -> Result<i64, Error> {
    found.map_or(Ok(0), |number| number.parse()).map_err(Error::other)
}
