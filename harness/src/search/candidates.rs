//! Which one fault can be added to a history, so that it acts after all that the history has.
//!
//! They are read off the trace of the history: what stands at an event can be struck there. Whether a fault then acts is
//! seen in its replay. Which of them are worth one is also decided in `skip`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    ladder::to_deadlines,
    skip::{CrashRun, Jumps, Repeats},
};
use crate::{
    History,
    history::{Coordinate, Deferred, DeliveryName, Fault, Loss, Skew},
    machine::trace::{End, Event, Facts, Origin, Replay, Settlement},
    store::Process,
};

/// A fault that can be added to a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) fault: Fault,
    /// How many events come before the place that it strikes.
    pub(super) at: usize,
    /// Whether it comes to the same as another one.
    pub(super) repeats: Repeats,
}

/// In which order faults at one coordinate are written; of each rank there is at most one. What acts in the broker has no
/// coordinate and no rank.
pub(super) fn rank(fault: &Fault) -> u8 {
    match fault {
        Fault::Duplicate { at: None, .. } | Fault::Defer { .. } | Fault::Skew { .. } => 0,
        Fault::Advance { .. } => 1,
        Fault::Forget { .. } => 2,
        Fault::Overlap { .. } | Fault::Duplicate { at: Some(_), .. } => 3,
        Fault::Pause { .. } => 4,
        Fault::Crash { .. }
        | Fault::Cancel { .. }
        | Fault::LoseAck { .. }
        | Fault::Fail { .. }
        | Fault::LoseReply { .. } => 5,
    }
}

/// Every fault that can be added to `history`, of which `replay` is the trace, to act later than all of its own. Where processes
/// remember something, two deliveries of one process are not as two of two.
pub(super) fn candidates(
    history: &History,
    replay: &Replay,
    amounts: &[Duration],
    skews: &[Duration],
    remembers: bool,
) -> Vec<Candidate> {
    let mut scan = Scan {
        history,
        replay,
        amounts: if reads_clock(replay) { amounts } else { &[] },
        now: Duration::ZERO,
        deadlines: BTreeSet::new(),
        rounds: replay.periods.iter().copied().collect(),
        from: replay.acted.last().map_or(0, |acted| acted.position),
        passed: BTreeSet::new(),
        changed: false,
        clocks: if skews.is_empty() { BTreeSet::new() } else { clocks(replay) },
        skews,
        remembers,
        open: 0,
        acked: BTreeSet::new(),
        dead: BTreeSet::new(),
        crashes: CrashRun::new(replay),
        jumps: Jumps::new(history, replay),
        found: Vec::new(),
    };
    for at in 0..replay.events.len() {
        scan.event(at);
    }
    // Within a kind in the order of the trace.
    scan.found.sort_by_key(|candidate| turn(&candidate.fault));
    scan.found
}

/// In which order kinds of faults are tried. Every one is tried in the end; but the kinds that need no unlucky place, or few
/// of them, come before those that have a place at every operation, so that the first failure is met soon.
fn turn(fault: &Fault) -> u8 {
    match fault {
        Fault::LoseAck { .. } => 0,
        Fault::Overlap { to: None, .. } => 1,
        Fault::LoseReply { .. } => 2,
        Fault::Crash { .. } => 3,
        Fault::Duplicate { .. } | Fault::Defer { .. } => 4,
        Fault::Pause { .. } => 5,
        Fault::Fail { .. } => 6,
        Fault::Cancel { .. } | Fault::Overlap { to: Some(_), .. } => 7,
        Fault::Advance { .. } => 8,
        Fault::Forget { .. } => 9,
        Fault::Skew { .. } => 10,
    }
}

/// Whether anybody looked at a clock, or at something that expires, at any time.
///
/// A jump of the clock can matter only to who looks later. But one that comes after the last look of this trace can still
/// matter to a delivery that only a further fault brings about, so that each look counts, wherever it stands: a handler
/// that looks does so in each delivery. Where nobody looks at all, a jump only hastens redeliveries, which `defer` and
/// `overlap` do too.
///
/// Who waits for a timer of tokio looks at its clock.
pub(super) fn reads_clock(replay: &Replay) -> bool {
    let looked = |event: &Event| matches!(event, Event::Step { facts, .. } if facts.reads_clock);
    replay.fates.iter().flat_map(|fate| &fate.supplied).any(|supplied| supplied.read_clock)
        || replay.waited_elsewhere
        || replay.events.iter().any(looked)
}

/// The processes in which a delivery asked what time it is.
fn clocks(replay: &Replay) -> BTreeSet<usize> {
    let asked = |event: &Event| match event {
        Event::Delivered { delivery, process, .. } => {
            let supplied = replay.fates[delivery.message].supplied.get(delivery.number as usize - 1)?;
            supplied.asked_time.then_some(process.index())
        }
        _ => None,
    };
    replay.events.iter().filter_map(asked).collect()
}

/// So many of its last writes a store loses at most.
const MOST_LAST_WRITES: u32 = 2;

/// One pass over a trace.
struct Scan<'a> {
    history: &'a History,
    replay: &'a Replay,
    amounts: &'a [Duration],
    /// The time of the clock.
    now: Duration,
    /// When what was written so far expires. Only that: what is written later expires so much later after a jump.
    deadlines: BTreeSet<Duration>,
    /// When rounds of background work begin, as far as that is known.
    rounds: BTreeSet<Duration>,
    /// Where the last fault of the history acted; nothing before it can be struck.
    from: usize,
    /// The points at which something stood already. A fault acts when its point is first reached: not where an operation
    /// that waited for a lock acts in the end, but where it began to wait.
    passed: BTreeSet<Coordinate>,
    /// Something durable changed.
    changed: bool,
    /// The processes in which a delivery asked what time it is and which had no delivery yet.
    clocks: BTreeSet<usize>,
    skews: &'a [Duration],
    /// Processes have a memory of their own, and there are several.
    remembers: bool,
    /// How many deliveries and rounds have begun and not ended.
    open: usize,
    /// The open deliveries that were acknowledged by their handlers.
    acked: BTreeSet<DeliveryName>,
    /// The messages that were put aside so far.
    dead: BTreeSet<usize>,
    crashes: CrashRun,
    jumps: Jumps,
    found: Vec<Candidate>,
}

impl Scan<'_> {
    fn event(&mut self, at: usize) {
        let event = &self.replay.events[at];
        match event {
            Event::Delivered { delivery, origin, process } => {
                self.skews(at, process.index());
                self.deferrals(at, *delivery, *origin);
                self.open += 1;
            }
            Event::Blocked { at: point, process, .. } => {
                self.point(at, *point, process);
                // What gives up before it has the lock never acts: that its connection can break shows nowhere else.
                if at >= self.from && self.acts(at, *point).is_none() {
                    self.add(at, Fault::Fail { at: *point });
                }
            }
            Event::Step { at: point, process, facts, .. } => {
                self.point(at, *point, process);
                if at >= self.from {
                    if facts.can_fail {
                        self.add(at, Fault::Fail { at: *point });
                    }
                    if facts.can_lose_reply {
                        self.add(at, Fault::LoseReply { at: *point });
                    }
                }
                self.deadlines.extend(facts.deadline);
                self.changed |= facts.changes;
            }
            Event::Returned { delivery, .. } => {
                self.held_copy(at, delivery.message);
                // The broker has nothing more to hear of it.
                self.open -= usize::from(self.acked.remove(delivery));
            }
            Event::RoundBegan { .. } => self.open += 1,
            Event::RoundEnded { .. } => {
                self.open -= 1;
                self.rounds.extend(self.replay.periods.iter().map(|period| self.now.saturating_add(*period)));
            }
            Event::Settled { delivery, how, .. } => {
                self.acknowledgement(at, *delivery, *how);
                if *how == Settlement::AckedEarly {
                    self.acked.insert(*delivery);
                }
                self.open -= usize::from(*how != Settlement::AckedEarly);
                if *how == Settlement::DeadLettered {
                    self.dead.insert(delivery.message);
                }
            }
            Event::Crashed { lost, .. } => {
                self.open -= lost.len();
                self.acked.retain(|delivery| !lost.contains(&(*delivery).into()));
            }
            Event::Cancelled { task, .. } => {
                self.open -= 1;
                self.acked.retain(|delivery| *task != (*delivery).into());
            }
            Event::Clock { to } => self.now = *to,
            Event::Skewed { process, .. } => {
                self.clocks.remove(&process.index());
            }
            Event::Forgot { .. } => {}
        }
        self.crashes.passes(event);
        self.jumps.passes(self.replay, at);
    }

    /// What can strike the point of an operation.
    fn point(&mut self, at: usize, point: Coordinate, process: &Process) {
        if !self.passed.insert(point) || at < self.from {
            return;
        }
        self.advances(at, point);
        self.losses(at, point);
        if let Some(message) = point.message() {
            self.add(at, Fault::Overlap { at: point, to: None });
            if self.remembers && self.history.processes > 1 {
                self.add(at, Fault::Overlap { at: point, to: Some(process.index()) });
            }
            self.add(at, Fault::Duplicate { message, at: Some(point) });
        }
        self.pause(at, point);
        self.crash(at, point);
        if !self.is_stepped(at, point) {
            self.add(at, Fault::Cancel { at: point });
        }
    }

    /// Whether synchronous code asks for the operation at this point, from this event on. Of one that never acts nobody
    /// knows.
    fn is_stepped(&self, from: usize, point: Coordinate) -> bool {
        self.acts(from, point).is_some_and(|facts| facts.stepped)
    }

    /// What the operation at this point does, if it acts from this event on.
    fn acts(&self, from: usize, point: Coordinate) -> Option<&Facts> {
        self.replay.events[from..].iter().find_map(|event| match event {
            Event::Step { at, facts, .. } if *at == point => Some(facts),
            _ => None,
        })
    }

    /// What can strike an acknowledgement.
    fn acknowledgement(&mut self, at: usize, delivery: DeliveryName, how: Settlement) {
        let is_answer =
            matches!(how, Settlement::Acked | Settlement::DeadLettered | Settlement::Unheard | Settlement::Fenced);
        if at < self.from || !is_answer {
            return;
        }
        let point = delivery.ack();
        self.advances(at, point);
        self.losses(at, point);
        if how != Settlement::Fenced {
            self.add(at, Fault::Overlap { at: point, to: None });
        }
        self.pause(at, point);
        self.crash(at, point);
        if how == Settlement::Acked {
            self.add(at, Fault::LoseAck { delivery });
        }
    }

    fn advances(&mut self, at: usize, point: Coordinate) {
        if self.jumps.has_just_jumped() {
            return;
        }
        let repeats = if self.jumps.repeats(self.replay, at) { Repeats::ButForItsPlace } else { Repeats::No };
        // What leads to a deadline says more than a round number, and so comes first.
        let mut amounts: Vec<Duration> = self.rounds.range(self.now..).map(|due| *due - self.now).collect();
        amounts.retain(|by| !by.is_zero());
        for by in to_deadlines(&self.deadlines, self.now).chain(self.amounts.iter().copied()) {
            if !amounts.contains(&by) {
                amounts.push(by);
            }
        }
        for by in amounts {
            self.add_one(at, Fault::Advance { at: point, by }, repeats);
        }
    }

    /// What a store can lose that holds something.
    fn losses(&mut self, at: usize, point: Coordinate) {
        if !self.changed {
            return;
        }
        for (store, loss) in Arc::clone(&self.replay.losses).iter() {
            let most = if *loss == Loss::Last { MOST_LAST_WRITES } else { 1 };
            for count in 1..=most {
                self.add(at, Fault::Forget { store: *store, at: point, loss: *loss, count });
            }
        }
    }

    /// The clock of a process is skewed from its first delivery on, if anybody asks it.
    fn skews(&mut self, at: usize, process: usize) {
        if !self.clocks.remove(&process) || at < self.from {
            return;
        }
        for by in self.skews {
            for ahead in [true, false] {
                self.add(at, Fault::Skew { process, skew: Skew { ahead, by: *by } });
            }
        }
    }

    fn pause(&mut self, at: usize, point: Coordinate) {
        if self.others_could_run(at) {
            self.add(at, Fault::Pause { at: point, until: None });
        }
    }

    /// Whether anything could run at this event but the delivery whose event it is. If not, a pause would end at once.
    ///
    /// Another delivery that is open could, and so could a copy that is due: such a one is handed out later in this trace,
    /// and before the clock moves to a deadline, since it need not wait for one. (A deferred copy comes later than that
    /// only if it waits for a message that nobody handles before; then it would wait through the pause too.)
    fn others_could_run(&self, at: usize) -> bool {
        let before_the_clock =
            self.replay.events[at..].iter().take_while(|event| !matches!(event, Event::Clock { .. }));
        let own = self.replay.events[at].delivery().map(|delivery| delivery.message);
        // Who comes behind it in its partition waits for it, unless that has moved to another process.
        let moved = self.replay.events[..at]
            .iter()
            .any(|event| matches!(event, Event::Delivered { origin: Origin::Overlap, .. }));
        let waits = |message| own.is_some_and(|own| !moved && self.history.in_order(own, message));
        // And what handlers spawned, of which the trace does not say how long it lives.
        self.open > 1
            || self.replay.waited_elsewhere
            || self.replay.end != End::Drained
            || before_the_clock.into_iter().any(|event| match event {
                Event::Delivered { delivery, .. } => !waits(delivery.message),
                event => matches!(event, Event::RoundBegan { .. }),
            })
    }

    fn crash(&mut self, at: usize, point: Coordinate) {
        let fault = Fault::Crash { at: point };
        if self.may_add(&fault) {
            let repeats = if self.crashes.strikes(&self.replay.events[at]) { Repeats::Wholly } else { Repeats::No };
            self.found.push(Candidate { fault, at, repeats });
        }
    }

    /// A delivery can be put off past each message that is not handled when it would be handed out.
    fn deferrals(&mut self, at: usize, delivery: DeliveryName, origin: Origin) {
        if at < self.from || origin == Origin::Overlap {
            return;
        }
        let what = match delivery.number {
            1 => Deferred::Message(delivery.message),
            _ => Deferred::Delivery(delivery),
        };
        for (past, fate) in self.replay.fates.iter().enumerate() {
            let is_over = fate.handled.is_some_and(|handled| handled <= at) || self.dead.contains(&past);
            if past != delivery.message && !is_over {
                self.add(at, Fault::Defer { what, past });
            }
        }
    }

    /// A second copy is held where the message is handled for the first time, just after the handler has returned.
    fn held_copy(&mut self, at: usize, message: usize) {
        if at >= self.from && self.replay.fates[message].handled == Some(at + 1) {
            self.add(at, Fault::Duplicate { message, at: None });
        }
    }

    fn add(&mut self, at: usize, fault: Fault) {
        self.add_one(at, fault, Repeats::No);
    }

    fn add_one(&mut self, at: usize, fault: Fault, repeats: Repeats) {
        if self.may_add(&fault) {
            self.found.push(Candidate { fault, at, repeats });
        }
    }

    fn may_add(&self, fault: &Fault) -> bool {
        let faults = &self.history.faults;
        let later_rank = |point| faults.iter().all(|own| own.coordinate() != Some(point) || rank(own) < rank(fault));
        fault.coordinate().is_none_or(later_rank) && !faults.contains(fault) && self.history.admits(fault).is_ok()
    }
}
