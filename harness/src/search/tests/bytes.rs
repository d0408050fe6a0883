//! Histories of a fuzzer's bytes: every string of bytes is one that can be, is the same each time, and mostly acts.

use proptest::{prelude::*, strategy::ValueTree};

use super::toys::{self, options};
use crate::{
    Delivery, Error, History, KeyValue, Message, Messages,
    oracle::within_caps,
    search::{FromBytes, Options, Replayed, random::MOST_FAULTS},
    subject::Subject,
    world::{Boot, World},
};

/// So many bytes stand before the faults of a workload of the family.
const HEADER: usize = 2;

fn larger() -> Options {
    Options { processes: 3, ..options(3, 2) }
}

fn history(decoder: &mut FromBytes, subject: &mut dyn Subject, bytes: &[u8]) -> History {
    let replayed = decoder.replayed(subject, bytes).expect("the store has no errors of its own");
    replayed.map(|replayed| replayed.history.clone()).expect("it can be searched")
}

#[test]
fn no_bytes_are_the_plain_run_of_one_message_and_so_are_zeros_but_for_faults() {
    let mut subject = toys::subject(toys::three_steps);
    let mut decoder = FromBytes::new(&subject, larger());
    let plain = history(&mut decoder, &mut subject, &[]);
    assert_eq!((plain.messages.len(), plain.processes, plain.faults.len()), (1, 3, 0));
    assert_eq!(history(&mut decoder, &mut subject, &[0; HEADER]), plain);
    let one = history(&mut decoder, &mut subject, &[0; HEADER + 1]);
    assert_eq!(one.faults.iter().map(ToString::to_string).collect::<Vec<_>>(), ["lose-ack m0#1"]);
    assert_eq!(history(&mut decoder, &mut subject, &[0; HEADER + 4]), one, "four bytes are one fault");
    assert_eq!(history(&mut decoder, &mut subject, &[0; HEADER + 5]).faults.len(), 2);
    let most = history(&mut decoder, &mut subject, &[0; HEADER + 4 * (MOST_FAULTS + 9)]);
    assert!((3..=MOST_FAULTS).contains(&most.faults.len()), "{most}");
}

#[test]
fn the_first_bytes_choose_among_all_workloads_and_numbers_of_processes() {
    let mut subject = toys::subject(toys::three_steps);
    let mut decoder = FromBytes::new(&subject, larger());
    let mut all: Vec<_> = (0..u8::MAX).map(|byte| history(&mut decoder, &mut subject, &[byte]).messages).collect();
    all.sort();
    all.dedup();
    // The family has some with keys, equal payloads and inverses; those that are drawn differ from the unlike ones in nothing.
    let family = subject.workloads(3);
    assert!(family.iter().all(|workload| all.contains(&workload.messages)));
    let processes = [0, 1, 2, 3].map(|fewer| history(&mut decoder, &mut subject, &[0, fewer]).processes);
    assert_eq!(processes, [3, 2, 1, 3]);
}

#[test]
fn bytes_draw_the_messages_of_a_generator() {
    let texts = (0..1000_u32).prop_map(|n| Message::new(format!("id-{}", n % 7), format!("payload {n}")));
    let handler =
        async |kv: &KeyValue, m: &Delivery<String>| -> Result<(), Error> { kv.put(m.id(), m.payload()).await };
    let store = KeyValue::new("bank").observed();
    let mut subject = World::new(store, Boot::handles(), Messages::generate(texts), handler);
    let mut decoder = FromBytes::new(&subject, larger());
    let three = u8::try_from(subject.workloads(3).len() + 2).unwrap();
    let mut of = |draws: [u8; 6]| {
        let bytes: Vec<u8> = [three, 0].into_iter().chain(draws).collect();
        history(&mut decoder, &mut subject, &bytes).messages
    };
    let (one, other) = (of([1, 0, 2, 0, 3, 0]), of([1, 0, 2, 0, 3, 1]));
    assert_eq!((one.len(), other.len()), (3, 3));
    assert_eq!(one[..2], other[..2]);
    assert_ne!(one[2], other[2], "each message has two bytes of its own");
    assert_eq!(one, of([1, 0, 2, 0, 3, 0]));
}

#[test]
fn every_string_of_bytes_is_a_history_that_can_be_judged_and_most_faults_act() {
    let mut subject = toys::subject(toys::three_steps);
    let mut decoder = FromBytes::new(&subject, larger());
    let (mut drawn, mut acted) = (0, 0);
    let mut runner = crate::messages::runner([7, 0, 0, 0]);
    for _ in 0..2_000 {
        let bytes = proptest::collection::vec(any::<u8>(), 0..80).new_tree(&mut runner).unwrap().current();
        let Ok(Ok(Replayed { history, replay })) = decoder.replayed(&mut subject, &bytes) else { panic!("{bytes:?}") };
        history.validate().unwrap_or_else(|error| panic!("{error}: {history}"));
        assert!(within_caps(&replay), "{history}");
        drawn += history.faults.len();
        acted += replay.acted.len();
    }
    assert!(drawn > 8_000, "{drawn} faults in 2,000 histories");
    assert!(acted * 10 > drawn * 7, "{acted} of {drawn} faults acted");
}

#[test]
fn workloads_that_were_forgotten_come_back_the_same() {
    let payloads = any::<u32>();
    let handler = async |kv: &KeyValue, m: &Delivery<u32>| -> Result<(), Error> {
        kv.put(m.id(), &m.payload().to_string()).await
    };
    let mut subject = World::new(KeyValue::new("bank").observed(), Boot::handles(), Messages::from(payloads), handler);
    let mut decoder = FromBytes::new(&subject, Options { processes: 2, ..options(1, 2) });
    let drawn = u8::try_from(subject.workloads(1).len()).unwrap();
    let bytes = |draw: u16| [&[drawn, 0][..], &draw.to_le_bytes(), &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
    let before: Vec<_> = (0..300).map(|draw| history(&mut decoder, &mut subject, &bytes(draw))).collect();
    let again: Vec<_> = (0..300).map(|draw| history(&mut decoder, &mut subject, &bytes(draw))).collect();
    assert_eq!(before, again);
    assert!(before.iter().any(|history| history.faults.len() == 2));
}
