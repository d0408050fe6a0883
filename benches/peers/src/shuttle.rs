//! shuttle, with its random scheduler. One execution: a store is made, three workers are spawned and waited for, and what
//! every message ended with is looked at.
//!
//! The scheduler chooses anew among all that can run before each of a worker's operations, where the worker yields, and
//! where workers are spawned and end. `Runner` gets all executions of a round at once, so that it uses its stacks again, as
//! it does in a test. Nothing is printed or kept, and shuttle's optional vector clocks are off, as by default.

use std::sync::Arc;

use ::shuttle::{Config, FailurePersistence, Runner, future, scheduler::RandomScheduler, thread};

use crate::cell::{Rows, Tally, WORKERS, work, work_in_thread};

/// Workers are async tasks.
pub fn futures() -> impl FnMut(u64, &Arc<Tally>) {
    explore(|rows| {
        future::block_on(async move {
            let spawn = |worker| future::spawn(work(Arc::clone(&rows), worker, async || future::yield_now().await));
            for worker in std::array::from_fn::<_, WORKERS, _>(spawn) {
                worker.await.expect("it does not panic");
            }
        });
    })
}

/// Workers are threads.
pub fn threads() -> impl FnMut(u64, &Arc<Tally>) {
    explore(|rows| {
        let spawn = |worker| {
            let rows = Arc::clone(&rows);
            thread::spawn(move || work_in_thread(&rows, worker, thread::yield_now))
        };
        for worker in std::array::from_fn::<_, WORKERS, _>(spawn) {
            worker.join().expect("it does not panic");
        }
    })
}

/// Rounds of executions, each of a seed of its own.
fn explore(execution: impl Fn(Arc<Rows>) + Copy + Send + Sync + 'static) -> impl FnMut(u64, &Arc<Tally>) {
    let mut seed = 0;
    move |executions, tally| {
        seed += 1;
        let iterations = usize::try_from(executions).expect("so many fit");
        let mut config = Config::new();
        config.failure_persistence = FailurePersistence::None;
        let tally = Arc::clone(tally);
        Runner::new(RandomScheduler::new_from_seed(seed, iterations), config).run(move || {
            let rows = Arc::<Rows>::default();
            execution(Arc::clone(&rows));
            rows.tell(&tally);
        });
    }
}
