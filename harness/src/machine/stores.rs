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
        Delivery, Error, History, KeyValue, Messages, Store,
        machine::trace::Detail,
        subject::{Job, Subject},
        world::{Boot, World},
    };

    fn store(name: &str) -> KeyValue {
        KeyValue::new(name).observed()
    }

    async fn move_from_here(here: &KeyValue, there: &KeyValue) -> Result<(), Error> {
        here.add("balance", -1).await?;
        there.add("balance", 1).await.map(drop)
    }

    /// What the operations of one delivery are called, and what they write.
    fn told<S, F>(store: S, handler: F, detail: Detail) -> Vec<(String, Vec<String>)>
    where
        S: Store,
        F: AsyncFn(&S::Handle, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
    {
        let mut subject = World::new(store, Boot::handles(), Messages::from(1..9i64), handler);
        let history = History::at_least_once().message(1).build().expect("it has no faults");
        let mut replay = subject.run(Job::Replay(&history), detail).expect("the stores work");
        let said = replay.events.iter_mut().filter_map(words).map(|words| (words.what.clone(), words.writes.clone()));
        said.collect()
    }

    #[test]
    fn operations_of_two_stores_say_whose_they_are_in_a_report_and_nowhere_else() {
        let both = |detail| {
            let stores = (store("here"), store("there"));
            told(stores, async |(here, there): &(KeyValue, KeyValue), _: &_| move_from_here(here, there).await, detail)
        };
        let names = |names: [&str; 2], writes: [&str; 2]| {
            names
                .into_iter()
                .zip(writes)
                .map(|(name, write)| (name.to_owned(), vec![write.to_owned()]))
                .collect::<Vec<_>>()
        };
        let (here, there) = ("add balance -1", "add balance 1");
        assert_eq!(both(Detail::Words), names([here, there], ["balance"; 2]));
        let apart = names(["here: add balance -1", "there: add balance 1"], ["here.balance", "there.balance"]);
        assert_eq!(both(Detail::Watched), apart);

        let twice = async |kv: &KeyValue, _: &Delivery<i64>| move_from_here(kv, kv).await;
        assert_eq!(told(store("here"), twice, Detail::Watched), names([here, there], ["balance"; 2]));
    }
}
