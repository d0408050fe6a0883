//! What each model refuses: sequences of hand-outs and endings that its broker must not make, and faults that it cannot
//! produce. Each sequence is a line of a table, with the sentence that says why; all but its last step must be admitted.

use std::time::Duration;

use super::{CopyId, DeliveryModel, Ending, Queue, Term};
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
    /// The last delivery of a copy that has not ended did.
    Ends(usize, Ending),
    /// That of a copy at a process did.
    EndsAt(usize, usize, Ending),
    /// It acknowledged that of a copy at a process, and the broker took it.
    Commits(usize, usize),
    /// A process died.
    Crashes(usize),
    /// So many milliseconds passed.
    Waits(u64),
    /// Nothing is left to do, now or later.
    IsDone,
}

use Did::{Commits, Copies, Crashes, Delivers, Ends, EndsAt, IsDone, Overlaps, Waits};
use Ending::{AckLost, Acked, Cancelled, Rejected, Retried, Silent};

/// A model at work, of which it is asked step by step whether it would do that.
struct Referee {
    model: DeliveryModel,
    queue: Box<dyn Queue>,
    /// The process that had each message last.
    homes: Vec<usize>,
    /// The deliveries that have not ended: of which copy, at which process, and since when that one has it.
    open: Vec<(usize, usize, Term)>,
    copies: usize,
    now: Duration,
}

const PROCESSES: usize = 3;

impl Referee {
    fn new(model: DeliveryModel, messages: usize) -> Self {
        let mut queue = model.rules().queue();
        queue.publish(messages, &[Some("key"); 2][..messages]);
        Self { model, queue, homes: vec![0; messages], open: Vec::new(), copies: messages, now: Duration::ZERO }
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
                let last = self.open.iter().rposition(|(of, ..)| *of == copy);
                self.ends(last, how).map(|_| ())
            }
            EndsAt(copy, process, how) => self.ends(self.at(copy, process), how).map(|_| ()),
            Commits(copy, process) => match self.ends(self.at(copy, process), Acked)? {
                true => Ok(()),
                false => Err("it takes no commit from there".to_owned()),
            },
            Crashes(process) => {
                while let Some(at) = self.open.iter().position(|(_, at, _)| *at == process) {
                    self.ends(Some(at), Silent)?;
                }
                self.queue.crashed(process, self.now);
                Ok(())
            }
            Waits(millis) => {
                self.now += Duration::from_millis(millis);
                Ok(())
            }
            IsDone => self.is_done(),
        }
    }

    fn at(&self, copy: usize, process: usize) -> Option<usize> {
        self.open.iter().position(|(of, at, _)| (*of, *at) == (copy, process))
    }

    /// Whether the broker cares.
    fn ends(&mut self, at: Option<usize>, how: Ending) -> Result<bool, String> {
        let (copy, _, term) = self.open.remove(at.ok_or("it is not being handled")?);
        Ok(self.queue.ended(CopyId(copy), term, how, self.now))
    }

    fn hands_out(&mut self, copy: CopyId, to: usize) {
        let term = self.queue.hand_out(copy).term;
        self.open.push((copy.0, to, term));
        let message = self.queue.copy(copy).message;
        self.homes[message] = to;
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
        let goes = self.queue.goes_to(id).unwrap_or(goes);
        if to != goes {
            return Err(format!("it goes to p{goes}"));
        }
        self.hands_out(id, to);
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
        // A handler that is told of stands where its message went first.
        let (_, at, term) = *self.open.iter().find(|(of, ..)| *of == copy).ok_or("it is not being handled")?;
        let to = (self.homes[message].max(at) + 1) % PROCESSES;
        let first = self.queue.overlap(id, term, to)?;
        self.hands_out(first, to);
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
const KAFKA: DeliveryModel = DeliveryModel::kafka();
const BLOCKING: DeliveryModel = DeliveryModel::kafka_blocking();

/// Each with two messages of one ordering key, `m0` and `m1`, of which the first two copies are.
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
    (KAFKA, &[Delivers(1, 0)], "not due", "m0 stands before it"),
    (KAFKA, &[Delivers(0, 0), Delivers(1, 0)], "not due", "one at a time"),
    (KAFKA, &[Delivers(0, 0), Waits(3_600_000), Delivers(0, 0)], "not due", "that takes a rebalance"),
    (KAFKA, &[Delivers(0, 0), Ends(0, AckLost), Waits(3_600_000), Delivers(0, 0)], "not due", "the position went on"),
    (
        KAFKA,
        &[Delivers(0, 0), Ends(0, Acked), Delivers(1, 0), Crashes(0), Waits(3_600_000), Delivers(0, 0)],
        "not due",
        "it was committed",
    ),
    (
        KAFKA,
        &[
            Delivers(0, 0),
            Ends(0, AckLost),
            Delivers(1, 0),
            Ends(1, Acked),
            Crashes(0),
            Waits(3_600_000),
            IsDone,
            Delivers(0, 0),
        ],
        "not due",
        "a later commit covers for the lost one",
    ),
    (
        KAFKA,
        &[Delivers(0, 0), Ends(0, AckLost), Delivers(1, 0), Crashes(0), Waits(1_000), Delivers(1, 0)],
        "not due",
        "the suffix begins with m0",
    ),
    (
        KAFKA,
        &[
            Delivers(0, 0),
            Ends(0, AckLost),
            Delivers(1, 0),
            Crashes(0),
            Waits(1_000),
            Delivers(0, 0),
            Ends(0, Acked),
            IsDone,
        ],
        "copy 1",
        "the whole suffix comes again",
    ),
    (KAFKA, &[Delivers(0, 0), Crashes(0), Waits(999), Delivers(0, 0)], "not due", "a restart takes a second"),
    (
        KAFKA,
        &[Delivers(0, 0), Ends(0, Retried), Waits(3_600_000), Delivers(1, 0)],
        "not due",
        "m0 is at the head of the line",
    ),
    (
        KAFKA,
        &[Delivers(0, 0), Ends(0, Cancelled), Waits(999), Delivers(0, 0)],
        "not due",
        "the consumer waits a second",
    ),
    (
        KAFKA,
        &[Delivers(0, 0), Ends(0, Rejected), Waits(3_600_000), Delivers(0, 0)],
        "not due",
        "it is in the dead-letter topic",
    ),
    (KAFKA, &[Delivers(0, 0), Ends(0, Acked), Copies(0), Delivers(2, 0)], "not due", "the copy was appended behind m1"),
    (KAFKA, &[Delivers(0, 0), Overlaps(0), Commits(0, 0)], "takes no commit", "the zombie is of an earlier generation"),
    (
        KAFKA,
        &[Delivers(0, 0), Overlaps(0), EndsAt(0, 0, Acked), Delivers(1, 1)],
        "not due",
        "what the zombie does moves nobody's position",
    ),
    (
        KAFKA,
        &[Delivers(0, 0), Overlaps(0), EndsAt(0, 0, Acked), Crashes(1), Delivers(1, 1)],
        "not due",
        "the zombie's commit covers nothing",
    ),
    (
        KAFKA,
        &[Delivers(0, 0), Overlaps(0), Ends(0, Acked), Delivers(1, 0)],
        "goes to p1",
        "the zombie is handed nothing",
    ),
    (
        KAFKA,
        &[Delivers(0, 0), Ends(0, Acked), Delivers(1, 0), Overlaps(1), Ends(1, Silent), IsDone],
        "copy 1",
        "nobody did it",
    ),
    (
        KAFKA,
        &[
            Delivers(0, 0),
            Ends(0, AckLost),
            Delivers(1, 0),
            Overlaps(1),
            EndsAt(0, 1, Acked),
            EndsAt(1, 0, Acked),
            IsDone,
        ],
        "copy 1",
        "the new owner begins before it, and comes to it",
    ),
    (
        BLOCKING,
        &[Delivers(0, 0), Ends(0, Rejected), Waits(3_600_000), Delivers(1, 0)],
        "not due",
        "it blocks as any other",
    ),
    (BLOCKING, &[Delivers(0, 0), Ends(0, Rejected), Waits(999), Delivers(0, 0)], "not due", "it waits a second"),
    (BLOCKING, &[Delivers(0, 0), Ends(0, Rejected), IsDone], "copy 0", "there is nowhere to put it aside"),
    (
        BLOCKING,
        &[Delivers(0, 0), Ends(0, Acked), Delivers(1, 0), Ends(1, Rejected), IsDone],
        "copy 1",
        "the last one too",
    ),
    (
        BLOCKING,
        &[
            Delivers(0, 0),
            Ends(0, Rejected),
            Waits(1_000),
            Delivers(0, 0),
            Ends(0, Rejected),
            Waits(1_999),
            Delivers(0, 0),
        ],
        "not due",
        "the second time it waits two",
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
    // A commit is lost and the process dies: the whole suffix comes again.
    (
        KAFKA,
        &[
            Delivers(0, 0),
            Ends(0, AckLost),
            Delivers(1, 0),
            Crashes(0),
            Waits(1_000),
            Delivers(0, 0),
            Ends(0, Acked),
            Delivers(1, 0),
            Commits(1, 0),
            IsDone,
        ],
    ),
    // Behind the last commit that is lost nothing comes, whatever time passes.
    (KAFKA, &[Delivers(0, 0), Ends(0, Acked), Delivers(1, 0), Ends(1, AckLost), Waits(3_600_000), IsDone]),
    // A rebalance while m1 is handled: the new owner begins with m0, which nobody committed, and dies over it.
    (
        KAFKA,
        &[
            Delivers(0, 0),
            Ends(0, AckLost),
            Delivers(1, 0),
            Overlaps(1),
            EndsAt(1, 0, Acked),
            Crashes(1),
            Waits(1_000),
            Delivers(0, 1),
            Commits(0, 1),
            Delivers(1, 1),
            Commits(1, 1),
            IsDone,
        ],
    ),
    // The process that had it dies when it has nothing any more.
    (KAFKA, &[Delivers(0, 0), Overlaps(0), Crashes(0), Commits(0, 1), Delivers(1, 1), Commits(1, 1), IsDone]),
    (
        KAFKA,
        &[
            Delivers(0, 0),
            Ends(0, Acked),
            Copies(0),
            Delivers(1, 0),
            Ends(1, Rejected),
            Delivers(2, 0),
            Ends(2, Retried),
            Waits(1_000),
            Delivers(2, 0),
            Ends(2, Acked),
            IsDone,
        ],
    ),
    (BLOCKING, &[Delivers(0, 0), Ends(0, Rejected), Waits(1_000), Delivers(0, 0), Ends(0, Acked), Delivers(1, 0)]),
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
    (KAFKA, "duplicate m0 at m0#1.1", "behind the first in its partition"),
    (BLOCKING, "duplicate m0 at m0#1.1", "behind the first in its partition"),
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
