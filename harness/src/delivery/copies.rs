//! The copies of messages that a broker, or a client that retries, holds: when each is due and whether it is settled.
//!
//! What a model makes of them (whether it hears how a delivery ended, where a redelivery goes) is the model's own file.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use super::{CopyId, Ending, HandedOut, HeldCopy, Queue, Term};

/// After this many doublings the delay stays as it is: about 18 hours.
const LAST_DOUBLING: u32 = 16;

/// Copies that are delivered again, later and later, until they are settled.
#[derive(Default)]
pub(super) struct Copies {
    copies: Vec<HeldCopy>,
    /// A copy is settled as it is handed out, whatever comes of it.
    once: bool,
}

impl Copies {
    /// Copies that are handed out once and never again.
    pub(super) fn once() -> Self {
        Self { once: true, ..Self::default() }
    }
}

/// How long the k-th redelivery of a copy waits, for k from 1: 1 s, 2 s, 4 s, ….
pub(super) fn delay(k: u32) -> Duration {
    Duration::from_secs(1 << (k.max(1) - 1).min(LAST_DOUBLING))
}

impl Queue for Copies {
    fn publish(&mut self, messages: usize, _keys: &[Option<&str>]) {
        self.copies.clear();
        self.copies.extend((0..messages).map(|message| held(message, Duration::ZERO)));
    }

    fn duplicate(&mut self, message: usize, now: Duration) -> CopyId {
        self.copies.push(held(message, now));
        CopyId(self.copies.len() - 1)
    }

    fn due(&self, now: Duration, may: &mut dyn FnMut(&HeldCopy) -> bool) -> Option<CopyId> {
        let is_due = |copy: &HeldCopy| copy.due.is_some_and(|due| due <= now);
        let candidates = self.copies.iter().enumerate().filter(|(_, copy)| is_due(copy) && may(copy));
        candidates.min_by_key(|(at, copy)| (copy.message, *at)).map(|(at, _)| CopyId(at))
    }

    fn hand_out(&mut self, copy: CopyId) -> HandedOut {
        let copy = &mut self.copies[copy.0];
        copy.due = None;
        copy.attempts += 1;
        copy.in_flight += 1;
        copy.settled |= self.once;
        HandedOut { attempt: copy.attempts, term: Term::default() }
    }

    fn acked(&mut self, copy: CopyId, _term: Term) -> bool {
        let copy = &mut self.copies[copy.0];
        copy.settled = true;
        copy.due = None;
        true
    }

    fn ended(&mut self, copy: CopyId, _term: Term, how: Ending, now: Duration) -> bool {
        let copy = &mut self.copies[copy.0];
        copy.in_flight -= 1;
        match how {
            _ if copy.settled => {}
            Ending::Acked | Ending::Rejected => {
                copy.settled = true;
                copy.due = None;
            }
            _ if copy.in_flight == 0 => {
                let again = now + delay(copy.attempts);
                copy.due = Some(copy.due.map_or(again, |due| due.min(again)));
            }
            Ending::Silent | Ending::AckLost | Ending::Cancelled | Ending::Retried => {}
        }
        true
    }

    fn next_due(&self, now: Duration) -> Option<Duration> {
        self.copies.iter().filter_map(|copy| copy.due).filter(|due| *due > now).min()
    }

    fn copy(&self, copy: CopyId) -> &HeldCopy {
        &self.copies[copy.0]
    }

    fn remember(&self, mut state: &mut dyn Hasher) {
        self.copies.hash(&mut state);
    }
}

pub(super) fn held(message: usize, due: Duration) -> HeldCopy {
    HeldCopy { message, attempts: 0, in_flight: 0, due: Some(due), settled: false }
}
