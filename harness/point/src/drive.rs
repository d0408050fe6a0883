//! Running a future to its end on this thread, while nothing else runs.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

/// How long this thread sleeps at a time while the future is pending. Our own tests need not wait so long.
const NAP: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 100 });
/// How many of them it sleeps in vain before it gives up: about ten seconds.
const MOST_NAPS: u32 = 100;
/// How often it polls a future that wakes itself all the time.
const MOST_POLLS: u64 = 1_000_000;

struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Polls until the future is ready.
///
/// # Panics
/// Where it is pending for about ten seconds with nobody waking it, or forever wakes itself: it waits for something that
/// runs only on this thread.
pub(crate) fn to_its_end<F: Future + ?Sized>(label: &str, mut op: Pin<&mut F>) -> F::Output {
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    let mut naps = 0;
    for _ in 0..MOST_POLLS {
        if let Poll::Ready(output) = op.as_mut().poll(&mut context) {
            return output;
        }
        while !unpark.woken.swap(false, Ordering::Acquire) {
            assert!(naps < MOST_NAPS, "the step `{label}` has not ended within 10 s: {WHY}");
            thread::park_timeout(NAP);
            naps += 1;
        }
    }
    panic!("the step `{label}` has not ended after {MOST_POLLS} polls: {WHY}");
}

const WHY: &str = "nothing else runs during a step, so it must not wait for other deliveries, nor for a timer or a socket \
                   that this thread drives";

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn},
        panic::catch_unwind,
        pin::pin,
        sync::atomic::AtomicU32,
    };

    use super::*;

    #[test]
    fn a_future_that_another_thread_wakes_comes_to_its_end() {
        let polls = AtomicU32::new(0);
        thread::scope(|scope| {
            let op = poll_fn(|context| {
                if polls.fetch_add(1, Ordering::Relaxed) == 3 {
                    return Poll::Ready("done");
                }
                let waker = context.waker().clone();
                scope.spawn(move || waker.wake());
                Poll::Pending
            });
            assert_eq!(to_its_end("op", pin!(op)), "done");
        });
    }

    #[test]
    fn a_future_that_nobody_wakes_is_given_up() {
        let gave_up = catch_unwind(|| to_its_end("op", pin!(pending::<()>()))).expect_err("it never ends");
        let said = gave_up.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
        assert!(said.starts_with("the step `op` has not ended within 10 s"), "{said}");
    }

    #[test]
    fn a_future_that_wakes_itself_for_ever_is_given_up() {
        let op = poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(catch_unwind(|| to_its_end("op", pin!(op))).is_err());
    }
}
