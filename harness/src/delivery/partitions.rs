//! Partitions: logs of copies, read one after the other from a position, and again from the last committed offset.
//!
//! Position and committed offset are two things. The position is the consumer's, and lives in its memory: it moves on with
//! every delivery that ends well, whether or not the commit arrived. The offset is the broker's: where whoever has the
//! partition next begins. Between two commits they differ, and a crash or a rebalance shows by how much.
//!
//! Which faults that admits, and what a rejection comes to, is said in `kafka`.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use super::{
    CopyId, Ending, HandedOut, HeldCopy, Queue, Term,
    copies::{delay, held},
};

/// Why a delivery whose partition went to another process is not repeated for it.
const MOVED: &str = "its partition had moved to another process by then";

/// The partitions of one replay, in the order in which each was first published to.
#[derive(Default)]
pub(super) struct Partitions {
    copies: Vec<HeldCopy>,
    /// Where each copy is.
    places: Vec<Place>,
    partitions: Vec<Partition>,
    /// A rejected message is tried again as any other: there is no topic to put it aside to.
    rejects_block: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    partition: usize,
    offset: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Partition {
    /// Its copies, by offset.
    log: Vec<CopyId>,
    /// Whoever begins anew begins here.
    committed: usize,
    /// What is handed out next, or is being handled if anything is.
    position: usize,
    /// The process that reads it.
    owner: usize,
    /// Since it was last assigned. What was handed out before that nobody commits.
    term: Term,
    /// What stands at its position is being handled by its owner.
    in_progress: bool,
    /// Not before this time is anything handed out.
    due: Duration,
    /// So often in a row what stands at its position had to be repeated.
    repeats: u32,
}

impl Partitions {
    /// Partitions whose consumer seeks back to what is rejected.
    pub(super) fn that_block() -> Self {
        Self { rejects_block: true, ..Self::default() }
    }

    fn append(&mut self, message: usize, partition: usize, due: Duration) -> CopyId {
        let copy = CopyId(self.copies.len());
        let log = &mut self.partitions[partition].log;
        self.places.push(Place { partition, offset: log.len() });
        log.push(copy);
        self.copies.push(held(message, due));
        copy
    }

    /// What is handed out next of this partition; nothing while its owner handles it.
    fn head(&self, partition: &Partition) -> Option<CopyId> {
        partition.log.get(partition.position).filter(|_| !partition.in_progress).copied()
    }

    /// Everything before this offset is settled.
    fn commit(&mut self, partition: usize, upto: usize) {
        let Partition { log, committed, .. } = &mut self.partitions[partition];
        for copy in &log[*committed..upto.max(*committed)] {
            self.copies[copy.0].settled = true;
        }
        *committed = upto.max(*committed);
    }

    /// Whoever reads this partition from now on begins at the committed offset. What was handed out before counts no more.
    fn assign(&mut self, partition: usize, owner: usize) {
        let partition = &mut self.partitions[partition];
        partition.owner = owner;
        partition.term = Term(partition.term.0 + 1);
        partition.position = partition.committed;
        partition.in_progress = false;
    }

    /// What stands at its position comes again, later each time.
    fn puts_off(&mut self, partition: usize, now: Duration) {
        let partition = &mut self.partitions[partition];
        partition.repeats += 1;
        partition.due = now + delay(partition.repeats);
    }

    /// Writes down of each copy of a partition when it is due: not before what stands before it has ended.
    fn plan(&mut self, partition: usize) {
        let Partition { log, position, in_progress, due, .. } = &self.partitions[partition];
        let next = position + usize::from(*in_progress);
        for (offset, copy) in log.iter().enumerate() {
            self.copies[copy.0].due = (offset >= next).then_some(*due);
        }
    }
}

impl Queue for Partitions {
    fn publish(&mut self, messages: usize, keys: &[Option<&str>]) {
        self.copies.clear();
        self.places.clear();
        self.partitions.clear();
        let key = |message: usize| keys.get(message).copied().flatten();
        for message in 0..messages {
            let earlier = (0..message).find(|earlier| key(message).is_some() && key(*earlier) == key(message));
            let partition = earlier.map_or(self.partitions.len(), |earlier| self.places[earlier].partition);
            if earlier.is_none() {
                self.partitions.push(Partition::default());
            }
            self.append(message, partition, Duration::ZERO);
        }
    }

    fn duplicate(&mut self, message: usize, now: Duration) -> CopyId {
        let at = self.places[message].partition;
        let partition = &mut self.partitions[at];
        // Where all was read before, nothing is waited for.
        if partition.position == partition.log.len() {
            partition.due = partition.due.max(now);
        }
        let copy = self.append(message, at, now);
        self.plan(at);
        copy
    }

    fn due(&self, now: Duration, may: &mut dyn FnMut(&HeldCopy) -> bool) -> Option<CopyId> {
        let due = self.partitions.iter().filter(|partition| partition.due <= now);
        let heads = due.filter_map(|partition| self.head(partition)).filter(|head| may(&self.copies[head.0]));
        heads.min_by_key(|head| (self.copies[head.0].message, *head))
    }

    fn goes_to(&self, copy: CopyId) -> Option<usize> {
        Some(self.partitions[self.places[copy.0].partition].owner)
    }

    fn hand_out(&mut self, copy: CopyId) -> HandedOut {
        let at = self.places[copy.0].partition;
        self.partitions[at].in_progress = true;
        let term = self.partitions[at].term;
        let held = &mut self.copies[copy.0];
        held.attempts += 1;
        held.in_flight += 1;
        self.plan(at);
        // A log counts no deliveries.
        HandedOut { attempt: 1, term }
    }

    fn overlap(&mut self, copy: CopyId, term: Term, to: usize) -> Result<CopyId, &'static str> {
        let at = self.places[copy.0].partition;
        if !self.hears(copy, term) {
            return Err(MOVED);
        }
        self.assign(at, to);
        self.plan(at);
        let Partition { log, position, .. } = &self.partitions[at];
        Ok(log[*position])
    }

    fn hears(&self, copy: CopyId, term: Term) -> bool {
        self.partitions[self.places[copy.0].partition].term == term
    }

    fn acked(&mut self, copy: CopyId, term: Term) -> bool {
        let Place { partition, offset } = self.places[copy.0];
        let is_current = self.hears(copy, term);
        if is_current {
            self.commit(partition, offset + 1);
        }
        is_current
    }

    fn ended(&mut self, copy: CopyId, term: Term, how: Ending, now: Duration) -> bool {
        self.copies[copy.0].in_flight -= 1;
        let Place { partition: at, offset } = self.places[copy.0];
        if !self.hears(copy, term) {
            return false;
        }
        self.partitions[at].in_progress = false;
        let goes_on = match how {
            Ending::Acked => true,
            Ending::Rejected => !self.rejects_block,
            // The position is in memory, which goes on: the next commit covers for this one.
            Ending::AckLost => true,
            Ending::Cancelled | Ending::Retried | Ending::Silent => false,
        };
        if goes_on {
            let partition = &mut self.partitions[at];
            (partition.position, partition.repeats) = (offset + 1, 0);
            if how != Ending::AckLost {
                self.commit(at, offset + 1);
            }
        } else {
            self.puts_off(at, now);
            let partition = &mut self.partitions[at];
            if how == Ending::Silent {
                self.assign(at, self.partitions[at].owner);
            } else {
                // Not to what its handler has committed by itself.
                partition.position = partition.position.max(partition.committed);
            }
        }
        self.plan(at);
        true
    }

    fn crashed(&mut self, process: usize, now: Duration) {
        for at in 0..self.partitions.len() {
            let Partition { owner, position, committed, .. } = self.partitions[at];
            if owner != process || position == committed {
                continue;
            }
            self.puts_off(at, now);
            self.assign(at, process);
            self.plan(at);
        }
    }

    fn in_order(&self, one: usize, other: usize) -> bool {
        self.places[one].partition == self.places[other].partition
    }

    fn comes_freely(&self, message: usize) -> bool {
        let partition = &self.partitions[self.places[message].partition];
        self.head(partition).is_some_and(|head| self.copies[head.0].message == message)
    }

    fn next_due(&self, now: Duration) -> Option<Duration> {
        let waits = self.partitions.iter().filter(|partition| self.head(partition).is_some());
        waits.map(|partition| partition.due).filter(|due| *due > now).min()
    }

    fn copy(&self, copy: CopyId) -> &HeldCopy {
        &self.copies[copy.0]
    }

    fn remember(&self, mut state: &mut dyn Hasher) {
        self.copies.hash(&mut state);
        // How often a partition was assigned is nobody's memory but that of whoever still handles what it was handed.
        let in_flight = self.copies.iter().any(|copy| copy.in_flight > 0);
        for Partition { log, committed, position, owner, term, in_progress, due, repeats } in &self.partitions {
            log.hash(&mut state);
            (committed, position, owner, in_progress, due, repeats).hash(&mut state);
            in_flight.then_some(term).hash(&mut state);
        }
    }
}
