//! Panics of handlers, without a flood on standard error.
//!
//! A handler that panics fails its delivery, and the trace says with what. The default hook would print each of the
//! thousands of panics that a search provokes, so while a replay goes on this thread's panics are not printed. Other
//! threads keep the hook that was there.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic,
    sync::Once,
};

thread_local! {
    static QUIET: Cell<u32> = const { Cell::new(0) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    static UNCONTROLLED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

static HOOK: Once = Once::new();

/// What tokio says, in the beginning, where a handler asks for something that a paused runtime on one thread has not; and
/// what we say to that.
const UNCONTROLLED_PANICS: [(&str, &str); 3] = [
    (
        "A Tokio 1.x context was found, but IO is disabled",
        "the handler does real I/O (a socket, a pipe, a signal): put it behind `step`",
    ),
    (
        "`spawn_local` called from outside of a",
        "the handler calls `spawn_local`, which is not supported: use `tokio::spawn`, or `join!`",
    ),
    (
        "can call blocking only when running on the multi-threaded runtime",
        "the handler calls `block_in_place`, which needs threads: call what blocks directly, or put it behind `step`",
    ),
];

/// What a handler asked for since this was last called, that the machine cannot control.
pub(super) fn take_uncontrolled() -> Option<&'static str> {
    UNCONTROLLED.take()
}

/// While it lives, panics on this thread are not printed.
pub(crate) struct Quiet(());

/// Silences this thread's panics until the guard is dropped.
pub(crate) fn begin() -> Quiet {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.get() == 0 {
                before(info);
            } else {
                let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
                PLACE.set(place);
                let said = info.payload();
                let said = said.downcast_ref::<&str>().copied().or(said.downcast_ref::<String>().map(String::as_str));
                if let Some((_, why)) =
                    UNCONTROLLED_PANICS.iter().find(|(panic, _)| said.is_some_and(|said| said.starts_with(panic)))
                {
                    UNCONTROLLED.set(Some(why));
                }
            }
        }));
    });
    UNCONTROLLED.set(None);
    QUIET.set(QUIET.get() + 1);
    Quiet(())
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(QUIET.get() - 1);
    }
}

/// Does something whose panic is nobody's business: a drop guard of a process that dies.
pub(crate) fn swallow(f: impl FnOnce()) {
    let _ = panic::catch_unwind(panic::AssertUnwindSafe(f));
}

/// What a panic said, and where.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let said = payload
        .downcast_ref::<&str>()
        .map(|said| (*said).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "something that is no text".to_owned());
    match PLACE.take() {
        Some(place) => format!("{said}, at {place}"),
        None => said,
    }
}
