//! What each delivery model makes of the same faults: what it delivers, and what it excuses.

use super::{
    at,
    handlers::{add, answer, plain_add, transactional},
    history, judge, *,
};
use crate::machine::testing::lines;

fn under(model: DeliveryModel, history: History) -> History {
    History { model, ..history }
}

/// What happened, a line each, and the judgement of it.
fn told(bench: &mut Bench, history: &History) -> (Vec<String>, Judgement) {
    let replay = bench.run(Job::Replay(history), Detail::Facts).expect("the bench has no errors");
    let (judgement, _) = judge(bench, &mut Oracle::new(Contract::strict()), history);
    (lines(&replay), judgement)
}

const MOST: DeliveryModel = DeliveryModel::at_most_once();

#[test]
fn what_is_delivered_at_most_once_is_handled_or_lost_and_neither_is_wrong() {
    let plain = under(MOST, history(&[100], []));
    let lines = ["p0 m0#1 delivered, First", "m0#1.1 ", "m0#1 Done", "m0#1 Unheard"];
    assert_eq!(told(&mut plain_add(), &plain), (lines.map(str::to_owned).to_vec(), Judgement::Agrees));

    let crash = under(MOST, history(&[100, 300], [Fault::Crash { at: at(0, 1, 1) }]));
    let lines =
        ["p0 m0#1 delivered, First", "p0 crashed", "p0 m1#1 delivered, First", "m1#1.1 ", "m1#1 Done", "m1#1 Unheard"];
    assert_eq!(told(&mut plain_add(), &crash), (lines.map(str::to_owned).to_vec(), Judgement::Agrees));
}

#[test]
fn a_retry_that_nobody_hears_ends_a_message_and_so_does_a_rejection() {
    for (said, line) in [
        (Answer::Retry("busy".to_owned()), "m0#1 Ignored"),
        (Answer::Panicked("oh".to_owned()), "m0#1 Ignored"),
        (Answer::Reject("no".to_owned()), "m0#1 Unheard"),
    ] {
        let mut bench = Bench::new(move |_, _| std::future::ready(said.clone()));
        let (lines, judgement) = told(&mut bench, &under(MOST, history(&[100], [])));
        assert_eq!((lines.len(), lines[2].as_str(), judgement), (3, line, Judgement::Agrees));
    }
}

#[test]
fn what_was_lost_after_its_effect_is_present_and_what_took_effect_in_part_is_neither() {
    let after = under(MOST, history(&[100], [Fault::Crash { at: at(0, 1, 2) }]));
    let two_steps = |shop: Shop, m: Delivery<i64>| async move {
        answer(
            async {
                add(&shop, *m.payload()).await?;
                shop.step(|state| state.rows.push(m.id().to_owned())).await
            }
            .await,
        )
    };
    Bench::new(two_steps).assert_agrees(&after);
    let mut both = Bench::new(two_steps).observing(handlers::see_balance_and_rows);
    assert_eq!(both.named(&after), (Anomaly::Partial, Some(0)));
}

#[test]
fn that_the_broker_took_an_acknowledgement_counts_where_it_comes_from_the_handler() {
    let early = |model| {
        let mut script = script::acked_early_and_lost();
        script.history.model = model;
        script.judged(Contract::strict())
    };
    assert_eq!(early(DeliveryModel::at_least_once()), Judgement::Violated);
    assert_eq!(early(MOST), Judgement::Agrees);
}

#[test]
fn what_was_handled_has_to_be_there_whatever_the_model() {
    // It swallows the error of its only step.
    let swallows = || {
        Bench::new(async |shop: Shop, m: Delivery<i64>| {
            let _ = add(&shop, *m.payload()).await;
            Answer::DONE
        })
    };
    for name in DeliveryModel::names() {
        let model = DeliveryModel::named(name).unwrap();
        let fails = under(model, history(&[100, 300], [Fault::Fail { at: at(0, 1, 1) }]));
        assert_eq!(swallows().named(&fails), (Anomaly::Lost, Some(0)), "{name}");
    }
}

#[test]
fn a_request_is_sent_again_to_the_next_process_until_an_answer_is_heard() {
    let model = DeliveryModel::request_reply();
    let lost = under(
        model,
        history(&[100], [Fault::LoseAck { delivery: DeliveryName::new(0, 1) }, Fault::Crash { at: at(0, 2, 1) }]),
    );
    let lines = [
        "p0 m0#1 delivered, First",
        "m0#1.1 ",
        "m0#1 Done",
        "m0#1 AckLost",
        "clock 1s",
        "p1 m0#2 delivered, Redelivery",
        "p1 crashed",
        "clock 3s",
        "p0 m0#3 delivered, Redelivery",
        "m0#3.1 ",
        "m0#3 Done",
        "m0#3 Acked",
    ];
    assert_eq!(told(&mut transactional(), &lost), (lines.map(str::to_owned).to_vec(), Judgement::Agrees));
}

#[test]
fn an_answer_to_either_of_two_requests_is_an_answer_and_an_overlap_after_it_is_refused() {
    let model = DeliveryModel::request_reply();
    let overlap = |at| Fault::Overlap { at, to: None };
    let twice = under(model, history(&[100], [overlap(at(0, 1, 1)), overlap(DeliveryName::new(0, 1).ack())]));
    let replay = transactional().run(Job::Replay(&twice), Detail::Facts).unwrap();
    assert_eq!(crate::machine::testing::unused(&replay), ["the client had its answer by then: it sends no more"]);
    assert_eq!(lines(&replay).iter().filter(|line| line.contains("delivered")).count(), 2);
    assert_eq!(lines(&replay)[1], "p1 m0#2 delivered, Overlap");
}

#[test]
fn a_copy_has_an_answer_of_its_own() {
    let model = DeliveryModel::request_reply();
    let copy = under(model, history(&[100], [Fault::Duplicate { message: 0, at: Some(at(0, 1, 1)) }]));
    let (lines, judgement) = told(&mut transactional(), &copy);
    assert_eq!(judgement, Judgement::Agrees);
    assert_eq!(lines.iter().filter(|line| line.ends_with("Acked")).count(), 2, "{lines:#?}");
}

#[test]
fn a_thread_that_replayed_under_one_model_keeps_nothing_of_it_under_another() {
    let deliveries = |model: DeliveryModel| {
        let crashed = under(model, history(&[100], [Fault::Crash { at: at(0, 1, 1) }]));
        let replay = transactional().run(Job::Replay(&crashed), Detail::Facts).unwrap();
        lines(&replay).iter().filter(|line| line.contains("delivered")).count()
    };
    let again = DeliveryModel::at_least_once();
    assert_eq!([MOST, again, MOST, again, again].map(deliveries), [1, 2, 1, 2, 2]);
}
