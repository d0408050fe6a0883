//! What can be judged at all: a message without which the plain run leaves the same could be lost and nobody would know.
//!
//! Ask for it once a workload's plain run was judged: a message that is stuck there is a violation, and comes before any
//! complaint that nothing can be seen.

use super::{
    Oracle,
    order::Places,
    renaming::{Likeness, Tokens},
};
use crate::{
    Error, History, Observation,
    machine::Turn,
    subject::{Reference, Subject},
};

/// Which messages of a workload leave something that can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visibility {
    /// Those without which the plain run leaves the same, in publish order: whether they are lost cannot be judged.
    pub(crate) unseen: Vec<usize>,
    /// So many messages there are.
    messages: usize,
}

impl Visibility {
    /// Why nothing can be said of this workload, if that is so.
    pub(crate) fn nothing_can_be_seen(&self) -> Option<&'static str> {
        (self.messages > 0 && self.unseen.len() == self.messages)
            .then_some("nothing can be seen: the plain run leaves the same without any of its messages")
    }
}

impl Oracle {
    /// Finds the messages of a workload that leave nothing that can be seen.
    ///
    /// # Errors
    /// What a store met in a run; that nothing is observed at all.
    pub(crate) fn visibility(
        &mut self,
        subject: &mut dyn Subject,
        history_without_faults: &History,
    ) -> Result<Visibility, Error> {
        let messages = history_without_faults.messages.len();
        if messages > Places::MOST {
            return Ok(Visibility { unseen: Vec::new(), messages });
        }
        let all = self.plain(subject, history_without_faults, None)?;
        if all.is_empty() {
            return Err(Error::Other(
                "nothing is observed: say what can be seen in the end, with `observe` or in `Store::observe`"
                    .to_owned(),
            ));
        }
        let tokens = Tokens::of(&[]);
        let mut unseen = Vec::new();
        for message in 0..messages {
            let without = self.plain(subject, history_without_faults, Some(message))?;
            if without == all || tokens.compare(&all, &without, &|all, without| all == without) == Likeness::Same {
                unseen.push(message);
            }
        }
        Ok(Visibility { unseen, messages })
    }

    /// What the plain run leaves, or the plain run without one of its messages.
    fn plain(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        without: Option<usize>,
    ) -> Result<Observation, Error> {
        let turns = (0..history.messages.len()).filter(|message| Some(*message) != without).map(Turn::plain);
        let reference = Reference { turns: turns.collect(), ..Reference::default() };
        Ok(self.references.run(subject, history, &reference)?.observation.clone())
    }
}
