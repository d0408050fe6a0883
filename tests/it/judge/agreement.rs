//! The search and the enumerator, held against each other over generated programs.
//!
//! Without skips the two must meet the same histories, leave the same stores and judge alike. (What the search leaves out is
//! a pause that ends at once, since nothing else could run.) With skips the search may meet fewer, but not other anomalies,
//! and none at another fault count.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use redeliver::{Anomaly, Delivery, DeliveryModel, Harness, Message, Messages, Observation, Prepared};

use super::{
    bank::Seen,
    enumerate::{Judged, histories},
    generate::{leasing_programs, programs, replying_programs, spawning_programs},
    on_key_value::{KeyValues, key_values, over_key_values},
    program::{Instruction, Program},
    system::Model,
};

/// What messages carry: sums tell which of them took effect how often.
pub const AMOUNTS: [i64; 2] = [100, 300];
/// So many programs are tried.
const PROGRAMS: usize = 40;
/// And so many of those that reply.
const REPLYING: usize = 24;
/// And so many under a lease.
const LEASING: usize = 20;
/// And so many that spawn.
const SPAWNING: usize = 4;
/// A program with more histories of one fault than this is tried with one fault only.
const MOST_FOR_TWO: usize = 36;

impl Met {
    fn ends_like(&self, other: &Self) -> bool {
        (self.anomaly, &self.observation) == (other.anomaly, &other.observation)
    }
}

/// One program to agree on, under this model, over so many messages and with up to so many faults.
#[derive(Clone)]
pub struct Cell {
    pub model: Model,
    pub program: Program,
    pub messages: usize,
    pub faults: usize,
}

/// What both sides met: for each number of faults, how many histories and how many of them violated.
type Counts = Vec<(usize, usize)>;

/// The faults of a history, in no order.
type Key = BTreeSet<String>;

/// What the search made of one history.
struct Met {
    anomaly: Option<Anomaly>,
    observation: Observation,
}

impl Cell {
    /// The program as a check.
    pub fn prepared(&self, skips: bool) -> Prepared {
        let program = self.program.clone();
        let messages = AMOUNTS[..self.messages].iter().enumerate();
        let model = match self.model {
            Model::AtLeastOnce => DeliveryModel::at_least_once(),
            Model::RequestReply => DeliveryModel::request_reply(),
        };
        Harness::new(key_values()).model(model).faults(self.faults).skips(skips).prepare(
            Messages::exactly(messages.map(|(at, amount)| Message::new(format!("m{at}"), *amount))),
            async move |stores: &KeyValues, message: &Delivery<i64>| over_key_values(&program, stores, message).await,
        )
    }

    fn survey(&self, skips: bool) -> Result<BTreeMap<Key, Met>, String> {
        let survey = self.prepared(skips).survey().map_err(|error| error.to_string())?;
        if let Some(why) = survey.inconclusive {
            return Err(format!("the search is inconclusive: {why}"));
        }
        let mut met = BTreeMap::new();
        for (history, observation) in survey.judged {
            let key = key_of(&history.faults);
            let is_new = met.insert(key.clone(), Met { anomaly: None, observation }).is_none();
            if !is_new || key.len() < history.faults.len() {
                return Err(format!("the search meets {key:?} twice"));
            }
        }
        for (history, anomaly) in survey.failing {
            met.get_mut(&key_of(&history.faults)).expect("what fails was judged").anomaly = Some(anomaly);
        }
        Ok(met)
    }

    /// What the two sides agree on, or the first thing that they do not.
    pub fn agreement(&self) -> Result<Counts, String> {
        let enumerated = histories(self.model, &self.program, &AMOUNTS[..self.messages], self.faults);
        let searched = self.survey(false)?;
        let mut counts = vec![(0, 0); self.faults + 1];
        for one in &enumerated {
            let key = key_of(&one.faults);
            match searched.get(&key) {
                Some(other) => same(one, other)?,
                None if one.idle => continue,
                None => return Err(format!("only the enumerator has {one}")),
            }
            counts[one.faults.len()].0 += 1;
            counts[one.faults.len()].1 += usize::from(one.violated);
        }
        let enumerated: BTreeSet<Key> = enumerated.iter().map(|one| key_of(&one.faults)).collect();
        if let Some((extra, _)) = searched.iter().find(|(key, _)| !enumerated.contains(*key)) {
            return Err(format!("only the search has {extra:?}"));
        }
        self.skips_hide_nothing(&searched)?;
        Ok(counts)
    }

    fn skips_hide_nothing(&self, all: &BTreeMap<Key, Met>) -> Result<(), String> {
        let skipping = self.survey(true)?;
        if let Some((extra, _)) = skipping.iter().find(|(key, _)| !all.contains_key(*key)) {
            return Err(format!("only with skips the search has {extra:?}"));
        }
        let anomalies = |met: &BTreeMap<Key, Met>| -> BTreeSet<(usize, Anomaly)> {
            met.iter().filter_map(|(faults, one)| Some((faults.len(), one.anomaly?))).collect()
        };
        let (with, without) = (anomalies(&skipping), anomalies(all));
        if with != without {
            return Err(format!("with skips the anomalies are {with:?}, without {without:?}"));
        }
        // What is left out has the trace of a history with no more faults: so no end is lost, right or wrong.
        for (faults, one) in all {
            let same_end = |(others, other): (&Key, &Met)| others.len() <= faults.len() && one.ends_like(other);
            if !skipping.iter().any(same_end) {
                return Err(format!("with skips nothing ends like {faults:?}: {:?}", one.observation));
            }
        }
        Ok(())
    }

    /// The smallest program like this one on which the sides still disagree, and about what.
    pub fn shrunk(mut self, mut why: String) -> String {
        let fails = |program: Program, cell: &Cell| {
            let cell = Cell { program, ..cell.clone() };
            let why = cell.agreement().err()?;
            Some((cell, why))
        };
        while let Some((smaller, now)) = self.program.smaller().into_iter().find_map(|program| fails(program, &self)) {
            (self, why) = (smaller, now);
        }
        format!("{:?}\nwith {} messages: {why}", self.program, self.messages)
    }
}

fn key_of(faults: &[impl ToString]) -> Key {
    faults.iter().map(ToString::to_string).collect()
}

/// Whether both sides left the same of one history, and judged it alike.
fn same(one: &Judged, other: &Met) -> Result<(), String> {
    if other.observation != observation(one.seen) {
        return Err(format!("{one}: the enumerator leaves {:?}, the machine {:?}", one.seen, other.observation));
    }
    if one.violated != other.anomaly.is_some() {
        return Err(format!("{one} says the enumerator, {:?} the oracle", other.anomaly));
    }
    Ok(())
}

/// What the stores show where the enumerator sees this.
fn observation((balance, value, ledger): Seen) -> Observation {
    let row = |key: &str, value: i64| vec![key.to_owned(), value.to_string()];
    let columns = || vec!["key".to_owned(), "value".to_owned()];
    let balance = (balance != 0).then(|| row("balance", balance));
    let value = value.map(|value| row("value", value));
    let sum = (ledger != 0).then(|| row("sum", ledger));
    let mut seen = Observation::default();
    seen.rows("bank", columns(), balance.into_iter().chain(value).collect(), false);
    seen.rows("ledger", columns(), sum.into_iter().collect(), false);
    seen
}

/// What was agreed on.
#[derive(Default)]
struct Agreed {
    cells: usize,
    violated: usize,
    counts: Counts,
}

/// So many generated programs, always the same ones, each over one message, two, and up to so many.
struct Trial {
    model: Model,
    programs: usize,
    messages: usize,
}

impl Trial {
    /// What is agreed on over these programs. `faults` says up to how many faults, from the number of histories with at
    /// most one.
    fn agreed(&self, generator: impl Strategy<Value = Program>, faults: impl Fn(usize) -> usize) -> Agreed {
        let mut runner = TestRunner::deterministic();
        let mut agreed = Agreed::default();
        for _ in 0..self.programs {
            let program = generator.new_tree(&mut runner).expect("a program").current();
            for messages in 1..=self.messages {
                let faults = faults(histories(self.model, &program, &AMOUNTS[..messages], 1).len());
                let cell = Cell { model: self.model, program: program.clone(), messages, faults };
                match cell.agreement() {
                    Ok(counts) => agreed.add(&counts),
                    Err(why) => panic!("{}", cell.shrunk(why)),
                }
            }
        }
        agreed
    }
}

impl Agreed {
    fn add(&mut self, counts: &[(usize, usize)]) {
        self.cells += 1;
        self.violated += usize::from(counts.iter().any(|(_, violated)| *violated > 0));
        self.counts.resize(self.counts.len().max(counts.len()), (0, 0));
        for (sum, one) in self.counts.iter_mut().zip(counts) {
            *sum = (sum.0 + one.0, sum.1 + one.1);
        }
    }

    fn print(&self) {
        println!("{} cells, {} of them violated", self.cells, self.violated);
        for (faults, (histories, violated)) in self.counts.iter().enumerate() {
            println!("with {faults} faults: {histories} histories, {violated} violated");
        }
    }
}

#[test]
fn the_search_meets_the_same_histories_as_plain_enumeration() {
    Trial { model: Model::AtLeastOnce, programs: PROGRAMS, messages: 2 }.agreed(programs(), for_a_debug_build).print();
}

#[test]
fn the_search_and_plain_enumeration_agree_on_what_clients_hear() {
    Trial { model: Model::RequestReply, programs: REPLYING, messages: 2 }
        .agreed(replying_programs(), for_a_debug_build)
        .print();
}

#[test]
fn the_search_and_plain_enumeration_agree_where_a_lease_ends_by_itself() {
    Trial { model: Model::AtLeastOnce, programs: LEASING, messages: 1 }.agreed(leasing_programs(), |_| 1).print();
}

#[test]
fn the_search_and_plain_enumeration_agree_on_what_handlers_spawn() {
    Trial { model: Model::AtLeastOnce, programs: SPAWNING, messages: 2 }
        .agreed(spawning_programs(), for_a_debug_build)
        .print();
}

fn for_a_debug_build(histories: usize) -> usize {
    if histories <= MOST_FOR_TWO { 2 } else { 1 }
}

#[test]
fn they_agree_on_what_they_once_disagreed_on() {
    use Instruction::{Apply, Begin, Lease, Set, Sleep};
    let sleeps_with_the_lock = Program::new([Begin, Sleep]);
    // Who waits for the lock beyond its patience, and who gives up before it has it.
    let impatient = Program { impatient: true, ..sleeps_with_the_lock.clone() };
    // Where the clock may jump twice, before anybody looks or not.
    let leases = Program::new([Lease, Apply, Set]);
    for (program, messages) in [(sleeps_with_the_lock, 2), (impatient, 1), (leases, 1)] {
        let cell = Cell { model: Model::AtLeastOnce, program, messages, faults: 2 };
        if let Err(why) = cell.agreement() {
            panic!("{}", cell.shrunk(why));
        }
    }
}

#[test]
#[cfg(not(debug_assertions))] // Minutes in a debug build.
fn and_so_with_many_programs_and_more_faults() {
    Trial { model: Model::AtLeastOnce, programs: 200, messages: 2 }.agreed(programs(), for_a_release_build).print();
}

#[test]
#[cfg(not(debug_assertions))] // Minutes in a debug build.
fn they_agree_with_many_programs_that_reply_and_more_faults() {
    Trial { model: Model::RequestReply, programs: 60, messages: 2 }
        .agreed(replying_programs(), for_a_release_build)
        .print();
}

#[test]
#[cfg(not(debug_assertions))] // Minutes in a debug build.
fn they_agree_with_many_programs_under_a_lease_and_more_faults() {
    Trial { model: Model::AtLeastOnce, programs: 30, messages: 2 }
        .agreed(leasing_programs(), where_time_passes)
        .print();
}

#[test]
#[cfg(not(debug_assertions))] // Minutes in a debug build.
fn they_agree_with_many_programs_that_spawn_and_more_faults() {
    Trial { model: Model::AtLeastOnce, programs: 30, messages: 2 }
        .agreed(spawning_programs(), where_time_passes)
        .print();
}

#[cfg(not(debug_assertions))]
fn for_a_release_build(histories: usize) -> usize {
    match histories {
        ..=22 => 3,
        ..=150 => 2,
        _ => 1,
    }
}

/// Where the clock matters, or is waited for, there are more histories, and each takes longer.
#[cfg(not(debug_assertions))]
fn where_time_passes(histories: usize) -> usize {
    if histories <= 60 { 2 } else { 1 }
}
