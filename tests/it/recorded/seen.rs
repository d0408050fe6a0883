//! The recorded sequences, as data.
//!
//! Recorded on one machine with one consumer program for each broker, messages renamed to `m0, m1, …` in publish order. A
//! `*` is the broker's word that the delivery is not the first: `redelivered` of RabbitMQ, a count above one of NATS and
//! RocketMQ, `DUP` of MQTT; Kafka says nothing.
//!
//! Left out, since no model here makes them: RabbitMQ and MQTT flag what was only sent ahead to a consumer that died, before
//! anybody handled it (deliveries here begin with a handler); an eager rebalance takes every partition from everybody; a
//! RocketMQ batch of which one message fails comes again as a whole. Nor does what a handler gave back, or what was handled
//! and not acknowledged, come again at once and before the messages that wait, as from a classic queue of RabbitMQ: here
//! a message that failed comes after them, and one that was handled comes at once only as a second copy.

use redeliver::DeliveryModel;

/// What was recorded, and the history that stands for it.
pub(super) struct Seen {
    /// The broker, with the version that was seen.
    pub(super) broker: &'static str,
    /// What was done.
    pub(super) how: &'static str,
    pub(super) model: fn() -> DeliveryModel,
    pub(super) messages: i64,
    /// All messages have one ordering key.
    pub(super) keyed: bool,
    pub(super) faults: &'static [&'static str],
    pub(super) deliveries: &'static str,
}

pub(super) const SEEN: &[Seen] = &[
    Seen {
        broker: "RabbitMQ 3.10.8, classic queue, prefetch 1",
        how: "the connection closed with the first message; it went back to the head, and to another consumer",
        model: DeliveryModel::at_least_once,
        messages: 4,
        keyed: false,
        faults: &["crash m0#1.1", "defer m1 past m0", "defer m2 past m0", "defer m3 past m0"],
        deliveries: "m0 m0* m1 m2 m3",
    },
    Seen {
        broker: "RabbitMQ 3.10.8, quorum queue, prefetch 1",
        how: "the channel closed with the first message",
        model: DeliveryModel::at_least_once,
        messages: 3,
        keyed: false,
        faults: &["crash m0#1.1", "defer m1 past m0", "defer m2 past m0"],
        deliveries: "m0 m0* m1 m2",
    },
    Seen {
        broker: "RabbitMQ 3.10.8, quorum queue, prefetch 1",
        how: "each message was given back once: it goes to the end of the queue",
        model: DeliveryModel::at_least_once,
        messages: 3,
        keyed: false,
        faults: &["fail m0#1.1", "fail m1#1.1", "fail m2#1.1"],
        deliveries: "m0 m1 m2 m0* m1* m2*",
    },
    Seen {
        broker: "RabbitMQ 3.10.8, both kinds of queue",
        how: "the producer published one message twice, since its first confirm was lost",
        model: DeliveryModel::at_least_once,
        messages: 1,
        keyed: false,
        faults: &["duplicate m0"],
        deliveries: "m0 m0",
    },
    Seen {
        broker: "NATS JetStream 2.9.10, ack_wait 1 s",
        how: "the connection closed before the first message was acknowledged; the others go to another consumer at once",
        model: DeliveryModel::at_least_once,
        messages: 3,
        keyed: false,
        faults: &["crash m0#1.ack"],
        deliveries: "m0 m1 m2 m0*",
    },
    Seen {
        broker: "NATS JetStream 2.9.10, ack_wait 500 ms",
        how: "four messages were handled and not acknowledged in time",
        model: DeliveryModel::at_least_once,
        messages: 4,
        keyed: false,
        faults: &["lose-ack m0#1", "lose-ack m1#1", "lose-ack m2#1", "lose-ack m3#1"],
        deliveries: "m0 m1 m2 m3 m0* m1* m2* m3*",
    },
    Seen {
        broker: "NATS JetStream 2.9.10, max_ack_pending 1",
        how: "the first message was not acknowledged in time: nothing else comes meanwhile",
        model: DeliveryModel::at_least_once,
        messages: 2,
        keyed: false,
        faults: &["crash m0#1.1", "defer m1 past m0"],
        deliveries: "m0 m0* m1",
    },
    Seen {
        broker: "rocketmq-rust 1.0.0, concurrent listener",
        how: "the second of four messages failed three times",
        model: DeliveryModel::at_least_once,
        messages: 4,
        keyed: false,
        faults: &["fail m1#1.1", "fail m1#2.1", "fail m1#3.1"],
        deliveries: "m0 m1 m2 m3 m1* m1* m1*",
    },
    Seen {
        broker: "Mosquitto 2.0.11, MQTT 3.1.1, QoS 1, persistent session",
        how: "the client was taken over by another one of its name before it acknowledged",
        model: DeliveryModel::at_least_once,
        messages: 1,
        keyed: false,
        faults: &["crash m0#1.ack"],
        deliveries: "m0 m0*",
    },
    Seen {
        broker: "Mosquitto 2.0.11, MQTT 3.1.1, QoS 1, clean session",
        how: "the client died with its message, and subscribed again: the broker had let go of it",
        model: DeliveryModel::at_most_once,
        messages: 1,
        keyed: false,
        faults: &["crash m0#1.1"],
        deliveries: "m0",
    },
    Seen {
        broker: "Kafka protocol, two brokers (librdkafka's mock cluster 2.12.1, tansu)",
        how: "three messages were handled and the offset of the first committed; the consumer died; another one began",
        model: DeliveryModel::kafka,
        messages: 4,
        keyed: true,
        faults: &["lose-ack m1#1", "crash m2#1.ack"],
        deliveries: "m0 m1 m2 m1 m2 m3",
    },
    Seen {
        broker: "Kafka protocol, two brokers (librdkafka's mock cluster 2.12.1, tansu)",
        how: "a child process was killed with its second message handled and only the first committed",
        model: DeliveryModel::kafka,
        messages: 4,
        keyed: true,
        faults: &["crash m1#1.ack"],
        deliveries: "m0 m1 m1 m2 m3",
    },
    Seen {
        broker: "Kafka protocol, tansu",
        how: "a second consumer joined: the partition moved to it, and it read from the last commit on, of which there was none",
        model: DeliveryModel::kafka,
        messages: 2,
        keyed: true,
        faults: &["lose-ack m0#1", "overlap m1#1.1"],
        deliveries: "m0 m1 m0 m1",
    },
    Seen {
        broker: "Kafka protocol, two brokers (librdkafka's mock cluster 2.12.1, tansu)",
        how: "the producer, without idempotence, sent one message twice: two offsets",
        model: DeliveryModel::kafka,
        messages: 1,
        keyed: true,
        faults: &["duplicate m0"],
        deliveries: "m0 m0",
    },
];
