//! Whether there can be such a history: the rules that hold for what was read and for what was built in code alike.
//!
//! Whether a fault finds anything to act on is seen only in a replay, and is no error.

use std::time::Duration;

use crate::delivery::IN_ORDER;

use super::{Coordinate, Deferred, DeliveryName, Fault, History, InvalidHistory, Place, RoundName, TaskName};

impl History {
    /// The most messages that a history has. A counterexample has one or two; what nobody can read is a mistake.
    pub const MAX_MESSAGES: usize = 64;
    /// The most processes that a history has.
    pub const MAX_PROCESSES: usize = 16;
    /// The most faults that a history has. A whole interleaving, one pause a step, stays well below.
    pub const MAX_FAULTS: usize = 1000;
    /// The most that one fault advances the clock by: ten years, so that no sum of them leaves what a clock can tell.
    pub const MAX_ADVANCE: Duration = Duration::from_secs(3650 * 24 * 3600);

    /// Whether there can be such a history: what its faults name exists, and its delivery model can produce them.
    ///
    /// # Errors
    /// [`InvalidHistory`], the first reason why not.
    ///
    /// ```
    /// use redeliver_harness::history::{DeliveryName, Fault, History};
    ///
    /// let mut history = History::at_least_once().message(100).build()?;
    /// history.faults.push(Fault::Crash { at: DeliveryName::new(3, 1).operation(2) });
    /// let invalid = history.validate().unwrap_err();
    /// assert_eq!(invalid.to_string(), "`crash m3#1.2`: there is no m3 (the only message is m0)");
    /// # Ok::<(), redeliver_harness::history::BuildError>(())
    /// ```
    pub fn validate(&self) -> Result<(), InvalidHistory> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every reason why there can be no such history.
    pub(super) fn problems(&self) -> Vec<InvalidHistory> {
        self.problems_where(|fault| self.admits(fault))
    }

    /// Whether its delivery model can produce this fault, as far as the history says; if not, why not. Keys that only the
    /// generator of messages knows are seen in a replay.
    pub(crate) fn admits(&self, fault: &Fault) -> Result<(), &'static str> {
        self.model.rules().admits(fault)?;
        match fault {
            Fault::Defer {
                what: Deferred::Message(message) | Deferred::Delivery(DeliveryName { message, .. }),
                past,
            } if self.in_order(*message, *past) => Err(IN_ORDER),
            _ => Ok(()),
        }
    }

    /// Whether its delivery model brings these two messages in publish order whatever happens, by the keys that the history
    /// says.
    pub(crate) fn in_order(&self, one: usize, other: usize) -> bool {
        let key = |message: usize| self.messages.get(message).and_then(|message| message.ordering_key.as_deref());
        self.model.rules().orders_by_key() && (one == other || key(one).is_some() && key(one) == key(other))
    }

    fn problems_where(&self, admits: impl Fn(&Fault) -> Result<(), &'static str>) -> Vec<InvalidHistory> {
        let (processes, messages, faults) = (self.processes, self.messages.len(), self.faults.len());
        let mut problems = Vec::new();
        if !(1..=Self::MAX_PROCESSES).contains(&processes) {
            problems.push(InvalidHistory::Processes { processes });
        }
        if messages == 0 {
            problems.push(InvalidHistory::NoMessage);
        }
        if messages > Self::MAX_MESSAGES {
            problems.push(InvalidHistory::TooManyMessages { messages });
        }
        if faults > Self::MAX_FAULTS {
            problems.push(InvalidHistory::TooManyFaults { faults });
            return problems;
        }
        for (index, fault) in self.faults.iter().enumerate() {
            let admitted = || admits(fault).map_err(|why| format!("not in {}: {why}", self.model.name()));
            if let Err(why) = self.names_exist(fault).and_then(|()| sensible(fault)).and_then(|()| admitted()) {
                problems.push(InvalidHistory::Fault { index, fault: fault.to_string(), why });
            } else if self.faults[..index].contains(fault) {
                let why = "it is written twice".to_owned();
                problems.push(InvalidHistory::Fault { index, fault: fault.to_string(), why });
            }
        }
        problems
    }

    /// Whether everything that a fault names can exist in this history.
    fn names_exist(&self, fault: &Fault) -> Result<(), String> {
        match *fault {
            Fault::Duplicate { message, at } => {
                self.has_message(message)?;
                at.map_or(Ok(()), |at| self.has_point(at))
            }
            Fault::Defer { what, past } => {
                match what {
                    Deferred::Message(message) => self.has_message(message)?,
                    Deferred::Delivery(delivery) => self.has_delivery(delivery)?,
                }
                self.has_message(past)
            }
            Fault::Overlap { at, to } => {
                self.has_point(at)?;
                in_a_delivery(at)?;
                to.map_or(Ok(()), |to| self.has_process(to))
            }
            Fault::Pause { at, until } => {
                self.has_point(at)?;
                until.map_or(Ok(()), |until| self.has_point(until))
            }
            Fault::LoseAck { delivery } => self.has_delivery(delivery),
            Fault::Crash { at }
            | Fault::Cancel { at }
            | Fault::Fail { at }
            | Fault::LoseReply { at }
            | Fault::Advance { at, .. }
            | Fault::Forget { at, .. } => self.has_point(at),
            Fault::Skew { process, .. } => {
                self.has_process(process)?;
                let of_it = |other: &&Fault| matches!(other, Fault::Skew { process: of, .. } if *of == process);
                let skews = self.faults.iter().filter(of_it).count();
                if skews < 2 { Ok(()) } else { Err(format!("p{process} has one clock, and {skews} faults skew it")) }
            }
        }
    }

    fn has_message(&self, message: usize) -> Result<(), String> {
        exists('m', message, self.messages.len(), "message")
    }

    fn has_process(&self, process: usize) -> Result<(), String> {
        exists('p', process, self.processes, "process")
    }

    fn has_delivery(&self, delivery: DeliveryName) -> Result<(), String> {
        self.has_message(delivery.message)?;
        if delivery.number == 0 { Err("deliveries are numbered from 1".to_owned()) } else { Ok(()) }
    }

    fn has_round(&self, round: RoundName) -> Result<(), String> {
        self.has_process(round.process)?;
        if round.number == 0 { Err("rounds are numbered from 1".to_owned()) } else { Ok(()) }
    }

    fn has_point(&self, at: Coordinate) -> Result<(), String> {
        match at.task {
            TaskName::Delivery(delivery) => self.has_delivery(delivery)?,
            TaskName::Round(round) => self.has_round(round)?,
        }
        let first = at.place != Place::Operation(0);
        if first { Ok(()) } else { Err("operations are numbered from 1".to_owned()) }
    }
}

/// Whether there are more of a kind than this number, counted from 0.
fn exists(letter: char, number: usize, count: usize, kind: &str) -> Result<(), String> {
    let there_are = match count {
        _ if number < count => return Ok(()),
        0 => format!("no {kind} at all"),
        1 => format!("the only {kind} is {letter}0"),
        _ => format!("the last {kind} is {letter}{}", count - 1),
    };
    Err(format!("there is no {letter}{number} ({there_are})"))
}

/// Whether this point stands in a delivery, since background work is not delivered.
fn in_a_delivery(at: Coordinate) -> Result<(), String> {
    if at.delivery().is_some() { Ok(()) } else { Err("background work is not delivered".to_owned()) }
}

/// Whether a fault makes sense by itself.
fn sensible(fault: &Fault) -> Result<(), String> {
    let complaint = match *fault {
        Fault::Defer { what: Deferred::Message(message) | Deferred::Delivery(DeliveryName { message, .. }), past }
            if message == past =>
        {
            "a message cannot come after itself"
        }
        Fault::Pause { at, until: Some(until) } if at.task == until.task => "it would wait for itself",
        Fault::Cancel { at: Coordinate { place: Place::Ack, .. } } => "the handler has returned there",
        _ if in_round_at_ack(fault) => "a round is not acknowledged",
        Fault::Skew { skew, .. } if skew.by.is_zero() => "it skews the clock by nothing",
        Fault::Skew { skew, .. } if skew.by.subsec_nanos() % 1_000_000 != 0 => "the clock counts whole milliseconds",
        Fault::Skew { skew, .. } if skew.by > History::MAX_ADVANCE => "it skews the clock by more than ten years",
        Fault::Forget { count: 0, .. } => "it loses nothing",
        Fault::Advance { by, .. } if by.is_zero() => "it advances the clock by nothing",
        Fault::Advance { by, .. } if by.subsec_nanos() % 1_000_000 != 0 => "the clock counts whole milliseconds",
        Fault::Advance { by, .. } if by > History::MAX_ADVANCE => "it advances the clock by more than ten years",
        _ => return Ok(()),
    };
    Err(complaint.to_owned())
}

/// Whether a fault names the acknowledgement of a round.
fn in_round_at_ack(fault: &Fault) -> bool {
    let until = match fault {
        Fault::Pause { until, .. } => *until,
        _ => None,
    };
    let of_round = |at: Coordinate| at.place == Place::Ack && at.delivery().is_none();
    fault.coordinate().into_iter().chain(until).any(of_round)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::HistoryBuilder;

    fn two() -> HistoryBuilder {
        History::at_least_once().message(1).message(2)
    }

    fn at() -> Coordinate {
        DeliveryName::new(0, 1).operation(1)
    }

    #[track_caller]
    fn refused(fault: Fault, why: &str) {
        let problem = two().fault(fault.clone()).build().unwrap_err().to_string();
        assert_eq!(problem, format!("no such history: `{fault}`: {why}"));
    }

    #[test]
    fn a_fault_in_code_is_held_to_the_same_rules_as_one_in_text() {
        refused(Fault::Crash { at: DeliveryName::new(2, 1).ack() }, "there is no m2 (the last message is m1)");
        refused(Fault::LoseAck { delivery: DeliveryName::new(0, 0) }, "deliveries are numbered from 1");
        refused(Fault::Fail { at: DeliveryName::new(0, 1).operation(0) }, "operations are numbered from 1");
        refused(Fault::Overlap { at: at(), to: Some(2) }, "there is no p2 (the last process is p1)");
        refused(Fault::Defer { what: Deferred::Message(1), past: 1 }, "a message cannot come after itself");
        let second = Deferred::Delivery(DeliveryName::new(1, 2));
        refused(Fault::Defer { what: second, past: 1 }, "a message cannot come after itself");
        refused(Fault::Pause { at: at(), until: Some(at()) }, "it would wait for itself");
        refused(Fault::Duplicate { message: 5, at: None }, "there is no m5 (the last message is m1)");
    }

    #[test]
    fn the_clock_jumps_by_whole_milliseconds_more_than_none_and_not_for_ever() {
        refused(Fault::Advance { at: at(), by: Duration::ZERO }, "it advances the clock by nothing");
        refused(Fault::Advance { at: at(), by: Duration::from_micros(1500) }, "the clock counts whole milliseconds");
        refused(
            Fault::Advance { at: at(), by: Duration::MAX - Duration::from_nanos(999_999_999) },
            "it advances the clock by more than ten years",
        );
        assert!(two().advance(at(), History::MAX_ADVANCE).build().is_ok());
    }

    #[test]
    fn what_the_delivery_model_cannot_produce_is_refused_and_says_why() {
        let history = two().crash(at()).overlap(at()).build().unwrap();
        let problems = history.problems_where(|fault| match fault {
            Fault::Overlap { .. } => Err("a partition is read by one process at a time"),
            _ => Ok(()),
        });
        let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let why = "`overlap m0#1.1`: not in at-least-once: a partition is read by one process at a time";
        assert_eq!(shown, [why]);
    }

    #[test]
    fn a_history_is_bounded() {
        let crashes = |n: u32| (1..=n).map(|n| Fault::Crash { at: DeliveryName::new(0, 1).operation(n) });
        let mut history = two().build().unwrap();
        history.faults.extend(crashes(1000));
        assert_eq!(history.validate(), Ok(()));
        history.faults.extend(crashes(1));
        assert_eq!(history.validate(), Err(InvalidHistory::TooManyFaults { faults: 1001 }));
        history.faults.clear();
        history.messages = vec![history.messages[0].clone(); 65];
        assert_eq!(history.validate(), Err(InvalidHistory::TooManyMessages { messages: 65 }));
        history.messages.clear();
        assert_eq!(history.validate(), Err(InvalidHistory::NoMessage));
        for processes in [0, 17, usize::MAX] {
            history.processes = processes;
            assert_eq!(history.validate(), Err(InvalidHistory::Processes { processes }));
        }
    }
}
