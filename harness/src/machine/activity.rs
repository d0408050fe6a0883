//! When something was last done for a message, by the record: until then at least it may be known again.

use std::time::Duration;

use super::trace::{Event, Fate};

/// When something was done for a message: what it may still be known by depends on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Activity {
    /// When a delivery of it last began, took a step or returned.
    pub(crate) last: Option<Duration>,
    /// When the delivery began that was the first to return done.
    pub(crate) handled_since: Option<Duration>,
}

impl Activity {
    /// Of each message, by these events.
    pub(crate) fn of(events: &[Event], fates: &[Fate]) -> Vec<Self> {
        let mut now = Duration::ZERO;
        let mut all = vec![Self::default(); fates.len()];
        for event in events {
            match event {
                Event::Clock { to } => now = *to,
                Event::Delivered { delivery, .. } => all[delivery.message].last = Some(now),
                Event::Step { at, .. } => {
                    if let Some(delivery) = at.delivery() {
                        all[delivery.message].last = Some(now);
                    }
                }
                Event::Returned { delivery, answer, .. } => {
                    let activity = &mut all[delivery.message];
                    activity.last = Some(now);
                    if answer.is_done() && activity.handled_since.is_none() {
                        let supplied = fates[delivery.message].supplied.get(delivery.number as usize - 1);
                        activity.handled_since = supplied.map(|supplied| supplied.began);
                    }
                }
                _ => {}
            }
        }
        all
    }
}
