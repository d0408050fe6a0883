//! How a program is checked: over the stores of its strategy, with its contract, under a model that it claims.

use std::{fmt, time::Duration};

use redeliver::{Contract, Delivery, Effects, Harness, KeyValue, Messages, Prepared, Store, Verdict};
use redeliver_strategies::{
    Entry, StoreKind, dead_letter, named, precondition_on_value, registry::AMOUNTS, sharded_dedup::Shards,
};

use super::{
    Op,
    run::{Carried, Hands, Memory, run},
    table::{Programmed, World},
};

/// So often background work is done: as often as that of the strategies.
const PERIOD: Duration = Duration::from_secs(1);

/// The usual search over a program, and over one for the background.
pub fn checked(of: &Programmed, handler: &[Op], background: &[Op]) -> Verdict {
    prepared(of, of.promises, handler, background).verdict()
}

/// The search over the strategy's own code meets the same histories as that over its program, one after the other, and each
/// leaves the same: they do the same.
pub fn tie(of: &Programmed) {
    let entry = entry(of);
    let mut own = entry.on(of.store()).expect("it stands on it").model((of.model)()).faults(entry.faults).cases(0);
    let mut program = prepared(of, of.states, of.handler, of.background.map_or(&[], |(_, ops)| ops));
    let (own, program) = (own.survey().expect("memory works"), program.survey().expect("memory works"));
    for (own, program) in own.judged.iter().zip(&program.judged) {
        assert_eq!(own, program, "{}", of.strategy);
    }
    assert_eq!(own.searched, program.searched, "{}", of.strategy);
    assert!(own.failing.is_empty() && own.inconclusive.is_none(), "{}: {:?}", of.strategy, own.failing);
}

fn entry(of: &Programmed) -> &'static Entry {
    named(of.strategy).expect("it is registered")
}

/// A check of programs. `promises` is what it promises beside its registry's contract.
fn prepared(of: &Programmed, promises: fn(Contract) -> Contract, handler: &[Op], background: &[Op]) -> Prepared {
    let entry = entry(of);
    let contract = promises((entry.contract)());
    let programs = Programs { of, contract, handler, background };
    let prepared = match of.world {
        World::One(isolation) => {
            programs.over(Harness::new(entry.key_value().isolation(isolation)), |store: &KeyValue| Hands::of(store))
        }
        World::WithOutside => {
            let world = (entry.key_value(), Effects::new().named("world"));
            programs.over(Harness::new(world), |(store, mail): &(KeyValue, Effects)| Hands {
                mail: Some(mail),
                ..Hands::of(store)
            })
        }
        World::Two => {
            let two = (entry.key_value_named("here"), entry.key_value_named("there"));
            programs.over(Harness::new(two), both)
        }
        World::Shards => {
            let shards = Shards::new(entry.key_value_named("even"), entry.key_value_named("odd"));
            programs.over(Harness::new(shards), both)
        }
        World::WithMemory => {
            let process = |store| (store, Memory::default());
            programs.over(Harness::new(entry.key_value()).process(process), |(store, memory): &(KeyValue, Memory)| {
                Hands { memory: Some(memory), ..Hands::of(store) }
            })
        }
    };
    prepared.model((of.model)()).faults(entry.faults).cases(0)
}

fn both((first, second): &(KeyValue, KeyValue)) -> Hands<'_> {
    Hands { second: Some(second), ..Hands::of(first) }
}

/// What is to be checked.
struct Programs<'a> {
    of: &'a Programmed,
    contract: Contract,
    handler: &'a [Op],
    background: &'a [Op],
}

impl Programs<'_> {
    /// Over a process that has such hands.
    fn over<S: Store, C: 'static>(self, harness: Harness<S, C>, hands: fn(&C) -> Hands<'_>) -> Prepared {
        let mut harness = harness.contract(self.contract.clone());
        if let Some((label, holds)) = self.of.always {
            harness = harness.always(label, holds);
        }
        if let Some((label, _)) = self.of.background {
            let program = self.background.to_vec();
            harness = harness.every(PERIOD, label, async move |process: &C| {
                drop(run::<i64>(&program, hands(process), None).await);
            });
        }
        match self.of.strategy {
            "precondition-on-value" => self.with(harness, hands, precondition_on_value::messages()),
            "dead-letter" => self.with(harness, hands, dead_letter::messages()),
            _ => self.with(harness, hands, Messages::from(AMOUNTS)),
        }
    }

    /// Of these messages.
    fn with<S: Store, C: 'static, P>(
        self,
        harness: Harness<S, C>,
        hands: fn(&C) -> Hands<'_>,
        messages: Messages<P>,
    ) -> Prepared
    where
        P: Carried + Clone + fmt::Debug + Send + Sync + 'static,
    {
        let program = self.handler.to_vec();
        harness
            .prepare(messages, async move |process: &C, m: &Delivery<P>| run(&program, hands(process), Some(m)).await)
    }
}

impl Programmed {
    /// The store that its program is over.
    fn store(&self) -> StoreKind {
        match self.world {
            World::One(isolation) if isolation == redeliver::Isolation::Snapshot => StoreKind::KeyValueAtSnapshot,
            _ => StoreKind::KeyValue,
        }
    }
}
