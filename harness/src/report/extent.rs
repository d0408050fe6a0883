//! How far a search went, in words, for a counterexample and for a check that passes.

use crate::{Complete, Searched};

use super::text::{counted, thousands};

/// Up to the counterexample: `7 histories: every one with no fault, then with 1`. `None` where nobody searched.
pub(super) fn until_found(searched: &Searched, found_with: usize) -> Option<String> {
    if searched.alone {
        return Some(ALONE.to_owned());
    }
    if let Some(complete) = &searched.complete {
        let executions = counted(complete.executions, "execution", "executions");
        return Some(format!("{executions} of {}", complete.bounds));
    }
    if searched.random > 0 {
        return Some(as_a_whole(searched));
    }
    let total = searched.total();
    if total == 0 {
        let before = counted(searched.before, "counterexample", "counterexamples");
        return (searched.before > 0).then(|| format!("{before} of earlier runs, of which this one fails again"));
    }
    let histories = counted(total, "history", "histories");
    if found_with == 0 {
        return Some(format!("{histories} with no fault"));
    }
    let then = match further(searched) {
        Further::None => String::new(),
        Further::One(level) => format!(", then with {level}"),
        Further::Several => ", then some with more".to_owned(),
    };
    Some(format!("{histories}: every one {}{then}{}", up_to(searched.faults), kinds(searched)))
}

/// Where somebody gave the history.
pub(super) const ALONE: &str = "nothing: this one history was given";

/// As a whole: `every history with up to 2 faults (1,204), then 256 random ones with up to 8 (seed 0)`.
pub(super) fn as_a_whole(searched: &Searched) -> String {
    match at_random(searched) {
        Some(random) => format!("{}, then {random}", enumerated(searched)),
        None => enumerated(searched),
    }
}

/// What was drawn: `256 random ones with up to 8 (seed 0)`.
pub(super) fn at_random(searched: &Searched) -> Option<String> {
    let ones = if searched.random == 1 { "random one" } else { "random ones" };
    (searched.random > 0).then(|| {
        format!("{} {ones} with up to {} (seed {})", thousands(searched.random), searched.random_faults, searched.seed)
    })
}

/// What was not: `every history with up to 2 faults (1,204)`, with what came after.
pub(super) fn enumerated(searched: &Searched) -> String {
    if searched.alone {
        return ALONE.to_owned();
    }
    if let Some(complete) = &searched.complete {
        return completely(complete);
    }
    let complete: u64 = searched.histories.iter().take(searched.faults + 1).sum();
    let beyond: u64 = searched.histories.iter().skip(searched.faults + 1).sum();
    let whole = format!("every history {}{} ({})", up_to(searched.faults), kinds(searched), thousands(complete));
    match (further(searched), complete) {
        (Further::None, 0) => "no history".to_owned(),
        (Further::None, _) => whole,
        (Further::One(level), _) => format!("{whole}, then {} with {level}", thousands(beyond)),
        (Further::Several, _) => format!("{whole}, then {} with more", thousands(beyond)),
    }
}

/// `complete: 28 executions, every one of 2 messages × 2 copies × 2 processes × 1 crash (of about 210 schedules)`.
fn completely(complete: &Complete) -> String {
    let executions = counted(complete.executions, "execution", "executions");
    let mut text = match complete.every {
        true => format!("complete: {executions}, every one of {}", complete.bounds),
        false => format!("not complete: {executions} of {}", complete.bounds),
    };
    if complete.cut > 0 {
        text.push_str(&format!(", and {} cut short", thousands(complete.cut)));
    }
    match u64::try_from(complete.schedules) {
        Ok(schedules) => text.push_str(&format!(" (about {} schedules)", thousands(schedules))),
        Err(_) => text.push_str(" (more schedules than can be counted)"),
    }
    if complete.blind {
        text.push_str("; a store does not say what its operations touch, so that all of them count as conflicting");
    }
    text
}

/// The numbers of faults beyond those that were searched wholly.
enum Further {
    None,
    One(usize),
    Several,
}

fn further(searched: &Searched) -> Further {
    let counts = searched.histories.iter().enumerate().skip(searched.faults + 1);
    let levels: Vec<usize> = counts.filter(|(_, count)| **count > 0).map(|(level, _)| level).collect();
    match levels[..] {
        [] => Further::None,
        [level] => Further::One(level),
        _ => Further::Several,
    }
}

/// Where not every kind of fault was searched, which were.
fn kinds(searched: &Searched) -> String {
    match searched.only[..] {
        [] => String::new(),
        _ => format!(", of the kinds {}", searched.only.join(", ")),
    }
}

fn up_to(faults: usize) -> String {
    match faults {
        0 => "with no fault".to_owned(),
        1 => "with up to 1 fault".to_owned(),
        _ => format!("with up to {} faults", thousands(faults as u64)),
    }
}
