//! Naming: an anomaly is named by what explains it, in agreement with the trace.
//!
//! An explanation is a wrong run that leaves what is seen; `evidence` says whether the trace agrees. They are tried in the
//! order of [`Anomaly`]. Where none leaves all that is seen, one that leaves it wherever it differs from what is right will
//! do: a unique table that is observed beside the balance stays right when the balance is doubled. What clients heard is
//! looked at only where all that is seen is right: then nothing else went wrong.

use super::{
    Anomaly, AsIf, Explanation, Oracle,
    case::{Case, Wanted, was_calm},
    crashes::Repeated,
    evidence::Evidence,
    order::{Order, Places},
    progress,
    wrongs::{Compared, Wrong, choose},
};
use crate::{
    Error, History, Observation,
    machine::trace::Replay,
    subject::{Reference, Subject},
};

/// One message is not taken to have had effect more often than this.
const MOST_TIMES: usize = 9;
/// So many things are taken to have gone wrong at once.
const MOST_AT_ONCE: usize = 3;

/// What is right, as far as the report shows it.
type Expected = Option<(Observation, Vec<usize>)>;

impl Oracle {
    /// Says what is wrong with a replay in which some message was stuck or did not take effect exactly once.
    ///
    /// # Errors
    /// What a store met in a reference run, or a message that cannot be made.
    pub(super) fn name_it(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
    ) -> Result<Explanation, Error> {
        let mut explanation = Explanation {
            anomaly: Anomaly::Unexplained,
            message: None,
            expected: None,
            observed: replay.observation.clone(),
            as_if: None,
        };
        if history.messages.len() > Places::MOST {
            return Ok(explanation);
        }
        let mut case = self.case(subject, history, replay)?;
        explanation.expected = self.expected(subject, &mut case)?;
        let stuck = progress::stuck(replay).first().copied();
        let mut promised = None;
        let right = self.finds(subject, &mut case, &mut |case, run| {
            let same = case.leaves_the_same(&run.observation);
            if same && !case.heard.is_empty() {
                promised = Some((case.heard.in_place_by(run), case.heard.other_than(run)));
            }
            same
        })?;
        if stuck.is_some() && right.is_some() {
            return Ok(Explanation { anomaly: Anomaly::Stuck, message: stuck, ..explanation });
        }
        if let (Some(order), Some((promised, message))) = (right, promised) {
            explanation.expected = Some((promised, order));
            explanation.observed = case.heard.beside(&replay.observation);
            if was_calm(replay) {
                return self.calm(subject, history, replay, None, explanation);
            }
            return Ok(Explanation { anomaly: Anomaly::Reply, message, ..explanation });
        }
        case.begin_anew();
        let untouched = self.references.run(subject, history, &Reference::default())?.observation.clone();
        let evidence = Evidence::of(replay, &untouched);
        let named = self.name(subject, &mut case, &evidence, &explanation.expected)?;
        if was_calm(replay) && stuck.is_none() {
            return self.calm(subject, history, replay, named, explanation);
        }
        if let Some((anomaly, message, as_if)) = named {
            return Ok(Explanation { anomaly, message: Some(message), as_if: Some(as_if), ..explanation });
        }
        if let Some(message) = evidence.cut_short() {
            return Ok(Explanation { anomaly: Anomaly::Partial, message: Some(message), ..explanation });
        }
        if stuck.is_some() {
            return Ok(Explanation { anomaly: Anomaly::Stuck, message: stuck, ..explanation });
        }
        Ok(explanation)
    }

    /// What shows with no message delivered twice, no crash and no failed operation is not about idempotency, unless it is
    /// the contract's order that is broken: to keep that is asked of the handler, however deliveries come.
    fn calm(
        &mut self,
        subject: &mut dyn Subject,
        history: &History,
        replay: &Replay,
        named: Option<(Anomaly, usize, AsIf)>,
        explanation: Explanation,
    ) -> Result<Explanation, Error> {
        let as_if = named.as_ref().map(|(_, _, as_if)| as_if.clone());
        let mut real_time = Case::new(&self.contract, history, replay, Order::of_real_time(&replay.fates));
        let only_contract_forbids = self.contract.order_published && self.finds_it_right(subject, &mut real_time)?;
        // Whoever keeps an order by leaving out what comes late loses it.
        if let (true, Some((anomaly @ (Anomaly::Overwrote | Anomaly::Lost), message, _))) =
            (only_contract_forbids, named)
        {
            return Ok(Explanation { anomaly, message: Some(message), as_if, ..explanation });
        }
        let anomaly = if only_contract_forbids { Anomaly::Unexplained } else { Anomaly::NotIsolated };
        Ok(Explanation { anomaly, as_if, ..explanation })
    }

    /// What a right run leaves: with all messages in the order in which they were handled, or at least with those that were.
    pub(super) fn expected(&mut self, subject: &mut dyn Subject, case: &mut Case<'_>) -> Result<Expected, Error> {
        for take in [case.must.and(case.may), case.must] {
            let wanted = Wanted { take, order: case.order.clone(), like: Vec::new(), done: take };
            let mut left = None;
            let found = case.find(&mut self.references, subject, &wanted, |_, run, _| {
                left = Some(run.observation.clone());
                true
            })?;
            if let Some(expected) = left.zip(found) {
                return Ok(Some(expected));
            }
        }
        Ok(None)
    }

    /// The first explanation with which the trace agrees.
    fn name(
        &mut self,
        subject: &mut dyn Subject,
        case: &mut Case<'_>,
        evidence: &Evidence,
        expected: &Expected,
    ) -> Result<Option<(Anomaly, usize, AsIf)>, Error> {
        let mut ways = vec![Compared::All];
        if let Some((expected, _)) = expected {
            let (parts, right) = (case.replay.observation.parts(), expected.parts());
            let both = 0..parts.len().min(right.len());
            let differ: Vec<usize> = both.filter(|at| !case.leaves_the_same_at(*at, expected)).collect();
            if !differ.is_empty() && differ.len() < parts.len() && parts.len() == right.len() {
                ways.push(Compared::Parts(differ));
            }
        }
        for compared in &ways {
            if let Some(named) = self.overwrote(subject, case, evidence, compared)? {
                return Ok(Some(named));
            }
            if let Some(named) = self.too_often_or_not_at_all(subject, case, evidence, compared)? {
                return Ok(Some(named));
            }
        }
        Ok(None)
    }

    /// An order that is forbidden explains it, and an older message's later write came last.
    fn overwrote(
        &mut self,
        subject: &mut dyn Subject,
        case: &mut Case<'_>,
        evidence: &Evidence,
        compared: &Compared,
    ) -> Result<Option<(Anomaly, usize, AsIf)>, Error> {
        let messages = case.replay.fates.len();
        let right = case.order.clone();
        let overtook =
            |older: usize, newer: usize| right.before(newer).contains(older) && evidence.wrote_after(older, newer);
        let late = (0..messages).filter(|older| (0..messages).any(|newer| overtook(*older, newer)));
        let late: Vec<usize> = late.collect();
        // Each alone, then all of them.
        let mut sets: Vec<Places> = late.iter().map(|older| Places::one(*older)).collect();
        if late.len() > 1 {
            sets.push(late.iter().copied().collect());
        }
        for free in sets {
            for present in case.may.subsets() {
                if case.is_over() {
                    return Ok(None);
                }
                let take = case.must.and(present);
                let wanted = Wanted { take, order: right.free(free), like: Vec::new(), done: case.must };
                let mut who = None;
                let found = case.find(&mut self.references, subject, &wanted, |case, run, order| {
                    if compared.accounts(case, &run.observation) {
                        who = free.iter().find(|older| {
                            let before = order.iter().take_while(|place| *place != older);
                            before.into_iter().any(|newer| overtook(*older, *newer))
                        });
                    }
                    who.is_some()
                })?;
                if let Some((order, older)) = found.zip(who) {
                    return Ok(Some((Anomaly::Overwrote, older, AsIf::Order(order))));
                }
            }
        }
        Ok(None)
    }

    /// That messages took effect more than once, or had none, explains it: as few of them as can be.
    fn too_often_or_not_at_all(
        &mut self,
        subject: &mut dyn Subject,
        case: &mut Case<'_>,
        evidence: &Evidence,
        compared: &Compared,
    ) -> Result<Option<(Anomaly, usize, AsIf)>, Error> {
        let delivered = case.must.and(case.may);
        let often = |message: usize| {
            (2..=evidence.times(message).min(MOST_TIMES)).map(move |times| Wrong::Times(message, times))
        };
        let lost = case.must.iter().filter(|message| evidence.may_be_lost(*message)).map(Wrong::Lost);
        let wrongs: Vec<Wrong> = delivered.iter().flat_map(often).chain(lost).collect();
        for at_once in 1..=MOST_AT_ONCE.min(case.replay.fates.len()) {
            for together in choose(&wrongs, at_once) {
                if case.is_over() {
                    return Ok(None);
                }
                if self.explains(subject, case, &together, compared)? {
                    let first = *together.iter().min_by_key(|wrong| wrong.message()).expect("at least one went wrong");
                    let as_if = match &together[..] {
                        [one] => one.as_if(),
                        _ => AsIf::Several(together.iter().map(Wrong::as_if).collect()),
                    };
                    return Ok(Some((first.anomaly(), first.message(), as_if)));
                }
            }
        }
        Ok(None)
    }

    /// Whether a right run but for these wrongs leaves what is seen.
    fn explains(
        &mut self,
        subject: &mut dyn Subject,
        case: &mut Case<'_>,
        wrongs: &[Wrong],
        compared: &Compared,
    ) -> Result<bool, Error> {
        let lost: Places = wrongs.iter().filter_map(Wrong::lost).collect();
        let Some(repeated) = Repeated::of(case, wrongs.iter().filter_map(Wrong::repeated)) else { return Ok(false) };
        let done = case.must.without(lost);
        for present in case.may.without(repeated.places).subsets() {
            if case.is_over() {
                return Ok(false);
            }
            let take = done.and(present).and(repeated.places);
            let wanted = Wanted { take, order: repeated.order.clone(), like: repeated.like.clone(), done };
            let same = |case: &mut Case<'_>, run: &super::reference::Run, _: &[usize]| {
                compared.accounts(case, &run.observation)
            };
            if case.find(&mut self.references, subject, &wanted, same)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
