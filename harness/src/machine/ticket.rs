//! Tickets: how an operation asks the machine for its turn, and tells what it did with it.
//!
//! An operation registers a ticket when it is first polled and acts only in the poll in which the machine has granted
//! that ticket. The machine and the handles that it gave out meet through a thread-local: handles are `Send` and hold
//! nothing of the machine. When a ticket is granted is the scheduler's.

use std::{
    cell::{Cell, RefCell},
    hash::{Hash, Hasher},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::trace::{Detail, Facts, Injected, Words};
use crate::store::Process;

thread_local! {
    static DESK: RefCell<Option<Rc<Desk>>> = const { RefCell::new(None) };
}

/// Where tickets are registered and granted: the part of the machine that operations see.
pub(crate) struct Desk {
    tickets: RefCell<Vec<Entry>>,
    next: Cell<u64>,
    /// The task that is being polled.
    polled: Cell<Option<TaskId>>,
    granted: Cell<Option<(TicketId, Grant)>>,
    reports: RefCell<Vec<Report>>,
    detail: Cell<Detail>,
    clock: Arc<Clock>,
    /// The incarnation of each process that is alive.
    alive: RefCell<Vec<u32>>,
    /// A lock was released since the machine last looked.
    released: Cell<bool>,
    /// Why the replay cannot go on, if it cannot.
    trouble: RefCell<Option<String>>,
}

/// The virtual clock, and whether anybody looked at it since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    millis: AtomicU64,
    read: AtomicBool,
}

/// A task of the machine, by its place.
pub(crate) type TaskId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TicketId(u64);

/// One ticket that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: TicketId,
    pub(crate) task: TaskId,
    /// Its number among the operations of its delivery, from 1.
    pub(crate) number: u32,
    /// It waits for a lock.
    pub(crate) blocked: bool,
    /// When its store gives up, if it has found a lock taken.
    pub(crate) patience_ends: Option<Duration>,
}

/// What an operation may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The fault that it is to suffer, if it can.
    pub(crate) fault: Option<Injected>,
    /// It has waited for a lock as long as its store does: it must not wait again, but return the store's own error.
    pub(crate) give_up: bool,
    /// So many further operations may act in the same turn: the machine would choose this task again and again, and no fault
    /// stands at them. What cannot do several at once need not.
    pub(crate) further: u32,
}

/// What an operation did with its turn.
#[derive(Debug)]
pub(crate) enum Report {
    /// It acted.
    Acted(Facts, Option<Box<Words>>),
    /// This one found a lock taken and waits for at most this long.
    Blocked(TicketId, Duration, Option<Box<Words>>),
}

impl Clock {
    pub(crate) fn now(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    /// The time, for a handler: that it was read is remembered.
    pub(crate) fn read(&self) -> Duration {
        self.read.store(true, Ordering::Relaxed);
        self.now()
    }

    pub(crate) fn set(&self, now: Duration) {
        self.millis.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether a handler read it since this was last asked.
    pub(crate) fn take_read(&self) -> bool {
        self.read.load(Ordering::Relaxed) && self.read.swap(false, Ordering::Relaxed)
    }
}

impl Desk {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            tickets: RefCell::default(),
            next: Cell::new(0),
            polled: Cell::new(None),
            granted: Cell::new(None),
            reports: RefCell::default(),
            detail: Cell::new(Detail::Facts),
            clock: Arc::default(),
            alive: RefCell::default(),
            released: Cell::new(false),
            trouble: RefCell::new(None),
        })
    }

    /// Begins a replay: nobody waits, the clock stands at zero, every process is in its first life.
    pub(crate) fn begin(&self, processes: usize, detail: Detail) {
        self.tickets.borrow_mut().clear();
        self.next.set(0);
        self.polled.set(None);
        self.granted.set(None);
        self.reports.borrow_mut().clear();
        self.detail.set(detail);
        self.clock.set(Duration::ZERO);
        self.clock.take_read();
        self.released.set(false);
        self.trouble.replace(None);
        let mut alive = self.alive.borrow_mut();
        alive.clear();
        alive.resize(processes, 0);
    }

    /// Makes this desk the one that handles on this thread turn to, until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> Entered {
        Entered { before: DESK.replace(Some(Rc::clone(self))) }
    }

    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    pub(crate) fn set_polled(&self, task: Option<TaskId>) {
        self.polled.set(task);
    }

    /// Lets this ticket act in the next poll of its task.
    pub(crate) fn grant(&self, ticket: TicketId, grant: Grant) {
        self.granted.set(Some((ticket, grant)));
    }

    /// Takes back a grant that was not used, and what was done with it if it was: the operation that it was granted to, and
    /// those that acted after it in the same turn.
    pub(crate) fn take_reports(&self) -> Vec<Report> {
        self.granted.set(None);
        self.reports.take()
    }

    /// Whether this is the only ticket of its task.
    pub(crate) fn is_alone(&self, entry: &Entry) -> bool {
        self.tickets.borrow().iter().all(|other| other.task != entry.task || other.id == entry.id)
    }

    /// A ticket that waits.
    pub(crate) fn entry(&self, ticket: TicketId) -> Option<Entry> {
        self.tickets.borrow().iter().find(|entry| entry.id == ticket).copied()
    }

    /// The first ticket of this task that waits for nothing but its turn.
    pub(crate) fn first_ready(&self, task: TaskId) -> Option<Entry> {
        self.tickets.borrow().iter().find(|entry| entry.task == task && !entry.blocked).copied()
    }

    /// The ticket that has waited longest for a lock, and until when it does.
    pub(crate) fn first_deadline(&self) -> Option<(Entry, Duration)> {
        let tickets = self.tickets.borrow();
        let blocked = tickets.iter().filter_map(|entry| entry.blocked.then_some((*entry, entry.patience_ends?)));
        blocked.min_by_key(|(entry, until)| (*until, entry.id.0))
    }

    /// Lets a ticket wait for a lock. Whether it does so for the first time: one that is refused again keeps its deadline.
    pub(crate) fn block(&self, ticket: TicketId, until: Duration) -> bool {
        let mut tickets = self.tickets.borrow_mut();
        let Some(entry) = tickets.iter_mut().find(|entry| entry.id == ticket) else { return false };
        let first = entry.patience_ends.is_none();
        entry.patience_ends.get_or_insert(until);
        entry.blocked = true;
        first
    }

    /// Lets one ticket try for the last time.
    pub(crate) fn unblock(&self, ticket: TicketId) {
        if let Some(entry) = self.tickets.borrow_mut().iter_mut().find(|entry| entry.id == ticket) {
            entry.blocked = false;
        }
    }

    /// Why the replay cannot go on, if it cannot.
    pub(crate) fn take_trouble(&self) -> Option<String> {
        self.trouble.take()
    }

    /// Whether a lock was released since this was last asked.
    pub(crate) fn take_released(&self) -> bool {
        self.released.take()
    }

    /// Lets every ticket that waits for a lock try again.
    pub(crate) fn unblock_all(&self, mut woken: impl FnMut(TaskId)) {
        for entry in self.tickets.borrow_mut().iter_mut() {
            if std::mem::take(&mut entry.blocked) {
                woken(entry.task);
            }
        }
    }

    /// Hashes who waits for a turn and who for a lock.
    pub(super) fn remember(&self, state: &mut impl Hasher) {
        for entry in self.tickets.borrow().iter() {
            (entry.task, entry.number, entry.blocked, entry.patience_ends).hash(state);
        }
    }

    /// Takes every ticket of a task away.
    pub(crate) fn forget(&self, task: TaskId) {
        self.tickets.borrow_mut().retain(|entry| entry.task != task);
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

    /// `number` is counted by the task, so the machine gives it.
    fn register(&self) -> Option<TicketId> {
        let task = self.polled.get()?;
        let id = TicketId(self.next.get());
        self.next.set(id.0 + 1);
        self.tickets.borrow_mut().push(Entry { id, task, number: 0, blocked: false, patience_ends: None });
        Some(id)
    }

    /// Numbers the tickets of a task that were registered since the last call, in order of registration.
    pub(crate) fn number(&self, task: TaskId, counter: &mut u32) {
        for entry in self.tickets.borrow_mut().iter_mut().filter(|entry| entry.task == task && entry.number == 0) {
            *counter += 1;
            entry.number = *counter;
        }
    }
}

/// While it lives, handles on this thread turn to one desk.
pub(crate) struct Entered {
    before: Option<Rc<Desk>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        DESK.set(self.before.take());
    }
}

/// An operation's claim to a turn. Dropped, it is taken away again.
pub(crate) struct Ticket {
    desk: Rc<Desk>,
    id: TicketId,
}

impl Ticket {
    /// Registers an operation of the task that is being polled. `None` outside a replay.
    pub(crate) fn register() -> Option<Self> {
        let desk = DESK.with_borrow(Clone::clone)?;
        let id = desk.register()?;
        Some(Self { desk, id })
    }

    /// Whether this is its turn, and on what terms.
    pub(crate) fn granted(&self) -> Option<Grant> {
        let (id, grant) = self.desk.granted.get()?;
        (id == self.id).then_some(grant)
    }

    /// Whether the process that a handle was opened for still lives.
    pub(crate) fn is_alive(&self, process: &Process) -> bool {
        self.desk.is_alive(process)
    }

    /// Whether the words of this step are wanted.
    pub(crate) fn wants_words(&self) -> bool {
        self.desk.detail.get() >= Detail::Words
    }

    /// The virtual time.
    pub(crate) fn now(&self) -> Duration {
        self.desk.clock.now()
    }

    /// Tells that the operation acted; the ticket is used up.
    pub(crate) fn acted(self, facts: Facts, words: Option<Box<Words>>) {
        self.further(facts, words);
    }

    /// Tells that one more operation acted in this turn, as the grant allowed.
    pub(crate) fn further(&self, facts: Facts, words: Option<Box<Words>>) {
        self.desk.reports.borrow_mut().push(Report::Acted(facts, words));
    }

    /// Tells that the operation found a lock taken, and for how long its store waits for one.
    pub(crate) fn blocked(&self, patience: Duration, words: Option<Box<Words>>) {
        self.desk.reports.borrow_mut().push(Report::Blocked(self.id, patience, words));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.desk.tickets.borrow_mut().retain(|entry| entry.id != self.id);
    }
}

/// Tells the machine that a lock was released, so that whoever waits for one tries again. Does nothing outside a replay.
pub(crate) fn release_locks() {
    DESK.with_borrow(|desk| {
        if let Some(desk) = desk {
            desk.released.set(true);
        }
    });
}

/// Tells the machine that the replay cannot be judged, and why. Does nothing outside a replay.
pub(crate) fn give_up(why: &str) {
    DESK.with_borrow(|desk| {
        if let Some(desk) = desk {
            desk.trouble.borrow_mut().get_or_insert_with(|| why.to_owned());
        }
    });
}

/// Whether a replay is going on, on this thread, in which this process lives.
pub(crate) fn lives(process: &Process) -> bool {
    DESK.with_borrow(|desk| desk.as_ref().is_some_and(|desk| desk.is_alive(process)))
}
