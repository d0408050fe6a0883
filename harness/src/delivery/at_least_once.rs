//! `at-least-once`: a message is acknowledged by itself and delivered again until it is.
//!
//! Guarantee: every message that is not rejected is delivered until one of its deliveries is acknowledged; nothing is
//! said of order, and a delivery may begin while an earlier one of the same message still runs (a visibility timeout).
//! After a crash, a lost acknowledgement or a request for a retry the k-th redelivery waits 1 s, 2 s, 4 s, …; a rejection
//! puts the message aside as a dead letter. A producer's retry is a second copy with a life of its own.
//!
//! It admits every fault. What it must refuse: a delivery of a message that is settled, a redelivery before its delay, a
//! redelivery while another delivery of the same copy still runs (that takes an overlap), a lost message, and an
//! acknowledgement that settles another copy.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use super::{CopyId, Ending, HeldCopy, Queue, Rules};
use crate::history::Fault;

/// The model itself.
pub(super) struct AtLeastOnce;

/// After this many doublings the delay stays as it is: about 18 hours.
const LAST_DOUBLING: u32 = 16;

impl Rules for AtLeastOnce {
    fn name(&self) -> &'static str {
        "at-least-once"
    }

    fn guarantee(&self) -> &'static str {
        "each message is delivered, in any order, until one of its deliveries is acknowledged"
    }

    fn admits(&self, _fault: &Fault) -> Result<(), &'static str> {
        Ok(())
    }

    fn horizon(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn queue(&self) -> Box<dyn Queue> {
        Box::new(Copies::default())
    }
}

/// How long the k-th redelivery of a message waits, for k from 1.
fn delay(k: u32) -> Duration {
    Duration::from_secs(1 << (k.max(1) - 1).min(LAST_DOUBLING))
}

#[derive(Default)]
struct Copies {
    copies: Vec<HeldCopy>,
}

impl Queue for Copies {
    fn publish(&mut self, messages: usize) {
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

    fn hand_out(&mut self, copy: CopyId) -> u32 {
        let copy = &mut self.copies[copy.0];
        copy.due = None;
        copy.attempts += 1;
        copy.in_flight += 1;
        copy.attempts
    }

    fn acked(&mut self, copy: CopyId) {
        let copy = &mut self.copies[copy.0];
        copy.settled = true;
        copy.due = None;
    }

    fn ended(&mut self, copy: CopyId, how: Ending, now: Duration) -> bool {
        let copy = &mut self.copies[copy.0];
        copy.in_flight -= 1;
        if copy.settled {
            return false;
        }
        match how {
            Ending::Acked | Ending::Rejected => {
                copy.settled = true;
                copy.due = None;
            }
            Ending::Silent | Ending::Retried if copy.in_flight == 0 => {
                let again = now + delay(copy.attempts);
                copy.due = Some(copy.due.map_or(again, |due| due.min(again)));
            }
            Ending::Silent | Ending::Retried => {}
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

fn held(message: usize, due: Duration) -> HeldCopy {
    HeldCopy { message, attempts: 0, in_flight: 0, due: Some(due), settled: false }
}
