//! Whatever a trace holds, a screen comes of it, and no line of it is one that a user wrote.

use std::time::Duration;

use proptest::prelude::*;

use super::made::Made;
use crate::{
    Anomaly,
    history::{Coordinate, Deferred, DeliveryName, Fault},
    machine::trace::{
        Acted, Answer, Broken, End, Event, Facts, Fate, Injected, Origin, Settlement, Supplied, Unused, Words,
    },
    oracle::{AsIf, Explanation},
    store::{Observation, Performer, Process},
};

/// Names that finders of reasons know, and texts of characters that could do harm.
fn text() -> impl Strategy<Value = String> {
    let harmful = vec![
        'a', '9', ' ', '\n', '\t', '\r', '\'', '"', '\\', '\u{1b}', '\u{7f}', '\u{202e}', '\u{2028}', 'é', '漢', '…',
    ];
    let texts = proptest::collection::vec(proptest::sample::select(harmful), 0..90);
    prop_oneof![
        proptest::sample::select(vec!["", "seen", "account", "COMMIT", "ROLLBACK"]).prop_map(str::to_owned),
        texts.prop_map(String::from_iter),
    ]
}

fn delivery() -> impl Strategy<Value = DeliveryName> {
    (0..4usize, 0..4u32).prop_map(|(message, number)| DeliveryName::new(message, number))
}

fn coordinate() -> impl Strategy<Value = Coordinate> {
    (delivery(), 0..5u32).prop_map(|(delivery, n)| match n {
        0 => delivery.ack(),
        n => delivery.operation(n),
    })
}

fn process() -> impl Strategy<Value = Process> {
    (0..3usize, 0..2u32).prop_map(|(index, incarnation)| Process::new(index, incarnation))
}

fn duration() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(|bits| Duration::from_millis(bits >> (bits % 64)))
}

fn fault() -> impl Strategy<Value = Fault> {
    let until = || proptest::option::of(coordinate());
    prop_oneof![
        (0..4usize, until()).prop_map(|(message, at)| Fault::Duplicate { message, at }),
        (0..4usize, 0..4usize).prop_map(|(what, past)| Fault::Defer { what: Deferred::Message(what), past }),
        (delivery(), 0..4usize).prop_map(|(what, past)| Fault::Defer { what: Deferred::Delivery(what), past }),
        coordinate().prop_map(|at| Fault::Overlap { at, to: None }),
        (coordinate(), until()).prop_map(|(at, until)| Fault::Pause { at, until }),
        coordinate().prop_map(|at| Fault::Crash { at }),
        delivery().prop_map(|delivery| Fault::LoseAck { delivery }),
        coordinate().prop_map(|at| Fault::Fail { at }),
        coordinate().prop_map(|at| Fault::LoseReply { at }),
        (coordinate(), duration()).prop_map(|(at, by)| Fault::Advance { at, by }),
    ]
}

fn words() -> impl Strategy<Value = Option<Box<Words>>> {
    let things = || proptest::collection::vec(text(), 0..3);
    proptest::option::of(
        (text(), text(), things(), things())
            .prop_map(|(what, result, reads, writes)| Box::new(Words { store: None, what, result, reads, writes })),
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    let suffered = prop_oneof![Just(None), Just(Some(Injected::Fail)), Just(Some(Injected::LoseReply))];
    (any::<[bool; 4]>(), suffered).prop_map(|([changes, gave_up, refused, observed_change], suffered)| Facts {
        changes,
        gave_up,
        refused,
        observed_change,
        suffered,
        ..Facts::default()
    })
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        proptest::option::of(text()).prop_map(|reply| Answer::Done(reply.map(Into::into))),
        text().prop_map(Answer::Retry),
        text().prop_map(Answer::Reject),
        text().prop_map(Answer::Panicked),
    ]
}

fn step() -> impl Strategy<Value = Event> {
    (coordinate(), process(), facts(), words()).prop_map(|(at, process, facts, words)| Event::Step {
        at,
        process,
        facts,
        words,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let origin = prop_oneof![Just(Origin::First), Just(Origin::Copy), Just(Origin::Redelivery), Just(Origin::Overlap)];
    let how = prop_oneof![
        Just(Settlement::Acked),
        Just(Settlement::Nacked),
        Just(Settlement::DeadLettered),
        Just(Settlement::AckLost),
        Just(Settlement::Unheard),
        Just(Settlement::Ignored)
    ];
    prop_oneof![
        (delivery(), process(), origin).prop_map(|(delivery, process, origin)| Event::Delivered {
            delivery,
            process,
            origin
        }),
        step(),
        step(),
        step(),
        (coordinate(), process(), words()).prop_map(|(at, process, words)| Event::Blocked {
            at,
            process,
            until: Duration::from_secs(5),
            words
        }),
        (delivery(), process(), answer()).prop_map(|(delivery, process, answer)| Event::Returned {
            delivery,
            process,
            answer
        }),
        (delivery(), process(), how).prop_map(|(delivery, process, how)| Event::Settled { delivery, process, how }),
        (process(), proptest::collection::vec(delivery(), 0..3))
            .prop_map(|(process, lost)| Event::Crashed { process, lost: lost.into_iter().map(Into::into).collect() }),
        duration().prop_map(|to| Event::Clock { to }),
    ]
}

fn observation() -> impl Strategy<Value = Observation> {
    let rows = proptest::collection::vec(proptest::collection::vec(text(), 0..3), 0..12);
    let part = (text(), proptest::collection::vec(text(), 0..3), rows, any::<bool>());
    proptest::collection::vec(part, 0..4).prop_map(|parts| {
        let mut seen = Observation::default();
        for (name, columns, rows, ordered) in parts {
            if columns.is_empty() && ordered {
                let by = Performer { on_behalf: DeliveryName::new(0, 1).into(), by_key: false };
                let happened = rows.into_iter().map(|row| (name.clone(), row.join(" "), by));
                seen.performed(name.as_str().into(), happened.collect());
            } else if columns.is_empty() {
                seen.set(&name, rows);
            } else {
                seen.rows(&name, columns, rows, ordered);
            }
        }
        seen
    })
}

fn explanation() -> impl Strategy<Value = Explanation> {
    let anomaly = prop_oneof![
        Just(Anomaly::Overwrote),
        Just(Anomaly::Twice),
        Just(Anomaly::Lost),
        Just(Anomaly::Partial),
        Just(Anomaly::Mismatch),
        Just(Anomaly::Stuck),
        Just(Anomaly::Reply),
        Just(Anomaly::NotIsolated),
        Just(Anomaly::Merged),
        Just(Anomaly::Unbounded),
        Just(Anomaly::Invariant),
        Just(Anomaly::Unexplained),
    ];
    let order = || proptest::collection::vec(0..5usize, 0..5);
    let one = || {
        prop_oneof![
            order().prop_map(AsIf::Order),
            (0..5usize).prop_map(AsIf::OneMoreLike),
            (0..5usize).prop_map(AsIf::Without)
        ]
    };
    let as_if = prop_oneof![one(), proptest::collection::vec(one(), 0..4).prop_map(AsIf::Several)];
    let expected = proptest::option::of((observation(), order()));
    (anomaly, proptest::option::of(0..5usize), expected, observation(), proptest::option::of(as_if)).prop_map(
        |(anomaly, message, expected, observed, as_if)| Explanation { anomaly, message, expected, observed, as_if },
    )
}

prop_compose! {
    fn made()(
        messages in 0..4usize,
        events in proptest::collection::vec(event(), 0..50),
        faults in proptest::collection::vec((fault(), 0..70usize), 0..5),
        unused in proptest::collection::vec(0..7usize, 0..2),
        fates in proptest::collection::vec((proptest::option::of(0..90usize), proptest::option::of(0..90usize)), 0..5),
        needed in proptest::collection::vec(0..7usize, 0..4),
        searched in (0..4usize, proptest::collection::vec(0..5000u64, 0..6)),
        proven in any::<bool>(),
        stuck in proptest::option::of(proptest::collection::vec(0..5usize, 0..3)),
        broken in proptest::option::of((0..70usize, text(), observation())),
    ) -> Made {
        let mut made = Made::new(messages);
        made.replay.events = events;
        for (at, (fault, position)) in faults.into_iter().enumerate() {
            made.history.faults.push(fault);
            made.replay.acted.push(Acted { fault: at, position });
        }
        made.replay.unused = unused.into_iter().map(|fault| Unused { fault, why: "it could not" }).collect();
        let fate = |(first_delivered, handled)| Fate {
            first_delivered,
            handled,
            dead_lettered: false,
            acknowledged: false,
            supplied: vec![Supplied::default()],
        };
        made.replay.fates = fates.into_iter().map(fate).collect();
        made.needed = needed;
        (made.searched.faults, made.searched.histories) = searched;
        made.proven = proven;
        let of_label = |(position, label, seen): (usize, String, Observation)| Broken { position, label: label.into(), seen };
        made.replay.broken = broken.map(of_label);
        made.replay.end = stuck.map_or(End::Drained, End::Stuck);
        made
    }
}

proptest! {
    #[test]
    fn rendering_never_panics_and_stays_on_the_screen(made in made(), explanation in explanation()) {
        let screen = made.screen(&explanation);
        prop_assert_eq!(&screen, &made.screen(&explanation));
        prop_assert!(screen.ends_with("-- --exact\n"));
        for line in screen.lines().chain(made.trace().lines()) {
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(line.chars().count() <= 110, "{line:?}");
            prop_assert!(line.trim_end() == line, "{line:?}");
        }
        prop_assert!(screen.lines().count() <= 110, "{}", screen);
    }
}
