//! How a program is checked: over the stores of its strategy, with its contract, under a model that it claims.

use std::{fmt, time::Duration};

use redeliver::{
    Contract, Delivery, DeliveryModel, Effects, Error, Harness, Isolation, KeyValue, Message, Messages, Observation,
    Prepared, Process, Store, Verdict,
};
use redeliver_strategies::{
    Entry, StoreKind, dead_letter, named,
    precondition_on_value::{self, Change},
    registry::AMOUNTS,
    sharded_dedup::Shards,
};

use super::{
    Op,
    hands::{Carried, Hands, Memory},
    run::run,
    table::{Programmed, World},
};

/// So often background work is done: as often as that of the strategies.
const PERIOD: Duration = Duration::from_secs(1);

/// The usual search over a program, and over one for the background: of all that is seen, under each model; of histories with
/// more faults; and without any fault of each part of what is seen alone. The first verdict that is no pass, or one that is.
pub fn checked(of: &Programmed, handler: &[Op], background: &[Op]) -> Verdict {
    let check = |model: fn() -> DeliveryModel, part| {
        let contract = (of.promises)(contract(of));
        let programs = Programs { of, contract, handler, background, listed: LONG, part };
        programs.prepared().model(model()).faults(of.faults)
    };
    // Where there is one process, whatever comes again finds its memory.
    let remembers = of.world == World::WithMemory;
    let models = of.models.iter().map(|model| (*model, if remembers { 1 } else { 2 }));
    let settings = remembers.then_some((of.models[0], 2)).into_iter().chain(models);
    let searched = settings.map(|(model, count)| check(model, None).processes(count).verdict());
    let also = of.also.into_iter().flat_map(|histories| histories());
    let replayed = also.map(|history| check(of.models[0], None).replay(&history));
    let parts = of.parts.iter().map(|part| check(of.models[0], Some(*part)).faults(0).verdict());
    let mut last = None;
    for verdict in searched.chain(replayed).chain(parts) {
        if !matches!(verdict, Verdict::Holds(_)) {
            return verdict;
        }
        last = Some(verdict);
    }
    last.expect("it claims a model")
}

/// The search over the strategy's own code meets the same histories as that over its program, one after the other, and each
/// leaves the same: they do the same.
pub fn tie(of: &Programmed) {
    let own = entry(of).on(of.store()).expect("it stands on it");
    let (contract, background) = ((of.states)(contract(of)), of.background.map_or(&[][..], |(_, ops)| ops));
    let program = Programs { of, contract, handler: of.handler, background, listed: OWN, part: None }.prepared();
    let [own, program] = [own, program].map(|check| {
        let searched = check.model((of.models[0])()).faults(1).cases(0).survey();
        searched.expect("memory works")
    });
    for (own, program) in own.judged.iter().zip(&program.judged) {
        assert_eq!(own, program, "{}", of.strategy);
    }
    assert_eq!(own.searched, program.searched, "{}", of.strategy);
    assert!(own.failing.is_empty() && own.inconclusive.is_none(), "{}: {:?}", of.strategy, own.failing);
}

fn entry(of: &Programmed) -> &'static Entry {
    named(of.strategy).expect("it is registered")
}

fn contract(of: &Programmed) -> Contract {
    (entry(of).contract)()
}

/// Which messages, where they are listed.
#[derive(Clone, Copy)]
struct Listed {
    sharded: fn() -> Messages<i64>,
    changes: fn() -> Messages<Change>,
    letters: fn() -> Messages<i64>,
}

/// The strategy's own.
const OWN: Listed =
    Listed { sharded: || AMOUNTS.into(), changes: precondition_on_value::messages, letters: dead_letter::messages };

/// More than those: what two of a kind show, or two in one shard.
const LONG: Listed = Listed {
    sharded: || {
        let amounts = [100, 300, 100].into_iter().enumerate();
        Messages::exactly(amounts.map(|(at, amount)| Message::new(format!("m{at}"), amount)))
    },
    changes: || {
        let changes = [(0, 100), (100, -100), (0, 300)].into_iter().enumerate();
        Messages::exactly(changes.map(|(at, (from, by))| Message::new(format!("m{at}"), Change { from, by })))
    },
    letters: || {
        let amounts = [-100, 300, -100, 300].into_iter().enumerate();
        Messages::exactly(amounts.map(|(at, amount)| Message::new(format!("m{at}"), amount).ordered_by("account-7")))
    },
};

fn both((first, second): &(KeyValue, KeyValue)) -> Hands<'_> {
    Hands { second: Some(second), ..Hands::of(first) }
}

/// What is to be checked.
struct Programs<'a> {
    of: &'a Programmed,
    contract: Contract,
    handler: &'a [Op],
    background: &'a [Op],
    listed: Listed,
    part: Option<Part>,
}

impl Programs<'_> {
    /// Over the stores of the strategy.
    fn prepared(self) -> Prepared {
        let entry = entry(self.of);
        let prepared = match self.of.world {
            World::One(isolation) => self.on(entry.key_value().isolation(isolation), |store| Hands::of(store)),
            World::WithOutside => self.on((entry.key_value(), Effects::new().named("world")), |(store, mail)| Hands {
                mail: Some(mail),
                ..Hands::of(store)
            }),
            World::Two => self.on((entry.key_value_named("here"), entry.key_value_named("there")), both),
            World::Shards => self.on(Shards::new(entry.key_value_named("even"), entry.key_value_named("odd")), both),
            World::WithMemory => {
                let harness = Harness::new(entry.key_value()).process(|store| (store, Memory::default()));
                self.over(harness, |(store, memory): &(KeyValue, Memory)| Hands {
                    memory: Some(memory),
                    ..Hands::of(store)
                })
            }
        };
        prepared.cases(0)
    }

    /// Over these stores, of which is seen what is asked for.
    fn on<S: Store>(self, stores: S, hands: fn(&S::Handle) -> Hands<'_>) -> Prepared {
        match self.part {
            None => self.over(Harness::new(stores), hands),
            Some(part) => self.over(Harness::new(Only { stores, part }), hands),
        }
    }

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
        let Listed { sharded, changes, letters } = self.listed;
        match self.of.strategy {
            "precondition-on-value" => self.with(harness, hands, changes()),
            "dead-letter" => self.with(harness, hands, letters()),
            "sharded-dedup" => self.with(harness, hands, sharded()),
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
            World::One(Isolation::Snapshot) => StoreKind::KeyValueAtSnapshot,
            _ => StoreKind::KeyValue,
        }
    }
}

/// A part of what is seen.
type Part = fn(&Observation) -> Vec<&str>;

/// Stores of which one part is seen.
struct Only<S> {
    stores: S,
    part: Part,
}

impl<S: Store> Store for Only<S> {
    type Handle = S::Handle;

    fn reset(&mut self) -> Result<(), Error> {
        self.stores.reset()
    }

    fn open(&mut self, process: &Process) -> Result<S::Handle, Error> {
        self.stores.open(process)
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        let mut all = Observation::default();
        self.stores.observe(&mut all)?;
        seen.set("part", (self.part)(&all));
        Ok(())
    }

    fn crash(&mut self, process: &Process) {
        self.stores.crash(process);
    }
}
