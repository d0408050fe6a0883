//! What a random search says of itself: how many histories it tried, which faults acted in them, by how much the clock jumped,
//! what could not be judged; and that what fails is made smaller before anybody else sees it.

use std::collections::BTreeMap;

use super::toys::{self, options};
use crate::{
    Delivery, Error, History, KeyValue, Searched,
    history::Fault,
    machine::trace::Replay,
    oracle::Judgement,
    search::{
        Cases, Drawer, Judge, Options,
        random::{MOST_FAULTS, random},
    },
    subject::Subject,
};

/// Says the same of every history, and counts the faults that acted.
struct Says {
    judgement: Judgement,
    acted: BTreeMap<&'static str, u64>,
    jumps: usize,
}

impl Judge for Says {
    fn judge(&mut self, _subject: &mut dyn Subject, history: &History, replay: &Replay) -> Result<Judgement, Error> {
        for acted in &replay.acted {
            let fault = &history.faults[acted.fault];
            *self.acted.entry(fault.word()).or_default() += 1;
            self.jumps += usize::from(matches!(fault, Fault::Advance { .. }));
        }
        Ok(self.judgement.clone())
    }
}

fn says(judgement: Judgement) -> Says {
    Says { judgement, acted: BTreeMap::new(), jumps: 0 }
}

fn every_one() -> Options {
    Options { skips: false, ..options(3, 2) }
}

#[test]
fn it_is_counted_which_faults_acted_beside_those_that_had_acted_before() {
    let (mut judge, mut searched) = (says(Judgement::Agrees), Searched::default());
    searched.acted = vec![("crash", 5)];
    let cases = Cases { count: 60, seed: 3 };
    random(&mut toys::subject(toys::forgets), &mut judge, &every_one(), cases, &mut searched).unwrap();
    assert_eq!((searched.random, searched.random_faults, searched.seed), (60, MOST_FAULTS, 3));
    assert_eq!(searched.acted_at_random, judge.acted.clone().into_iter().collect::<Vec<_>>());
    *judge.acted.entry("crash").or_default() += 5;
    assert_eq!(searched.acted, judge.acted.into_iter().collect::<Vec<_>>());
    assert!(judge.jumps > 0 && searched.deadlines && !searched.jumps.is_empty(), "{searched:?}");
}

#[test]
fn no_jump_leads_to_a_deadline_where_none_was_set() {
    let looks = async |kv: &KeyValue, m: &Delivery<i64>| kv.put("balance", &m.now().as_secs().to_string()).await;
    let (mut judge, mut searched) = (says(Judgement::Agrees), Searched::default());
    let cases = Cases { count: 60, seed: 3 };
    random(&mut toys::subject(looks), &mut judge, &every_one(), cases, &mut searched).unwrap();
    assert!(judge.jumps > 0 && !searched.deadlines && !searched.jumps.is_empty(), "{searched:?}");
}

#[test]
fn the_first_history_that_fails_ends_it_and_is_made_smaller() {
    let (mut judge, mut searched) = (says(Judgement::Violated), Searched::default());
    let cases = Cases { count: 60, seed: 3 };
    let came = random(&mut toys::subject(toys::forgets), &mut judge, &every_one(), cases, &mut searched).unwrap();
    let smallest = came.fails.expect("every one does");
    assert_eq!((searched.random, smallest.messages.len(), smallest.faults.len()), (1, 1, 1), "{smallest}");
}

#[test]
fn what_cannot_be_judged_is_told_once() {
    let (mut judge, mut searched) = (says(Judgement::Inconclusive("beyond me".to_owned())), Searched::default());
    let cases = Cases { count: 3, seed: 3 };
    let came = random(&mut toys::subject(toys::forgets), &mut judge, &every_one(), cases, &mut searched).unwrap();
    assert_eq!((came.inconclusive.as_deref(), searched.random), (Some("beyond me"), 3));
}

#[test]
fn who_measures_what_drawing_costs_is_given_histories() {
    let mut subject = toys::subject(toys::forgets);
    let mut drawer = Drawer::new(&subject, &every_one(), 3, 0);
    let drawn = drawer.next(&mut subject).unwrap().map(|history| history.faults.len());
    assert!(drawn.is_some_and(|faults| faults > 0), "{drawn:?}");
}
