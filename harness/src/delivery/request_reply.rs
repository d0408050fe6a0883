//! `request-reply`: a client sends a request, waits for the answer, and sends it again with the same key where none comes.
//!
//! Guarantee: a request is sent until one answer was heard, and not after that. *Done* is an answer (2xx), and so is
//! *reject* (4xx); *retry* is none (409 in flight, 425, 503), and neither is silence: a crash, an answer that was lost on its
//! way (`lose-ack`), a panic. Then the client sends the request again, with the same key, after 1 s, 2 s, 4 s, …. It may do
//! so while an earlier request is still being handled (`overlap`: its timeout was shorter than the handler took); it hears
//! the answers of both, as a client does that hedges its requests.
//!
//! All answers to one message that a client heard are compared, which is what an HTTP or RPC client asks of an idempotency
//! key (the `Idempotency-Key` header of the IETF's draft: a retry gets the result of the first request).
//!
//! A first request goes to `p0`. One that is sent again goes to the process after the one that had it last: a load balancer
//! stands between, and what one process alone remembers is of no help. A second copy (`duplicate`) is a proxy that sends a
//! request twice or a double click: a request with the same key and a life of its own, which gets an answer of its own,
//! equal to the other's.
//!
//! It admits every fault. What it must refuse: a request after an answer, be it done or reject; one before its time; one
//! beside another that is still being handled (that takes an overlap); a client that gives up unanswered; an answer to one
//! copy that settles the other; a retry that goes to the same process. The tests of `delivery` hold it to that.

use super::{Queue, Rules, Terms, copies::Copies};
use crate::history::Fault;

/// The model itself.
pub(super) struct RequestReply;

const TERMS: Terms = Terms {
    ack: "answer",
    acked: "answered",
    again: "sent again",
    over: "the client had its answer by then: it sends no more",
};

impl Rules for RequestReply {
    fn name(&self) -> &'static str {
        "request-reply"
    }

    fn guarantee(&self) -> &'static str {
        "a client sends each request until one answer was heard, to one process after the other, and compares the answers"
    }

    fn admits(&self, _fault: &Fault) -> Result<(), &'static str> {
        Ok(())
    }

    fn queue(&self) -> Box<dyn Queue> {
        Box::new(Copies::default())
    }

    fn redelivers_to(&self, last: usize, processes: usize) -> usize {
        (last + 1) % processes
    }

    fn compares_replies(&self) -> bool {
        true
    }

    fn terms(&self) -> &'static Terms {
        &TERMS
    }
}
