//! What a trace says, who is excused for what outside, which reference runs are kept: each asked by itself.

use std::time::Duration;

use super::{
    at, history,
    records::{clock, crashed, delivered, failed, of, process, replay, returned},
    script::Script,
};
use crate::{
    Contract, Guarantee, Observation,
    history::{Loss, RoundName, TaskName},
    machine::trace::{Answer, Event, Facts, Injected, Supplied},
    oracle::{
        case::times_of,
        evidence::Evidence,
        excuses::Excuses,
        order::Places,
        reference::{References, Used},
        renaming::{Likeness, Tokens},
    },
    store::{Performed, Performer},
    subject::Reference,
};

fn round(number: u32) -> RoundName {
    RoundName::new("relay".parse().unwrap(), 0, number)
}

/// A step that changed what is observed.
fn wrote(at: crate::history::Coordinate) -> Event {
    let facts = Facts { changes: true, observed_change: true, ..Facts::default() };
    Event::Step { at, process: process(), facts, words: None }
}

fn cancelled(message: usize, number: u32) -> Event {
    Event::Cancelled { task: of(message, number).into(), process: process() }
}

/// What is said of two messages. What is observed is not what it is without any message.
fn evidence(events: impl IntoIterator<Item = Event>) -> Evidence {
    Evidence::of(&replay(2, events), &Observation::default())
}

#[test]
fn a_message_took_effect_so_often_as_steps_of_its_own_or_of_nobody_known_changed_what_is_observed() {
    let told = evidence([wrote(at(0, 1, 1)), wrote(at(0, 2, 1)), wrote(at(1, 1, 1)), wrote(at(0, 2, 2))]);
    assert_eq!((told.times(0), told.times(1)), (3, 1));
    assert!(told.wrote_after(0, 1) && !told.wrote_after(1, 0));
    assert!(!told.may_be_lost(0) && !told.may_be_lost(1));
    let relayed = evidence([wrote(round(1).operation(1)), wrote(at(0, 1, 1)), wrote(round(2).operation(1))]);
    assert_eq!((relayed.times(0), relayed.times(1)), (3, 2));
    assert!(!relayed.may_be_lost(0) && relayed.may_be_lost(1));
    // Only background work wrote: the steps tell all the same, and a delivery that ended counts for nothing.
    let only_relayed = evidence([delivered(0, 1), returned(0, 1, Answer::DONE), wrote(round(1).operation(1))]);
    assert_eq!((only_relayed.times(0), only_relayed.times(1)), (1, 1));
    assert!(only_relayed.may_be_lost(0));
}

#[test]
fn where_no_step_tells_each_delivery_that_ended_may_have_taken_effect() {
    let untold = evidence([
        delivered(0, 1),
        delivered(1, 1),
        cancelled(0, 1),
        crashed(&[(1, 1)]),
        delivered(0, 2),
        returned(0, 2, Answer::DONE),
    ]);
    assert_eq!((untold.times(0), untold.times(1)), (2, 1));
    assert!(untold.may_be_lost(0) && untold.may_be_lost(1));
    assert!(untold.wrote_after(0, 1) && !untold.wrote_after(1, 0));
    // Both died at once: neither wrote after the other.
    let at_once = evidence([delivered(0, 1), delivered(1, 1), crashed(&[(0, 1), (1, 1)])]);
    assert!(!at_once.wrote_after(0, 1) && !at_once.wrote_after(1, 0));
    // Nothing is observed but what was there: then no message wrote, and the steps are right about it.
    let mut nothing = replay(1, [delivered(0, 1), returned(0, 1, Answer::DONE)]);
    nothing.observation = Observation::default();
    assert_eq!(Evidence::of(&nothing, &Observation::default()).times(0), 0);
}

#[test]
fn what_a_store_forgot_may_be_lost_though_it_was_written() {
    let store = "kv".parse().unwrap();
    let forgot = Event::Forgot { store, loss: Loss::Last, count: 1 };
    assert!(evidence([wrote(at(0, 1, 1)), forgot]).may_be_lost(0));
    assert!(!evidence([wrote(at(0, 1, 1))]).may_be_lost(0));
}

#[test]
fn cut_short_is_the_first_message_that_wrote_and_was_interrupted() {
    let retry = || Answer::Retry("later".to_owned());
    for interrupts in [crashed(&[(1, 1)]), cancelled(1, 1), returned(1, 1, retry()), failed(1, 1)] {
        let wrote_too = [wrote(at(0, 1, 1)), returned(0, 1, Answer::DONE), wrote(at(1, 1, 1)), interrupts.clone()];
        assert_eq!(evidence(wrote_too).cut_short(), Some(1), "{interrupts:?}");
        assert_eq!(evidence([wrote(at(0, 1, 1)), interrupts.clone()]).cut_short(), None, "{interrupts:?}");
        // Where steps do not tell whether it wrote, it may have.
        let untold = evidence([delivered(0, 1), returned(0, 1, Answer::DONE), delivered(1, 1), interrupts.clone()]);
        assert_eq!(untold.cut_short(), Some(1), "{interrupts:?}");
    }
}

/// What happened outside, under this name: what, and on whose behalf.
fn outside(name: &str, happened: &[(&str, TaskName)]) -> Observation {
    let each = |(what, on_behalf): &(&str, TaskName)| {
        ((*what).to_owned(), "detail".to_owned(), Performer { on_behalf: *on_behalf, by_key: false })
    };
    let mut seen = Observation::default();
    seen.performed(name.into(), happened.iter().map(each).collect::<Performed>());
    seen
}

#[test]
fn a_round_that_was_disturbed_excuses_what_its_own_work_repeats() {
    let facts = Facts { suffered: Some(Injected::LoseReply), ..Facts::default() };
    let disturbed = Event::Step { at: round(1).operation(1), process: process(), facts, words: None };
    let excuses = Excuses::of(&Contract::strict(), &replay(1, [disturbed.clone()]));
    let relay = |number| round(number).into();
    let mailed = |who: &[TaskName]| outside("mail", &who.iter().map(|who| ("mail", *who)).collect::<Vec<_>>());
    assert!(excuses.alike(&mailed(&[relay(1), relay(2)]), &mailed(&[relay(1)])));
    // A round of other work was not disturbed: that it repeats itself is its own doing.
    let other = |number| RoundName::new("sweep".parse().unwrap(), 0, number).into();
    assert!(!excuses.alike(&mailed(&[relay(1), other(1), other(2)]), &mailed(&[relay(1), other(1)])));
    let at_most_once = Contract::strict().effect("mail", Guarantee::AtMostOnce);
    let excuses_absence = Excuses::of(&at_most_once, &replay(1, [disturbed]));
    assert!(excuses_absence.alike(&mailed(&[]), &mailed(&[relay(2)])));
    assert!(!excuses_absence.alike(&mailed(&[]), &mailed(&[other(2)])));
    let delivery: TaskName = of(0, 1).into();
    assert!(!excuses.alike(&mailed(&[delivery, of(0, 2).into()]), &mailed(&[delivery])));
}

#[test]
fn what_may_be_missing_is_so_much_as_those_did_who_were_disturbed() {
    let contract = Contract::strict().effect("mail", Guarantee::AtMostOnce);
    let excuses = Excuses::of(&contract, &replay(2, [delivered(0, 1), crashed(&[(0, 1)])]));
    let mailed = |messages: &[usize]| {
        outside("mail", &messages.iter().map(|message| ("mail", of(*message, 1).into())).collect::<Vec<_>>())
    };
    assert!(excuses.alike(&mailed(&[1]), &mailed(&[0, 1])));
    assert!(!excuses.alike(&mailed(&[0]), &mailed(&[0, 1])));
    assert!(!excuses.alike(&mailed(&[]), &mailed(&[0, 1])));
}

#[test]
fn what_happened_in_another_store_is_another_thing() {
    let excuses = Excuses::of(&Contract::strict(), &replay(1, []));
    let mailed = |store: &str| outside(store, &[("mail", of(0, 1).into())]);
    assert!(excuses.alike(&mailed("a"), &mailed("a")));
    assert!(!excuses.alike(&mailed("a"), &mailed("b")));
}

#[test]
fn a_delivery_looked_at_the_clock_only_while_it_went_on_itself() {
    let times = |number: u32, ends: Event| {
        let events = [clock(1), delivered(0, 1), clock(2), delivered(1, 1), ends, clock(3), delivered(0, 2), clock(4)];
        let mut replay = replay(2, events);
        replay.fates[0].supplied = vec![Supplied::default(); 2];
        times_of(&replay, 0, number).iter().map(Duration::as_secs).collect::<Vec<_>>()
    };
    for ends in [returned(0, 1, Answer::DONE), crashed(&[(1, 1), (0, 1)]), cancelled(0, 1)] {
        assert_eq!(times(1, ends.clone()), [0, 2], "{ends:?}");
        assert_eq!(times(2, ends), [0, 4]);
    }
    for others in [returned(1, 1, Answer::DONE), crashed(&[(1, 1)]), cancelled(1, 1)] {
        assert_eq!(times(1, others.clone()), [0, 2, 3, 4], "{others:?}");
    }
}

#[test]
fn reference_runs_are_kept_up_to_a_number_of_them_and_of_workloads_and_then_all_are_made_again() {
    let mut script = Script::unordered(1, 100);
    let mut asks = |references: &mut References, amount: i64, until: u64| {
        let before = script.asked.len();
        let reference = Reference { until: Duration::from_millis(until), ..Reference::default() };
        references.run(&mut script, &history(&[amount], []), &reference).expect("a script has no errors");
        script.asked.len() > before
    };
    let mut references = References::default();
    assert!((0..4_096).all(|until| asks(&mut references, 1, until)));
    assert!((0..4_096).all(|until| !asks(&mut references, 1, until)));
    assert!(asks(&mut references, 1, 4_096));
    assert!(asks(&mut references, 1, 0), "all were forgotten");
    let mut references = References::default();
    assert!((0..32).all(|amount| asks(&mut references, amount, 0)));
    assert!((0..32).all(|amount| !asks(&mut references, amount, 0)));
    assert!(asks(&mut references, 32, 0));
    assert!(asks(&mut references, 0, 0), "all were forgotten");
}

#[test]
fn a_reference_run_is_supplied_with_what_is_used_and_with_the_copy_in_any_case() {
    let first = Supplied { seed: 1, ..Supplied::default() };
    let second = Supplied { seed: 2, copy: 1, began: Duration::from_secs(3), ..Supplied::default() };
    let supply = |used: Used| used.of_supply(0, &second, &first);
    assert_eq!(supply(Used::default()), Supplied { seed: 1, copy: 1, ..Supplied::default() });
    let all = Used { clock: Places::one(0), random: Places::one(0) };
    assert_eq!(supply(all), second);
}

#[test]
fn a_name_of_the_brokers_without_a_number_is_none() {
    let says = |text: &str| {
        let mut seen = Observation::default();
        seen.set("id", text);
        seen
    };
    let compare =
        |one: &str, other: &str| Tokens::of(&[]).compare(&says(one), &says(other), &|one, other| one == other);
    assert_eq!(compare("broker-1", "broker-2"), Likeness::Same);
    assert_eq!(compare("broker-1", "broker-"), Likeness::Different);
    assert_eq!(compare("broker-1", "receipt-1"), Likeness::Different);
}

#[test]
fn six_ids_of_a_kind_are_told_apart_and_of_seven_it_is_not_clear() {
    let says = |first: usize, ids: usize| {
        let mut seen = Observation::default();
        (first..first + ids).for_each(|number| seen.set(&format!("{}", number - first), format!("broker-{number}")));
        seen
    };
    let compare = |ids: usize| Tokens::of(&[]).compare(&says(1, ids), &says(10, ids), &|one, other| one == other);
    assert_eq!((compare(6), compare(7)), (Likeness::Same, Likeness::Unclear));
}
