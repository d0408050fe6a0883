//! A task: a delivery in progress, a round of background work, or what one of them spawned; and why it can or cannot run.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use super::{clock::Clock, desk::TaskId, trace::Answer};
use crate::{
    delivery::{CopyId, Term},
    history::{Coordinate, DeliveryName, TaskName},
    message::Supply,
    store::Process,
};

/// A handler at work.
pub(crate) type Work = Pin<Box<dyn Future<Output = Answer>>>;

/// What can be chosen to act next.
pub(super) struct Task {
    /// What its operations are called by.
    pub(super) name: TaskName,
    pub(super) kind: Kind,
    pub(super) process: Process,
    pub(super) work: Option<Work>,
    pub(super) given: Given,
    pub(super) state: State,
    /// Why it stands though it could run.
    pub(super) hold: Option<Hold>,
    /// Since which turn it has been able to run; the smallest waited longest.
    pub(super) waiting_since: u64,
    /// Operations registered so far, those of what it spawned among them.
    pub(super) operations: u32,
    /// That it was woken is counted in `waiting_since`.
    pub(super) woken_noted: bool,
}

/// What a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A handler at work on this copy, which was handed out in this term; `acked` once it has acknowledged it by itself.
    Delivery { copy: CopyId, term: Term, acked: bool },
    /// A round of background work, by its place among all of the history.
    Round(usize),
    /// What another task spawned: polled by tokio and known from its first operation on.
    Spawned { by: TaskId },
}

impl Task {
    /// One that can run from this turn on. What was spawned has no work of ours, and has begun by itself.
    pub(super) fn new(
        name: TaskName,
        kind: Kind,
        process: Process,
        work: Option<Work>,
        given: Given,
        waiting_since: u64,
    ) -> Self {
        let state = if work.is_some() { State::Fresh } else { State::Running };
        Self { name, kind, process, work, given, state, hold: None, waiting_since, operations: 0, woken_noted: false }
    }

    /// The delivery, if it is one itself.
    pub(super) fn delivery(&self) -> Option<(DeliveryName, CopyId)> {
        match (self.name, self.kind) {
            (TaskName::Delivery(name), Kind::Delivery { copy, .. }) => Some((name, copy)),
            _ => None,
        }
    }

    /// It is a delivery, or a round, that has not ended.
    pub(super) fn is_in_progress(&self) -> bool {
        self.state != State::Ended && !matches!(self.kind, Kind::Spawned { .. })
    }

    /// Of a delivery: since when its process may speak for it.
    pub(super) fn term(&self) -> Term {
        match self.kind {
            Kind::Delivery { term, .. } => term,
            Kind::Round(_) | Kind::Spawned { .. } => Term::default(),
        }
    }

    /// It is a delivery that has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.state != State::Ended && matches!(self.kind, Kind::Delivery { .. })
    }
}

/// What a delivery in progress is given that others may hold on to. Used for another one when nobody does.
pub(super) struct Given {
    pub(super) supply: Arc<Supply>,
    pub(super) woken: Arc<Woken>,
    /// Wakes `woken`.
    pub(super) waker: Waker,
}

impl Given {
    pub(super) fn new(clock: &Arc<Clock>, seed: u64, ahead: Duration) -> Self {
        let woken = Arc::new(Woken::default());
        Self {
            supply: Arc::new(Supply::new(Arc::clone(clock), seed, ahead)),
            waker: Waker::from(Arc::clone(&woken)),
            woken,
        }
    }

    /// The same for a delivery with this seed, if nobody else holds any of it.
    pub(super) fn again(mut self, seed: u64, ahead: Duration) -> Option<Self> {
        // The machine holds `woken` itself and by the waker.
        if Arc::strong_count(&self.woken) > 2 {
            return None;
        }
        self.woken.take();
        Arc::get_mut(&mut self.supply)?.begin(seed, ahead);
        Some(self)
    }
}

/// How far a delivery has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The handler has not been called.
    Fresh,
    /// The handler runs.
    Running,
    /// The handler has returned and the broker is about to hear of it.
    AtAck(Answer),
    /// Over.
    Ended,
}

/// Why a task stands though it could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) until: Until,
    /// In which turn it began: the smallest stands longest.
    pub(super) since: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Nothing else can run.
    NothingElse,
    /// This point has acted or its delivery has ended.
    Point(Coordinate),
    /// This task has ended, or stands still itself: it waits for a lock or for something in memory, or was paused.
    Task(TaskId),
}

/// Whether anything but the machine woke a task.
#[derive(Debug, Default)]
pub(super) struct Woken(AtomicBool);

impl Woken {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn take(&self) -> bool {
        // To look first is cheaper, and mostly nobody woke it.
        self.is_set() && self.0.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
