//! What is wrong, in a line: the title of each anomaly, and what the two observations are of.
//!
//! How it came about is `why`'s.

use crate::{
    Anomaly,
    history::DeliveryName,
    machine::trace::{End, Event, Replay},
    oracle::{AsIf, Explanation, Should},
};

use super::text::{counted, fold, list, message, messages, shorten, span};

/// The label of an invariant is no longer.
const LABEL: usize = 60;

/// What happened to which message: `m0 took effect twice`.
pub(super) fn title(explanation: &Explanation, replay: &Replay) -> String {
    let it = explanation.message.map_or_else(|| "a message".to_owned(), message);
    match explanation.anomaly {
        Anomaly::Overwrote => match overwritten(explanation, replay) {
            Some((older, newer)) => format!("m{older} overwrote m{newer}"),
            None => format!("{it} overwrote a newer message"),
        },
        Anomaly::Twice => match times(explanation) {
            0..=2 => format!("{it} took effect twice"),
            times => format!("{it} took effect {times} times"),
        },
        Anomaly::Lost => format!("{it} was lost"),
        Anomaly::Partial => format!("{it} took effect in part"),
        Anomaly::Mismatch if was_handled(explanation, replay) => {
            format!("{it} was not refused, though its id had come with another payload")
        }
        Anomaly::Mismatch => format!("{it} left a trace, though it was refused: its id had come with another payload"),
        Anomaly::Stuck => match &replay.end {
            End::Stuck(stuck) if stuck.len() > 1 => format!("{} are never handled", messages(stuck)),
            _ if explanation
                .message
                .is_some_and(|it| replay.fates.get(it).is_some_and(|fate| fate.handled.is_some())) =>
            {
                format!("{it} is never answered")
            }
            _ => format!("{it} is never handled"),
        },
        Anomaly::Reply => match &explanation.as_if {
            Some(AsIf::Answered(delivery, should)) => answered(*delivery, *should),
            _ => format!("{it} was answered differently"),
        },
        Anomaly::NotIsolated => {
            let all: Vec<usize> = (0..replay.fates.len()).collect();
            match all[..] {
                [] => format!("{it} goes wrong with no fault of delivery"),
                [one] => format!("m{one} goes wrong with no fault of delivery"),
                _ => format!("{} disturb each other with no fault of delivery", messages(&all)),
            }
        }
        Anomaly::Merged => format!("{it} has no effect of its own: another message has an equal payload"),
        Anomaly::Unbounded => unbounded(explanation),
        Anomaly::Invariant => match &replay.broken {
            Some(broken) => format!("{} {} does not hold", after(replay, broken.position), quoted(&broken.label)),
            None => "an invariant does not hold".to_owned(),
        },
        Anomaly::Unexplained => "what is seen is not what any right run leaves".to_owned(),
    }
}

/// What somebody heard instead of what the contract says.
fn answered(delivery: DeliveryName, should: Should) -> String {
    match should {
        Should::ComeAgain { beside } => format!("{delivery} was answered, while {beside} was still being handled"),
        Should::Wait { beside } => format!("{delivery} was told to come again, while {beside} was being handled"),
        Should::BeRejectedAs { before } => {
            format!("{delivery} was answered otherwise than {before}, which was rejected")
        }
    }
}

/// How much is kept: `"seen" has 5 rows, more than the contract allows`.
fn unbounded(explanation: &Explanation) -> String {
    let Some((name, _)) = explanation.observed.parts().first() else { return "too much is kept".to_owned() };
    let rows = counted(explanation.observed.count(name).unwrap_or(0) as u64, "row", "rows");
    format!("{} has {rows}, more than the contract allows", quoted(name))
}

/// An invariant's label, in quotes.
pub(super) fn quoted(label: &str) -> String {
    format!("\"{}\"", shorten(&fold(label), LABEL))
}

/// What was the last of so many events: `after m0#1.2`.
fn after(replay: &Replay, events: usize) -> String {
    let last = events.checked_sub(1).and_then(|at| replay.events.get(at));
    match last {
        None => "before the first delivery".to_owned(),
        Some(Event::Step { at, .. } | Event::Blocked { at, .. }) => format!("after {at}"),
        Some(Event::Crashed { process, .. }) => format!("after p{} crashed", process.index()),
        Some(Event::Clock { to }) => format!("at {}", span(*to)),
        Some(event) => event.task().map_or_else(String::new, |task| format!("after {task}")),
    }
}

/// Which message overwrote which newer one: of the pairs that stand the other way round in the order that explains what is
/// seen, one that real time forbids if there is such, and the one that comes last there.
pub(super) fn overwritten(explanation: &Explanation, replay: &Replay) -> Option<(usize, usize)> {
    let Some(AsIf::Order(seen)) = &explanation.as_if else { return None };
    // Where nobody said which order is right, publish order is.
    let right = |of: usize| match &explanation.expected {
        Some((_, order)) => order.iter().position(|message| *message == of),
        None => Some(of),
    };
    let mut pairs = Vec::new();
    for (at, older) in seen.iter().enumerate() {
        for newer in &seen[..at] {
            if right(*older).zip(right(*newer)).is_some_and(|(older, newer)| older < newer) {
                pairs.push((*older, *newer));
            }
        }
    }
    let named = |pair: &(usize, usize)| Some(pair.0) == explanation.message;
    pairs.into_iter().max_by_key(|pair| (named(pair), in_real_time(replay, pair.0, pair.1)))
}

/// Whether one message was handled before the other was first delivered.
pub(super) fn in_real_time(replay: &Replay, one: usize, other: usize) -> bool {
    let handled = replay.fates.get(one).and_then(|fate| fate.handled);
    let delivered = replay.fates.get(other).and_then(|fate| fate.first_delivered);
    handled.zip(delivered).is_some_and(|(handled, delivered)| handled <= delivered)
}

/// Whether a delivery of the message was answered done.
fn was_handled(explanation: &Explanation, replay: &Replay) -> bool {
    let fate = explanation.message.and_then(|message| replay.fates.get(message));
    fate.is_some_and(|fate| fate.handled.is_some())
}

/// How often the message took effect.
fn times(explanation: &Explanation) -> usize {
    let more = |as_if: &AsIf| matches!(as_if, AsIf::OneMoreLike(like) if Some(*like) == explanation.message);
    match &explanation.as_if {
        Some(AsIf::Several(all)) => 1 + all.iter().filter(|as_if| more(as_if)).count(),
        _ => 2,
    }
}

/// What the expected observation is of: `m0 delivered once`.
pub(super) fn of_expected(order: &[usize], published: usize) -> String {
    let absent: Vec<usize> = (0..published).filter(|message| !order.contains(message)).collect();
    let handled = match order {
        [] => "nothing delivered".to_owned(),
        [one] => format!("m{one} delivered once"),
        _ => format!("{}, each delivered once", in_order(order)),
    };
    if absent.is_empty() || order.is_empty() { handled } else { format!("{handled}, {} not at all", messages(&absent)) }
}

/// What the observed one is like: `as if m0 had never been delivered`.
pub(super) fn of_observed(explanation: &Explanation, replay: &Replay, published: usize) -> String {
    let all: Vec<String> = (0..published).map(message).collect();
    match (&explanation.as_if, explanation.anomaly, explanation.message) {
        (Some(AsIf::OneMoreLike(like)), ..) if published == 1 => {
            format!("as if m{like} and a second message like it had been delivered")
        }
        (Some(AsIf::OneMoreLike(like)), ..) => {
            format!("as if {} and a second message like m{like} had been delivered", all.join(", "))
        }
        (Some(AsIf::Several(all)), ..) => several(all),
        (Some(AsIf::Without(gone)), ..) => format!("as if m{gone} had never been delivered"),
        (Some(AsIf::Order(order)), ..) => format!("as if the order had been {}", in_order(order)),
        (Some(AsIf::Answered(..)), ..) => String::new(),
        (None, Anomaly::Partial, Some(half)) => {
            format!("neither as if m{half} had been handled nor as if it never came")
        }
        (None, Anomaly::NotIsolated | Anomaly::Unexplained, _) if published > 1 => {
            "as no order of them leaves it".to_owned()
        }
        (None, Anomaly::Invariant, _) => {
            replay.broken.as_ref().map_or_else(String::new, |broken| after(replay, broken.position))
        }
        (None, ..) => String::new(),
    }
}

/// `as if a second message like m0 and 2 more like m1 had been delivered, and m2 had not`.
fn several(all: &[AsIf]) -> String {
    let mut more: Vec<(usize, usize)> = Vec::new();
    let mut gone = Vec::new();
    let mut orders = Vec::new();
    for as_if in all {
        match as_if {
            AsIf::OneMoreLike(like) => match more.iter_mut().find(|(of, _)| of == like) {
                Some((_, times)) => *times += 1,
                None => more.push((*like, 1)),
            },
            AsIf::Without(message) => gone.push(*message),
            AsIf::Order(order) => orders.push(format!("the order had been {}", in_order(order))),
            AsIf::Several(_) | AsIf::Answered(..) => {}
        }
    }
    let like = |(of, times): &(usize, usize)| match times {
        1 => format!("a second message like m{of}"),
        _ => format!("{times} more like m{of}"),
    };
    let more: Vec<String> = more.iter().map(like).collect();
    let mut told = orders;
    if !more.is_empty() {
        told.push(format!("{} had been delivered too", list(&more)));
    }
    if !gone.is_empty() {
        told.push(format!("{} had never been delivered", messages(&gone)));
    }
    if told.is_empty() { String::new() } else { format!("as if {}", list(&told)) }
}

fn in_order(order: &[usize]) -> String {
    order.iter().map(|place| message(*place)).collect::<Vec<_>>().join(", then ")
}
