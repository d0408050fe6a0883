//! `kafka`: partitions in order, and an offset that is committed after processing; and `kafka-blocking`, the same without a
//! dead-letter topic.
//!
//! Guarantee: messages of one ordering key are of one partition. Within it one delivery is made at a time, in publish order,
//! and the next one once the one before has ended. A message without a key is of a partition of its own: a producer puts
//! such records wherever it likes, so that nothing is said of their order. Each partition is read by one process, `p0` to
//! begin with, and independently of the others.
//!
//! A delivery that is done commits the offset, which covers everything before it in the partition. So does the handler's own
//! `ack()`, early; what that covers was done or put aside by then, but for the message itself, since nothing behind a message
//! comes before that has ended. A crash makes everything come again that stands behind the committed offset of each partition
//! that the process had, in order, after 1 s, 2 s, 4 s, …; so does a rebalance, at once and at another process.
//!
//! - `lose-ack`: the offset is not committed. The consumer's position, which is in its memory, goes on: the next message
//!   comes, and its commit covers this one too. Only a crash or a rebalance before that shows the loss, by a suffix that
//!   comes again. Behind the last message of a partition nothing is committed, and nothing comes.
//! - `overlap`: a rebalance while the delivery is still being handled. Its partition moves to the other process and is read
//!   there from the committed offset on: first what is not committed before this message, if anything is, then the message
//!   itself. Whoever had it is a zombie: it handles on, its commit is refused (it is of an earlier generation; nobody tells a
//!   handler that calls `ack()` itself, as nobody does after `commitAsync`), and it is handed nothing further.
//! - `duplicate`: a producer without idempotence sends again. The copy is appended: it comes behind everything that its
//!   partition holds.
//! - A retry, a panic and a cancelled handler: the consumer seeks back and tries again after 1 s, 2 s, 4 s, …. Nothing behind
//!   the message comes meanwhile. A rejection goes to a dead-letter topic, and the offset is committed; under
//!   `kafka-blocking` it is one more retry.
//!
//! A log counts no deliveries and flags none: `attempt()` is 1 each time.
//!
//! Sources: "Otherwise, Kafka guarantees at-least-once delivery by default"; "it can read the messages, process the messages, and finally
//! save its position. In this case there is a possibility that the consumer process crashes after processing messages but
//! before saving its position" (documentation, 4.6 "Message Delivery Semantics"); "The position of the consumer gives the
//! offset of the next record that will be given out … The committed position is the last offset that has been stored
//! securely. Should the process fail and restart, this is the offset that the consumer will recover to" (Javadoc of
//! `KafkaConsumer`); `CommitFailedException` and `enable.idempotence` in the same. That a suffix comes again, in order,
//! unflagged, was seen of brokers that speak the protocol.
//!
//! It admits every fault but a `duplicate` at a point, since a copy never comes beside the message, and a `defer` past a
//! message of the same partition. What it must refuse: a later message before an earlier one of its partition has ended; one
//! of two at a time; a redelivery after a lost commit alone; what was committed, at any time; a part of a suffix, or one out
//! of order; anything for a zombie, and what it commits. The tests of `delivery` hold it to that.
//!
//! Not modelled: eager rebalances, which take all partitions from everybody; one while a message is handled that its handler has
//! committed by itself, after which the next one comes beside it; a consumer that handles several of a partition at once;
//! transactions.

use super::{Queue, Rules, Terms, partitions::Partitions};
use crate::history::Fault;

/// The model, with or without a topic for what is rejected.
pub(super) struct Kafka {
    name: &'static str,
    guarantee: &'static str,
    puts_aside: bool,
}

pub(super) static KAFKA: Kafka = Kafka {
    name: "kafka",
    guarantee: "each ordering key in order; a crash or a rebalance repeats everything after the last committed offset",
    puts_aside: true,
};

pub(super) static KAFKA_BLOCKING: Kafka = Kafka {
    name: "kafka-blocking",
    guarantee: "as kafka, and what is rejected is tried again until it is done, before anything behind it",
    puts_aside: false,
};

const TERMS: Terms = Terms {
    ack: "commit",
    acked: "committed",
    again: "delivered again",
    over: "its offset was committed by then: whoever reads the partition next begins behind it",
};

impl Rules for Kafka {
    fn name(&self) -> &'static str {
        self.name
    }

    fn guarantee(&self) -> &'static str {
        self.guarantee
    }

    fn admits(&self, fault: &Fault) -> Result<(), &'static str> {
        match fault {
            Fault::Duplicate { at: Some(_), .. } => {
                Err("a second copy comes behind the first in its partition, never beside it: write it without a place")
            }
            _ => Ok(()),
        }
    }

    fn queue(&self) -> Box<dyn Queue> {
        Box::new(if self.puts_aside { Partitions::default() } else { Partitions::that_block() })
    }

    fn orders_by_key(&self) -> bool {
        true
    }

    fn repeats_unheard(&self) -> bool {
        false
    }

    fn puts_aside(&self) -> bool {
        self.puts_aside
    }

    fn terms(&self) -> &'static Terms {
        &TERMS
    }
}
