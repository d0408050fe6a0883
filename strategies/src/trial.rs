//! A trial: a strategy, how it is to be checked, and whether what comes of it is what was expected.
//!
//! A correct strategy must hold on every store that it stands on, under every delivery model that it claims. A twin must be violated on the
//! store, under the delivery model and within the faults that [`expected`] names, by an anomaly that it lists. What is found before that is no acquittal: the search
//! runs on until it has a listed one.

use redeliver_harness::{Anomaly, History, Verdict};

use crate::{
    expected::{self, Expected},
    registry::{Entry, all},
    run::{Options, check, survey},
};

/// One strategy or twin on one store, under one delivery model.
#[derive(Clone)]
pub struct Trial {
    /// What is tried.
    pub entry: &'static Entry,
    /// How.
    pub options: Options,
    /// What it must be convicted of; `None` for one that must hold.
    pub charge: Option<Expected>,
}

/// What came of a trial.
#[derive(Debug)]
pub struct Tried {
    /// What the search says.
    pub verdict: Verdict,
    /// The first history that shows what was expected, if another failure was found before it.
    pub later: Option<(History, Anomaly)>,
    /// Whether it came out as expected.
    pub as_expected: bool,
}

/// Every trial that there is: the correct ones on every store under every model that they claim, the twins where they are charged.
pub fn trials() -> Vec<Trial> {
    all().iter().flat_map(|entry| of(entry)).collect()
}

/// The trials of one strategy or twin.
pub fn of(entry: &'static Entry) -> Vec<Trial> {
    let Some(charge) = expected::of(entry.name) else {
        let on = |store, model| {
            let options = Options { store, model, faults: entry.faults, ..Options::default() };
            Trial { entry, options, charge: None }
        };
        let everywhere = entry.models.iter().flat_map(|model| entry.stores().map(|store| on(store, *model)));
        return everywhere.collect();
    };
    let usual = Options::default();
    let options = Options {
        store: charge.store().unwrap_or(usual.store),
        model: charge.model().unwrap_or(usual.model),
        faults: charge.faults,
        ..usual
    };
    vec![Trial { entry, options, charge: Some(charge) }]
}

impl Trial {
    /// Searches.
    pub fn run(&self) -> Tried {
        let verdict = check(self.entry, &self.options);
        let mut later = None;
        let as_expected = match (&self.charge, &verdict) {
            (None, Verdict::Holds(_)) => true,
            (Some(charge), Verdict::Violated(found)) => {
                let at_once = charge.is_met_by(found.anomaly(), found.history().faults.len());
                if !at_once {
                    later = self.later(charge);
                }
                at_once || later.is_some()
            }
            _ => false,
        };
        Tried { verdict, later, as_expected }
    }

    /// A history further on that meets the charge. A store that fails shows none.
    fn later(&self, charge: &Expected) -> Option<(History, Anomaly)> {
        let failing = survey(self.entry, &self.options).ok()?;
        failing.into_iter().find(|(history, anomaly)| charge.is_met_by(*anomaly, history.faults.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{registry::named, run::StoreKind};

    #[test]
    fn a_correct_strategy_is_tried_on_every_store_under_every_model_that_it_claims_and_a_twin_where_it_is_charged() {
        let tried = |name| {
            let of = of(named(name).unwrap());
            of.iter().map(|trial| (trial.options.model.name(), trial.options.store)).collect::<Vec<_>>()
        };
        let natural = named("natural").unwrap();
        let everywhere = natural.models.iter().flat_map(|model| natural.stores().map(|on| (model.name(), on)));
        assert_eq!(tried("natural"), everywhere.collect::<Vec<_>>());
        assert_eq!(tried("stale-overwrite"), [("at-least-once", StoreKind::Sqlite)]);
    }

    #[test]
    fn what_holds_is_no_conviction_and_what_is_violated_does_not_hold() {
        let [.., correct] = &of(named("natural").unwrap())[..] else { panic!("it is tried") };
        let [twin] = &of(named("stale-overwrite").unwrap())[..] else { panic!("it is tried on one") };
        assert!(correct.run().as_expected && twin.run().as_expected);
        let accused = Trial { charge: twin.charge.clone(), ..correct.clone() };
        let acquitted = Trial { charge: None, ..twin.clone() };
        assert!(!accused.run().as_expected && !acquitted.run().as_expected);
    }

    #[test]
    fn the_search_runs_on_until_a_listed_anomaly_is_found() {
        let [twin] = &of(named("toctou-check-insert").unwrap())[..] else { panic!("it is tried on one") };
        let charge = twin.charge.clone().unwrap();
        let (history, anomaly) = twin.later(&charge).unwrap();
        assert!(charge.is_met_by(anomaly, history.faults.len()));

        let charge = Some(Expected { anomalies: vec!["lost".to_owned()], ..charge });
        let never = Trial { charge, ..twin.clone() }.run();
        assert!(never.verdict.anomaly().is_some() && never.later.is_none() && !never.as_expected);
    }
}
