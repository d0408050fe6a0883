//! Why a message took effect twice: a check that was out of date, or a mark that was never made.

use crate::{
    history::TaskName,
    machine::trace::{Injected, Origin},
};

use super::told::{Step, Told, thing};

/// Why this message took effect twice, if the trace tells.
pub(super) fn twice(told: &Told<'_>, message: usize) -> Option<String> {
    let (first, again) = repeated(told, message)?;
    if first.at.task == again.at.task {
        return Some(in_one_delivery(first, again));
    }
    stale_check(told, first, again)
        .or_else(|| unmarked(told, first, again))
        .or_else(|| one_after_another(told, first, again))
}

/// The two effects of which one was too many: of two deliveries where there are such, and of one thing.
fn repeated<'t, 'a>(told: &'t Told<'a>, message: usize) -> Option<(&'t Step<'a>, &'t Step<'a>)> {
    let effects: Vec<&Step<'a>> = told.effects(message).collect();
    let of_one_thing =
        |one: &Step<'_>, two: &Step<'_>| one.writes == two.writes || one.writes.iter().any(|name| two.writes(name));
    let pair = |across: bool| {
        effects.iter().enumerate().find_map(|(at, again)| {
            let mut before = effects[..at].iter();
            let fits = |first: &&&Step<'a>| (first.at.task != again.at.task) == across && of_one_thing(first, again);
            before.find(fits).map(|first| (*first, *again))
        })
    };
    pair(true).or_else(|| pair(false))
}

fn in_one_delivery(first: &Step<'_>, again: &Step<'_>) -> String {
    let again_it = changed_again(first, again);
    if first.facts.suffered == Some(Injected::LoseReply) {
        return format!("{} took effect though its reply was lost, and {} {again_it}", first.at, again.at);
    }
    format!("{} {}, and {} {again_it}", first.at, first.changed(), again.at)
}

/// The second looked for a mark before the first had made it: `m0#1.1 read seen before m0#2.3 wrote it; between them m0
/// took effect`.
fn stale_check(told: &Told<'_>, first: &Step<'_>, again: &Step<'_>) -> Option<String> {
    let mut found = Vec::new();
    for read in told.of(again.at.task).filter(|step| step.event < again.event) {
        for name in read.reads {
            let Some((write, seen_from)) = told.wrote(first.at.task, name) else { continue };
            // What both changed is the effect itself, and reading that is no check, unless nothing else was read.
            let is_effect = again.writes(name) && first.writes(name);
            if read.event < seen_from {
                found.push((
                    is_effect,
                    !read.only_reads(name),
                    std::cmp::Reverse(read.event),
                    name,
                    read,
                    write,
                    seen_from,
                ));
            }
        }
    }
    let (.., name, read, write, seen_from) = found.into_iter().min_by_key(|found| (found.0, found.1, found.2))?;
    let told_then = if read.event < first.event && first.event < seen_from {
        match first.at.message() {
            Some(message) => format!("between them m{message} took effect"),
            None => format!("between them {} took effect", first.at.task),
        }
    } else {
        format!("both {} and {} took effect after that", first.at, again.at)
    };
    (first.event > read.event)
        .then(|| format!("{} read {} before {} wrote it; {told_then}", read.at, thing(name), write.at))
}

/// The first was cut short before it made the mark that the second looked for: `m0#1.2 changed account and p0 crashed
/// before m0#1.3 wrote seen`.
fn unmarked(told: &Told<'_>, first: &Step<'_>, again: &Step<'_>) -> Option<String> {
    let (one, two) = (first.at.task, again.at.task);
    let cut = told.cut_short(one).filter(|cut| cut.event > first.event && cut.event < again.event)?;
    let checked = told.of(two).filter(|step| step.event <= again.event).flat_map(|step| step.reads);
    let is_mark = |name: &&String| !first.writes(name) && told.wrote(one, name).is_none();
    let (name, mark) = checked.filter(is_mark).find_map(|name| Some((name, told.wrote(two, name)?.0)))?;
    // The same handler took the same way: what the second did at this place, the first was about to do.
    let would_have = one.message() == two.message() && cut.at.is_some_and(|at| at.place == mark.at.place);
    let name = thing(name);
    Some(match cut.at {
        Some(at) if would_have && !cut.is_crash => {
            format!("{} {} and {at} failed to write {name}", first.at, first.changed())
        }
        Some(at) if would_have => format!("{} {} and {} before {at} wrote {name}", first.at, first.changed(), cut.text),
        _ if cut.is_crash => format!("{} {} and {} before {one} wrote {name}", first.at, first.changed(), cut.text),
        _ => format!("{} {} and {}; {name} was not written", first.at, first.changed(), cut.text),
    })
}

/// Nothing kept the second from doing it once more.
fn one_after_another(told: &Told<'_>, first: &Step<'_>, again: &Step<'_>) -> Option<String> {
    let (one, two) = (first.at.task, again.at.task);
    let again_it = changed_again(first, again);
    let cut = told.cut_short(one).filter(|cut| cut.event >= first.event && cut.event < again.event);
    let origin = one.message().and_then(|message| {
        told.deliveries(message).find(|(delivery, _)| TaskName::Delivery(*delivery) == two).map(|(_, origin)| origin)
    });
    let between = match (cut, origin) {
        (Some(cut), None) => cut.text,
        (Some(cut), _) if cut.is_crash => {
            format!("{} before {one} was {}", cut.text, told.history.model.rules().terms().acked)
        }
        (Some(cut), _) if cut.at == Some(first.at) => "its reply was lost".to_owned(),
        (Some(cut), _) => cut.text,
        (None, None) => return Some(format!("{} {}, and {} {again_it}", first.at, first.changed(), again.at)),
        (None, Some(Origin::Copy)) => format!("a second copy came as {two}"),
        (None, Some(Origin::Overlap)) => format!("{two} came while {one} was being handled"),
        (None, Some(Origin::Redelivery)) => format!("m{} came again as {two}", one.message()?),
        (None, Some(Origin::First)) => format!("{two} was still being handled"),
    };
    Some(format!("{} {}, {between}, and {} {again_it}", first.at, first.changed(), again.at))
}

fn changed_again(first: &Step<'_>, again: &Step<'_>) -> String {
    match again.writes[..] {
        [] => "took effect again".to_owned(),
        [_] if first.writes == again.writes => "changed it again".to_owned(),
        _ if first.writes == again.writes => "changed them again".to_owned(),
        _ => format!("{} again", again.changed()),
    }
}
