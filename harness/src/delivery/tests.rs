//! What each model refuses: sequences of hand-outs and endings that its broker must not make, and faults that it cannot
//! produce. Each sequence is a line of a table, with the sentence that says why; all but its last step must be admitted.

use std::time::Duration;

use super::{CopyId, DeliveryModel, Ending, Queue};
use crate::{History, history::Fault};

/// One thing that a broker, or a client that retries, is said to have done.
#[derive(Clone, Copy, Debug)]
enum Did {
    /// It handed a copy to a process by itself.
    Delivers(usize, usize),
    /// It handed a copy, which was still being handled, to another process.
    Overlaps(usize),
    /// It took up a second copy of a message.
    Copies(usize),
    /// A delivery of a copy ended.
    Ends(usize, Ending),
    /// So many milliseconds passed.
    Waits(u64),
    /// Nothing is left to do, now or later.
    IsDone,
}

use Did::{Copies, Delivers, Ends, IsDone, Overlaps, Waits};
use Ending::{Acked, Rejected, Retried, Silent};

/// A model at work, of which it is asked step by step whether it would do that.
struct Referee {
    model: DeliveryModel,
    queue: Box<dyn Queue>,
    /// The process that had each message last.
    homes: Vec<usize>,
    copies: usize,
    now: Duration,
}

const PROCESSES: usize = 3;

impl Referee {
    fn new(model: DeliveryModel, messages: usize) -> Self {
        let mut queue = model.rules().queue();
        queue.publish(messages);
        Self { model, queue, homes: vec![0; messages], copies: messages, now: Duration::ZERO }
    }

    fn follow(&mut self, did: Did) -> Result<(), String> {
        match did {
            Delivers(copy, to) => self.delivers(copy, to),
            Overlaps(copy) => self.overlaps(copy),
            Copies(message) => {
                self.admits(&format!("duplicate m{message}"))?;
                self.queue.duplicate(message, self.now);
                self.copies += 1;
                Ok(())
            }
            Ends(copy, how) => {
                self.queue.ended(CopyId(copy), how, self.now);
                Ok(())
            }
            Waits(millis) => {
                self.now += Duration::from_millis(millis);
                Ok(())
            }
            IsDone => self.is_done(),
        }
    }

    fn delivers(&mut self, copy: usize, to: usize) -> Result<(), String> {
        let asked = self.queue.copy(CopyId(copy));
        let id = self.queue.due(self.now, &mut |held| std::ptr::eq(held, asked));
        let Some(id) = id else { return Err("it is not due".to_owned()) };
        let (message, attempts) = (self.queue.copy(id).message, self.queue.copy(id).attempts);
        let goes = match attempts {
            0 => 0,
            _ => self.model.rules().redelivers_to(self.homes[message], PROCESSES),
        };
        if to != goes {
            return Err(format!("it goes to p{goes}"));
        }
        self.queue.hand_out(id);
        self.homes[message] = to;
        Ok(())
    }

    fn overlaps(&mut self, copy: usize) -> Result<(), String> {
        let id = CopyId(copy);
        let message = self.queue.copy(id).message;
        self.admits(&format!("overlap m{message}#1.1"))?;
        if self.queue.copy(id).in_flight == 0 {
            return Err("it is not being handled".to_owned());
        }
        if self.queue.copy(id).settled {
            return Err(self.model.rules().terms().over.to_owned());
        }
        self.queue.hand_out(id);
        self.homes[message] = (self.homes[message] + 1) % PROCESSES;
        Ok(())
    }

    fn is_done(&self) -> Result<(), String> {
        let left = |copy: &usize| {
            let held = self.queue.copy(CopyId(*copy));
            held.due.is_some() || held.in_flight > 0
        };
        match (0..self.copies).find(left) {
            Some(copy) => Err(format!("there is copy {copy}")),
            None => Ok(()),
        }
    }

    fn admits(&self, fault: &str) -> Result<(), String> {
        let fault: Fault = fault.parse().map_err(|error: crate::history::HistoryError| error.to_string())?;
        self.model.rules().admits(&fault).map_err(str::to_owned)
    }
}

/// A model, what it did, in short why it could not have done the last of it, and why that is so.
type Refused = (DeliveryModel, &'static [Did], &'static str, &'static str);

const MOST: DeliveryModel = DeliveryModel::at_most_once();
const LEAST: DeliveryModel = DeliveryModel::at_least_once();
const REPLY: DeliveryModel = DeliveryModel::request_reply();

/// Each with two messages, `m0` and `m1`, of which the first two copies are.
const REFUSED: &[Refused] = &[
    (MOST, &[Delivers(0, 0), Ends(0, Acked), Waits(1_000), Delivers(0, 0)], "not due", "it was handled"),
    (MOST, &[Delivers(0, 0), Ends(0, Silent), Waits(1_000), Delivers(0, 0)], "not due", "a crash loses it"),
    (MOST, &[Delivers(0, 0), Ends(0, Retried), Waits(1_000), Delivers(0, 0)], "not due", "nobody hears a retry"),
    (MOST, &[Delivers(0, 0), Ends(0, Rejected), Waits(86_400_000), Delivers(0, 0)], "not due", "nor a day later"),
    (MOST, &[Delivers(0, 0), Waits(86_400_000), Delivers(0, 0)], "not due", "there is no visibility timeout"),
    (MOST, &[Delivers(0, 0), Overlaps(0)], "never delivered again", "it was acknowledged before it was handled"),
    (MOST, &[Delivers(0, 0), Ends(0, Acked), Copies(0)], "sent once", "no producer retries"),
    (MOST, &[Delivers(0, 0), Ends(0, Silent), IsDone], "copy 1", "m1 was not even tried"),
    (MOST, &[Delivers(0, 1)], "goes to p0", "it has no reason to go elsewhere"),
    (LEAST, &[Delivers(0, 0), Ends(0, Acked), Waits(3_600_000), Delivers(0, 0)], "not due", "it is settled"),
    (LEAST, &[Delivers(0, 0), Ends(0, Rejected), Waits(3_600_000), Delivers(0, 0)], "not due", "it is a dead letter"),
    (LEAST, &[Delivers(0, 0), Ends(0, Retried), Waits(999), Delivers(0, 0)], "not due", "it waits a second"),
    (
        LEAST,
        &[Delivers(0, 0), Ends(0, Silent), Waits(1_000), Delivers(0, 0), Ends(0, Silent), Waits(1_999), Delivers(0, 0)],
        "not due",
        "the second time it waits two",
    ),
    (
        LEAST,
        &[Delivers(0, 0), Waits(3_600_000), Delivers(0, 0)],
        "not due",
        "it is being handled: that takes an overlap",
    ),
    (
        LEAST,
        &[Delivers(0, 0), Overlaps(0), Ends(0, Silent), Waits(3_600_000), Delivers(0, 1)],
        "not due",
        "one delivery of it still runs",
    ),
    (LEAST, &[Delivers(1, 0), Ends(1, Acked), Delivers(0, 0), Ends(0, Silent), IsDone], "copy 0", "it would be lost"),
    (
        LEAST,
        &[Delivers(1, 0), Ends(1, Acked), Copies(0), Delivers(0, 0), Ends(0, Acked), IsDone],
        "copy 2",
        "an acknowledgement settles its own copy alone",
    ),
    (LEAST, &[Delivers(0, 0), Overlaps(0), Ends(0, Acked), Overlaps(0)], "acknowledged by then", "it is settled"),
    (
        LEAST,
        &[Delivers(0, 0), Ends(0, Silent), Waits(1_000), Delivers(0, 1)],
        "goes to p0",
        "who had it last has it again",
    ),
    (REPLY, &[Delivers(0, 0), Ends(0, Acked), Waits(3_600_000), Delivers(0, 1)], "not due", "it was answered"),
    (REPLY, &[Delivers(0, 0), Ends(0, Rejected), Waits(3_600_000), Delivers(0, 1)], "not due", "a 4xx is an answer"),
    (REPLY, &[Delivers(0, 0), Ends(0, Silent), Waits(999), Delivers(0, 1)], "not due", "the client backs off"),
    (REPLY, &[Delivers(0, 0), Ends(0, Retried), Delivers(0, 1)], "not due", "not now is not at once"),
    (
        REPLY,
        &[Delivers(0, 0), Waits(3_600_000), Delivers(0, 1)],
        "not due",
        "it is being handled: that takes an overlap",
    ),
    (
        REPLY,
        &[Delivers(0, 0), Overlaps(0), Ends(0, Acked), Overlaps(0)],
        "the client had its answer by then",
        "an answer to either request is an answer",
    ),
    (
        REPLY,
        &[Delivers(0, 0), Overlaps(0), Ends(0, Acked), Ends(0, Retried), Waits(3_600_000), Delivers(0, 2)],
        "not due",
        "what comes after an answer changes nothing",
    ),
    (REPLY, &[Delivers(1, 0), Ends(1, Rejected), Delivers(0, 0), Ends(0, Retried), IsDone], "copy 0", "it gave up"),
    (
        REPLY,
        &[Delivers(1, 0), Ends(1, Acked), Copies(0), Delivers(0, 0), Ends(0, Acked), IsDone],
        "copy 2",
        "whoever sent the copy has no answer",
    ),
    (
        REPLY,
        &[Delivers(0, 0), Ends(0, Silent), Waits(1_000), Delivers(0, 0)],
        "goes to p1",
        "a load balancer is between",
    ),
    (
        REPLY,
        &[
            Delivers(0, 0),
            Ends(0, Silent),
            Waits(1_000),
            Delivers(0, 1),
            Ends(0, Silent),
            Waits(2_000),
            Delivers(0, 2),
            Ends(0, Silent),
            Waits(4_000),
            Delivers(0, 1),
        ],
        "goes to p0",
        "after the last process comes the first",
    ),
];

#[test]
fn a_model_refuses_what_its_broker_must_not_do() {
    for (model, did, short, why) in REFUSED {
        let told = format!("{}: {did:?}: {why}", model.name());
        let mut referee = Referee::new(*model, 2);
        let (last, before) = did.split_last().expect("there is something to refuse");
        for step in before {
            referee.follow(*step).unwrap_or_else(|refused| panic!("{told}: {step:?}: {refused}"));
        }
        let refused = referee.follow(*last).expect_err(&told);
        assert!(refused.contains(short), "{told}: {refused}");
    }
}

#[test]
fn every_model_refuses_at_least_five_sequences() {
    for name in DeliveryModel::names() {
        let refused = REFUSED.iter().filter(|(model, ..)| model.name() == name).count();
        assert!(refused >= 5, "{name}: {refused}");
    }
}

/// What a model does on a bad day: a table of what it does not refuse keeps the other one honest.
const ADMITTED: &[(DeliveryModel, &[Did])] = &[
    (MOST, &[Delivers(1, 0), Delivers(0, 0), Ends(0, Silent), Ends(1, Retried), IsDone]),
    (
        LEAST,
        &[
            Delivers(1, 0),
            Delivers(0, 0),
            Ends(0, Silent),
            Ends(1, Acked),
            Waits(1_000),
            Delivers(0, 0),
            Ends(0, Acked),
            IsDone,
        ],
    ),
    (
        LEAST,
        &[
            Delivers(0, 0),
            Overlaps(0),
            Ends(0, Retried),
            Ends(0, Silent),
            Waits(2_000),
            Delivers(0, 1),
            Ends(0, Rejected),
        ],
    ),
    (
        REPLY,
        &[
            Delivers(0, 0),
            Overlaps(0),
            Ends(0, Retried),
            Ends(0, Acked),
            Delivers(1, 0),
            Copies(1),
            Ends(1, Rejected),
            Delivers(2, 0),
            Ends(2, Acked),
            IsDone,
        ],
    ),
];

#[test]
fn a_model_does_what_its_broker_may_do() {
    for (model, did) in ADMITTED {
        let mut referee = Referee::new(*model, 2);
        for step in *did {
            let followed = referee.follow(*step);
            assert_eq!(followed, Ok(()), "{}: {step:?} of {did:?}", model.name());
        }
    }
}

/// The faults that a model cannot produce, and a word of why not.
const NOT_ADMITTED: &[(DeliveryModel, &str, &str)] = &[
    (MOST, "lose-ack m0#1", "no ack follows that could be lost"),
    (MOST, "overlap m0#1.1", "never delivered again"),
    (MOST, "overlap m0#1.ack to p1", "never delivered again"),
    (MOST, "duplicate m0", "a message is sent once"),
    (MOST, "duplicate m0 at m0#1.1", "a message is sent once"),
    (MOST, "defer m0#2 past m1", "delivered a second time"),
    (MOST, "crash m0#2.1", "delivered a second time"),
    (MOST, "pause m0#1.1 until m1#2.1", "delivered a second time"),
];

#[test]
fn a_history_with_a_fault_that_its_model_cannot_produce_is_refused_and_says_why() {
    for (model, fault, why) in NOT_ADMITTED {
        let text = |model: &DeliveryModel| {
            format!("redeliver-history 1\nmodel {}\nmessage m0 1\nmessage m1 2\n{fault}\n", model.name())
        };
        let refused = text(model).parse::<History>().unwrap_err().to_string();
        let told = format!("line 5, column 1: `{fault}`: not in {}: ", model.name());
        assert!(refused.starts_with(&told) && refused.contains(why), "{refused}");
        assert!(text(&LEAST).parse::<History>().is_ok(), "{fault}");
    }
}

#[test]
fn what_can_happen_to_a_process_or_a_store_is_admitted_everywhere() {
    let faults = [
        "defer m0 past m1",
        "pause m0#1.1 until m1#1.2",
        "crash m0#1.1",
        "crash m0#1.ack",
        "fail m0#1.1",
        "lose-reply m0#1.1",
        "advance m0#1.1 31s",
    ];
    for name in DeliveryModel::names() {
        let text = format!("redeliver-history 1\nmodel {name}\nmessage m0 1\nmessage m1 2\n{}\n", faults.join("\n"));
        let read = text.parse::<History>();
        assert!(read.is_ok(), "{name}: {read:?}");
    }
}
