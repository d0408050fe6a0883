//! Lulls: the moments in which no delivery is in progress, and what everything came to by then.
//!
//! What comes after a lull depends on what is durable, the memory of the processes, the clock, the broker, and how the
//! deliveries to come are numbered; the verdict on the whole also on what was handled in which order, and on what the
//! deliveries until then were supplied with, and on what was replied, where somebody compares that. All of that is hashed, so that the search can tell that two histories go on
//! alike whatever further fault comes. What it makes of it is in `search::skip`.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
    time::Duration,
};

use rustc_hash::FxHasher;

use super::{
    activity::Activity,
    disturbed::disturbed,
    replay::Run,
    spans::Span,
    task::State,
    trace::{Detail, Event, Lull, heard},
};
use crate::Error;

impl Run<'_> {
    /// Notes a lull, if this is one, and no fault is to come.
    pub(super) fn note_lull(&mut self) -> Result<(), Error> {
        let position = self.events.len();
        if self.detail != Detail::Lulls
            || self.acted.len() < self.plan.faults.len()
            || self.touched
            || self.tasks.iter().any(|task| task.state != State::Ended)
            || self.lulls.last().is_some_and(|lull| lull.position == position)
        {
            return Ok(());
        }
        if let Some(durable) = self.handlers.digest()? {
            self.lulls.push(Lull { position, key: self.come_to(durable) });
        }
        Ok(())
    }

    fn come_to(&self, durable: u64) -> u64 {
        let mut hasher = FxHasher::default();
        durable.hash(&mut hasher);
        self.desk.clock().now().hash(&mut hasher);
        self.queue.remember(&mut hasher);
        self.deferrals_hold(&mut hasher);
        (&self.numbers, &self.homes).hash(&mut hasher);
        for fate in &self.fates {
            (fate.first_delivered.is_some(), fate.dead_lettered, fate.acknowledged, &fate.supplied).hash(&mut hasher);
            for other in &self.fates {
                // `m0` came before `m1` if it was handled before that was first delivered: later is not yet.
                let before =
                    fate.handled.is_some_and(|handled| other.first_delivered.is_none_or(|first| handled <= first));
                (fate.handled.is_some(), before).hash(&mut hasher);
            }
        }
        self.rounds_stand(&mut hasher);
        // How clocks run shows only where they are looked at.
        (0..self.plan.processes).for_each(|process| self.ahead(process).hash(&mut hasher));
        // Some anomalies are only named, and some excuses only taken, where something was out of the ordinary.
        disturbed(&self.events).hash(&mut hasher);
        if self.plan.rules.compares_replies() {
            heard(&self.events).for_each(|heard| heard.hash(&mut hasher));
        }
        // What a handler need not know any more depends on when it last met it; what else a contract says, on how deliveries
        // ended.
        let recalls = self.handlers.recalls();
        if recalls.activity {
            Activity::of(&self.events, &self.fates).hash(&mut hasher);
        }
        if recalls.spans {
            Span::remember(&Span::all(&self.events), &mut hasher);
        }
        // Whatever comes then, an invariant was broken, and which one.
        self.broken.as_ref().map(|broken| &broken.label).hash(&mut hasher);
        self.deadlines().hash(&mut hasher);
        hasher.finish()
    }

    /// The deadlines that were set and are to come, even where what they were of is gone: the clock may be advanced to them.
    fn deadlines(&self) -> BTreeSet<Duration> {
        let now = self.desk.clock().now();
        let set = |event: &Event| match event {
            Event::Step { facts, .. } => facts.deadline.filter(|deadline| *deadline >= now),
            _ => None,
        };
        self.events.iter().filter_map(set).collect()
    }
}
