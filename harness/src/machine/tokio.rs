//! The tokio runtime that is entered while handlers run.
//!
//! One paused current-thread runtime for all replays of a thread. Handlers are polled by hand, outside of it; `block_on` only
//! lets what they spawned run ([`Runtime::settle`]) and jumps to the next of tokio's timers where nothing else can move
//! ([`Runtime::jump`]). Its clock is moved with ours. Who goes next is decided in `schedule`, and what a spawned task is to
//! the machine in `spawned`.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    time::Duration,
};

use tokio::{
    runtime::{self, EnterGuard, RuntimeMetrics},
    time::{Instant, advance, sleep},
};

/// How often spawned tasks get a turn of the runtime after each of our own: tokio runs everything that can run in the first,
/// and what yielded in it in the second.
const ROUNDS: u32 = 2;
/// And before the clock moves.
const ROUNDS_BEFORE_A_JUMP: u32 = 32;

/// A paused runtime of this thread.
pub(super) struct Runtime {
    inner: runtime::Runtime,
    metrics: RuntimeMetrics,
    shared: Arc<Shared>,
    /// What its clock showed when it was made. Its timers fire at whole milliseconds after that.
    made: Instant,
    /// What its clock showed at our time zero.
    zero: Cell<Instant>,
}

/// What the runtime's own hooks reach.
#[derive(Default)]
struct Shared {
    /// Whoever waits for the end of a jump, and when that began.
    jumper: Mutex<Option<(Instant, Waker)>>,
    /// A thread of its pool was started: `spawn_blocking`, files, names of hosts.
    blocking: AtomicBool,
}

impl Runtime {
    pub(super) fn new() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (at_rest, on_pool) = (Arc::clone(&shared), Arc::clone(&shared));
        let inner = runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .max_blocking_threads(1)
            .event_interval(1024)
            .on_thread_park(move || at_rest.comes_to_rest())
            // Asked for by whoever gives work to the pool, and so before anything else can happen: the thread itself may come
            // too late to say that it was started.
            .thread_name_fn(move || {
                on_pool.blocking.store(true, Ordering::Release);
                "redeliver-uncontrolled".to_owned()
            })
            .build()?;
        let made = {
            let _entered = inner.enter();
            Instant::now()
        };
        Ok(Self { metrics: inner.metrics(), inner, shared, made, zero: Cell::new(made) })
    }

    /// Drops whatever is left in it, and waits for nobody: a thread of its pool may never end.
    pub(super) fn shut_down(self) {
        self.inner.shutdown_background();
    }

    /// While the guard lives, this thread is in the runtime.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.inner.enter()
    }

    /// Our clock shows this now. Its own goes on from wherever it is, but for a part of a millisecond: where an earlier
    /// replay left it between two of its ticks, the timers of this one would fire elsewhere than in a new runtime.
    pub(super) fn set_zero(&self, now: Duration) {
        const TICK: u32 = 1_000_000;
        let phase = |time: Duration| time.subsec_nanos() % TICK;
        let ahead = phase(Instant::now().saturating_duration_since(self.made));
        Self::move_clock(Duration::from_nanos(u64::from((phase(now) + TICK - ahead) % TICK)));
        self.zero.set(Instant::now().checked_sub(now).unwrap_or_else(Instant::now));
    }

    /// Spawns a task that does nothing, for its number.
    pub(super) fn spawn_nothing(&self) -> tokio::task::Id {
        self.inner.spawn(async {}).id()
    }

    /// How many tasks there are that have not ended.
    pub(super) fn alive(&self) -> usize {
        self.metrics.num_alive_tasks()
    }

    /// Whether work was given to a thread of its pool, which no machine can control.
    pub(super) fn uses_threads(&self) -> bool {
        self.shared.blocking.load(Ordering::Acquire)
    }

    /// Moves its clock to this time of ours. Who waited for it can run from the next `settle` on.
    pub(super) fn set_clock(&self, now: Duration) {
        Self::move_clock(now.saturating_sub(self.now()));
    }

    fn move_clock(by: Duration) {
        if !by.is_zero() {
            // The clock moves in the first poll; what follows in it is a turn for others, whom `settle` gives theirs.
            let moved = pin!(advance(by));
            let _ = moved.poll(&mut std::task::Context::from_waker(Waker::noop()));
        }
    }

    /// The time that it shows, on our clock.
    pub(super) fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.zero.get())
    }

    /// Lets spawned tasks run as far as they come, its clock standing still.
    pub(super) fn settle(&self) {
        self.give_turns(ROUNDS);
    }

    /// The same, for those too that yield again and again.
    pub(super) fn settle_long(&self) {
        self.give_turns(ROUNDS_BEFORE_A_JUMP);
    }

    fn give_turns(&self, rounds: u32) {
        let mut left = rounds + 1;
        self.inner.block_on(poll_fn(|context| {
            left -= 1;
            if left == 0 {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }));
    }

    /// Moves its clock to its next timer, but no further than to this time of ours, and lets everybody run who waited for
    /// it.
    pub(super) fn jump(&self, limit: Duration) {
        let by = limit.saturating_sub(self.now());
        let from = Instant::now();
        self.inner.block_on(async {
            let mut ours = pin!(sleep(by));
            poll_fn(|context| {
                if ours.as_mut().poll(context).is_ready() || Instant::now() > from {
                    return Poll::Ready(());
                }
                *lock(&self.shared.jumper) = Some((from, context.waker().clone()));
                Poll::Pending
            })
            .await;
        });
        *lock(&self.shared.jumper) = None;
    }
}

impl Shared {
    /// Nothing can run. In a jump the clock moves then; where it has moved and nothing can run again, the jump is over.
    fn comes_to_rest(&self) {
        if let Some((_, jumper)) = lock(&self.jumper).take_if(|(from, _)| Instant::now() > *from) {
            jumper.wake();
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
