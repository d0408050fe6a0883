//! Replies: what clients heard is what a reference run answers, in the order of messages that is matched.
//!
//! Only where the delivery model says that somebody hears them. A client heard an answer if it arrived: not where it was lost
//! on its way, nor of a delivery that a crash took; and *retry* is none. Of a message that was handled every answer that was
//! heard must be that of the reference run, whichever delivery gave it: done, with the same reply. So a client that is told
//! of a rejection, while its request took effect, was answered otherwise too.
//!
//! Replies are compared as further parts of what is seen, so that an id of the harness's making is the same id in both.

use crate::{
    History, Observation,
    history::DeliveryName,
    machine::trace::{Answer, Replay, heard},
};

use super::reference::Run;

/// The answers that clients heard, of messages that were handled.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    answers: Vec<(DeliveryName, &'a Answer)>,
}

impl<'a> Heard<'a> {
    /// What was heard in this replay; nothing where nobody compares it.
    pub(super) fn of(history: &History, replay: &'a Replay) -> Self {
        if !history.model.rules().compares_replies() {
            return Self { answers: Vec::new() };
        }
        let was_handled = |of: &DeliveryName| replay.fates[of.message].handled.is_some();
        Self { answers: heard(&replay.events).filter(|(of, _)| was_handled(of)).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Whether this reference run answers the same, to the letter.
    pub(super) fn is_of(&self, run: &Run) -> bool {
        self.other_than(run).is_none()
    }

    /// The first message of which something was heard that this reference run does not answer.
    pub(super) fn other_than(&self, run: &Run) -> Option<usize> {
        let differs = |(of, answer): &&(DeliveryName, &Answer)| run.answer(of.message) != Some(*answer);
        self.answers.iter().find(differs).map(|(of, _)| of.message)
    }

    /// What is seen, and beside it what was heard.
    pub(super) fn beside(&self, seen: &Observation) -> Observation {
        let heard = self.answers.iter().map(|(of, answer)| (of, Some(*answer)));
        beside(seen, heard)
    }

    /// What a reference run leaves, and beside it what would have been heard in its stead.
    pub(super) fn in_place_by(&self, run: &Run) -> Observation {
        let answers = self.answers.iter().map(|(of, _)| (of, run.answer(of.message)));
        beside(&run.observation, answers)
    }
}

fn beside<'a>(
    seen: &Observation,
    answers: impl Iterator<Item = (&'a DeliveryName, Option<&'a Answer>)>,
) -> Observation {
    let mut all = seen.clone();
    for (of, answer) in answers {
        let said = match answer {
            Some(Answer::Done(None)) => "done".to_owned(),
            Some(Answer::Done(Some(reply))) => format!("done: {reply}"),
            Some(Answer::Reject(why)) => format!("rejected: {why}"),
            Some(Answer::Retry(_) | Answer::Panicked(_)) | None => "no answer".to_owned(),
        };
        all.say(&of.to_string(), said);
    }
    all
}
