//! What a search that found nothing is worth: whether all that was asked could be tried, and a loss be seen.

use super::{Options, inconclusive, plain, violated};
use crate::{
    Error, History, Searched, Verdict,
    machine::trace::{Detail, End},
    oracle::Oracle,
    report::Usual,
    subject::{Job, Subject},
};

/// The verdict where no history that was searched fails.
pub(super) fn of_a_pass(
    subject: &mut dyn Subject,
    oracle: &mut Oracle,
    options: &Options,
    mut searched: Searched,
) -> Result<Verdict, Error> {
    let workloads = subject.workloads(options.messages).into_iter();
    let plain: Vec<History> = workloads.map(|workload| plain(options, workload.messages)).collect();
    if let Some(reason) = oracle.not_tried(subject, &plain)? {
        return Ok(inconclusive(reason.to_owned(), searched, Usual::Nothing));
    }
    if let Some(verdict) = beyond_bounds(subject, oracle, options, &searched)? {
        return Ok(verdict);
    }
    if let Some(reason) = unseen(subject, oracle, options, &mut searched)? {
        return Ok(inconclusive(reason, searched, Usual::NothingSeen));
    }
    Ok(Verdict::Holds(searched).if_acted(&options.must_act))
}

/// The verdict where no execution of a complete search of these messages fails.
pub(super) fn of_a_complete_pass(
    subject: &mut dyn Subject,
    oracle: &mut Oracle,
    options: &Options,
    history: &History,
    mut searched: Searched,
) -> Result<Verdict, Error> {
    if let Some(reason) = oracle.not_tried(subject, std::slice::from_ref(history))? {
        return Ok(inconclusive(reason.to_owned(), searched, Usual::Nothing));
    }
    let visibility = oracle.visibility(subject, history)?;
    if let Some(why) = visibility.nothing_can_be_seen() {
        return Ok(inconclusive(why.to_owned(), searched, Usual::NothingSeen));
    }
    searched.unseen.extend(visibility.unseen.iter().map(|message| format!("m{message}")));
    Ok(Verdict::Holds(searched).if_acted(&options.must_act))
}

/// Whether what is kept to know messages again grows beyond what the contract allows; the verdict if it does, or if that
/// cannot be told.
fn beyond_bounds(
    subject: &mut dyn Subject,
    oracle: &mut Oracle,
    options: &Options,
    searched: &Searched,
) -> Result<Option<Verdict>, Error> {
    for history in oracle.histories_beyond_bounds(subject, options.model, options.processes)? {
        let replay = subject.run(Job::Replay(&history), Detail::Facts)?;
        if let End::Inconclusive(reason) = &replay.end {
            return Ok(Some(inconclusive(reason.clone(), searched.clone(), Usual::Waits)));
        }
        if oracle.exceeded(&replay).is_some() {
            return violated(subject, options, &history, searched, None).map(Some);
        }
        if let Some(reason) = oracle.says_nothing_of_bounds(&replay) {
            return Ok(Some(inconclusive(reason, searched.clone(), Usual::Nothing)));
        }
    }
    Ok(None)
}

/// Notes the messages whose loss could not have been seen. Why the whole check is worth nothing, if it is.
fn unseen(
    subject: &mut dyn Subject,
    oracle: &mut Oracle,
    options: &Options,
    searched: &mut Searched,
) -> Result<Option<String>, Error> {
    let mut nothing = None;
    let mut something = false;
    for workload in subject.workloads(options.messages) {
        let plain = plain(options, workload.messages);
        let visibility = oracle.visibility(subject, &plain)?;
        match visibility.nothing_can_be_seen() {
            // Of two equal messages each may be seen for both: that is no reason where one alone is seen.
            Some(why) => nothing = nothing.or_else(|| Some(format!("{why} ({})", workload.name))),
            None => something = true,
        }
        searched.unseen.extend(visibility.unseen.iter().map(|message| format!("m{message} of {}", workload.name)));
    }
    Ok(nothing.filter(|_| !something))
}
