//! What is delivered: a message, and one delivery of it.
//!
//! Where messages come from lives in `messages`.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    Error, Process,
    machine::{Act, Clock, Operation, OperationTurn as Turn, operate, touches, trace::Injected},
};

/// What a producer sent, once: one intent, written `m0` by its place.
///
/// Exactly-once is counted by that place. `id` is only what the producer calls the message: two messages may share one
/// (another tenant, an id used again).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<P> {
    /// What its producer calls it.
    pub id: String,
    /// The key within which publish order matters, if there is one.
    pub ordering_key: Option<String>,
    /// What it carries.
    pub payload: P,
}

impl<P> Message<P> {
    /// A message with this id and no ordering key.
    pub fn new(id: impl Into<String>, payload: P) -> Self {
        Self { id: id.into(), ordering_key: None, payload }
    }

    /// The same message with an ordering key.
    #[must_use]
    pub fn ordered_by(self, key: impl Into<String>) -> Self {
        Self { ordering_key: Some(key.into()), ..self }
    }
}

/// One attempt to hand a message to a handler.
pub struct Delivery<P> {
    message: Arc<Message<P>>,
    attempt: u32,
    copy: usize,
    broker_id: OnceLock<String>,
    supply: Arc<Supply>,
    process: Process,
}

impl<P> Delivery<P> {
    pub(crate) fn new(
        message: Arc<Message<P>>,
        attempt: u32,
        copy: usize,
        supply: Arc<Supply>,
        process: Process,
    ) -> Self {
        Self { message, attempt, copy, broker_id: OnceLock::new(), supply, process }
    }

    /// What its producer calls the message.
    pub fn id(&self) -> &str {
        &self.message.id
    }

    /// The key within which publish order matters, if there is one.
    pub fn ordering_key(&self) -> Option<&str> {
        self.supply.asks_for_key();
        self.message.ordering_key.as_deref()
    }

    /// What the message carries.
    pub fn payload(&self) -> &P {
        &self.message.payload
    }

    /// How often the broker has handed out this copy of the message, this time included: 1 for the first. Kafka counts
    /// nothing: there it is 1 each time.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What the broker says (`redelivered`, DUP). It may be true of a message that was never processed, and is false for
    /// a producer's second copy, and where the broker does not count.
    pub fn redelivered(&self) -> bool {
        self.attempt > 1
    }

    /// The broker's own id of this copy: another copy of the same message has another. Never an idempotency key.
    pub fn broker_id(&self) -> &str {
        self.broker_id.get_or_init(|| format!("broker-{}", self.copy))
    }

    /// Tells the broker now that the message is settled, as a consumer does that acknowledges before it has handled. An
    /// operation, and so a point: a crash after it loses what comes after it. A handler that returns `Done` need not.
    ///
    /// What follows is the handler's own affair: it is not delivered again whatever it answers. A second call does nothing.
    ///
    /// # Errors
    /// Where the history breaks the connection to the broker: with `fail` it never heard of it, with `lose-reply` it did;
    /// [`Error::OutsideReplay`] where no replay is going on.
    pub async fn ack(&self) -> Result<(), Error> {
        operate(self.process.clone(), Acknowledge).await
    }

    /// The virtual time, from the start of the history, in whole milliseconds. What a handler would ask the wall clock for:
    /// that of its own machine, which a history may let run ahead or behind (`skew p1 +5s`).
    pub fn now(&self) -> Duration {
        self.supply.time()
    }

    /// A random number, drawn anew at each call and in each delivery, and the same in each replay of a history.
    pub fn random(&self) -> u64 {
        self.supply.draw()
    }
}

impl<P> Clone for Delivery<P> {
    fn clone(&self) -> Self {
        Self {
            message: Arc::clone(&self.message),
            attempt: self.attempt,
            copy: self.copy,
            broker_id: self.broker_id.clone(),
            supply: Arc::clone(&self.supply),
            process: self.process.clone(),
        }
    }
}

impl<P: fmt::Debug> fmt::Debug for Delivery<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.supply.asks_for_key();
        f.debug_struct("Delivery")
            .field("message", &self.message)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// The handler's own acknowledgement. What comes of it is the machine's.
struct Acknowledge;

impl Operation for Acknowledge {
    type Output = Result<(), Error>;

    fn act(&mut self, turn: &mut Turn) -> Act<Self::Output> {
        let broken = || Err(Error::Injected { cause: "the connection to the broker broke" });
        // It is between this process and its broker.
        touches(|| []);
        let fault = turn.fault();
        turn.facts.can_fail = true;
        turn.facts.can_lose_reply = true;
        turn.facts.suffered = fault;
        turn.facts.acks = fault != Some(Injected::Fail);
        turn.words(|words| {
            words.what = "ack".to_owned();
            words.result = match fault {
                None => "ok",
                Some(Injected::Fail) => "failed",
                Some(Injected::LoseReply) => "done, and its reply lost",
            }
            .to_owned();
        });
        Act::Done(if fault.is_some() { broken() } else { Ok(()) })
    }

    fn outside(&mut self) -> Self::Output {
        Err(Error::OutsideReplay { operation: "ack" })
    }
}

/// What a delivery is supplied with instead of a wall clock and ambient randomness.
#[derive(Debug)]
pub(crate) struct Supply {
    clock: Arc<Clock>,
    /// By how much the clock of its process is ahead of the virtual time.
    ahead: Duration,
    random: AtomicU64,
    drew: AtomicBool,
    asked_time: AtomicBool,
    asked_for_key: AtomicBool,
}

impl Supply {
    pub(crate) fn new(clock: Arc<Clock>, seed: u64, ahead: Duration) -> Self {
        Self {
            clock,
            ahead,
            random: AtomicU64::new(seed),
            drew: AtomicBool::new(false),
            asked_time: AtomicBool::new(false),
            asked_for_key: AtomicBool::new(false),
        }
    }

    /// Begins anew, for another delivery.
    pub(crate) fn begin(&mut self, seed: u64, ahead: Duration) {
        self.ahead = ahead;
        *self.random.get_mut() = seed;
        *self.drew.get_mut() = false;
        *self.asked_time.get_mut() = false;
        *self.asked_for_key.get_mut() = false;
    }

    /// The handler looks at the ordering key.
    fn asks_for_key(&self) {
        self.asked_for_key.store(true, Ordering::Relaxed);
    }

    /// Whether the handler looked at the ordering key.
    pub(crate) fn asked_for_key(&self) -> bool {
        self.asked_for_key.load(Ordering::Relaxed)
    }

    /// What the clock of this process says.
    fn time(&self) -> Duration {
        self.asked_time.store(true, Ordering::Relaxed);
        self.clock.read().saturating_add(self.ahead)
    }

    /// Whether the handler asked for the time.
    pub(crate) fn asked_time(&self) -> bool {
        self.asked_time.load(Ordering::Relaxed)
    }

    /// Whether randomness was drawn.
    pub(crate) fn drew(&self) -> bool {
        self.drew.load(Ordering::Relaxed)
    }

    /// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    pub(crate) fn draw(&self) -> u64 {
        self.drew.store(true, Ordering::Relaxed);
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut z = self.random.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
