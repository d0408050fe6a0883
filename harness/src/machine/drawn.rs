//! For tests only: handlers that are drawn, and a number for what comes of many of them, so that it can be pinned.

use std::time::Duration;

use super::testing::{at, delivery};
use crate::{
    Error, Isolation, KeyValue, KeyValueTransaction,
    history::{Coordinate, Deferred, DeliveryName, Fault, Loss, Skew},
};

/// How many lines there are, and a hash of them that no version of a library changes: FNV-1a.
pub(crate) fn digest(lines: impl IntoIterator<Item = String>) -> (usize, String) {
    let (mut count, mut hash) = (0, 0xcbf2_9ce4_8422_2325_u64);
    for line in lines {
        count += 1;
        let bytes = line.bytes().chain([b'\n']);
        hash = bytes.fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }
    (count, format!("{hash:016x}"))
}

/// The same as one string.
pub(crate) fn number((count, hash): (usize, String)) -> String {
    format!("{count} {hash}")
}

/// What is drawn next: Knuth's linear congruential generator.
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A handler of two to five things to do. Some begin with both rows in a transaction, and two of them can wait for each
    /// other.
    pub(crate) fn program(&mut self) -> Program {
        let mut does = Vec::new();
        if self.below(3) == 0 {
            does.extend([Does::Begins, Does::Adds(0), Does::Adds(1)]);
        }
        let length = 2 + self.below(4);
        while does.len() < length as usize {
            does.push(match self.below(8) {
                0 => Does::Reads(self.below(2)),
                1 | 2 => Does::Adds(self.below(2)),
                3 => Does::Claims,
                4 | 5 => Does::Begins,
                6 => Does::Writes(self.below(2)),
                _ => Does::Commits,
            });
        }
        Program { does, asks_again: self.below(2) == 0, lets_be: self.below(2) == 0 }
    }

    pub(crate) fn isolation(&mut self) -> Isolation {
        self.one_of(&[Isolation::Serializable, Isolation::ReadCommitted, Isolation::Snapshot])
    }
}

/// Faults of so many messages, few of which are delivered more than twice or do more than five things.
impl Draws {
    fn delivery(&mut self, messages: u64) -> DeliveryName {
        delivery(self.below(messages) as usize, 1 + self.below(3) as u32 / 2)
    }

    fn point(&mut self, messages: u64) -> Coordinate {
        let of = self.delivery(messages);
        match self.below(6) as u32 {
            0 => of.ack(),
            operation => at(of.message, of.number, operation),
        }
    }

    /// One that is of deliveries alone.
    pub(crate) fn fault(&mut self, messages: u64) -> Fault {
        let (at, of) = (self.point(messages), self.delivery(messages));
        let message = of.message;
        match self.below(12) {
            0 => Fault::Crash { at },
            1 => Fault::Fail { at },
            2 => Fault::LoseReply { at },
            3 => Fault::Overlap { at, to: self.one_of(&[None, Some(0), Some(1)]) },
            4 | 5 => Fault::Pause { at, until: None },
            6 => Fault::Pause { at, until: Some(self.point(messages)) },
            7 => Fault::Advance { at, by: Duration::from_secs(self.one_of(&[1, 6, 31])) },
            8 => Fault::LoseAck { delivery: of },
            9 => Fault::Duplicate { message, at: self.one_of(&[None, Some(at)]) },
            10 => Fault::Cancel { at },
            _ => Fault::Defer { what: self.one_of(&[Deferred::Message(message), Deferred::Delivery(of)]), past: 0 },
        }
    }

    /// One of them, or of the store `kv`, or of the clock of a process.
    pub(crate) fn any_fault(&mut self, messages: u64) -> Fault {
        match self.below(8) {
            0 => {
                let store = "kv".parse().expect("a label");
                let loss = self.one_of(&[Loss::Last, Loss::Oldest]);
                Fault::Forget { store, at: self.point(messages), loss, count: 1 + self.below(2) as u32 }
            }
            1 => {
                let by = Duration::from_secs(1 + self.below(3));
                Fault::Skew { process: self.below(2) as usize, skew: Skew { ahead: self.below(2) == 0, by } }
            }
            _ => self.fault(messages),
        }
    }
}

/// One thing that a handler does, to one of two rows that all messages share.
#[derive(Clone, Copy)]
enum Does {
    Reads(u64),
    Adds(u64),
    /// Leaves the name of its message, whatever was there.
    Writes(u64),
    /// Marks its message for a while, and ends if that is marked.
    Claims,
    Begins,
    Commits,
}

/// What a handler does.
#[derive(Clone)]
pub(crate) struct Program {
    does: Vec<Does>,
    /// Whoever finds its message marked asks to be called again.
    asks_again: bool,
    /// Whoever is refused leaves it at that.
    lets_be: bool,
}

impl Program {
    /// Handles a message of this name. One of two that take the rows the other way around can wait for the other.
    pub(crate) async fn run(&self, kv: &KeyValue, name: &str, crosses: bool) -> Result<(), Error> {
        match self.try_to(kv, name, u64::from(crosses)).await {
            Err(Error::Conflict { .. }) if self.lets_be => Ok(()),
            ended => ended,
        }
    }

    async fn try_to(&self, kv: &KeyValue, name: &str, crosses: u64) -> Result<(), Error> {
        let row = |of: u64| format!("balance:{}", of ^ crosses);
        let mut open: Option<KeyValueTransaction> = None;
        for does in &self.does {
            match (*does, &open) {
                (Does::Reads(of), Some(tx)) => drop(tx.get(&row(of)).await?),
                (Does::Reads(of), None) => drop(kv.get(&row(of)).await?),
                (Does::Adds(of), Some(tx)) => drop(tx.add(&row(of), 1).await?),
                (Does::Adds(of), None) => drop(kv.add(&row(of), 1).await?),
                (Does::Writes(of), Some(tx)) => tx.put(&format!("last:{}", row(of)), name).await?,
                (Does::Writes(of), None) => kv.put(&format!("last:{}", row(of)), name).await?,
                (Does::Claims, None) => {
                    if !kv.put_if_absent(name, "1", Some(Duration::from_millis(1_500))).await? {
                        return if self.asks_again { Err(Error::Conflict { cause: "claimed" }) } else { Ok(()) };
                    }
                }
                (Does::Begins, None) => open = Some(kv.begin().await?),
                (Does::Claims | Does::Begins, Some(_)) => {}
                (Does::Commits, _) => {
                    if let Some(tx) = open.take() {
                        tx.commit().await?;
                    }
                }
            }
        }
        match open {
            Some(tx) => tx.commit().await,
            None => Ok(()),
        }
    }
}
