//! What the deliveries of a workload's messages can suffer, and where: read off two replays.
//!
//! In the plain run each message is delivered a first time. Then each is delivered once more, since its acknowledgement was
//! lost or the broker held a copy. Later deliveries look like one of these two. Rounds of background work are those of either
//! run. Which faults are made of that is `decode`.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    Error, History,
    history::{Coordinate, DeliveryName, Fault, Label, Loss, Place, RoundName, Skew, TaskName},
    machine::trace::{Detail, End, Event, Replay, Settlement},
    search::{
        Options,
        candidates::reads_clock,
        ladder::{ladder, to_deadlines},
    },
    subject::{Job, Subject},
};

/// A kind of fault as it is drawn, the simplest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    LoseAck,
    Overlap,
    LoseReply,
    Crash,
    Beside,
    Held,
    Defer,
    Pause,
    Fail,
    Cancel,
    Advance,
    Forget,
    Skew,
}

impl Kind {
    pub(super) const ALL: [Self; 13] = [
        Kind::LoseAck,
        Kind::Overlap,
        Kind::LoseReply,
        Kind::Crash,
        Kind::Beside,
        Kind::Held,
        Kind::Defer,
        Kind::Pause,
        Kind::Fail,
        Kind::Cancel,
        Kind::Advance,
        Kind::Forget,
        Kind::Skew,
    ];

    /// In which order faults at one coordinate are written, as `candidates` writes them.
    pub(super) fn rank(self) -> u8 {
        match self {
            Kind::Held | Kind::Defer | Kind::Skew => 0,
            Kind::Advance => 1,
            Kind::Forget => 2,
            Kind::Overlap | Kind::Beside => 3,
            Kind::Pause => 4,
            Kind::LoseAck | Kind::LoseReply | Kind::Crash | Kind::Fail | Kind::Cancel => 5,
        }
    }

    /// One of its faults: what a delivery model says of it is taken to hold for the kind.
    fn sample(self) -> Fault {
        let delivery = DeliveryName::new(0, 1);
        let at = delivery.operation(1);
        match self {
            Kind::LoseAck => Fault::LoseAck { delivery },
            Kind::Overlap => Fault::Overlap { at, to: None },
            Kind::LoseReply => Fault::LoseReply { at },
            Kind::Crash => Fault::Crash { at },
            Kind::Beside => Fault::Duplicate { message: 0, at: Some(at) },
            Kind::Held => Fault::Duplicate { message: 0, at: None },
            Kind::Defer => Fault::Defer { what: crate::history::Deferred::Message(0), past: 1 },
            Kind::Pause => Fault::Pause { at, until: None },
            Kind::Fail => Fault::Fail { at },
            Kind::Cancel => Fault::Cancel { at },
            Kind::Advance => Fault::Advance { at, by: Duration::from_secs(1) },
            Kind::Forget => {
                let store = "store".parse().unwrap_or_else(|error| unreachable!("{error}"));
                Fault::Forget { store, at, loss: Loss::Last, count: 1 }
            }
            Kind::Skew => Fault::Skew { process: 0, skew: Skew { ahead: true, by: Duration::from_secs(1) } },
        }
    }
}

/// The place of an acknowledgement among the places of a delivery; its operations come before it.
pub(super) const ACK: u32 = 63;

/// At which places one delivery can suffer each kind: a bit for each place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    can: [u64; Kind::ALL.len()],
}

impl Shape {
    pub(super) fn places(&self, kind: Kind) -> u64 {
        self.can[kind as usize]
    }

    /// What both can suffer.
    fn and(self, other: Self) -> Self {
        Self { can: std::array::from_fn(|kind| self.can[kind] & other.can[kind]) }
    }

    fn suffers(&mut self, kinds: &[Kind], place: u32) {
        for kind in kinds {
            self.can[*kind as usize] |= 1 << place;
        }
    }
}

/// Which shape a delivery has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing of the message was done before.
    First,
    /// All of it was.
    Again,
    /// Perhaps some of it was: it is sure of what both others have.
    Either,
}

/// So many rounds of background work are struck at most.
const MOST_ROUNDS: usize = 8;

/// What is known of the deliveries of one workload.
#[derive(Clone, Debug, Default)]
pub(in crate::search) struct Shapes {
    messages: Vec<[Shape; 3]>,
    /// The rounds of background work that do something.
    pub(super) rounds: Vec<(RoundName, Shape)>,
    /// By how much the clock is advanced, what leads to a deadline first.
    pub(super) amounts: Vec<Duration>,
    /// By how much the clock of a process is skewed.
    pub(super) skews: Vec<Duration>,
    /// What the stores can lose.
    pub(super) losses: Vec<(Label, Loss)>,
    /// Whether a message whose delivery did not end well is delivered again.
    pub(super) redelivers: bool,
    /// For each message, of partitions, the first one that it waits for; else itself.
    pub(super) lines: Vec<usize>,
    /// Whether a lost acknowledgement alone repeats nothing, and messages wait for each other.
    pub(super) in_partitions: bool,
    admitted: u16,
}

impl Shapes {
    /// Learns them. Why the workload cannot be searched, if its plain run cannot be relied on.
    ///
    /// # Errors
    /// What a store met, or a message that cannot be made.
    pub(in crate::search) fn learn(
        subject: &mut dyn Subject,
        plain: &History,
        options: &Options,
    ) -> Result<Result<Self, String>, Error> {
        let first = subject.run(Job::Replay(plain), Detail::Facts)?;
        if let End::Inconclusive(why) = first.end {
            return Ok(Err(why));
        }
        let rules = plain.model.rules();
        let admits = |kind: &Kind| plain.model.rules().admits(&kind.sample()).is_ok();
        let again = match () {
            () if admits(&Kind::LoseAck) && rules.repeats_unheard() => Some(Kind::LoseAck),
            () if admits(&Kind::Held) => Some(Kind::Held),
            () => None,
        };
        let again = match again {
            Some(kind) => {
                let faults = (0..plain.messages.len()).map(|message| match kind {
                    Kind::LoseAck => Fault::LoseAck { delivery: DeliveryName::new(message, 1) },
                    _ => Fault::Duplicate { message, at: None },
                });
                let history = History { faults: faults.collect(), ..plain.clone() };
                Some((kind, subject.run(Job::Replay(&history), Detail::Facts)?))
            }
            None => None,
        };
        let mut shapes = Self::default();
        let mut amounts = Vec::new();
        for replay in [Some(&first), again.as_ref().map(|(_, replay)| replay)].into_iter().flatten() {
            amounts.extend(to_deadlines(&spans(replay), Duration::ZERO));
            amounts.extend(&replay.periods);
            amounts.extend(ladder(&options.periods).into_iter().filter(|_| reads_clock(replay)));
        }
        for by in amounts {
            if !shapes.amounts.contains(&by) {
                shapes.amounts.push(by);
            }
        }
        shapes.losses = first.losses.to_vec();
        shapes.skews.clone_from(&options.skews);
        for kind in Kind::ALL.iter().filter(|kind| admits(kind)) {
            let is_idle = match kind {
                Kind::Advance => shapes.amounts.is_empty(),
                Kind::Skew => shapes.skews.is_empty() || !asks_time(&first),
                Kind::Forget => shapes.losses.is_empty(),
                _ => false,
            };
            shapes.admitted |= u16::from(!is_idle) << *kind as u16;
        }
        for replay in [Some(&first), again.as_ref().map(|(_, replay)| replay)].into_iter().flatten() {
            shapes.learn_rounds(replay);
        }
        for message in 0..plain.messages.len() {
            let one = shape(&first, DeliveryName::new(message, 1).into());
            let other = again.as_ref().map_or(one, |(_, replay)| shape(replay, DeliveryName::new(message, 2).into()));
            shapes.messages.push([one, other, one.and(other)]);
        }
        let comes_again = |(kind, replay): &(Kind, Replay)| {
            *kind == Kind::LoseAck && replay.fates.iter().any(|fate| fate.supplied.len() > 1)
        };
        shapes.in_partitions = !rules.repeats_unheard();
        shapes.redelivers = shapes.in_partitions || again.as_ref().is_some_and(comes_again);
        let first = |message: usize| (0..=message).find(|earlier| plain.in_order(*earlier, message));
        shapes.lines = (0..plain.messages.len()).map(|message| first(message).unwrap_or(message)).collect();
        Ok(Ok(shapes))
    }

    fn learn_rounds(&mut self, replay: &Replay) {
        for event in &replay.events {
            let Event::RoundBegan { round, .. } = event else { continue };
            let shape = shape(replay, (*round).into());
            let is_new = self.rounds.iter().all(|(known, _)| known != round);
            if is_new && shape != Shape::default() && self.rounds.len() < MOST_ROUNDS {
                self.rounds.push((*round, shape));
            }
        }
    }

    pub(super) fn messages(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn shape(&self, message: usize, class: Class) -> &Shape {
        &self.messages[message][class as usize]
    }

    pub(super) fn admits(&self, kind: Kind) -> bool {
        self.admitted >> kind as u16 & 1 == 1
    }
}

/// Whether anybody asked what time it is in its process.
fn asks_time(replay: &Replay) -> bool {
    replay.fates.iter().flat_map(|fate| &fate.supplied).any(|supplied| supplied.asked_time)
}

/// How long after it was written each thing expires.
fn spans(replay: &Replay) -> BTreeSet<Duration> {
    let mut now = Duration::ZERO;
    let mut spans = BTreeSet::new();
    for event in &replay.events {
        match event {
            Event::Clock { to } => now = *to,
            Event::Step { facts, .. } => spans.extend(facts.deadline.map(|deadline| deadline.saturating_sub(now))),
            _ => {}
        }
    }
    spans
}

/// What this delivery, or this round, could have suffered in this replay.
fn shape(replay: &Replay, of: TaskName) -> Shape {
    const ANYWHERE: [Kind; 5] = [Kind::Overlap, Kind::Crash, Kind::Pause, Kind::Advance, Kind::Forget];
    let mut shape = Shape::default();
    let place = |at: &Coordinate| match at.place {
        Place::Operation(number) if at.task == of && (1..=ACK).contains(&number) => Some(number - 1),
        _ => None,
    };
    for event in &replay.events {
        match event {
            Event::Step { at, facts, .. } => {
                let Some(place) = place(at) else { continue };
                shape.suffers(&ANYWHERE, place);
                if of.delivery().is_some() {
                    shape.suffers(&[Kind::Beside], place);
                }
                if facts.can_fail {
                    shape.suffers(&[Kind::Fail], place);
                }
                if !facts.stepped {
                    shape.suffers(&[Kind::Cancel], place);
                }
                if facts.can_lose_reply {
                    shape.suffers(&[Kind::LoseReply], place);
                }
            }
            Event::Settled { delivery, how, .. } if of == (*delivery).into() => match how {
                Settlement::Acked | Settlement::AckLost => {
                    shape.suffers(&ANYWHERE, ACK);
                    shape.suffers(&[Kind::LoseAck], ACK);
                }
                Settlement::DeadLettered | Settlement::Unheard | Settlement::Fenced => shape.suffers(&ANYWHERE, ACK),
                Settlement::Nacked | Settlement::Ignored | Settlement::AckedEarly => {}
            },
            _ => {}
        }
    }
    shape
}
