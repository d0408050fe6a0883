//! One replay as a case: what has to be present in it, what may be, in which orders, and which reference runs that allows.
//!
//! Runs themselves are kept by `reference`; what is made of them is the judge's (`exactly_once`) and the namer's (`naming`).

use std::{collections::BTreeSet, ops::ControlFlow, time::Duration};

use super::{
    crashes::Crashes,
    excuses::Excuses,
    order::{Order, Places, Visited},
    reference::{References, Run, Used},
    renaming::{Likeness, Tokens},
    replies::Heard,
};
use crate::{
    Contract, Error, History, Observation,
    machine::{
        Turn,
        trace::{Event, Fate, Replay, Settlement, Supplied},
    },
    subject::{Reference, Subject},
};

/// More reference runs than this are not looked at for one history.
pub(super) const MOST_RUNS: usize = 2_000;

/// One replay, and what follows from it for reference runs.
pub(super) struct Case<'a> {
    pub(super) history: &'a History,
    pub(super) replay: &'a Replay,
    /// What was handled, or acknowledged by the handler itself: present exactly once.
    pub(super) must: Places,
    /// What was delivered and neither: present once or not at all.
    pub(super) may: Places,
    /// Which message must come before which.
    pub(super) order: Order,
    /// The messages as they were handled, those that never were by their first delivery.
    pub(super) rank: Vec<usize>,
    /// What handlers used of their supplies, here or in a reference run that was looked at.
    used: Used,
    /// How many more reference runs may be looked at.
    left: usize,
    /// Why it may not be possible to tell.
    pub(super) unclear: Option<String>,
    /// What clients heard of it.
    pub(super) heard: Heard<'a>,
    tokens: Option<Tokens>,
    excuses: Excuses,
    /// How much more often than once each message may take effect; empty where none may.
    pub(super) may_repeat: Vec<usize>,
}

/// Reference runs of one kind.
pub(super) struct Wanted {
    /// Which messages take part; those in `like` by the places that they have after the last.
    pub(super) take: Places,
    /// In which orders.
    pub(super) order: Order,
    /// For each of these there is one more message like it.
    pub(super) like: Vec<usize>,
    /// Those whose handler must answer done, or the run is no reference.
    pub(super) done: Places,
}

impl<'a> Case<'a> {
    pub(super) fn new(contract: &Contract, history: &'a History, replay: &'a Replay, order: Order) -> Self {
        let fates = &replay.fates;
        let of = |which: &dyn Fn(usize) -> bool| (0..fates.len()).filter(|place| which(*place)).collect::<Places>();
        let crashes = Crashes::of(contract, replay);
        let must = of(&|place| fates[place].handled.is_some() || was_acknowledged(history, replay, place));
        let must = must.without(crashes.may_be_lost);
        let delivered = of(&|place| fates[place].first_delivered.is_some());
        let mut rank: Vec<usize> = (0..fates.len()).collect();
        rank.sort_by_key(|place| fates[*place].handled.or(fates[*place].first_delivered));
        Self {
            history,
            replay,
            must,
            may: delivered.without(must),
            order,
            rank,
            used: Used::by(fates),
            left: MOST_RUNS,
            unclear: None,
            heard: Heard::of(history, replay),
            tokens: None,
            excuses: Excuses::of(contract, replay),
            may_repeat: crashes.may_repeat,
        }
    }

    /// So many may be looked at again: for another question.
    pub(super) fn begin_anew(&mut self) {
        self.left = MOST_RUNS;
    }

    /// Whether so many reference runs were looked at that no more are.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// The first reference run that is wanted and accepted, and the order of the messages in it. One more message like
    /// another has the other's place there.
    ///
    /// Where a run uses the clock or randomness that the history's deliveries did not, it ran with times of nobody's: all
    /// begins anew, with the times of that message's deliveries.
    pub(super) fn find(
        &mut self,
        references: &mut References,
        subject: &mut dyn Subject,
        wanted: &Wanted,
        mut accept: impl FnMut(&mut Self, &Run, &[usize]) -> bool,
    ) -> Result<Option<Vec<usize>>, Error> {
        let messages = self.history.messages.len();
        let original = |place: usize| place.checked_sub(messages).map_or(place, |extra| wanted.like[extra]);
        let mut rank = self.rank.clone();
        rank.extend(messages..messages + wanted.like.len());
        loop {
            let supplies: Vec<Vec<Turn>> = (0..rank.len()).map(|place| self.turns(place, original(place))).collect();
            let until = self.used.seen_at(self.replay);
            let mut found = None;
            let mut learned = false;
            let background = subject.has_background();
            let _ = wanted.order.each(wanted.take, &rank, &mut |order| {
                each_choice(order, &supplies, background, &mut |turns, rests_between| {
                    let Some(left) = self.left.checked_sub(1) else {
                        let why = format!("more than {MOST_RUNS} reference runs: too much of it is unordered");
                        self.unclear.get_or_insert(why);
                        return Ok(ControlFlow::Break(()));
                    };
                    self.left = left;
                    let one_more_like = wanted.like.clone();
                    let reference = Reference { turns: turns.to_vec(), one_more_like, rests_between, until };
                    let run = references.run(subject, self.history, &reference)?;
                    if let Some(why) = &run.endless {
                        self.unclear.get_or_insert_with(|| format!("in a reference run {why}"));
                        return Ok(ControlFlow::Continue(()));
                    }
                    let used = run.used.map(original);
                    if !used.within(self.used) {
                        self.used = self.used.and(used);
                        learned = true;
                        return Ok(ControlFlow::Break(()));
                    }
                    if wanted.done.without(run.done).is_empty() && accept(self, run, order) {
                        found = Some(order.iter().map(|place| original(*place)).collect());
                        return Ok(ControlFlow::Break(()));
                    }
                    Ok(ControlFlow::Continue(()))
                })
            })?;
            if !learned {
                return Ok(found);
            }
        }
    }

    /// Whether a reference run leaves what is seen, and answers what was heard.
    pub(super) fn agrees(&mut self, run: &Run) -> bool {
        let observed = &self.replay.observation;
        if self.heard.is_empty() {
            return self.same(observed, &run.observation);
        }
        if run.observation == *observed && self.heard.is_of(run) {
            return true;
        }
        let (heard, promised) = (self.heard.beside(observed), self.heard.in_place_by(run));
        self.same(&heard, &promised)
    }

    /// Whether a reference run leaves what is seen, whatever was heard, but for what the contract excuses.
    pub(super) fn leaves_the_same(&mut self, left: &Observation) -> bool {
        self.same(&self.replay.observation, left)
    }

    fn same(&mut self, observed: &Observation, left: &Observation) -> bool {
        let excuses = &self.excuses;
        if left == observed || excuses.alike(observed, left) {
            return true;
        }
        let tokens = self.tokens.get_or_insert_with(|| Tokens::of(&self.replay.fates));
        match tokens.compare(observed, left, &|observed, left| excuses.alike(observed, left)) {
            Likeness::Same => true,
            Likeness::Different => false,
            Likeness::Unclear => {
                self.unclear.get_or_insert("more ids that the harness made than can be told apart".to_owned());
                false
            }
        }
    }

    /// Whether a reference run leaves this part of what is seen, but for what the contract excuses.
    pub(super) fn leaves_the_same_at(&self, part: usize, left: &Observation) -> bool {
        let seen = &self.replay.observation.parts()[part];
        left.parts().get(part).is_some_and(|left| self.excuses.part_alike(seen, left))
    }

    /// Every turn that a message may have: with the time and the randomness of one of its deliveries, if they were used.
    fn turns(&self, place: usize, message: usize) -> Vec<Turn> {
        let Some(first) = self.replay.fates[message].supplied.first() else { return Vec::new() };
        let mut seen = BTreeSet::new();
        let mut turns = Vec::new();
        let clock = self.used.clock.contains(message);
        for (number, supplied) in self.replay.fates[message].supplied.iter().enumerate() {
            let times = if clock { times_of(self.replay, message, number as u32 + 1) } else { vec![Duration::ZERO] };
            for began in times {
                let used = self.used.of_supply(message, &Supplied { began, ..*supplied }, first);
                if seen.insert(used) {
                    turns.push(Turn::supplied(place, &used));
                }
            }
        }
        turns
    }
}

/// Visits every choice of one turn for each of these places, in their order: with what goes on in the background coming to
/// rest in the end, and if there may be any, between them too.
fn each_choice(
    order: &[usize],
    supplies: &[Vec<Turn>],
    background: bool,
    visit: &mut dyn FnMut(&[Turn], bool) -> Visited,
) -> Visited {
    let mut chosen = vec![0; order.len()];
    loop {
        let turns: Vec<Turn> = order.iter().zip(&chosen).map(|(place, at)| supplies[*place][*at]).collect();
        if visit(&turns, false)?.is_break() || background && order.len() > 1 && visit(&turns, true)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let more = (0..order.len()).rev().find(|at| chosen[*at] + 1 < supplies[order[*at]].len());
        let Some(at) = more else { return Ok(ControlFlow::Continue(())) };
        chosen[at] += 1;
        chosen[at + 1..].fill(0);
    }
}

/// The times that the clock showed while this delivery was being handled: a handler that is paused reads a later one than
/// that at which it began.
pub(super) fn times_of(replay: &Replay, message: usize, number: u32) -> Vec<Duration> {
    let it = crate::history::DeliveryName::new(message, number);
    let mut times = vec![replay.fates[message].supplied[number as usize - 1].began];
    let mut runs = false;
    for event in &replay.events {
        match event {
            Event::Delivered { delivery, .. } if *delivery == it => runs = true,
            Event::Returned { delivery, .. } if *delivery == it => runs = false,
            Event::Crashed { lost, .. } if lost.contains(&it.into()) => runs = false,
            Event::Cancelled { task, .. } if *task == it.into() => runs = false,
            Event::Clock { to } if runs => times.push(*to),
            _ => {}
        }
    }
    // And what the clock of its process says then.
    let ahead = replay.fates[message].supplied[number as usize - 1].ahead;
    if !ahead.is_zero() {
        let told: Vec<Duration> = times.iter().map(|time| time.saturating_add(ahead)).collect();
        times.extend(told);
    }
    times
}

/// Whether the broker took an acknowledgement for this message: what a handler acknowledges by itself is covered though it
/// never said done, or an early acknowledgement would excuse the loss that it causes. Where the broker acknowledges as it hands
/// out, it is the model and not the handler that loses.
fn was_acknowledged(history: &History, replay: &Replay, message: usize) -> bool {
    let acknowledges = |event: &Event| match event {
        Event::Settled { delivery, how, .. } => {
            delivery.message == message && matches!(how, Settlement::Acked | Settlement::AckedEarly)
        }
        _ => false,
    };
    history.model.rules().hears_of_ends() && replay.events.iter().any(acknowledges)
}

/// Whether nothing happened that has to do with idempotency: no message was delivered twice, no process crashed, no handler
/// was cancelled, no operation failed, no background work changed anything.
pub(super) fn was_calm(replay: &Replay) -> bool {
    let once = |fate: &Fate| fate.supplied.len() <= 1;
    let calm = |event: &Event| match event {
        Event::Crashed { .. } | Event::Cancelled { .. } | Event::Skewed { .. } | Event::Forgot { .. } => false,
        // Background work does the same again and again.
        Event::Step { at, facts, .. } => !(facts.went_wrong() || facts.changes && at.delivery().is_none()),
        _ => true,
    };
    replay.fates.iter().all(once) && replay.events.iter().all(calm)
}
