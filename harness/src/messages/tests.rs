//! What sources of messages promise.

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree};

use super::*;

fn payloads<P: Clone + fmt::Debug + 'static>(source: &Messages<P>, seeds: std::ops::Range<u64>) -> Vec<P> {
    seeds.map(|seed| source.message(&source.published(seed), 0).unwrap().payload).collect()
}

#[test]
fn integers_are_told_apart_and_the_first_reads_well() {
    assert_eq!(payloads(&Messages::from(1..1000i64), 0..3), [100, 300, 900]);
    assert_eq!(payloads(&Messages::from(1..10i64), 0..3), [1, 3, 9]);
    assert_eq!(payloads(&Messages::from(-1000..0i32), 0..3), [-100, -300, -900]);
    assert_eq!(payloads(&Messages::from(500..=600u16), 0..4), [500, 501, 503, 509]);
    assert_eq!(payloads(&Messages::from(7..8u8), 0..3), [7, 7, 7]);
}

#[test]
fn the_family_holds_an_inverse_only_where_the_range_does() {
    let names = |source: &Messages<i64>| source.workloads(2).iter().map(|one| one.name).collect::<Vec<_>>();
    let two = ["one message", "two unlike", "two of one ordering key", "two with equal payloads"];
    assert_eq!(names(&Messages::from(1..1000i64)), two);
    assert_eq!(names(&Messages::from(-1000..1000i64)), [&two[..], &["a message and its inverse"]].concat());
    assert_eq!(Messages::from(1..1000i64).workloads(1).len(), 1);
    assert_eq!(Messages::from(1..1000i64).workloads(3).last().unwrap().messages.len(), 3);
    assert_eq!(
        Messages::from(7..8u8).workloads(3).iter().map(|one| one.name).collect::<Vec<_>>(),
        ["one message", "two with equal payloads"]
    );
}

#[test]
fn a_seed_makes_the_same_message_each_time_and_a_changed_generator_is_noticed() {
    let source = Messages::from("[a-z]{3}");
    let published = source.published(5);
    assert_eq!(source.message(&published, 2).unwrap(), source.message(&published, 2).unwrap());
    let changed = Messages::from("[0-9]{3}").message(&published, 2).unwrap_err();
    assert!(
        changed.to_string().starts_with("m2: what the generator makes of this seed is not what it made"),
        "{changed}"
    );
}

#[test]
fn a_seed_that_somebody_wrote_is_refused_where_it_makes_nothing() {
    let seeded = |seed| Published { id: None, ordering_key: None, payload: Payload::Generated { seed, hash: None } };
    let refused = |seed| Messages::from(1..9u8).message(&seeded(seed), 1).map(|message| message.payload);
    let why = refused(INVERSE).unwrap_err().to_string();
    assert_eq!(why, "m1: the check's range of integers makes nothing of the seed 9223372036854775808");
    assert!(refused(u64::MAX).is_err());
    assert!(refused(!INVERSE).is_ok_and(|payload| (1..9).contains(&payload)));
    let most = Messages::from(i64::MIN..=i64::MAX);
    for seed in [0, 39, 40, 1000, u64::MAX, INVERSE, !INVERSE] {
        let _ = most.message(&seeded(seed), 0);
    }
    assert!(Messages::from("[a-z]").message(&seeded(u64::MAX), 0).is_ok());
    assert!(Messages::exactly([Message::new("a", 1)]).message(&seeded(u64::MAX), 0).is_err());
}

#[test]
fn few_are_simpler_whatever_the_seed() {
    let source = Messages::from(1..1000i64);
    let written = |seed| Published { id: None, ordering_key: None, payload: Payload::Generated { seed, hash: None } };
    assert_eq!(source.simpler(&written(2)).len(), 2);
    for seed in [4_000_000_000, u64::MAX, INVERSE - 1] {
        assert!(source.simpler(&written(seed)).len() <= 8);
    }
}

#[test]
fn a_written_payload_is_read_back_where_its_type_can_be() {
    let written = |text: &str| Published { id: None, ordering_key: None, payload: Payload::Written(text.into()) };
    assert_eq!(Messages::from(1..9i64).message(&written("-7"), 0).unwrap().payload, -7);
    assert_eq!(Messages::from("[a-z]").message(&written("x y"), 0).unwrap().payload, "x y");
    let pairs = Messages::from((0..9u8, 0..9u8));
    let refused = pairs.message(&written("(1, 2)"), 1).unwrap_err().to_string();
    assert!(refused.starts_with("m1: the payload `(1, 2)` cannot be read back"), "{refused}");
    let listed = Messages::exactly([Message::new("a", (1, 2))]);
    assert_eq!(listed.message(&written("(1, 2)"), 0).unwrap().id, "a");
}

#[test]
fn simpler_messages_of_a_generator_come_down_to_its_simplest() {
    let source = Messages::from(proptest::collection::vec(0..100u8, 0..20));
    let from = source.published(3);
    let simplest = &source.simpler(&from)[0];
    assert!(source.message(simplest, 0).unwrap().payload.is_empty());
    assert_eq!(source.simpler(simplest), []);
}

/// Numbers as random search draws them, from a seed.
fn draws(seed: u64) -> impl FnMut() -> u32 {
    let mut runner = runner([seed, 0, 0, 0]);
    move || any::<u32>().new_tree(&mut runner).unwrap().current()
}

/// A hundred workloads of so many messages, as random search would draw them.
fn drawn<P: Clone + fmt::Debug + 'static>(source: &Messages<P>, count: usize) -> Vec<Vec<Message<P>>> {
    let made = |seed| {
        let published = source.drawn(count, &mut draws(seed));
        let made = published.iter().enumerate().map(|(place, one)| source.message(one, place).unwrap());
        made.collect()
    };
    (0..100).map(made).collect()
}

#[test]
fn integers_that_are_drawn_are_told_apart_and_as_many_as_there_are() {
    for messages in drawn(&Messages::from(1..1000i64), 3) {
        assert_eq!(messages.iter().map(|message| message.payload).collect::<Vec<_>>(), [100, 300, 900]);
        assert_eq!(messages.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["m0", "m1", "m2"]);
    }
    assert!(drawn(&Messages::from(7..9u8), 5).iter().all(|messages| messages.len() == 2));
}

#[test]
fn other_payloads_that_are_drawn_differ_within_a_workload_and_between_workloads() {
    let workloads = drawn(&Messages::from("[a-z]{2}"), 3);
    for messages in &workloads {
        let payloads: BTreeSet<&String> = messages.iter().map(|message| &message.payload).collect();
        assert_eq!(payloads.len(), 3);
    }
    let first: BTreeSet<&String> = workloads.iter().map(|messages| &messages[0].payload).collect();
    assert!(first.len() > 50, "{first:?}");
    assert!(drawn(&Messages::from(Just(())), 3).iter().all(|messages| messages.len() == 1), "there is only one");
}

#[test]
fn ordering_keys_are_drawn_where_somebody_asked_for_them() {
    let keys = |source: &Messages<i64>| -> BTreeSet<Option<String>> {
        drawn(source, 3).into_iter().flatten().map(|message| message.ordering_key).collect()
    };
    let some = |keys: &[&str]| keys.iter().map(|key| Some((*key).to_owned())).collect::<BTreeSet<_>>();
    assert_eq!(keys(&Messages::from(1..9i64)), BTreeSet::from([None]));
    assert_eq!(keys(&Messages::from(1..9i64).ordering_keys(2)), some(&["key-0", "key-1"]));
    let own = (0..2u8, 1..9i64).prop_map(|(own, n)| match own {
        0 => Message::new("a", n).ordered_by("own"),
        _ => Message::new("b", n),
    });
    assert_eq!(keys(&Messages::generate(own).ordering_keys(1)), some(&["key-0", "own"]));
    let listed = Messages::exactly([Message::new("a", 1), Message::new("b", 2)]).ordering_keys(2);
    assert_eq!(keys(&listed), BTreeSet::from([None]));
}

/// Of how many workloads two messages share an id, and of how many of these with another payload.
fn sharing(source: &Messages<i64>) -> (usize, usize) {
    let share = |one: &[Message<i64>]| one[0].id == one[1].id;
    let sharing: Vec<_> = drawn(source, 2).into_iter().filter(|messages| share(messages)).collect();
    (sharing.len(), sharing.iter().filter(|messages| messages[0].payload != messages[1].payload).count())
}

#[test]
fn ids_collide_where_the_generator_makes_few_or_somebody_asked_for_it() {
    assert_eq!(sharing(&Messages::from(1..1000i64)).0, 0);
    let (all, unlike) = sharing(&Messages::generate(("[ab]", 1..4i64).prop_map(|(id, n)| Message::new(id, n))));
    assert!(all > 20 && unlike > 10 && unlike < all, "{unlike} of {all}");
    let (all, unlike) = sharing(&Messages::from(1..1000i64).colliding_ids());
    assert!((20..80).contains(&all) && unlike == all, "{unlike} of {all}");
    let rare = Messages::generate((any::<u64>(), 1..4i64).prop_map(|(id, n)| Message::new(id.to_string(), n)));
    assert_eq!(sharing(&rare).0, 0);
    assert!(sharing(&rare.colliding_ids()).0 > 20);
}

#[test]
fn what_is_drawn_is_brought_back_by_its_line() {
    let source = Messages::from("[a-z]{3}").ordering_keys(2).colliding_ids();
    for seed in 0..20 {
        let messages = source.drawn(3, &mut draws(seed));
        let made = |messages: &[Published]| -> Vec<_> {
            messages.iter().enumerate().map(|(place, one)| source.message(one, place).unwrap()).collect()
        };
        let history =
            crate::History { model: crate::DeliveryModel::at_least_once(), processes: 2, messages, faults: Vec::new() };
        let line = crate::history::Line { test: "drawn".to_owned(), history }.to_string();
        let (again, _) = crate::History::parse_any(&line).unwrap();
        assert!(again.messages.iter().all(|message| message.hash().is_some()), "a changed generator would be noticed");
        assert_eq!(made(&again.messages), made(&source.drawn(3, &mut draws(seed))), "{line}");
    }
}

proptest! {
    #[test]
    fn no_two_collections_of_told_apart_integers_have_one_sum(
        a in proptest::collection::vec(0..=2i64, 4),
        b in proptest::collection::vec(0..=2i64, 4),
    ) {
        let payloads = payloads(&Messages::from(1..100_000i64), 0..4);
        let sum = |times: &[i64]| times.iter().zip(&payloads).map(|(times, payload)| times * payload).sum::<i64>();
        prop_assert_eq!(a == b, sum(&a) == sum(&b));
    }
}

#[test]
fn what_a_contract_speaks_of_is_searched_too() {
    let both = workloads::Contrasts { shared_id: true, equal_payloads: true, ..workloads::Contrasts::default() };
    let made = |source: &Messages<i64>, at_most| {
        let pairs = source.contrasting(at_most, both).into_iter().map(|workload| {
            let messages = workload.messages.iter().enumerate();
            messages.map(|(place, one)| source.message(one, place).unwrap()).map(|one| (one.id, one.payload)).collect()
        });
        pairs.collect::<Vec<Vec<(String, i64)>>>()
    };
    let m0 = || "m0".to_owned();
    assert_eq!(made(&Messages::from(1..1000i64), 2), [[(m0(), 100), (m0(), 300)]]);
    assert!(made(&Messages::from(1..1000i64), 1).is_empty());
    assert!(made(&Messages::from(7..8i64), 2).is_empty(), "all payloads are equal");
    assert!(made(&Messages::exactly([Message::new("a", 1), Message::new("b", 2)]), 2).is_empty());
    let whole = Messages::generate(("[a-c]", 1..4i64).prop_map(|(id, amount)| Message::new(id, amount)));
    let [shared, equal] = &made(&whole, 2)[..] else { panic!("both can be made") };
    assert!(shared[0].0 == shared[1].0 && shared[0].1 != shared[1].1, "{shared:?}");
    assert!(equal[0].0 != equal[1].0 && equal[0].1 == equal[1].1, "{equal:?}");
    assert!(Messages::from(1..1000i64).contrasting(2, workloads::Contrasts::default()).is_empty());
}
