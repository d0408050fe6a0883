//! `at-most-once`: a message is acknowledged as it is handed out, before anybody handled it; it arrives once or not at all.
//!
//! Guarantee: every message is handed out once, to `p0`, and never again. A crash, a request for a retry, a rejection or a
//! panic ends it: nobody hears of that, and the message is gone. So it is no violation that such a message left nothing; it
//! may also have taken effect before its end. What a handler said done of has to be there, as everywhere.
//!
//! So does MQTT at quality of service 0 ("No response is sent by the receiver and no retry is performed by the sender. The
//! message arrives at the receiver either once or not at all": MQTT 5.0, section 4.3.1), and so does every consumer that
//! acknowledges before it works: `basic.consume` with `no-ack`, an offset that is committed on receipt.
//!
//! It admits `defer`, `pause`, `crash`, `fail`, `lose-reply` and `advance`. There is no acknowledgement after handling that
//! `lose-ack` could lose, and nothing makes a broker `overlap` a delivery that it has forgotten. It admits no `duplicate`
//! either: neither a broker nor a producer sends again here. (What an application publishes twice are two messages; and an
//! MQTT server that sends a copy for each of several overlapping subscriptions is not modelled.)
//!
//! What it must refuse: a second delivery after an acknowledgement, a crash, a request for a retry or a rejection, whatever
//! time passed; a second copy; two deliveries at once; and a message that it never hands out. The tests of `delivery` hold it
//! to that.

use super::{Queue, Rules, Terms, copies::Copies};
use crate::history::{Coordinate, Deferred, DeliveryName, Fault};

/// The model itself.
pub(super) struct AtMostOnce;

const TERMS: Terms = Terms { ack: "end", acked: "over", again: "delivered again", over: Terms::OF_BROKERS.over };

impl Rules for AtMostOnce {
    fn name(&self) -> &'static str {
        "at-most-once"
    }

    fn guarantee(&self) -> &'static str {
        "each message is acknowledged as it is handed out: delivered once, or lost where that delivery does not end well"
    }

    fn admits(&self, fault: &Fault) -> Result<(), &'static str> {
        match fault {
            Fault::LoseAck { .. } => {
                Err("a message is acknowledged as it is handed out: no ack follows that could be lost")
            }
            Fault::Overlap { .. } => Err("a message is acknowledged as it is handed out, and never delivered again"),
            Fault::Duplicate { .. } => Err("a message is sent once: neither its producer nor the broker retries"),
            _ if named(fault).iter().flatten().any(|delivery| delivery.number > 1) => {
                Err("no message is delivered a second time")
            }
            _ => Ok(()),
        }
    }

    fn queue(&self) -> Box<dyn Queue> {
        Box::new(Copies::once())
    }

    fn hears_of_ends(&self) -> bool {
        false
    }

    fn terms(&self) -> &'static Terms {
        &TERMS
    }
}

/// The deliveries that a fault names.
fn named(fault: &Fault) -> [Option<DeliveryName>; 2] {
    match fault {
        Fault::Defer { what: Deferred::Delivery(delivery), .. } => [Some(*delivery), None],
        Fault::Pause { at, until } => [at.delivery(), until.and_then(Coordinate::delivery)],
        other => [other.coordinate().and_then(Coordinate::delivery), None],
    }
}
