//! For the benchmarks of this workspace only: one history replayed against a handler, as often as is asked for; and random
//! histories, drawn or drawn and replayed.
//!
//! What a check adds to that (judging, searching, reporting) is not measured here.

use std::fmt;

use crate::{
    Delivery, DeliveryModel, History, IntoOutcome, Message, Messages, Observation, Store,
    history::Fault,
    machine::trace::{Detail, Event},
    search::{Drawer, Options},
    subject::{Job, Subject},
    world::{Boot, World},
};

/// A history of two messages, `m0` with 100 and `m1` with 200, and a handler.
pub struct Replays {
    subject: Box<dyn Subject>,
    history: History,
}

impl Replays {
    /// Two messages delivered one after the other, but for these faults.
    pub fn new<S, F, O>(store: S, faults: Vec<Fault>, handler: F) -> Self
    where
        S: Store,
        F: AsyncFn(&S::Handle, &Delivery<i64>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        let messages = Messages::exactly([Message::new("m0", 100), Message::new("m1", 200)]);
        let subject = World::new(store, Boot::handles(), messages, handler);
        let messages = subject.workloads(2).swap_remove(0).messages;
        let history =
            History { model: DeliveryModel::at_least_once(), processes: History::DEFAULT_PROCESSES, messages, faults };
        Self { subject: Box::new(subject), history }
    }

    /// Replays it so many times. How many events there were, in all.
    ///
    /// # Panics
    /// Where a store meets an error.
    pub fn run(&mut self, times: usize) -> usize {
        let mut events = 0;
        for _ in 0..times {
            let replay = self.subject.run(Job::Replay(&self.history), Detail::Facts);
            events += replay.expect("nothing here can fail").events.len();
        }
        events
    }
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("history", &self.history).finish_non_exhaustive()
    }
}

/// Random histories, and a handler.
pub struct RandomHistories {
    subject: Box<dyn Subject>,
    drawer: Drawer,
}

impl RandomHistories {
    /// Those of one seed, of up to two messages.
    pub fn new<S, F, O>(store: S, handler: F) -> Self
    where
        S: Store,
        F: AsyncFn(&S::Handle, &Delivery<i64>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        Self::of((1..1000_i64).into(), History::DEFAULT_PROCESSES, store, handler)
    }

    /// Those of one seed, of these messages, or up to two of these where they are generated; with so many processes.
    pub fn of<S, F, O>(messages: Messages<i64>, processes: usize, store: S, handler: F) -> Self
    where
        S: Store,
        F: AsyncFn(&S::Handle, &Delivery<i64>) -> O + Send + Sync + 'static,
        O: IntoOutcome,
    {
        let subject: Box<dyn Subject> = Box::new(World::new(store, Boot::handles(), messages, handler));
        let options = Options {
            model: DeliveryModel::at_least_once(),
            processes,
            faults: 2,
            messages: 2,
            skips: true,
            only: &[],
            keys_matter: false,
            periods: Vec::new(),
            skews: Vec::new(),
        };
        let drawer = Drawer::new(&*subject, &options, 0, 0);
        Self { subject, drawer }
    }

    /// Draws so many. How many faults they have, in all.
    ///
    /// # Panics
    /// Where a store meets an error.
    pub fn draw(&mut self, times: usize) -> usize {
        self.each(times, |_, history| history.faults.len())
    }

    /// Draws so many and replays each. How many events there were, in all.
    ///
    /// # Panics
    /// Where a store meets an error.
    pub fn draw_and_replay(&mut self, times: usize) -> usize {
        self.each(times, |subject, history| {
            let replay = subject.run(Job::Replay(history), Detail::Facts);
            replay.expect("nothing here can fail").events.len()
        })
    }

    /// Draws so many, replays each, and shows what can be seen in its end. How many operations of handlers there were, in
    /// all.
    ///
    /// # Panics
    /// Where a store meets an error.
    pub fn draw_and_look(&mut self, times: usize, mut look: impl FnMut(&Observation)) -> usize {
        self.each(times, |subject, history| {
            let replay = subject.run(Job::Replay(history), Detail::Facts).expect("nothing here can fail");
            look(&replay.observation);
            replay.events.iter().filter(|event| matches!(event, Event::Step { .. })).count()
        })
    }

    fn each(&mut self, times: usize, mut count: impl FnMut(&mut dyn Subject, &History) -> usize) -> usize {
        let mut all = 0;
        for _ in 0..times {
            let drawn = self.drawer.next(&mut *self.subject).expect("nothing here can fail");
            if let Some(history) = drawn {
                all += count(&mut *self.subject, history);
            }
        }
        all
    }
}

impl fmt::Debug for RandomHistories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RandomHistories").finish_non_exhaustive()
    }
}
