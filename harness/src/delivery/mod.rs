//! Delivery models: which deliveries a broker may make.
//!
//! Each model is one file here and one line in [`MODELS`]. What a delivery does once it has begun is the machine's.

mod at_least_once;
mod at_most_once;
mod copies;
mod dealt;
mod kafka;
mod partitions;
mod request_reply;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_dealt;

use std::{fmt, hash, time::Duration};

use crate::history::Fault;

/// Every delivery model there is. A new one is a file of its own and a line here.
static MODELS: &[&dyn Rules] = &[
    &at_most_once::AtMostOnce,
    &at_least_once::AtLeastOnce,
    &request_reply::RequestReply,
    &kafka::KAFKA,
    &kafka::KAFKA_BLOCKING,
];

/// Which deliveries a broker may make, and what it does after a crash, a lost acknowledgement, a rejection.
#[derive(Clone, Copy)]
pub struct DeliveryModel(&'static dyn Rules);

/// A name that no delivery model has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no delivery model is called `{name}`; there are: {}", DeliveryModel::names().join(", "))]
pub struct UnknownModel {
    /// The name that was asked for.
    pub name: String,
}

impl DeliveryModel {
    /// Each message is acknowledged as it is handed out, before it is handled, and never delivered again: what a crash, a
    /// lost connection or an answer other than done interrupts is lost, and may be.
    ///
    /// So does MQTT at quality of service 0, and every consumer that acknowledges first and works then.
    pub const fn at_most_once() -> Self {
        Self(&at_most_once::AtMostOnce)
    }

    /// Each message is acknowledged by itself, in any order; what is not acknowledged is delivered again after a delay.
    /// A delivery may be repeated while an earlier one still runs (a visibility timeout), and a producer may send twice.
    ///
    /// So do SQS, Pub/Sub, and most others when nothing more is asked of them.
    pub const fn at_least_once() -> Self {
        Self(&at_least_once::AtLeastOnce)
    }

    /// A client sends each request, again and again with the same key, until it hears an answer: done or reject. It may send
    /// again while the first request is still being handled, and each time to the next process. The answers that it hears
    /// are compared: all of them must be what the request is answered when it is sent once.
    ///
    /// So do HTTP and RPC clients that retry with an idempotency key.
    pub const fn request_reply() -> Self {
        Self(&request_reply::RequestReply)
    }

    /// Messages of one ordering key are of one partition: they come in publish order, the next one once the one before has
    /// ended, and a commit covers all that came before it. A message without a key is of a partition of its own. After a
    /// crash, and when a partition moves to another process (`overlap`), everything after the last committed offset comes
    /// again, in order and without a count; a lost commit alone repeats nothing, and the next one covers for it. Whoever had
    /// a partition that moved handles on what it had, and its commit is refused. A message that is to be retried keeps
    /// those behind it waiting; one that is rejected goes to a dead-letter topic.
    ///
    /// So does a consumer of Kafka that commits after processing ("at-least-once delivery": Kafka's documentation, 4.6
    /// "Message Delivery Semantics"; position and committed offset: the Javadoc of `KafkaConsumer`, "Offsets and Consumer
    /// Position").
    pub const fn kafka() -> Self {
        Self(&kafka::KAFKA)
    }

    /// As [`kafka`](Self::kafka), for a consumer without a dead-letter topic: it seeks back to a message that is rejected too,
    /// and nothing behind it comes until one of its deliveries is done.
    pub const fn kafka_blocking() -> Self {
        Self(&kafka::KAFKA_BLOCKING)
    }

    /// So many copies of each message, 1 to 4, are dealt round-robin to the processes in advance; each process handles its own
    /// one after the other, and after a crash goes on with the one that it had. By name `dealt`, which is of two copies,
    /// `dealt-1`, `dealt-3` and `dealt-4`.
    ///
    /// No broker does: it is the bounded workload of a complete search, and not among [`names`](Self::names).
    pub const fn dealt(copies: usize) -> Self {
        let last = dealt::DEALT.len() - 1;
        Self(
            &dealt::DEALT[if copies == 0 {
                0
            } else if copies > last {
                last
            } else {
                copies - 1
            }],
        )
    }

    /// The model of this name.
    ///
    /// # Errors
    /// [`UnknownModel`] if there is none.
    pub fn named(name: &str) -> Result<Self, UnknownModel> {
        let dealt = dealt::DEALT.iter().map(|model| model as &'static dyn Rules);
        MODELS
            .iter()
            .copied()
            .chain(dealt)
            .find(|model| model.name() == name)
            .map(Self)
            .ok_or_else(|| UnknownModel { name: name.to_owned() })
    }

    /// The names of all models of brokers, in the order of the registry.
    pub fn names() -> Vec<&'static str> {
        MODELS.iter().map(|model| model.name()).collect()
    }

    /// Its name, as histories write it: `at-least-once`.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// What it guarantees, in a line.
    pub fn guarantee(&self) -> &'static str {
        self.0.guarantee()
    }

    pub(crate) fn rules(&self) -> &'static dyn Rules {
        self.0
    }
}

impl PartialEq for DeliveryModel {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for DeliveryModel {}

impl hash::Hash for DeliveryModel {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for DeliveryModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeliveryModel({})", self.name())
    }
}

/// What a model is, apart from any one replay.
pub(crate) trait Rules: Sync {
    fn name(&self) -> &'static str;
    fn guarantee(&self) -> &'static str;

    /// Whether the broker can produce this fault; if not, why not.
    fn admits(&self, fault: &Fault) -> Result<(), &'static str>;

    /// How long after the last fault a message may still be undelivered before it counts as stuck.
    fn horizon(&self) -> Duration {
        Duration::from_secs(3600)
    }

    /// An empty queue.
    fn queue(&self) -> Box<dyn Queue>;

    /// Whether the broker hears how a delivery ended. If not, it lets go of a message as it hands it out, and that one may be
    /// lost.
    fn hears_of_ends(&self) -> bool {
        true
    }

    /// To which process a message is delivered again that this one had last.
    fn redelivers_to(&self, last: usize, _processes: usize) -> usize {
        last
    }

    /// Whether messages of one ordering key wait for each other, so that the broker itself looks at keys.
    fn orders_by_key(&self) -> bool {
        false
    }

    /// Whether a message comes again because its acknowledgement was lost, whatever else happens.
    fn repeats_unheard(&self) -> bool {
        true
    }

    /// Whether a message that is rejected is put aside for good.
    fn puts_aside(&self) -> bool {
        true
    }

    /// How many copies of each message are dealt to the processes in advance, if they are.
    fn deals(&self) -> Option<usize> {
        None
    }

    /// Whether somebody hears what a handler replies, and compares it.
    fn compares_replies(&self) -> bool {
        false
    }

    /// What reports call things.
    fn terms(&self) -> &'static Terms;
}

/// The words of a model, for reports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// What follows when a handler has said done: `ack`.
    pub(crate) ack: &'static str,
    /// A delivery of which that arrived is this: `acked`.
    pub(crate) acked: &'static str,
    /// A message that comes once more is this: `delivered again`.
    pub(crate) again: &'static str,
    /// Why nothing comes any more once that has arrived.
    pub(crate) over: &'static str,
}

impl Terms {
    pub(crate) const OF_BROKERS: Self = Self {
        ack: "ack",
        acked: "acked",
        again: "delivered again",
        over: "the message was acknowledged by then: no broker delivers it again",
    };
}

/// One replay's broker: the copies of messages that it holds and when each is due.
pub(crate) trait Queue {
    /// Begins a replay: one copy of each of so many messages, all due at once, in publish order. Of the ordering keys those
    /// that there are, if the model looks at them.
    fn publish(&mut self, messages: usize, keys: &[Option<&str>]);

    /// The broker got a second copy of this message (a producer's retry), due now. Which copy that is.
    fn duplicate(&mut self, message: usize, now: Duration) -> CopyId;

    /// There are so many processes, before anything is published: for a model that says in advance which of them gets what.
    fn deal(&mut self, _processes: usize) {}

    /// The next copy that this process is to have, if the model says that in advance, and it is due and nothing is in
    /// progress there.
    fn due_at(&self, _process: usize, _now: Duration) -> Option<CopyId> {
        None
    }

    /// The next copy that is due, earliest published first, of those that `may` be handed out.
    fn due(&self, now: Duration, may: &mut dyn FnMut(&HeldCopy) -> bool) -> Option<CopyId>;

    /// The process that a copy goes to, where that is not for the rules to say.
    fn goes_to(&self, _copy: CopyId) -> Option<usize> {
        None
    }

    /// This copy is handed to a handler.
    fn hand_out(&mut self, copy: CopyId) -> HandedOut;

    /// What is handed to process `to` while this copy, which is not settled, is still being handled; or why nothing is.
    fn overlap(&mut self, copy: CopyId, _term: Term, _to: usize) -> Result<CopyId, &'static str> {
        Ok(copy)
    }

    /// Whether the broker takes an acknowledgement of this copy from whoever was handed it in this term.
    fn hears(&self, _copy: CopyId, _term: Term) -> bool {
        true
    }

    /// The handler of this copy, which still runs, acknowledged it by itself. Whether the broker took that.
    fn acked(&mut self, copy: CopyId, term: Term) -> bool;

    /// A delivery of this copy ended. Whether the broker cares.
    fn ended(&mut self, copy: CopyId, term: Term, how: Ending, now: Duration) -> bool;

    /// A process died, and each of its deliveries has ended.
    fn crashed(&mut self, _process: usize, _now: Duration) {}

    /// Whether the first of these two messages and the second come in publish order, whatever happens.
    fn in_order(&self, _one: usize, _other: usize) -> bool {
        false
    }

    /// Whether a further delivery of this message waits for no other message to be handled first.
    fn comes_freely(&self, _message: usize) -> bool {
        true
    }

    /// When the next copy becomes due, if any will.
    fn next_due(&self, now: Duration) -> Option<Duration>;

    /// What is known of a copy.
    fn copy(&self, copy: CopyId) -> &HeldCopy;

    /// Hashes everything that decides what it does next.
    fn remember(&self, state: &mut dyn hash::Hasher);
}

/// A copy was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandedOut {
    /// The attempt that this is, from 1, as far as the broker counts.
    pub(crate) attempt: u32,
    /// Under which terms it was.
    pub(crate) term: Term,
}

/// Since when a process may speak for what it was handed, where that can end before the handler does: a generation of
/// consumers. Elsewhere there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Term(pub(crate) u32);

/// Why a message is not put off past one of the same partition.
pub(crate) const IN_ORDER: &str = "both are of one partition, which comes in order";

/// Which of the broker's copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CopyId(pub(crate) usize);

/// One copy of a message that the broker holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HeldCopy {
    /// Which message it is a copy of.
    pub(crate) message: usize,
    /// Deliveries of this copy so far.
    pub(crate) attempts: u32,
    /// Deliveries of this copy that have not ended.
    pub(crate) in_flight: u32,
    /// When it is delivered next; `None` while nothing is planned.
    pub(crate) due: Option<Duration>,
    /// Acknowledged, answered, dead-lettered or forgotten: never delivered again.
    pub(crate) settled: bool,
}

/// How a delivery ended, as the broker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ending {
    /// It was acknowledged.
    Acked,
    /// The broker never heard of it: its process died, or nobody tells.
    Silent,
    /// It was done, and its acknowledgement was lost.
    AckLost,
    /// Its handler was dropped before its end, in a process that goes on.
    Cancelled,
    /// The handler asked for it again.
    Retried,
    /// The handler refused it for good.
    Rejected,
}
