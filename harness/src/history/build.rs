//! Building a history in Rust, as it would be written in text.
//!
//! The names of places are read by the code that reads the text form. What is wrong is collected, and told at the end.

use std::{fmt, time::Duration};

use super::{
    Fault, History, HistoryError, InvalidHistory, Loss, Payload, Published, Skew,
    cursor::Word,
    parse::{MessageName, Name, ProcessName},
};
use crate::delivery::DeliveryModel;

/// A history in the making; [`History::at_least_once`] begins one.
///
/// Messages are published, and faults act, in the order in which they are named here. A place is named as the text form
/// names it, by a string or by a value: `"m0#1.2"`, or `DeliveryName::new(0, 1).operation(2)`.
///
/// ```
/// use redeliver_harness::History;
///
/// let history = History::at_least_once()
///     .message(100).ordered_by("666")
///     .message(-100).ordered_by("666")
///     .overlap("m0#1.2")
///     .crash("m1#1.3")
///     .build()?;
/// assert_eq!(history.to_string(), "\
/// redeliver-history 1
/// model at-least-once
/// message m0 order=666 100
/// message m1 order=666 -100
/// overlap m0#1.2
/// crash m1#1.3
/// ");
/// # Ok::<(), redeliver_harness::history::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is a history only once it is built"]
pub struct HistoryBuilder {
    history: History,
    problems: Vec<BuildProblem>,
}

/// Everything that is wrong with a history that was to be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such history: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct BuildError {
    /// What is wrong, in the order of the calls, then what is wrong with the whole.
    pub problems: Vec<BuildProblem>,
}

/// One thing that is wrong with a history that was to be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildProblem {
    /// An argument is no name of a place.
    #[error("{call}(`{argument}`): {error}")]
    Argument {
        /// The method.
        call: &'static str,
        /// What it was given.
        argument: String,
        /// What is wrong with that.
        error: HistoryError,
    },
    /// Something was said of a message before there was one.
    #[error("{call}(`{argument}`): there is no message yet")]
    NoMessageYet {
        /// The method.
        call: &'static str,
        /// What it was given.
        argument: String,
    },
    /// There can be no such history.
    #[error(transparent)]
    Invalid(#[from] InvalidHistory),
}

impl History {
    /// Begins a history on the model `at-least-once`.
    pub fn at_least_once() -> HistoryBuilder {
        Self::builder(DeliveryModel::at_least_once())
    }

    /// Begins a history on a delivery model.
    pub fn builder(model: DeliveryModel) -> HistoryBuilder {
        let history = Self { model, processes: Self::DEFAULT_PROCESSES, messages: Vec::new(), faults: Vec::new() };
        HistoryBuilder { history, problems: Vec::new() }
    }
}

impl HistoryBuilder {
    /// How many processes there are; 2 where nothing is said.
    pub fn processes(mut self, processes: usize) -> Self {
        self.history.processes = processes;
        self
    }

    /// The next message, with a payload as the text form writes it: `100`.
    pub fn message(self, payload: impl fmt::Display) -> Self {
        self.published(Payload::Written(payload.to_string()))
    }

    /// The next message, with the payload that the check's own generator draws with this seed.
    pub fn generated(self, seed: u64) -> Self {
        self.published(Payload::Generated { seed, hash: None })
    }

    fn published(mut self, payload: Payload) -> Self {
        self.history.messages.push(Published { id: None, ordering_key: None, payload });
        self
    }

    /// What the producer calls the message named last.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.of_last("id", id.into(), |message, id| message.id = Some(id))
    }

    /// The ordering key of the message named last.
    pub fn ordered_by(self, key: impl Into<String>) -> Self {
        self.of_last("ordered_by", key.into(), |message, key| message.ordering_key = Some(key))
    }

    fn of_last(mut self, call: &'static str, argument: String, set: impl FnOnce(&mut Published, String)) -> Self {
        match self.history.messages.last_mut() {
            Some(message) => set(message, argument),
            None => self.problems.push(BuildProblem::NoMessageYet { call, argument }),
        }
        self
    }

    /// The broker holds a second copy of a message, `m0`, delivered after the message is first handled.
    pub fn duplicate(self, message: impl fmt::Display) -> Self {
        self.one("duplicate", message, |MessageName(message)| Fault::Duplicate { message, at: None })
    }

    /// The broker holds a second copy of a message, `m0`, delivered while a delivery stands at a point, `m0#1.2`.
    pub fn duplicate_at(self, message: impl fmt::Display, at: impl fmt::Display) -> Self {
        let fault = |MessageName(message), at| Fault::Duplicate { message, at: Some(at) };
        self.two("duplicate_at", message, at, fault)
    }

    /// A message, `m0`, or one delivery of it, `m0#2`, comes after another message, `m1`, was handled.
    pub fn defer(self, what: impl fmt::Display, past: impl fmt::Display) -> Self {
        self.two("defer", what, past, |what, MessageName(past)| Fault::Defer { what, past })
    }

    /// The message is delivered again, to the next process, while this delivery stands at a point, `m0#1.2`.
    pub fn overlap(self, at: impl fmt::Display) -> Self {
        self.one("overlap", at, |at| Fault::Overlap { at, to: None })
    }

    /// The message is delivered again, to a process, `p0`, while this delivery stands at a point, `m0#1.2`.
    pub fn overlap_to(self, at: impl fmt::Display, process: impl fmt::Display) -> Self {
        self.two("overlap_to", at, process, |at, ProcessName(to)| Fault::Overlap { at, to: Some(to) })
    }

    /// The handler stops at a point, `m0#1.2`, until nothing else can run.
    pub fn pause(self, at: impl fmt::Display) -> Self {
        self.one("pause", at, |at| Fault::Pause { at, until: None })
    }

    /// The handler stops at a point, `m0#1.2`, until another one, `m1#1.3`, has acted.
    pub fn pause_until(self, at: impl fmt::Display, until: impl fmt::Display) -> Self {
        self.two("pause_until", at, until, |at, until| Fault::Pause { at, until: Some(until) })
    }

    /// The process dies at a point, `m0#1.2` or `m0#1.ack`.
    pub fn crash(self, at: impl fmt::Display) -> Self {
        self.one("crash", at, |at| Fault::Crash { at })
    }

    /// The broker never hears that a delivery, `m0#1`, was done.
    pub fn lose_ack(self, delivery: impl fmt::Display) -> Self {
        self.one("lose_ack", delivery, |delivery| Fault::LoseAck { delivery })
    }

    /// An operation, `m0#1.2`, returns an error and has no effect.
    pub fn fail(self, at: impl fmt::Display) -> Self {
        self.one("fail", at, |at| Fault::Fail { at })
    }

    /// An operation, `m0#1.2`, takes effect and returns an error.
    pub fn lose_reply(self, at: impl fmt::Display) -> Self {
        self.one("lose_reply", at, |at| Fault::LoseReply { at })
    }

    /// The clock jumps before a point, `m0#1.2`.
    pub fn advance(self, at: impl fmt::Display, by: Duration) -> Self {
        self.one("advance", at, |at| Fault::Advance { at, by })
    }

    /// The clock of a process, `p1`, runs ahead by so much.
    pub fn ahead(self, process: impl fmt::Display, by: Duration) -> Self {
        self.one("ahead", process, |ProcessName(process)| Fault::Skew { process, skew: Skew { ahead: true, by } })
    }

    /// The clock of a process, `p1`, runs behind by so much.
    pub fn behind(self, process: impl fmt::Display, by: Duration) -> Self {
        self.one("behind", process, |ProcessName(process)| Fault::Skew { process, skew: Skew { ahead: false, by } })
    }

    /// A store, `cache`, loses so much before a point, `m0#1.2`.
    pub fn forget(self, store: impl fmt::Display, at: impl fmt::Display, loss: Loss, count: u32) -> Self {
        self.two("forget", store, at, |store, at| Fault::Forget { store, at, loss, count })
    }

    /// Any fault.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.history.faults.push(fault);
        self
    }

    fn one<T: Name>(mut self, call: &'static str, name: impl fmt::Display, fault: impl FnOnce(T) -> Fault) -> Self {
        let name = self.read(call, name);
        self.history.faults.extend(name.map(fault));
        self
    }

    fn two<T: Name, U: Name>(
        mut self,
        call: &'static str,
        first: impl fmt::Display,
        second: impl fmt::Display,
        fault: impl FnOnce(T, U) -> Fault,
    ) -> Self {
        let (first, second) = (self.read(call, first), self.read(call, second));
        self.history.faults.extend(first.zip(second).map(|(first, second)| fault(first, second)));
        self
    }

    fn read<T: Name>(&mut self, call: &'static str, name: impl fmt::Display) -> Option<T> {
        let argument = name.to_string();
        match T::read(Word::alone(&argument)) {
            Ok(name) => Some(name),
            Err(error) => {
                self.problems.push(BuildProblem::Argument { call, argument, error });
                None
            }
        }
    }

    /// The history.
    ///
    /// # Errors
    /// [`BuildError`] with everything that is wrong: names that cannot be read, and what [`History::validate`] refuses.
    pub fn build(self) -> Result<History, BuildError> {
        let Self { history, mut problems } = self;
        problems.extend(history.problems().into_iter().map(BuildProblem::Invalid));
        if problems.is_empty() { Ok(history) } else { Err(BuildError { problems }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::DeliveryName;

    #[test]
    fn every_call_makes_the_line_that_it_is_named_after() {
        let built = History::at_least_once()
            .processes(3)
            .message(100)
            .id("order 7")
            .ordered_by("666")
            .generated(3)
            .duplicate("m0")
            .duplicate_at("m0", "m0#1.2")
            .defer("m0#2", "m1")
            .overlap(DeliveryName::new(0, 1).ack())
            .overlap_to("m0#1.2", "p2")
            .pause("m0#1.2")
            .pause_until("m0#1.2", "m1#1.3")
            .crash("m0#1.2")
            .lose_ack("m0#1")
            .fail("m0#1.2")
            .lose_reply("m0#1.2")
            .advance("m0#1.2", Duration::from_secs(31))
            .ahead("p0", Duration::from_secs(5))
            .behind("p1", Duration::from_millis(1500))
            .forget("cache", "m0#1.2", Loss::Last, 1)
            .forget("cache", "m0#1.ack", Loss::Oldest, 2)
            .build()
            .unwrap();
        let text = "\
redeliver-history 1
model at-least-once
processes 3
message m0 id=\"order 7\" order=666 100
message m1 seed=3
duplicate m0
duplicate m0 at m0#1.2
defer m0#2 past m1
overlap m0#1.ack
overlap m0#1.2 to p2
pause m0#1.2
pause m0#1.2 until m1#1.3
crash m0#1.2
lose-ack m0#1
fail m0#1.2
lose-reply m0#1.2
advance m0#1.2 31s
skew p0 +5s
skew p1 -1500ms
forget cache m0#1.2 last 1
forget cache m0#1.ack oldest 2
";
        assert_eq!(built.to_string(), text);
        assert_eq!(text.parse(), Ok(built));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let error = History::at_least_once().ordered_by("666").message(1).overlap("m0#1.x").crash("m4#1.1").build();
        let told = "no such history: ordered_by(`666`): there is no message yet; overlap(`m0#1.x`): column 1: expected a \
                    point such as m0#1.2, found `m0#1.x`; `crash m4#1.1`: there is no m4 (the only message is m0)";
        assert_eq!(error.unwrap_err().to_string(), told);
    }
}
