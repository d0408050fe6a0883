//! Answers that a contract speaks of, whatever became of the messages: what a duplicate hears whose message is still being
//! handled, and whether a rejection is final.
//!
//! Read off the record alone. Whether a reply is that of a reference run is asked in `replies`.

use super::{Anomaly, AsIf, Explanation, Oracle};
use crate::{
    contract::InFlight,
    history::DeliveryName,
    machine::{
        Span, SpanEnding,
        trace::{Answer, Replay},
    },
};

/// What somebody should have heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Should {
    /// That it should come again, since this delivery was in progress.
    ComeAgain { beside: DeliveryName },
    /// An answer, once this delivery was through.
    Wait { beside: DeliveryName },
    /// The rejection that this one heard.
    BeRejectedAs { before: DeliveryName },
}

impl Oracle {
    /// The first delivery that was answered otherwise than the contract says, and what it should have heard.
    pub(super) fn answered_otherwise(&self, replay: &Replay) -> Option<(DeliveryName, Should)> {
        let in_flight = self.contract.in_flight;
        if in_flight == InFlight::Either && !self.contract.final_failures_kept {
            return None;
        }
        let spans = Span::all(&replay.events);
        spans.iter().find_map(|span| {
            let SpanEnding::Answered(answer) = span.ending else { return None };
            let beside = in_flight_beside(&spans, span, in_flight, answer);
            let rejected = || self.contract.final_failures_kept.then(|| rejected_before(&spans, span, answer))?;
            Some((span.delivery, beside.or_else(rejected)?))
        })
    }

    /// What is wrong where one was answered otherwise.
    pub(super) fn explain_answer(&self, replay: &Replay) -> Option<Explanation> {
        let (delivery, should) = self.answered_otherwise(replay)?;
        Some(Explanation {
            anomaly: Anomaly::Reply,
            message: Some(delivery.message),
            expected: None,
            observed: replay.observation.clone(),
            as_if: Some(AsIf::Answered(delivery, should)),
        })
    }
}

/// What this duplicate should have heard, because of another delivery of its message that was in progress.
fn in_flight_beside(spans: &[Span<'_>], span: &Span<'_>, in_flight: InFlight, answer: &Answer) -> Option<Should> {
    let mut others = spans.iter().filter(|other| span.begins_beside(other));
    match in_flight {
        InFlight::Either => None,
        // Once the other one is through there is an answer, if only to who asked before that.
        InFlight::ComesAgain if answer.is_final() => {
            let goes_on = |other: &&Span<'_>| other.ends.is_none_or(|ends| span.ends.is_some_and(|own| ends > own));
            others.find(goes_on).map(|other| Should::ComeAgain { beside: other.delivery })
        }
        InFlight::Waits if matches!(answer, Answer::Retry(_)) && !span.disturbed => {
            others.next().map(|other| Should::Wait { beside: other.delivery })
        }
        InFlight::ComesAgain | InFlight::Waits => None,
    }
}

/// The delivery whose rejection this one should have heard, since it began later.
fn rejected_before(spans: &[Span<'_>], span: &Span<'_>, answer: &Answer) -> Option<Should> {
    if span.disturbed && !answer.is_final() {
        return None;
    }
    let rejected = spans.iter().find(|earlier| {
        earlier.delivery.message == span.delivery.message
            && earlier.ends.is_some_and(|ends| ends < span.begins)
            && matches!(earlier.ending, SpanEnding::Answered(Answer::Reject(_)))
    })?;
    let same = rejected.ending == SpanEnding::Answered(answer);
    (!same).then_some(Should::BeRejectedAs { before: rejected.delivery })
}
