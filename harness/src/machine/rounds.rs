//! Background work: when a round of it begins, and when there is no need for another one.
//!
//! Every process does all of it. The first round is due one period after the process started, the next one a period after
//! the last ended. After a round that changed nothing durable, though nothing kept it from that, another would change nothing
//! either, so none is begun before something does; one that looked at a clock is begun all the same while messages are still
//! to come, but waits twice as long each time. So a replay ends when a round of every task has changed nothing.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use super::{
    desk::TaskId,
    disturbed::disturbed,
    replay::Run,
    task::{Kind, Task},
    trace::{Answer, Event},
};
use crate::{Error, history::RoundName};

/// So many rounds are begun after the last delivery, of work that changes something each time.
const MOST_AFTER_THE_END: u32 = 50;
/// And so many in one replay.
const MOST: u32 = 500;

/// One task of background work in one process.
#[derive(Clone, Debug)]
pub(super) struct Round {
    /// Its place among the history's works.
    pub(super) work: usize,
    pub(super) process: usize,
    /// How many rounds began.
    pub(super) number: u32,
    /// How many of those began after the last delivery had ended.
    after_the_end: u32,
    /// One is in progress.
    running: bool,
    /// When the next one begins.
    pub(super) due: Duration,
    /// How long it waits from one to the next.
    waits: Duration,
    /// When the last one ended, or the process began.
    from: Duration,
    /// Changes that had been made when the last round began, if that changed nothing.
    quiet_since: Option<u64>,
    changes_at_begin: u64,
    /// The last round looked at a clock.
    reads_clock: bool,
}

impl Run<'_> {
    /// Every process that there is begins to do its background work. In a reference run there is one.
    pub(super) fn begin_rounds(&mut self) {
        let processes = if self.plan.turns.is_some() { 1 } else { self.plan.processes };
        for process in 0..processes {
            for (work, background) in self.plan.works.iter().enumerate() {
                self.rounds.push(Round {
                    work,
                    process,
                    number: 0,
                    after_the_end: 0,
                    running: false,
                    due: background.period,
                    waits: background.period,
                    from: Duration::ZERO,
                    quiet_since: None,
                    changes_at_begin: 0,
                    reads_clock: false,
                });
            }
        }
    }

    /// The round that is due now, the one that has been so longest.
    pub(super) fn due_round(&self) -> Option<usize> {
        if self.rounds.is_empty() {
            return None;
        }
        let now = self.desk.clock().now();
        self.waiting_rounds().filter(|(due, _)| *due <= now).min().map(|(_, round)| round)
    }

    /// When the next round begins, if one has to.
    pub(super) fn next_round(&self) -> Option<Duration> {
        if self.rounds.is_empty() {
            return None;
        }
        self.waiting_rounds().map(|(due, _)| due).min()
    }

    fn waiting_rounds(&self) -> impl Iterator<Item = (Duration, usize)> + '_ {
        let is_over = self.rounds_alone();
        let waits = move |round: &Round| {
            let is_quiet = round.quiet_since == Some(self.changes);
            let needed = if is_over { !is_quiet } else { !is_quiet || round.reads_clock };
            let most = if is_over { round.after_the_end < MOST_AFTER_THE_END } else { round.number < MOST };
            !round.running && needed && most
        };
        self.rounds.iter().enumerate().filter(move |(_, round)| waits(round)).map(|(at, round)| (round.due, at))
    }

    /// Whether no delivery is in progress or to come.
    fn rounds_alone(&self) -> bool {
        self.due_within_horizon().is_none()
            && !self.tasks.iter().any(Task::is_open)
            && self.queue.due(self.desk.clock().now(), &mut |_| true).is_none()
    }

    pub(super) fn begin_round(&mut self, at: usize) -> Result<(), Error> {
        let is_over = self.rounds_alone();
        let changes = self.changes;
        let round = &mut self.rounds[at];
        round.number += 1;
        round.after_the_end += u32::from(is_over);
        round.running = true;
        round.changes_at_begin = changes;
        round.reads_clock = false;
        let (work, number) = (round.work, round.number);
        let name = RoundName::new(self.plan.works[work].label, round.process, number);
        let process = self.desk.process(round.process);
        self.events.push(Event::RoundBegan { round: name, process: process.clone() });
        let given = self.given(0, Duration::ZERO);
        let body = self.handlers.begin_round(&process, work)?;
        self.tasks.push(Task::new(name.into(), Kind::Round(at), process, Some(body), given, self.turn));
        Ok(())
    }

    /// A round has returned, or panicked.
    pub(super) fn round_returned(&mut self, task: TaskId, round: RoundName, answer: Answer) {
        let panicked = match answer {
            Answer::Panicked(said) => Some(said),
            _ => None,
        };
        let process = self.tasks[task].process.clone();
        self.drop_work(task);
        self.events.push(Event::RoundEnded { round, process, panicked });
        self.ended(task);
    }

    /// Hashes when which round begins.
    pub(super) fn rounds_stand(&self, mut hasher: impl Hasher) {
        for round in &self.rounds {
            let is_quiet = round.quiet_since == Some(self.changes);
            (round.number, round.after_the_end, round.running, round.due, round.waits, round.from).hash(&mut hasher);
            (is_quiet, round.changes_at_begin == self.changes, round.reads_clock).hash(&mut hasher);
        }
    }

    /// A round is over, however it ended.
    pub(super) fn rest_round(&mut self, at: usize) {
        let (now, changes) = (self.desk.clock().now(), self.changes);
        let round = &mut self.rounds[at];
        let period = self.plan.works[round.work].period;
        let name = RoundName::new(self.plan.works[round.work].label, round.process, round.number);
        // What it left alone says nothing if something kept it from that.
        let its_own = |event: &Event| matches!(event, Event::RoundBegan { round, .. } if *round == name);
        let began = self.events.iter().rposition(its_own).unwrap_or_default();
        let is_quiet = round.changes_at_begin == changes && !disturbed(&self.events[began..]).contains(&name.into());
        round.quiet_since = is_quiet.then_some(changes);
        round.waits = if is_quiet && round.reads_clock { round.waits.saturating_mul(2) } else { period };
        round.running = false;
        round.from = now;
        round.due = now.saturating_add(round.waits);
    }

    /// A round looked at a clock.
    pub(super) fn round_reads_clock(&mut self, at: usize) {
        self.rounds[at].reads_clock = true;
    }

    /// Something durable changed: who rests because nothing did goes on at its next time.
    pub(super) fn note_change(&mut self) {
        self.changes += 1;
        let now = self.desk.clock().now();
        for round in self.rounds.iter_mut().filter(|round| !round.running) {
            let period = self.plan.works[round.work].period;
            round.waits = period;
            let since = now.saturating_sub(round.from).as_millis();
            let periods = since.div_ceil(period.as_millis().max(1)).max(1);
            let to_come = period.saturating_mul(u32::try_from(periods).unwrap_or(u32::MAX));
            round.due = round.from.saturating_add(to_come);
        }
    }

    /// A process began anew, and with it its background work.
    pub(super) fn restart_rounds(&mut self, process: usize) {
        let now = self.desk.clock().now();
        for round in self.rounds.iter_mut().filter(|round| round.process == process) {
            let period = self.plan.works[round.work].period;
            round.running = false;
            round.quiet_since = None;
            round.waits = period;
            round.from = now;
            round.due = now.saturating_add(period);
        }
    }
}
