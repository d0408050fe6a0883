//! The desk: where tickets are registered and granted, as the machine sees it.
//!
//! The machine and the handles that it gave out meet here, through a thread-local: handles and their futures are `Send` and
//! hold nothing of the machine. What an operation does at the desk is `ticket`; when a ticket is granted is the scheduler's.

mod crowd;
mod ticket;
mod touched;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use redeliver_point::host;

pub(super) use self::crowd::SettleTurn;
use self::crowd::{Asks, Crowd};
#[cfg(any(feature = "sqlite", debug_assertions))]
pub(crate) use self::ticket::give_up;
pub(crate) use self::ticket::{Registered, Terms, Ticket, lives, now, release_locks};
#[cfg(feature = "sqlite")]
pub(crate) use self::ticket::{acted_further, allowance};
pub(super) use self::ticket::{step_begins, step_ends};
#[cfg(feature = "sqlite")]
pub(crate) use self::touched::is_asked;
pub(crate) use self::touched::touches;
use super::{
    clock::Clock,
    footprint::Access,
    trace::{Detail, Facts, Injected, Words},
};
use crate::{history::TaskName, store::Process};

thread_local! {
    static DESK: Cell<Option<&'static Desk>> = const { Cell::new(None) };
}

/// The desks that were ever made: each numbers its tickets from a place of its own, so that a future that outlives its
/// replay, or is taken to another thread, holds nobody else's.
static DESKS: AtomicU64 = AtomicU64::new(0);

/// Where tickets are registered and granted: the part of the machine that operations see.
pub(crate) struct Desk {
    tickets: RefCell<Vec<Entry>>,
    next: Cell<u64>,
    /// The task that is being polled, and how many operations it has registered so far.
    polled: Cell<Option<(TaskId, u32)>>,
    /// On whose behalf it acts.
    polled_for: Cell<Option<TaskName>>,
    /// The tasks that handlers spawned.
    crowd: RefCell<Crowd>,
    /// What its own waker wakes. Nobody has to be woken with it in a poll of that very task.
    own_waker: Cell<*const ()>,
    granted: Cell<Option<(TicketId, Grant)>>,
    reports: RefCell<VecDeque<Report>>,
    detail: Cell<Detail>,
    clock: Arc<Clock>,
    /// The incarnation of each process that is alive.
    alive: RefCell<Vec<u32>>,
    /// A lock was released since the machine last looked.
    released: Cell<bool>,
    /// A `step` is being polled to its end: nothing else gets a turn.
    stepping: Cell<bool>,
    /// Why the replay cannot go on, if it cannot.
    trouble: RefCell<Option<String>>,
    /// So many further operations may act in the poll that goes on: the machine would choose this task again and again, and
    /// no fault stands at them. Whatever cannot do several at once need not.
    allowance: Cell<u32>,
    /// Somebody asked how many, since this desk was made.
    steps: Cell<bool>,
    /// Somebody wants to know what operations touch.
    watches: Cell<bool>,
    /// What they touched since that was last asked.
    touched: RefCell<Vec<Access>>,
    /// The operation that acts has said what it touches.
    told: Cell<bool>,
}

/// A task of the machine, by its place.
pub(crate) type TaskId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TicketId(u64);

/// One ticket that waits.
#[derive(Debug)]
struct Entry {
    id: TicketId,
    task: TaskId,
    /// Its number among the operations of its delivery, from 1, in order of registration.
    number: u32,
    waits: Waits,
    /// Synchronous code asks for it.
    stepped: bool,
    /// When its store gives up, if it has found a lock taken.
    patience_ends: Option<Duration>,
    /// Of those that found one taken, the smallest did so first.
    blocked_as: u64,
    /// Whom to wake when it is granted, if that is not the task itself: who polls it may poll nobody who was not woken.
    waker: Option<Waker>,
}

/// What a ticket waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Waits {
    /// Its turn.
    Turn,
    /// A lock.
    Lock,
    /// Its turn, in which it gives up waiting for a lock.
    Conflict,
    /// To be polled: it was granted a turn, and its handler polled something else.
    Poll,
}

/// A ticket that waits for nothing but its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) id: TicketId,
    /// Its number among the operations of its delivery.
    pub(crate) number: u32,
    /// It has waited for a lock as long as its store does.
    pub(crate) give_up: bool,
    /// Synchronous code asks for it.
    pub(crate) stepped: bool,
}

/// What an operation may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The fault that it is to suffer, if it can.
    pub(crate) fault: Option<Injected>,
    /// It has waited for a lock as long as its store does: it must not wait again, but return the store's own error.
    pub(crate) give_up: bool,
}

/// What becomes of an operation that asks for its turn.
enum Claim {
    /// It waits.
    Waits(TicketId),
    /// Its process has died: it waits for ever.
    Dead,
    /// Whoever polls it is none of the machine's tasks.
    Nobody,
}

/// What an operation of this number did with its turn.
#[derive(Debug)]
pub(crate) enum Report {
    /// It acted, when the clock had been asked so often.
    Acted(u32, Facts, Option<Box<Words>>, u32),
    /// It found a lock taken and waits with this ticket, for at most this long.
    Blocked(u32, TicketId, Duration, Option<Box<Words>>),
}

impl Desk {
    /// A desk for a thread. It is never freed, so that nothing has to be counted each time that an operation turns to it: a
    /// few hundred bytes for each thread that ever replayed something.
    pub(crate) fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            tickets: RefCell::default(),
            next: Cell::new(DESKS.fetch_add(1, Ordering::Relaxed) << 40),
            polled: Cell::new(None),
            polled_for: Cell::new(None),
            crowd: RefCell::default(),
            own_waker: Cell::new(std::ptr::null()),
            granted: Cell::new(None),
            reports: RefCell::default(),
            detail: Cell::new(Detail::Facts),
            clock: Arc::default(),
            alive: RefCell::default(),
            released: Cell::new(false),
            stepping: Cell::new(false),
            trouble: RefCell::new(None),
            allowance: Cell::new(0),
            steps: Cell::new(false),
            watches: Cell::new(false),
            touched: RefCell::default(),
            told: Cell::new(false),
        }))
    }

    /// Begins a replay: nobody waits, the clock stands at zero, every process is in its first life.
    pub(crate) fn begin(&self, processes: usize, detail: Detail) {
        self.tickets.borrow_mut().clear();
        self.polled.set(None);
        self.crowd.borrow_mut().clear();
        self.granted.set(None);
        self.reports.borrow_mut().clear();
        self.detail.set(detail);
        self.clock.set(Duration::ZERO);
        self.clock.take_read();
        self.released.set(false);
        self.stepping.set(false);
        self.trouble.replace(None);
        let mut alive = self.alive.borrow_mut();
        alive.clear();
        alive.resize(processes, 0);
    }

    /// Makes this desk the one that handles on this thread turn to, until the guard is dropped. `None` where there is one
    /// already.
    pub(crate) fn enter(&'static self) -> Option<Entered> {
        if DESK.get().is_some() {
            return None;
        }
        DESK.set(Some(self));
        Some(Entered { host_before: host::install(Some(&super::host::MACHINE)) })
    }

    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// A task is about to be polled, for this delivery and with this waker, that has registered so many operations.
    pub(crate) fn begin_poll(&self, task: TaskId, name: TaskName, operations: u32, waker: &Waker) {
        self.polled.set(Some((task, operations)));
        self.acts_for(name);
        self.own_waker.set(waker.data());
    }

    /// What acts from now on, acts for this delivery, or this round.
    pub(crate) fn acts_for(&self, name: TaskName) {
        self.polled_for.set(Some(name));
    }

    /// It was: how many operations it has registered now.
    pub(crate) fn end_poll(&self) -> u32 {
        self.own_waker.set(std::ptr::null());
        self.polled.take().map_or(0, |(_, operations)| operations)
    }

    /// Whatever tokio spawned up to this, and after the mark before, was spawned by this task.
    pub(crate) fn mark(&self, upto: tokio::task::Id, spawner: TaskId) {
        self.crowd.borrow_mut().mark(upto, spawner);
    }

    /// Tokio's tasks are about to be polled.
    pub(crate) fn begin_settling(&self, turn: SettleTurn) {
        self.crowd.borrow_mut().begin(turn);
    }

    /// They were.
    pub(crate) fn end_settling(&self) -> Option<SettleTurn> {
        self.crowd.borrow_mut().end()
    }

    /// This task died with its process: what it spawned never acts again.
    pub(crate) fn dies(&self, task: TaskId) {
        self.crowd.borrow_mut().dies(task);
    }

    /// Lets this ticket act in the next poll of its task, and wakes it.
    pub(crate) fn grant(&self, ticket: TicketId, grant: Grant) {
        self.granted.set(Some((ticket, grant)));
        let waker = self.with(ticket, |entry| entry.waker.take()).flatten();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes back the grant. Where nothing was done with it, its operation was not polled.
    pub(crate) fn take_back_grant(&self) {
        let granted = self.granted.take();
        if let Some((ticket, _)) = granted.filter(|_| self.reports.borrow().is_empty()) {
            self.with(ticket, |entry| entry.waits = Waits::Poll);
        }
    }

    /// What was done in the last poll, one after the other: by the operation that was granted a turn, and by those that
    /// acted after it in the same poll.
    pub(crate) fn next_report(&self) -> Option<Report> {
        self.reports.borrow_mut().pop_front()
    }

    /// Whether a task does several things at once.
    pub(crate) fn is_concurrent(&self, task: TaskId) -> bool {
        let tickets = self.tickets.borrow();
        // Mostly there is one, or none.
        tickets.len() > 1 && tickets.iter().filter(|entry| entry.task == task).count() > 1
    }

    /// Lets so many further operations act in the next poll.
    pub(crate) fn allow(&self, further: u32) {
        self.allowance.set(further);
    }

    /// Whether anybody ever asked for further operations: synchronous code was run.
    pub(crate) fn steps(&self) -> bool {
        self.steps.get()
    }

    /// The first ticket of this task that waits for nothing but its turn.
    pub(crate) fn first_ready(&self, task: TaskId) -> Option<Ready> {
        let tickets = self.tickets.borrow();
        let ready = |entry: &&Entry| entry.task == task && matches!(entry.waits, Waits::Turn | Waits::Conflict);
        let Entry { id, number, waits, stepped, .. } = tickets.iter().find(ready)?;
        Some(Ready { id: *id, number: *number, give_up: *waits == Waits::Conflict, stepped: *stepped })
    }

    /// Whether an operation found a lock taken and has not acted since.
    pub(crate) fn anybody_blocked(&self) -> bool {
        self.tickets.borrow().iter().any(|entry| entry.patience_ends.is_some())
    }

    /// When the first ticket that waits for a lock has waited long enough, and which that is. Of two that have at the same
    /// time it is the one that waited first, whoever asked first for its turn: that one may have stood meanwhile.
    pub(crate) fn first_deadline(&self) -> Option<(Duration, TicketId)> {
        let tickets = self.tickets.borrow();
        let waiting = tickets.iter().filter(|entry| entry.waits == Waits::Lock);
        let first = waiting.filter_map(|entry| Some((entry.patience_ends?, entry.blocked_as, entry.id))).min();
        first.map(|(until, _, ticket)| (until, ticket))
    }

    /// Lets a ticket wait for a lock. Whether it does so for the first time: one that is refused again keeps its deadline.
    pub(crate) fn block(&self, ticket: TicketId, until: Duration) -> bool {
        let number = self.next.get();
        self.next.set(number + 1);
        let first = self.with(ticket, |entry| {
            entry.waits = Waits::Lock;
            let first = entry.patience_ends.is_none();
            if first {
                (entry.patience_ends, entry.blocked_as) = (Some(until), number);
            }
            first
        });
        first.unwrap_or(false)
    }

    /// Why the replay cannot go on, if it cannot.
    #[inline]
    pub(crate) fn take_trouble(&self) -> Option<String> {
        if self.trouble.borrow().is_none() {
            return None;
        }
        self.trouble.take()
    }

    /// Whether a lock was released since this was last asked.
    pub(crate) fn take_released(&self) -> bool {
        self.released.take()
    }

    /// Lets every ticket that waits for a lock try again.
    pub(crate) fn unblock_all(&self, mut woken: impl FnMut(TaskId)) {
        for entry in self.tickets.borrow_mut().iter_mut().filter(|entry| entry.waits == Waits::Lock) {
            entry.waits = Waits::Turn;
            woken(entry.task);
        }
    }

    /// Lets this ticket give up waiting for a lock. Whose it is.
    pub(crate) fn give_up(&self, ticket: TicketId) -> Option<TaskId> {
        self.with(ticket, |entry| {
            entry.waits = Waits::Conflict;
            entry.task
        })
    }

    /// Hashes who waits, for what, and whether they are about to try again.
    pub(super) fn remember(&self, state: &mut impl Hasher) {
        self.released.get().hash(state);
        for entry in self.tickets.borrow().iter() {
            (entry.task, entry.number, entry.waits, entry.patience_ends).hash(state);
        }
    }

    /// Takes every ticket of a task away.
    pub(crate) fn forget(&self, task: TaskId) {
        // Their wakers may be anybody's: they are dropped when nothing of the desk is borrowed.
        let gone: Vec<Entry> = self.tickets.borrow_mut().extract_if(.., |entry| entry.task == task).collect();
        drop(gone);
    }

    /// From now on nothing that this process's handles do has an effect.
    pub(crate) fn kill(&self, process: usize) {
        self.alive.borrow_mut()[process] += 1;
    }

    /// The process of this index that is alive now.
    pub(crate) fn process(&self, index: usize) -> Process {
        Process::new(index, self.alive.borrow()[index])
    }

    fn is_alive(&self, process: &Process) -> bool {
        self.alive.borrow().get(process.index()) == Some(&process.incarnation())
    }

    fn register(&self, waker: Option<&Waker>) -> Claim {
        let (task, number) = match self.polled.get() {
            Some((task, operations)) => (task, operations + 1),
            None => match self.crowd.borrow_mut().asks() {
                Asks::Task(task, number) => (task, number),
                Asks::Dead => return Claim::Dead,
                Asks::Nobody => return Claim::Nobody,
            },
        };
        assert!(
            !self.stepping.get(),
            "an operation of a handle within `step`: it is a step of its own, so await it as it is"
        );
        if self.polled.get().is_some() {
            self.polled.set(Some((task, number)));
        }
        let id = TicketId(self.next.get());
        self.next.set(id.0 + 1);
        let stepped = waker.is_none();
        let waker = waker.filter(|waker| self.is_foreign(waker)).cloned();
        let waits = Waits::Turn;
        self.tickets.borrow_mut().push(Entry {
            id,
            task,
            number,
            waits,
            stepped,
            patience_ends: None,
            blocked_as: 0,
            waker,
        });
        Claim::Waits(id)
    }

    /// Whether this waker does not wake the task that is being polled itself.
    fn is_foreign(&self, waker: &Waker) -> bool {
        waker.data() != self.own_waker.get()
    }

    /// A ticket was polled with this waker, and it was not its turn.
    fn polled_in_vain(&self, ticket: TicketId, waker: &Waker) {
        let mut waker = self.is_foreign(waker).then(|| waker.clone());
        self.with(ticket, |entry| {
            if entry.waits == Waits::Poll {
                entry.waits = Waits::Turn;
            }
            std::mem::swap(&mut entry.waker, &mut waker);
        });
    }

    fn remove(&self, ticket: TicketId) -> Option<Entry> {
        let mut tickets = self.tickets.borrow_mut();
        let place = tickets.iter().position(|entry| entry.id == ticket)?;
        Some(tickets.remove(place))
    }

    fn with<T>(&self, ticket: TicketId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.tickets.borrow_mut().iter_mut().find(|entry| entry.id == ticket).map(change)
    }
}

/// While it lives, handles on this thread turn to one desk.
pub(crate) struct Entered {
    host_before: Option<&'static dyn host::Host>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        DESK.set(None);
        host::install(self.host_before);
    }
}

/// Does something with this thread's desk, if a replay is going on.
fn on_desk<T>(f: impl FnOnce(&Desk) -> T) -> Option<T> {
    DESK.get().map(f)
}
