//! Making a counterexample 1-minimal: no message, fault or process can be taken away so that it still fails in any way.
//!
//! First crashes and jumps of the clock are tried where they may spare the faults that led to them, and jumps as long as
//! can be. Then messages go, then faults (half of them at a time, then fewer), then processes; then faults move to earlier
//! places, jumps become short again and payloads smaller, which is worth only so many replays; and all again until nothing
//! goes. After something was taken away in vain, faults that miss are aimed again (`aim`). What still fails need not fail in
//! the same way. How a history looks with something taken away is in `edit`.

use super::{
    Judge,
    aim::{self, Points},
    edit,
};
use crate::{
    Error, History,
    history::{Coordinate, Fault, Place},
    machine::trace::{Detail, End, Replay},
    oracle::Judgement,
    subject::{Job, Subject},
};

/// Once so many replays were made, faults are not aimed again, nor moved, and payloads stay.
const ENOUGH_REPLAYS: u32 = 36;

/// Of so many faults none is made to a jump of the clock, so that others can go.
const FEW_FAULTS: usize = 3;

/// So many replays are spent on aiming again.
const MOST_AIMED: u32 = 12;

/// So many earlier places are tried for one fault.
const MOST_EARLIER: usize = 4;

/// A counterexample from which nothing can be taken away.
#[derive(Clone, Debug)]
pub(crate) struct Shrunk {
    pub(crate) history: History,
    /// How many replays it took.
    pub(crate) replays: u32,
}

/// A part of a history that can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    Message(usize),
    Fault(usize),
    Process,
}

/// Shrinks a history that fails. One that does not comes back as it is.
///
/// # Errors
/// What a store met, or a message that cannot be made.
pub(crate) fn shrink(subject: &mut dyn Subject, judge: &mut dyn Judge, history: &History) -> Result<Shrunk, Error> {
    let mut shrinker = Shrinker {
        subject,
        judge,
        history: history.clone(),
        points: Points::new(),
        elsewhere: Vec::new(),
        shorter_jumps: Vec::new(),
        tried: Vec::new(),
        replays: 0,
        aimed: 0,
    };
    if shrinker.goes(history.clone())? {
        shrinker.longest_jumps()?;
        while shrinker.pass()? {}
    }
    Ok(Shrunk { history: shrinker.history, replays: shrinker.replays })
}

struct Shrinker<'a> {
    subject: &'a mut dyn Subject,
    judge: &'a mut dyn Judge,
    /// The smallest history so far that fails.
    history: History,
    /// What stands where in it.
    points: Points,
    /// For each of its faults, where else it may do the same.
    elsewhere: Vec<Vec<Coordinate>>,
    /// For each of its faults, shorter jumps of the clock.
    shorter_jumps: Vec<Vec<Fault>>,
    /// Histories that do not fail.
    tried: Vec<History>,
    replays: u32,
    aimed: u32,
}

impl Shrinker<'_> {
    /// Tries everything once. Whether anything went.
    fn pass(&mut self) -> Result<bool, Error> {
        let before = self.history.clone();
        self.faults_elsewhere()?;
        self.fewer_messages()?;
        self.fewer_faults()?;
        self.fewer_processes()?;
        if self.history == before {
            self.jumps_instead()?;
        }
        if self.history == before {
            self.plainer_faults()?;
            self.earlier_places()?;
            self.shorter_jumps()?;
            self.smaller_payloads()?;
        }
        Ok(self.history != before)
    }

    fn fewer_messages(&mut self) -> Result<(), Error> {
        for message in (0..self.history.messages.len()).rev() {
            if let Some(fewer) = without(&self.history, Part::Message(message)) {
                let before = aim::without_message(&self.points, message);
                self.goes_or_aimed(fewer, None, &before)?;
            }
        }
        Ok(())
    }

    fn fewer_faults(&mut self) -> Result<(), Error> {
        let mut size = (self.history.faults.len() / 2).max(1);
        loop {
            let before = self.history.faults.len();
            let mut at = 0;
            while at < self.history.faults.len() {
                let fewer = edit::without_faults(&self.history, at, size);
                let closed_up = edit::closed_up(&self.history, at, size);
                let points = self.points.clone();
                if !self.goes_or_aimed(fewer, Some(closed_up), &points)? {
                    at += size;
                }
            }
            let went = self.history.faults.len() < before;
            match size {
                1 if !went => return Ok(()),
                1 => {}
                _ => size /= 2,
            }
        }
    }

    fn fewer_processes(&mut self) -> Result<(), Error> {
        // Two processes are what a history has that says nothing: with one it would be longer, not shorter.
        let fewest = History::DEFAULT_PROCESSES;
        if self.history.processes > fewest + 1 {
            self.goes(edit::with_processes(&self.history, fewest))?;
        }
        while let Some(fewer) = without(&self.history, Part::Process) {
            if !self.goes(fewer)? {
                break;
            }
        }
        Ok(())
    }

    /// Faults lose what they name beyond their point.
    fn plainer_faults(&mut self) -> Result<(), Error> {
        self.each_as_another(|_, _, fault| edit::plainer(fault).into_iter().collect())
    }

    /// A crash or a jump of the clock is tried where it may spare the faults that led to it.
    fn faults_elsewhere(&mut self) -> Result<(), Error> {
        self.each_as_another(|shrinker, at, fault| {
            let places = shrinker.elsewhere.get(at).into_iter().flatten();
            places.filter_map(|place| edit::moved(fault, *place)).collect()
        })
    }

    fn earlier_places(&mut self) -> Result<(), Error> {
        self.each_as_another(|_, _, fault| {
            let Some(Coordinate { task, place: Place::Operation(number) }) = fault.coordinate() else {
                return Vec::new();
            };
            let earlier = (1..number).take(MOST_EARLIER);
            earlier.filter_map(|number| edit::moved(fault, task.operation(number))).collect()
        })
    }

    /// Where many redeliveries let time pass, one jump of the clock may do.
    fn jumps_instead(&mut self) -> Result<(), Error> {
        if self.history.faults.len() <= FEW_FAULTS {
            return Ok(());
        }
        self.each_as_another(|_, _, fault| aim::jump_instead(fault).into_iter().collect())
    }

    fn longest_jumps(&mut self) -> Result<(), Error> {
        self.each_as_another(|_, _, fault| aim::longest_jump(fault).into_iter().collect())
    }

    fn shorter_jumps(&mut self) -> Result<(), Error> {
        self.each_as_another(|shrinker, at, _| shrinker.shorter_jumps.get(at).cloned().unwrap_or_default())
    }

    /// In the place of each fault, the first of these others with which the history still fails.
    fn each_as_another(&mut self, others: impl Fn(&Self, usize, &Fault) -> Vec<Fault>) -> Result<(), Error> {
        for at in 0..self.history.faults.len() {
            let Some(fault) = self.history.faults.get(at) else { break };
            for other in others(self, at, fault) {
                if self.goes_with_fault(at, other)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn smaller_payloads(&mut self) -> Result<(), Error> {
        for at in 0..self.history.messages.len() {
            for simpler in self.subject.simpler(&self.history.messages[at]) {
                if self.replays >= ENOUGH_REPLAYS {
                    return Ok(());
                }
                // Messages that can be told apart stay so.
                if self.history.messages.iter().any(|message| message.hash() == simpler.hash()) {
                    continue;
                }
                let mut history = self.history.clone();
                history.messages[at] = simpler;
                if self.goes(history)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether the history fails with this fault in the place of one of its own, while that is worth a replay.
    fn goes_with_fault(&mut self, at: usize, fault: Fault) -> Result<bool, Error> {
        if self.replays >= ENOUGH_REPLAYS || self.history.faults.contains(&fault) {
            return Ok(false);
        }
        let mut history = self.history.clone();
        history.faults[at] = fault;
        self.goes(history)
    }

    /// Whether a shorter history fails as it is, or with the faults that miss in it aimed again: first as in `closed_up`.
    fn goes_or_aimed(&mut self, shorter: History, closed_up: Option<History>, before: &Points) -> Result<bool, Error> {
        if self.tried.contains(&shorter) {
            return Ok(false);
        }
        let (fails, replay) = self.replay(&shorter)?;
        if fails {
            self.take(shorter, &replay);
            return Ok(true);
        }
        let again = aim::aimed_again(&shorter, &replay, before);
        self.tried.push(shorter);
        for history in closed_up.into_iter().chain(again) {
            if self.aimed >= MOST_AIMED || self.replays >= ENOUGH_REPLAYS {
                break;
            }
            self.aimed += 1;
            if self.goes(history)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether this history fails; if so it is the smallest from now on.
    fn goes(&mut self, history: History) -> Result<bool, Error> {
        if self.tried.contains(&history) {
            return Ok(false);
        }
        let (fails, replay) = self.replay(&history)?;
        if fails {
            self.take(history, &replay);
        } else {
            self.tried.push(history);
        }
        Ok(fails)
    }

    /// Whether a history fails. One that cannot be judged does not.
    fn replay(&mut self, history: &History) -> Result<(bool, Replay), Error> {
        self.replays += 1;
        let replay = self.subject.run(Job::Replay(history), Detail::Words)?;
        let fails = !matches!(replay.end, End::Inconclusive(_))
            && self.judge.judge(self.subject, history, &replay)? == Judgement::Violated;
        Ok((fails, replay))
    }

    /// This is the smallest history from now on, without the faults that did not act, and with the others in the order in
    /// which they did; its trace stays the same.
    fn take(&mut self, history: History, replay: &Replay) {
        self.elsewhere = aim::elsewhere(&history, replay);
        self.shorter_jumps = aim::shorter_jumps(&history, replay);
        let faults = replay.acted.iter().map(|acted| history.faults[acted.fault].clone()).collect();
        self.points = aim::points(replay);
        self.history = History { faults, ..history };
    }
}

/// A history without one of its parts; `None` where it is the last of its kind.
pub(crate) fn without(history: &History, part: Part) -> Option<History> {
    match part {
        Part::Message(message) => edit::without_message(history, message),
        Part::Fault(fault) => Some(edit::without_faults(history, fault, 1)),
        Part::Process => (history.processes > History::DEFAULT_PROCESSES)
            .then(|| edit::with_processes(history, history.processes - 1)),
    }
}
