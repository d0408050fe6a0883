//! What can be judged at all: a message without which the plain run leaves the same could be lost and nobody would know.
//!
//! Ask for it once a workload's plain run was judged: a message that is stuck there is a violation, and comes before any
//! complaint that nothing can be seen.

use super::{
    Oracle,
    order::Places,
    renaming::{Likeness, Tokens},
    separation::{with_a_namesake, with_an_equal},
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
        self.look_at_ids(subject, history_without_faults)?;
        let mut unseen = Vec::new();
        for message in 0..messages {
            // One that is to be refused is to leave nothing.
            let is_refused = self.conflicts.with(message).iter().any(|other| other < message);
            if !is_refused && self.leaves_nothing(subject, history_without_faults, message)? {
                unseen.push(message);
            }
        }
        Ok(Visibility { unseen, messages })
    }

    /// Whether the plain run leaves the same without this message.
    pub(super) fn leaves_nothing(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        message: usize,
    ) -> Result<bool, Error> {
        let all = self.plain(subject, history, None)?;
        let without = self.plain(subject, history, Some(message))?;
        Ok(without == all || Tokens::of(&[]).compare(&all, &without, &|all, without| all == without) == Likeness::Same)
    }

    /// What the contract asks of messages such as no workload has, if there is such a thing: then nothing was tried.
    ///
    /// # Errors
    /// A message that cannot be made.
    pub(crate) fn not_tried(
        &mut self,
        subject: &mut dyn Subject,
        plain: &[History],
    ) -> Result<Option<&'static str>, Error> {
        let (mut shared, mut equal) = (!self.contract.mismatch_refused, !self.contract.equal_payloads_add_up);
        let mut apart = !self.contract.ids_within_keys;
        for history in plain {
            self.look_at_ids(subject, history)?;
            shared |= !self.conflicts.is_empty();
            let all: Vec<usize> = (0..history.messages.len()).collect();
            equal = equal || !with_an_equal(subject, history, &all)?.is_empty();
            apart = apart || !with_a_namesake(subject, history, &all)?.is_empty();
        }
        Ok(match (shared, equal, apart) {
            (false, ..) => Some(
                "another payload under the same id is to be refused, and in no workload two messages share an id and \
                 differ: list some with `Messages::exactly`, or let workloads have two messages",
            ),
            (_, false, _) => Some(
                "equal payloads are to add up, and in no workload two messages have equal payloads and different ids: \
                 list some with `Messages::exactly`, or let workloads have two messages",
            ),
            (.., false) => Some(
                "ids are to be told apart by ordering key, and in no workload two messages share an id and differ in their \
                 key: list some with `Messages::exactly`, or let workloads have two messages",
            ),
            _ => None,
        })
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
