//! Why a message was lost: a mark without its effect, or an error that was swallowed.

use crate::{history::DeliveryName, machine::trace::Injected};

use super::told::{Step, Told, thing};

/// Why this message left nothing, if the trace tells.
pub(super) fn lost(told: &Told<'_>, message: usize) -> Option<String> {
    // It did have an effect once: what became of that is another story.
    if told.effects(message).next().is_some() {
        return None;
    }
    orphaned_mark(told, message).or_else(|| swallowed(told, message))
}

/// `m0#1.1 wrote seen, p0 crashed before m0 took effect, and m0#2.1 found seen already written`.
fn orphaned_mark(told: &Told<'_>, message: usize) -> Option<String> {
    let deliveries: Vec<DeliveryName> = told.deliveries(message).map(|(delivery, _)| delivery).collect();
    for finder in deliveries.iter().filter(|delivery| told.done(**delivery).is_some()) {
        for owner in deliveries.iter().filter(|owner| *owner != finder) {
            let Some(cut) = told.cut_short(*owner) else { continue };
            for found in told.of(*finder) {
                let Some((mark, name)) = mark_before(told, *owner, found) else { continue };
                let name = thing(name);
                let wrote = format!("{} wrote {name}", mark.at);
                let found_it = format!("{} found {name} already written", found.at);
                if mark.facts.suffered == Some(Injected::LoseReply) {
                    return Some(format!("{wrote}, its reply was lost, and {found_it}"));
                }
                // Cut short before the mark, it would have lost that too.
                if cut.event <= mark.event {
                    continue;
                }
                let cut_short = format!("{} before m{message} took effect", cut.text);
                return Some(if cut.event < found.event {
                    format!("{wrote}, {cut_short}, and {found_it}")
                } else {
                    format!("{wrote}, {found_it}, and {cut_short}")
                });
            }
        }
    }
    None
}

/// What a delivery had written when another one's step came upon it.
fn mark_before<'t, 'a>(
    told: &'t Told<'a>,
    owner: DeliveryName,
    found: &'t Step<'a>,
) -> Option<(&'t Step<'a>, &'t str)> {
    let mut touched = found.reads.iter().map(String::as_str).chain(found.writes.iter().copied());
    touched.find_map(|name| {
        let (mark, seen_from) = told.wrote(owner, name)?;
        (seen_from < found.event).then_some((mark, name))
    })
}

/// `m0#1.2 failed, and m0#1 said done all the same`.
fn swallowed(told: &Told<'_>, message: usize) -> Option<String> {
    told.deliveries(message).find_map(|(delivery, _)| {
        let done = told.done(delivery)?;
        let failure = told.failure(delivery).filter(|failure| failure.event < done)?;
        // An operation whose reply was lost did act: that is no reason for a loss.
        let at = failure.at?;
        let reply_lost = |step: &Step<'_>| step.at == at && step.facts.suffered == Some(Injected::LoseReply);
        (!told.of(delivery).any(reply_lost)).then(|| format!("{}, and {delivery} said done all the same", failure.text))
    })
}
