//! What is known to go wrong with a strategy or a twin, model by model: of a strategy what its witnesses show, of a twin what the
//! search finds.

use std::{collections::BTreeMap, sync::Mutex, thread};

use redeliver::{Anomaly, DeliveryModel, History, Verdict};
use redeliver_strategies::{Entry, Options, all, check, registry::ANY_MODEL, trial};

/// What goes wrong under one model.
pub struct Found {
    pub model: DeliveryModel,
    pub wrong: Option<(Anomaly, History)>,
    /// It is claimed there, or charged.
    pub judged: bool,
}

/// Of everything that there is.
pub fn found() -> BTreeMap<&'static str, Vec<Found>> {
    let next = Mutex::new(all().iter());
    let found = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let taken = next.lock().expect("nobody panics with it").next();
            let Some(entry) = taken else { return };
            let each = match entry.twin_of {
                None => witnessed(entry),
                Some(_) => searched(entry),
            };
            found.lock().expect("nobody panics with it").insert(entry.name, each);
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    found.into_inner().expect("nobody panics with it")
}

fn witnessed(entry: &Entry) -> Vec<Found> {
    let wrong = |model| {
        let witness = entry.witnesses.iter().find(|witness| witness.model() == model)?;
        Some((witness.shows, witness.history()))
    };
    ANY_MODEL
        .iter()
        .map(|model| Found { model: *model, wrong: wrong(*model), judged: entry.models.contains(model) })
        .collect()
}

/// As far as it is charged, and further on where something else is found first.
fn searched(entry: &'static Entry) -> Vec<Found> {
    let trials = trial::of(entry);
    let [charged] = &trials[..] else { panic!("{} is charged once", entry.name) };
    let under = |model: &DeliveryModel| {
        let judged = charged.options.model == *model;
        let options = Options { model: *model, cases: 0, ..charged.options.clone() };
        let first = match check(entry, &options) {
            Verdict::Violated(found) => Some((found.anomaly(), found.history().clone())),
            Verdict::Holds(_) | Verdict::Inconclusive(_) => None,
        };
        let later = if judged { charged.run().later.map(|(history, anomaly)| (anomaly, history)) } else { None };
        Found { model: *model, wrong: later.or(first), judged }
    };
    ANY_MODEL.iter().map(under).collect()
}

impl Found {
    /// What stands in the table.
    pub fn cell(&self, entry: &Entry) -> String {
        let said = match (&self.wrong, entry.twin_of) {
            (None, None) => return "**holds**".to_owned(),
            (None, Some(_)) => return "(holds)".to_owned(),
            (Some((anomaly, history)), _) => format!("{anomaly}: {}", faults(history)),
        };
        if self.judged || entry.twin_of.is_none() { said } else { format!("({said})") }
    }
}

/// A history by its faults, and how many messages it takes.
fn faults(history: &History) -> String {
    let lines = history.to_string();
    let faults: Vec<&str> = lines.lines().rev().take(history.faults.len()).collect();
    let faults: Vec<String> = faults.into_iter().rev().map(|fault| format!("`{fault}`")).collect();
    let faults = if faults.is_empty() { "plain".to_owned() } else { faults.join(", ") };
    match history.messages.len() {
        1 => faults,
        count => format!("{count} messages, {faults}"),
    }
}
