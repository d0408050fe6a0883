//! `at-least-once`: a message is acknowledged by itself and delivered again until it is.
//!
//! Guarantee: every message that is not rejected is delivered until one of its deliveries is acknowledged; nothing is
//! said of order, and a delivery may begin while an earlier one of the same message still runs (a visibility timeout).
//! After a crash, a lost acknowledgement or a request for a retry the k-th redelivery waits 1 s, 2 s, 4 s, …, and goes to
//! the process that had the message last; a rejection puts the message aside as a dead letter. A producer's retry is a
//! second copy with a life of its own.
//!
//! It admits every fault. What it must refuse: a delivery of a message that is settled, a redelivery before its delay, a
//! redelivery while another delivery of the same copy still runs (that takes an overlap), a lost message, and an
//! acknowledgement that settles another copy. The tests of `delivery` hold it to that.

use super::{Queue, Rules, Terms, copies::Copies};
use crate::history::Fault;

/// The model itself.
pub(super) struct AtLeastOnce;

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

    fn queue(&self) -> Box<dyn Queue> {
        Box::new(Copies::default())
    }

    fn terms(&self) -> &'static Terms {
        &Terms::OF_BROKERS
    }
}
