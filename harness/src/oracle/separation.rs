//! Separation: messages with equal payloads and ids of their own both take effect, and so do messages that share an id and have
//! ordering keys of their own. Each is asked only where the contract says so.
//!
//! Judged on the plain run: whoever takes the second for a duplicate of the first does so there, and in every reference run.

use super::{Anomaly, AsIf, Explanation, Oracle, order::Places};
use std::collections::BTreeSet;

use crate::{Error, History, machine::trace::Replay, subject::Subject};

impl Oracle {
    /// The first message of the plain run without which that leaves the same, though it was handled and another one with an
    /// equal payload and another id was too.
    ///
    /// # Errors
    /// What a store met in a reference run, or a message that cannot be made.
    pub(super) fn merged(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Option<Explanation>, Error> {
        let asked = self.contract.equal_payloads_add_up || self.contract.ids_within_keys;
        if !asked || !history.faults.is_empty() || history.messages.len() > Places::MOST {
            return Ok(None);
        }
        let handled = |message: &usize| replay.fates[*message].handled.is_some();
        let handled: Vec<usize> = (0..replay.fates.len()).filter(handled).collect();
        let mut apart = BTreeSet::new();
        if self.contract.equal_payloads_add_up {
            apart.extend(with_an_equal(subject, history, &handled)?);
        }
        if self.contract.ids_within_keys {
            apart.extend(with_a_namesake(subject, history, &handled)?);
        }
        // The later of two is the one that a person takes to be lost.
        for message in apart.into_iter().rev() {
            if self.leaves_nothing(subject, history, message)? {
                return Ok(Some(Explanation {
                    anomaly: Anomaly::Merged,
                    message: Some(message),
                    expected: None,
                    observed: replay.observation.clone(),
                    as_if: Some(AsIf::Without(message)),
                }));
            }
        }
        Ok(None)
    }
}

/// Those of these messages that have an equal payload, and another id, in one of the others.
pub(super) fn with_an_equal(
    subject: &mut dyn Subject,
    history: &History,
    among: &[usize],
) -> Result<Vec<usize>, Error> {
    let mut named = Vec::with_capacity(among.len());
    for message in among {
        let published = &history.messages[*message];
        named.push((subject.id(published, *message)?, subject.payload(published, *message)?));
    }
    let is_equal = |one: &(String, String)| named.iter().any(|other| one.1 == other.1 && one.0 != other.0);
    Ok(among.iter().zip(&named).filter(|(_, named)| is_equal(named)).map(|(message, _)| *message).collect())
}

/// Those of these messages whose id another one has under another ordering key.
pub(super) fn with_a_namesake(
    subject: &mut dyn Subject,
    history: &History,
    among: &[usize],
) -> Result<Vec<usize>, Error> {
    let mut named = Vec::with_capacity(among.len());
    for message in among {
        let published = &history.messages[*message];
        named.push((subject.id(published, *message)?, subject.ordering_key(published, *message)?));
    }
    let is_namesake = |one: &(String, Option<String>)| named.iter().any(|other| one.0 == other.0 && one.1 != other.1);
    Ok(among.iter().zip(&named).filter(|(_, named)| is_namesake(named)).map(|(message, _)| *message).collect())
}
