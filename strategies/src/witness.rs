//! Witnesses: histories as data, each of which shows what goes wrong with a twin, or with a strategy under a delivery model
//! that it does not claim.
//!
//! A twin is convicted by the search, which is told nothing; its witness is what a person wrote down beforehand, for readers.
//! The tests hold every one of them against what it says, and see that nobody leaves a model out without one.

use redeliver_harness::{Anomaly, DeliveryModel, History};

use crate::{expected, registry::Entry, run::Options};

/// A history, and what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// What is wrong in the end.
    pub shows: Anomaly,
    /// The history, in its text form.
    pub history: &'static str,
}

impl Witness {
    /// The history that it is.
    ///
    /// # Panics
    /// If it cannot be read, which a test rules out.
    pub fn history(&self) -> History {
        self.history.parse().unwrap_or_else(|error| panic!("a witness is tested: {error}\n{}", self.history))
    }

    /// Under which delivery model it shows that.
    pub fn model(&self) -> DeliveryModel {
        self.history().model
    }

    /// How it is replayed with this strategy: on the store of its charge, otherwise on the first that it stands on.
    pub fn options(&self, entry: &Entry) -> Options {
        let charged = expected::of(entry.name).and_then(|charge| charge.store());
        let usual = Options::default();
        let store = charged.or_else(|| entry.stores().next()).unwrap_or(usual.store);
        Options { store, model: self.model(), ..usual }
    }
}

#[cfg(test)]
mod tests {
    use redeliver_harness::Verdict;

    use super::*;
    use crate::{
        registry::{ANY_MODEL, all},
        run::replay,
    };

    /// Every witness there is, with whom it is about.
    fn witnesses() -> impl Iterator<Item = (&'static Entry, &'static Witness)> {
        all().iter().flat_map(|entry| entry.witnesses.iter().map(move |witness| (*entry, witness)))
    }

    #[test]
    fn a_witness_shows_what_it_says_and_needs_each_of_its_faults() {
        for (entry, witness) in witnesses() {
            let (history, options) = (witness.history(), witness.options(entry));
            let verdict = replay(entry, &history, &options);
            assert_eq!(verdict.anomaly(), Some(witness.shows), "{}", verdict.report(entry.name));
            for fault in 0..history.faults.len() {
                let mut without = history.clone();
                without.faults.remove(fault);
                let verdict = replay(entry, &without, &options);
                assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report(entry.name));
            }
        }
    }

    #[test]
    fn every_twin_has_a_witness_of_what_it_is_charged_with() {
        for entry in all() {
            let Some(charge) = expected::of(entry.name) else { continue };
            let meets = |witness: &&Witness| {
                Some(witness.model()) == charge.model()
                    && charge.is_met_by(witness.shows, witness.history().faults.len())
            };
            assert!(entry.witnesses.iter().any(|witness| meets(&witness)), "{}", entry.name);
        }
    }

    #[test]
    fn a_correct_strategy_claims_a_model_or_has_a_witness_of_what_goes_wrong_there() {
        for entry in all().iter().filter(|entry| entry.twin_of.is_none()) {
            for model in ANY_MODEL {
                let wrong = entry.witnesses.iter().any(|witness| witness.model() == *model);
                assert_ne!(entry.models.contains(model), wrong, "{} under {}", entry.name, model.name());
            }
        }
    }
}
