//! The strategies that the program ships, as rows of its command line. What they are, and what is expected of whom, is known
//! by `redeliver_strategies` alone.

use redeliver::{
    Anomaly, Error, History, Verdict,
    cli::{Charge, Check, Checked, How},
};
use redeliver_strategies::{
    Entry, Options, StoreKind, all,
    run::survey,
    trial::{self, Trial},
};

/// Every strategy and every twin.
pub fn table() -> Vec<Checked> {
    all().iter().map(|entry| row(entry)).collect()
}

fn row(entry: &'static Entry) -> Checked {
    let mut stores = entry.stores();
    let first = stores.next().unwrap_or(StoreKind::Sqlite);
    let mut row = Checked::new(entry.name, entry.summary, OnStore { entry, store: first }).store(first.name());
    for store in stores {
        row = row.also_on(store.name(), OnStore { entry, store });
    }
    row = match entry.twin_of {
        Some(correct) => row.twin_of(correct),
        None => row.claims(entry.models.iter().copied()),
    };
    let charges = trial::of(entry).into_iter().filter_map(charge);
    charges.fold(row, Checked::charged).payloads("an amount such as 100", |text| text.parse::<i64>().is_ok())
}

fn charge(Trial { options, charge, .. }: Trial) -> Option<Charge> {
    let expected = charge?;
    Some(Charge {
        model: options.model,
        store: options.store.name(),
        anomalies: expected.anomalies,
        faults: expected.faults,
    })
}

/// A strategy or twin on one store.
struct OnStore {
    entry: &'static Entry,
    store: StoreKind,
}

impl OnStore {
    fn options(&self, how: &How) -> Options {
        Options {
            store: self.store,
            model: how.model,
            messages: how.messages,
            processes: how.processes,
            faults: how.faults,
            cases: how.cases,
            seed: how.seed,
            complete: how.complete,
            watcher: how.watcher.clone(),
        }
    }
}

impl Check for OnStore {
    fn verdict(&self, how: &How) -> Verdict {
        redeliver_strategies::check(self.entry, &self.options(how))
    }

    fn replay(&self, history: &History, how: &How) -> Verdict {
        redeliver_strategies::replay(self.entry, history, &self.options(how))
    }

    fn failing(&self, how: &How) -> Result<Vec<(History, Anomaly)>, Error> {
        survey(self.entry, &self.options(how))
    }
}
