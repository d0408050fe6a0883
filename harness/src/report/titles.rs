//! What is wrong, in a line: the title of each anomaly, and what the two observations are of.
//!
//! How it came about is `why`'s.

use crate::{
    Anomaly,
    machine::trace::{End, Replay},
    oracle::{AsIf, Explanation},
};

use super::text::{message, messages};

/// What happened to which message: `m0 took effect twice`.
pub(super) fn title(explanation: &Explanation, replay: &Replay) -> String {
    let it = explanation.message.map_or_else(|| "a message".to_owned(), message);
    match explanation.anomaly {
        Anomaly::Overwrote => match overwritten(explanation) {
            Some((older, newer)) => format!("m{older} overwrote m{newer}"),
            None => format!("{it} overwrote a newer message"),
        },
        Anomaly::Twice => format!("{it} took effect twice"),
        Anomaly::Lost => format!("{it} was lost"),
        Anomaly::Partial => format!("{it} took effect in part"),
        Anomaly::Mismatch => format!("{it} was not refused, though its id had come with another payload"),
        Anomaly::Stuck => match &replay.end {
            End::Stuck(stuck) if stuck.len() > 1 => format!("{} are never handled", messages(stuck)),
            _ => format!("{it} is never handled"),
        },
        Anomaly::NotIsolated => {
            let all: Vec<usize> = (0..replay.fates.len()).collect();
            match all.len() {
                0 | 1 => format!("{it} goes wrong with no fault of delivery"),
                _ => format!("{} disturb each other with no fault of delivery", messages(&all)),
            }
        }
        Anomaly::Unexplained => "what is seen is not what any right run leaves".to_owned(),
    }
}

/// Which message overwrote which newer one: of the pairs that stand the other way round in the order that explains what is
/// seen, the one that comes last there.
pub(super) fn overwritten(explanation: &Explanation) -> Option<(usize, usize)> {
    let Some(AsIf::Order(seen)) = &explanation.as_if else { return None };
    let place = |order: &[usize], of: usize| order.iter().position(|message| *message == of);
    // Where nobody said which order is right, publish order is.
    let right = |of: usize| match &explanation.expected {
        Some((_, order)) => place(order, of),
        None => Some(of),
    };
    let mut pairs = Vec::new();
    for (at, older) in seen.iter().enumerate() {
        for newer in &seen[..at] {
            if right(*older)? < right(*newer)? {
                pairs.push((*older, *newer));
            }
        }
    }
    let named = |pair: &&(usize, usize)| Some(pair.0) == explanation.message;
    pairs.iter().rev().find(named).or(pairs.last()).copied()
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
pub(super) fn of_observed(explanation: &Explanation, published: usize) -> String {
    let all: Vec<String> = (0..published).map(message).collect();
    match (&explanation.as_if, explanation.anomaly, explanation.message) {
        (Some(AsIf::OneMoreLike(like)), ..) if published == 1 => {
            format!("as if m{like} and a second message like it had been delivered")
        }
        (Some(AsIf::OneMoreLike(like)), ..) => {
            format!("as if {} and a second message like m{like} had been delivered", all.join(", "))
        }
        (Some(AsIf::Without(gone)), ..) => format!("as if m{gone} had never been delivered"),
        (Some(AsIf::Order(order)), ..) => format!("as if the order had been {}", in_order(order)),
        (Some(AsIf::Several(wrongs)), ..) => {
            let each = wrongs.iter().map(|wrong| match wrong {
                AsIf::OneMoreLike(like) => format!("one more message like m{like} had been delivered"),
                AsIf::Without(gone) => format!("m{gone} had not"),
                AsIf::Order(order) => format!("the order had been {}", in_order(order)),
                AsIf::Several(_) => "more had gone wrong".to_owned(),
            });
            format!("as if {}", each.collect::<Vec<_>>().join(" and "))
        }
        (None, Anomaly::Partial, Some(half)) => {
            format!("neither as if m{half} had been handled nor as if it never came")
        }
        (None, Anomaly::NotIsolated | Anomaly::Unexplained, _) if published > 1 => {
            "as no order of them leaves it".to_owned()
        }
        (None, ..) => String::new(),
    }
}

fn in_order(order: &[usize]) -> String {
    order.iter().map(|place| message(*place)).collect::<Vec<_>>().join(", then ")
}
