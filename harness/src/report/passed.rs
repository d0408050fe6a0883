//! What a check says that found nothing: how far it searched, or why nothing can be said.
//!
//! A search that found something is reported by `screen`.

use crate::{Searched, history::Amount, verdict::Inconclusive};

use super::{
    extent,
    screen::unused,
    text::{counted, escape, labelled, list, thousands},
};

/// What usually lies behind a result that cannot be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usual {
    /// A handler waits for something that the harness does not run.
    Waits,
    /// Whatever the handler does, the same is seen.
    NothingSeen,
    /// A history was too large to be judged.
    TooLarge,
    /// A workload was too large to be searched completely.
    TooMany,
    /// The reason says it all.
    Nothing,
}

/// A check that holds, and what that is worth.
pub(crate) fn passed(test: &str, searched: &Searched) -> String {
    let what = match (searched.alone, &searched.complete) {
        (true, _) => "the history passes".to_owned(),
        (false, Some(complete)) => format!("holds in {}", counted(complete.executions, "execution", "executions")),
        (false, None) => format!("holds in {} searched", counted(searched.total(), "history", "histories")),
    };
    format!("{}: {what}\n\n{}", escape(test), worth(searched))
}

/// A check of which nothing can be said, and why.
pub(crate) fn inconclusive(test: &str, inconclusive: &Inconclusive) -> String {
    let mut text = format!("{}: inconclusive, which is not a pass\n\n", escape(test));
    text.push_str(&labelled("reason", &escape(&inconclusive.reason)));
    if let Some(causes) = inconclusive.usual.causes() {
        text.push_str(&labelled("usually", causes));
    }
    if inconclusive.searched.total() > 0 {
        text.push_str(&labelled("searched", &extent::as_a_whole(&inconclusive.searched)));
    }
    text
}

impl Usual {
    fn causes(self) -> Option<&'static str> {
        match self {
            Usual::Waits => Some(
                "real I/O outside `step`; `spawn_blocking`; a lock or a channel whose other end no delivery holds. Put \
                 clients of your own behind `step`",
            ),
            Usual::NothingSeen => Some(
                "`observe` reads too little, or the handler swallows an error in every delivery. Observe what the message \
                 is to bring about",
            ),
            Usual::TooLarge => Some("many messages without an order among them. Take fewer of them, or fewer faults"),
            Usual::TooMany => Some(
                "more steps in a handler than a complete search is for. Take fewer messages, copies or crashes, or allow more \
                 executions",
            ),
            Usual::Nothing => None,
        }
    }
}

fn worth(searched: &Searched) -> String {
    let mut whole = extent::enumerated(searched);
    if !searched.workloads.is_empty() {
        whole = format!("{whole}: {}", escape(&searched.workloads.join(", ")));
    }
    if let Some(random) = extent::at_random(searched) {
        whole = format!("{whole}; then {random}");
    }
    let mut text = labelled("searched", &whole);
    if searched.before > 0 {
        let before = counted(searched.before, "counterexample", "counterexamples");
        text.push_str(&labelled("before", &format!("{before} of earlier runs: none fails any more")));
    }
    for (fault, why) in &searched.unused {
        text.push_str(&unused(fault, why));
    }
    let times = |count: u64| if count == 1 { "once".to_owned() } else { counted(count, "time", "times") };
    let acted: Vec<String> = searched
        .acted
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| match searched.at_random(word) {
            0 => format!("{word} {}", times(*count)),
            random => format!("{word} {} ({} at random)", times(*count), thousands(random)),
        })
        .collect();
    if !acted.is_empty() {
        text.push_str(&labelled("acted", &acted.join(", ")));
    }
    if !searched.jumps.is_empty() {
        let jumps: Vec<String> = searched.jumps.iter().map(|by| Amount(*by).to_string()).collect();
        let mut jumps = format!("of the clock by {}", jumps.join(", "));
        if searched.deadlines {
            jumps.push_str("; and to each time at which something expired, and to 1 ms before and after it");
        }
        text.push_str(&labelled("jumps", &jumps));
    }
    let idle: Vec<&str> = searched.acted.iter().filter(|(_, count)| *count == 0).map(|(word, _)| *word).collect();
    if !idle.is_empty() {
        text.push_str(&labelled("never", &format!("{}: nothing gave it a place to act", idle.join(", "))));
    }
    if !searched.unseen.is_empty() {
        let unseen = escape(&list(&searched.unseen));
        text.push_str(&labelled("unseen", &format!("the loss of {unseen} would leave the same, and was not judged")));
    }
    text
}
