//! What is under test, with its types forgotten: what the oracle, the search and the shrinker see of it.
//!
//! The typed side (a store, a process, a handler, a payload) is `world`.

use std::time::Duration;

use crate::{
    Error, History,
    history::Published,
    machine::{
        Turn,
        chooser::Chooser,
        trace::{Detail, Replay},
    },
};

/// A handler with its stores and its messages, that histories can be replayed against.
pub(crate) trait Subject {
    /// Does a job on this thread.
    ///
    /// # Errors
    /// What a store met, or a message that cannot be made.
    fn run(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error>;

    /// Does a job in a fresh thread, where thread-locals and hash seeds are new.
    ///
    /// # Errors
    /// As for [`run`](Subject::run).
    fn run_elsewhere(&mut self, job: Job<'_>, detail: Detail) -> Result<Replay, Error>;

    /// A message's payload as its `Debug` prints it.
    ///
    /// # Errors
    /// A message that cannot be made.
    fn payload(&mut self, published: &Published, place: usize) -> Result<String, Error>;

    /// What its producer calls a message.
    ///
    /// # Errors
    /// A message that cannot be made.
    fn id(&mut self, published: &Published, place: usize) -> Result<String, Error> {
        Ok(published.id.clone().unwrap_or_else(|| format!("m{place}")))
    }

    /// A message's ordering key, if it has one.
    ///
    /// # Errors
    /// A message that cannot be made.
    fn ordering_key(&mut self, published: &Published, _place: usize) -> Result<Option<String>, Error> {
        Ok(published.ordering_key.clone())
    }

    /// Whether the handler ever looked at the ordering key of a message. Where this cannot be told it did.
    fn asks_for_keys(&self) -> bool {
        true
    }

    /// Whether anything goes on beside deliveries: background work, or what handlers spawn.
    fn has_background(&self) -> bool {
        false
    }

    /// Whether processes have a memory of their own, beside the handles of what is durable.
    fn remembers(&self) -> bool {
        false
    }

    /// Whether every store tells what its operations touch. If not, anything may touch anything.
    fn tells_footprints(&self) -> bool {
        false
    }

    /// The messages that are searched, smallest workload first, with at most so many messages each.
    fn workloads(&self, at_most: usize) -> Vec<Workload>;

    /// The messages of one random workload: so many, or as many as there are. Where nothing can be drawn, the largest of the
    /// family.
    fn drawn(&self, count: usize, _draw: &mut dyn FnMut() -> u32) -> Vec<Published> {
        self.workloads(count).pop().map_or_else(Vec::new, |workload| workload.messages)
    }

    /// So many messages, each with an id of its own. None where it cannot make them.
    fn many(&self, _count: usize) -> Vec<Published> {
        Vec::new()
    }

    /// Messages to try in the place of this one while shrinking, simplest first.
    fn simpler(&self, published: &Published) -> Vec<Published>;
}

/// What a subject is asked to do.
#[derive(Clone, Copy)]
pub(crate) enum Job<'a> {
    /// Replay this history.
    Replay(&'a History),
    /// Deliver its messages as this reference run says.
    Reference(&'a History, &'a Reference),
    /// Deliver its messages while somebody says who goes next.
    Chosen(&'a History, &'a dyn Chooser),
}

impl<'a> Job<'a> {
    /// The history whose messages are delivered.
    pub(crate) fn history(self) -> &'a History {
        let (Job::Replay(history) | Job::Reference(history, _) | Job::Chosen(history, _)) = self;
        history
    }
}

/// A run in which each message that takes part is delivered exactly once, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// What is delivered, in this order.
    pub(crate) turns: Vec<Turn>,
    /// For each of these there is one more message, like it but with an id of its own, in the places after the last. In the
    /// observation of the run the id reads as the other's.
    pub(crate) one_more_like: Vec<usize>,
    /// Background work, and what handlers spawned, comes to rest before the next delivery, and not only in the end.
    pub(crate) rests_between: bool,
    /// The virtual time at which it is observed, if its own is not later: what expires is to be seen as late as in the
    /// history.
    pub(crate) until: Duration,
}

/// One set of messages that is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    /// What it is, for the report: `two with equal payloads`.
    pub(crate) name: &'static str,
    /// Its messages.
    pub(crate) messages: Vec<Published>,
}
