//! What a claim has to keep, whatever order its threads run in.

use std::sync::atomic::{AtomicU64, Ordering};

use loom::{model::Builder, sync::Arc, thread};

/// The id that threads claim from each other.
const ID: u64 = 7;

/// loom runs so many threads at most, the first of them among those that claim.
const MOST_THREADS: usize = 4;

/// How far it was searched: every interleaving there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// How many executions that took, over all that is asked.
    pub executions: u64,
}

/// Checks a claim in every interleaving of so many threads.
///
/// - Of concurrent claims of one id exactly one wins, and who lost and asks again has lost.
/// - Concurrent claims of different ids all win.
/// - A claim that is given up can be won again, and by one only, also by who asks just then.
///
/// `new` makes what is shared, over [loom's types](crate::over_loom!), once for each execution; `claim` says whether it won.
///
/// # Limits
/// Two threads take milliseconds, three a second or more, four are for very small claims. What a panic leaves behind is not
/// asked: loom's locks are never poisoned.
///
/// # Panics
/// If the claim does not keep one of these, with what happened; if `threads` is not 2, 3 or 4; what loom says of a deadlock, or
/// of an execution without an end.
///
/// ```
/// use redeliver_threads::{check_claim, loom::sync::Mutex};
///
/// struct Table(Mutex<Vec<u64>>);
///
/// impl Table {
///     fn new() -> Self {
///         Self(Mutex::new(Vec::new()))
///     }
///
///     fn claim(&self, id: u64) -> bool {
///         let mut ids = self.0.lock().unwrap();
///         let is_free = !ids.contains(&id);
///         if is_free {
///             ids.push(id);
///         }
///         is_free
///     }
///
///     fn give_up(&self, id: u64) {
///         self.0.lock().unwrap().retain(|other| *other != id);
///     }
/// }
///
/// let explored = check_claim(2, Table::new, Table::claim, Table::give_up);
/// assert!(explored.executions > 1);
/// ```
pub fn check_claim<T: 'static>(
    threads: usize,
    new: impl Fn() -> T + Copy + Send + Sync + 'static,
    claim: impl Fn(&T, u64) -> bool + Copy + Send + Sync + 'static,
    give_up: impl Fn(&T, u64) + Copy + Send + Sync + 'static,
) -> Explored {
    assert!(
        (2..=MOST_THREADS).contains(&threads),
        "a claim is checked with 2 to {MOST_THREADS} threads, not {threads}"
    );
    let one_id = explore(move || {
        let won =
            all_claim(threads, new, move |shared, _| usize::from(claim(shared, ID)) + usize::from(claim(shared, ID)));
        assert!(
            won.1 == 1,
            "{} of {threads} concurrent claims of one id won: exactly one must (the claim is not one atomic step)",
            won.1
        );
        give_up(&won.0, ID);
        assert!(claim(&won.0, ID), "a claim that was given up cannot be won again");
        assert!(!claim(&won.0, ID), "a claim that was won again can be won once more");
    });
    let different_ids = explore(move || {
        let (_, won) = all_claim(threads, new, move |shared, id| usize::from(claim(shared, id)));
        assert!(won == threads, "{won} of {threads} claims of different ids won: nobody stands in their way");
    });
    let given_up = explore(move || {
        let shared = Arc::new(new());
        assert!(claim(&shared, ID), "nobody had claimed it");
        let other = thread::spawn({
            let shared = Arc::clone(&shared);
            move || claim(&shared, ID)
        });
        give_up(&shared, ID);
        let won = other.join().unwrap_or_else(|_| panic!("a claim panicked"));
        let again = claim(&shared, ID);
        assert!(won || again, "a claim that was given up cannot be won again");
        assert!(!(won && again), "a claim that was given up was won twice");
    });
    Explored { executions: one_id + different_ids + given_up }
}

/// Lets so many threads claim, the first one too, each with an id of its own to use or not. How often one won, in all.
fn all_claim<T: 'static>(
    threads: usize,
    new: impl Fn() -> T,
    claim: impl Fn(&T, u64) -> usize + Copy + 'static,
) -> (Arc<T>, usize) {
    let shared = Arc::new(new());
    // The first thread claims as well: each that is spawned multiplies the executions.
    let others = (1..threads as u64).map(|id| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || claim(&shared, id))
    });
    let others: Vec<_> = others.collect();
    let own = claim(&shared, 0);
    let won =
        others.into_iter().map(|other| other.join().unwrap_or_else(|_| panic!("a claim panicked"))).sum::<usize>();
    (shared, own + won)
}

/// Runs this in every interleaving. How many there were.
fn explore(model: impl Fn() + Send + Sync + 'static) -> u64 {
    let executions = std::sync::Arc::new(AtomicU64::new(0));
    let counted = std::sync::Arc::clone(&executions);
    Builder::new().check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    executions.load(Ordering::Relaxed)
}
