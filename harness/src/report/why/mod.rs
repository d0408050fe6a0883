//! The line that says why: from the trace, what made the anomaly possible.
//!
//! Each anomaly is looked for in its own way; where nothing in the trace convinces, there is no line. What the steps read
//! and wrote is as their stores tell it, by table or key, so a sentence names what is plausible and the trace above it shows
//! the rest. The trace as the finders see it is `told`.

mod lost;
mod told;
mod twice;

use crate::{
    Anomaly, History,
    history::DeliveryName,
    machine::trace::{Answer, Event, Replay, heard},
    oracle::Explanation,
};

use super::{
    text::{because, counted, escape, shorten, thousands},
    titles,
};
use told::{Step, Told};

/// An answer is quoted no longer.
const ANSWER: usize = 60;

/// Why it came about, if the trace tells.
pub(super) fn why(history: &History, replay: &Replay, explanation: &Explanation) -> Option<String> {
    let told = Told::new(history, replay);
    match (explanation.anomaly, explanation.message) {
        (Anomaly::Twice, Some(message)) => twice::twice(&told, message),
        (Anomaly::Lost, Some(message)) => lost::lost(&told, message).or_else(|| lost_update(&told)),
        (Anomaly::Overwrote, _) => {
            titles::overwritten(explanation, replay).and_then(|(older, newer)| overwrote(&told, older, newer))
        }
        (Anomaly::Partial, Some(message)) => partial(&told, message),
        (Anomaly::Stuck, Some(message)) => stuck(&told, message),
        (Anomaly::Reply, Some(message)) => answers(&told, message),
        (Anomaly::NotIsolated | Anomaly::Unexplained, _) => lost_update(&told),
        _ => None,
    }
}

/// `m0#2.1 wrote account after m1#1.1 had, though m0 was handled before m1 was delivered`.
fn overwrote(told: &Told<'_>, older: usize, newer: usize) -> Option<String> {
    let late = told.effects(older).next_back()?;
    // Where no store tells what was written, one effect after another is all there is to say.
    let of_one_thing = |step: &&Step<'_>| {
        step.event < late.event && (step.writes == late.writes || step.writes.iter().any(|name| late.writes(name)))
    };
    let before = told.effects(newer).rfind(of_one_thing)?;
    let thing = late.writes.iter().find(|name| before.writes(name));
    let though = if titles::in_real_time(told.replay, older, newer) {
        format!("m{older} was handled before m{newer} was delivered")
    } else if older < newer {
        format!("m{older} was published before m{newer}")
    } else {
        return None;
    };
    let what = thing.map_or_else(|| "took effect".to_owned(), |thing| format!("wrote {}", told::thing(thing)));
    Some(format!("{} {what} after {} had, though {though}", late.at, before.at))
}

/// One part took effect, and then the delivery ended otherwise than done.
fn partial(told: &Told<'_>, message: usize) -> Option<String> {
    let part = told.effects(message).next_back()?;
    let end = told.cut_short(part.at.task)?;
    Some(format!("{} {}, and then {}", part.at, part.changed(), end.text))
}

/// Which answer a message got that is never handled, and how often.
fn stuck(told: &Told<'_>, message: usize) -> Option<String> {
    let answers: Vec<&Answer> = told.answers(message).collect();
    let times = |count: usize| counted(count as u64, "time", "times");
    let delivered = told.replay.fates.get(message).map_or(0, |fate| fate.supplied.len()).max(answers.len());
    let Some(last) = answers.last() else {
        return Some(match delivered {
            0 => format!("m{message} was never delivered"),
            _ => format!("m{message} was delivered {} and never answered", times(delivered)),
        });
    };
    let said = said(last);
    let same = answers.iter().rev().take_while(|answer| *answer == last).count();
    Some(match (delivered, same) {
        (1, _) => format!("m{message} was delivered once, and answered {said}"),
        (delivered, same) if delivered == same => {
            format!("m{message} was delivered {}, and each time answered {said}", times(delivered))
        }
        (_, 1) => format!("m{message} was delivered {}, and at last answered {said}", times(delivered)),
        _ => format!(
            "m{message} was delivered {}, and the last {} answered {said}",
            times(delivered),
            thousands(same as u64)
        ),
    })
}

/// `m0#1 answered "charge 1", and m0#2 answered "charge 2"`.
fn answers(told: &Told<'_>, message: usize) -> Option<String> {
    let heard: Vec<(DeliveryName, &Answer)> = heard(&told.replay.events).collect();
    let was_heard = |of: DeliveryName| heard.iter().any(|(delivery, _)| *delivery == of);
    let mut given = told.replay.events.iter().filter_map(|event| match event {
        Event::Returned { delivery, answer, .. } if delivery.message == message && answer.is_final() => {
            Some((*delivery, answer))
        }
        _ => None,
    });
    let (first, was) = given.next()?;
    let (other, is) = given.find(|(delivery, answer)| *answer != was && was_heard(*delivery))?;
    let lost = if was_heard(first) { "" } else { ", which nobody heard" };
    let told = |answer: &Answer| match answer {
        Answer::Done(Some(reply)) => shorten(&escape(reply), ANSWER),
        other => said(other),
    };
    Some(format!("{first} answered {}{lost}, and {other} answered {}", told(was), told(is)))
}

/// An answer, in few words.
fn said(answer: &Answer) -> String {
    match answer {
        Answer::Done(None) => "done".to_owned(),
        Answer::Done(Some(reply)) => because("done", &shorten(&escape(reply), ANSWER)),
        Answer::Retry(why) => because("retry", &shorten(&escape(why), ANSWER)),
        Answer::Reject(why) => because("rejected", &shorten(&escape(why), ANSWER)),
        Answer::Panicked(why) => because("panicked", &shorten(&escape(why), ANSWER)),
    }
}

/// `m0#1.1 read account before m1#1.2 wrote it, and m0#1.2 wrote it afterwards`.
fn lost_update(told: &Told<'_>) -> Option<String> {
    // The late write may well leave what was there: two that set one value.
    for late in told.steps.iter().filter(|step| step.facts.changes && step.took_effect()) {
        for thing in &late.writes {
            let read = told.of(late.at.task).rfind(|step| step.event < late.event && step.only_reads(thing));
            let Some(read) = read else { continue };
            let is_between =
                |step: &&Step<'_>| step.at.task != late.at.task && step.event > read.event && step.event < late.event;
            let between = told.steps.iter().filter(is_between).find(|step| step.is_effect() && step.writes(thing));
            if let Some(between) = between {
                let thing = told::thing(thing);
                return Some(format!(
                    "{} read {thing} before {} wrote it, and {} wrote it afterwards",
                    read.at, between.at, late.at
                ));
            }
        }
    }
    None
}
