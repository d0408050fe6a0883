//! madsim, in simulation. One execution: a store is made, three workers are spawned and waited for, and what every message
//! ended with is looked at.
//!
//! The executor takes a random one of the tasks that are ready after each time that one yields, which a worker does before
//! each of its operations; the virtual clock moves a little each time. By its own test macro madsim makes a runtime for each
//! seed, and a thread too. Here the thread is left out. The runtime is made for each execution, so that a seed brings an
//! execution back; or, beside that, once for all executions of a round, which madsim does not offer and which brings none
//! back by itself, to show what it costs at the least.

use std::sync::Arc;

use ::madsim::{
    Config,
    runtime::Runtime,
    task::{spawn, yield_now},
};

use crate::cell::{Rows, Tally, WORKERS, work};

/// A runtime for each execution, each of a seed of its own.
pub fn seeded() -> impl FnMut(u64, &Arc<Tally>) {
    let mut seed = 0;
    move |executions, tally| {
        for _ in 0..executions {
            seed += 1;
            execute(&Runtime::with_seed_and_config(seed, Config::default()), tally);
        }
    }
}

/// One runtime for all executions of a round.
pub fn kept() -> impl FnMut(u64, &Arc<Tally>) {
    let mut seed = 0;
    move |executions, tally| {
        seed += 1;
        let runtime = Runtime::with_seed_and_config(seed, Config::default());
        for _ in 0..executions {
            execute(&runtime, tally);
        }
    }
}

fn execute(runtime: &Runtime, tally: &Tally) {
    let rows = Arc::<Rows>::default();
    runtime.block_on(async {
        for worker in std::array::from_fn::<_, WORKERS, _>(|worker| spawn(work(Arc::clone(&rows), worker, yield_now))) {
            worker.await.expect("it does not panic");
        }
    });
    rows.tell(tally);
}
