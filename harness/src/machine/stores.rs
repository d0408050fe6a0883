//! Which store an operation is of, where a replay has operations of several that have names: two databases may well have tables
//! of one name, and what one of them holds says nothing of the other.

use std::{collections::BTreeSet, sync::Arc};

use super::trace::{Event, Words};

/// Writes the stores' names into the words of their operations, if there are several.
pub(super) fn tell_stores_apart(events: &mut [Event]) {
    let stores: BTreeSet<Arc<str>> = events.iter_mut().filter_map(|event| words(event)?.store.clone()).collect();
    if stores.len() < 2 {
        return;
    }
    for words in events.iter_mut().filter_map(words) {
        let Some(store) = words.store.clone() else { continue };
        words.what = format!("{store}: {}", words.what);
        for name in words.reads.iter_mut().chain(&mut words.writes) {
            *name = format!("{store}.{name}");
        }
    }
}

fn words(event: &mut Event) -> Option<&mut Words> {
    match event {
        Event::Step { words, .. } | Event::Blocked { words, .. } => words.as_deref_mut(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Error, KeyValue,
        machine::testing::{Given, Stage, lines},
    };

    async fn both((here, there): &(KeyValue, KeyValue), _: &Given) -> Result<(), Error> {
        here.add("balance", -1).await?;
        there.add("balance", 1).await.map(drop)
    }

    fn store(name: &str) -> KeyValue {
        KeyValue::new(name).observed()
    }

    #[test]
    fn operations_of_two_stores_say_whose_they_are_and_those_of_one_do_not() {
        let replay = Stage::new((store("here"), store("there")), both).replay(1, &[]);
        assert_eq!(lines(&replay)[1..3], ["m0#1.1 here: add balance -1: -1", "m0#1.2 there: add balance 1: 1"]);
        let Event::Step { words: Some(words), .. } = &replay.events[1] else { panic!("{:#?}", replay.events) };
        assert_eq!(words.writes, ["here.balance"]);

        let alone = Stage::new(store("here"), async |kv: &KeyValue, _: &Given| kv.add("balance", 1).await.map(drop));
        assert_eq!(lines(&{ alone }.replay(1, &[]))[1], "m0#1.1 add balance 1: 1");
    }
}
