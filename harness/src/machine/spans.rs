//! Each delivery from its beginning to its end, by the record: when, how long, beside which others of its message, and how it
//! ended.
//!
//! What a contract makes of it is the oracle's.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use super::trace::{Answer, Event};
use crate::history::{DeliveryName, TaskName};

/// One delivery, from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<'a> {
    pub(crate) delivery: DeliveryName,
    /// After so many events it began.
    pub(crate) begins: usize,
    /// After so many it ended, if it did.
    pub(crate) ends: Option<usize>,
    pub(crate) began: Duration,
    /// How long it took, or has taken until the end of the record.
    pub(crate) took: Duration,
    pub(crate) ending: Ending<'a>,
    /// An operation of it went wrong.
    pub(crate) disturbed: bool,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ending<'a> {
    Answered(&'a Answer),
    Crashed,
    Cancelled,
    /// It had not ended when the record did.
    Open,
}

impl<'a> Span<'a> {
    /// Those of all deliveries, in the order in which they began.
    pub(crate) fn all(events: &'a [Event]) -> Vec<Self> {
        let mut spans: Vec<Self> = Vec::new();
        let mut now = Duration::ZERO;
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::Clock { to } => now = *to,
                Event::Delivered { delivery, .. } => spans.push(Self {
                    delivery: *delivery,
                    begins: at,
                    ends: None,
                    began: now,
                    took: Duration::ZERO,
                    ending: Ending::Open,
                    disturbed: false,
                }),
                Event::Step { at: point, facts, .. } if facts.went_wrong() => {
                    let own = spans.iter_mut().find(|span| point.task == span.delivery.into());
                    own.into_iter().for_each(|span| span.disturbed = true);
                }
                Event::Returned { delivery, answer, .. } => {
                    end(&mut spans, (*delivery).into(), at, now, Ending::Answered(answer));
                }
                Event::Crashed { lost, .. } => {
                    lost.iter().for_each(|lost| end(&mut spans, *lost, at, now, Ending::Crashed));
                }
                Event::Cancelled { task, .. } => end(&mut spans, *task, at, now, Ending::Cancelled),
                _ => {}
            }
        }
        for span in spans.iter_mut().filter(|span| span.ends.is_none()) {
            span.took = now.saturating_sub(span.began);
        }
        spans
    }

    /// Whether the other one, of the same message, had begun when this one did, and not ended.
    pub(crate) fn begins_beside(&self, other: &Self) -> bool {
        self.delivery.message == other.delivery.message
            && other.begins < self.begins
            && other.ends.is_none_or(|ends| ends > self.begins)
    }

    /// Hashes what a verdict may depend on: not after which events, but when, and in which order.
    pub(crate) fn remember(spans: &[Self], mut hasher: &mut dyn Hasher) {
        for span in spans {
            (span.delivery, span.began, span.took, span.ending, span.disturbed).hash(&mut hasher);
            for other in spans.iter().filter(|other| other.delivery.message == span.delivery.message) {
                (other.begins < span.begins, other.ends < span.ends, span.begins_beside(other)).hash(&mut hasher);
            }
        }
    }
}

/// A delivery that had answered already, and dies before the broker hears of it, ended with its answer.
fn end<'a>(spans: &mut [Span<'a>], task: TaskName, at: usize, now: Duration, ending: Ending<'a>) {
    let open = spans.iter_mut().find(|span| task == span.delivery.into() && span.ends.is_none());
    if let Some(span) = open {
        span.ends = Some(at);
        span.took = now.saturating_sub(span.began);
        span.ending = ending;
    }
}
