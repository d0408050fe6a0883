//! Which steps are told to have looked at the clock, and with which a delivery first used what it is supplied with.

use std::time::Duration;

use super::trace::{Detail, Event};
use crate::{
    Delivery, DeliveryModel, Error, History, KeyValue, Messages, Store,
    history::{DeliveryName, Fault},
    subject::{Job, Subject},
    world::{Boot, World},
};

/// The steps of a run in which one message is delivered, which look and which use, as `1l 2 3lu`.
fn told(subject: &mut dyn Subject, detail: Detail, faults: Vec<Fault>) -> String {
    let messages = subject.workloads(1)[0].messages.clone();
    let history = History { model: DeliveryModel::at_least_once(), processes: 2, messages, faults };
    let replay = subject.run(Job::Replay(&history), detail).unwrap();
    let step = |event: &Event| match event {
        Event::Step { at, facts, .. } => {
            let (looks, uses) = (if facts.looks { "l" } else { "" }, if facts.uses { "u" } else { "" });
            Some(format!("{}{looks}{uses}", at.to_string().split_once('.')?.1))
        }
        _ => None,
    };
    replay.events.iter().filter_map(step).collect::<Vec<_>>().join(" ")
}

fn of<S: Store<Handle: Sync>>(
    store: S,
    handler: impl AsyncFn(&S::Handle, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
) -> impl Subject {
    World::new(store, Boot::handles(), Messages::from(1..1000_i64), handler)
}

fn of_keys(
    handler: impl AsyncFn(&KeyValue, &Delivery<i64>) -> Result<(), Error> + Send + Sync + 'static,
) -> impl Subject {
    of(KeyValue::new("bank"), handler)
}

#[test]
fn whoever_asks_the_clock_does_so_with_the_operation_before() {
    let mut between = of_keys(async |kv, m| {
        kv.get("a").await?;
        kv.get("b").await?;
        let _ = m.now();
        kv.get("c").await?;
        kv.get("d").await?;
        let _ = m.now();
        Ok(())
    });
    for detail in [Detail::Facts, Detail::Watched] {
        assert_eq!(told(&mut between, detail, vec![]), "1 2lu 3 4l", "{detail:?}");
    }
}

#[test]
fn what_is_asked_before_the_first_operation_no_point_comes_before() {
    let mut before = of_keys(async |kv, m| {
        let _ = (m.now(), m.random());
        kv.get("a").await?;
        let _ = (m.now(), m.random());
        kv.get("b").await.map(drop)
    });
    assert_eq!(told(&mut before, Detail::Facts, vec![]), "1l 2");
}

#[test]
fn an_operation_that_meets_what_expires_looks_by_itself() {
    let mut expires = of_keys(async |kv, _| {
        kv.put_if_absent("a", "1", Some(Duration::from_secs(9))).await?;
        kv.get("b").await?;
        kv.get("a").await?;
        kv.get("a").await.map(drop)
    });
    assert_eq!(told(&mut expires, Detail::Facts, vec![]), "1lu 2 3l 4l");
}

#[test]
fn whoever_draws_uses_that_once() {
    let mut draws = of_keys(async |kv, m| {
        kv.get("a").await?;
        let _ = m.random();
        kv.get("b").await?;
        let _ = m.random();
        kv.get("c").await.map(drop)
    });
    assert_eq!(told(&mut draws, Detail::Facts, vec![]), "1u 2 3");
}

#[test]
fn another_delivery_that_asks_says_nothing_of_this_one() {
    let mut again = of_keys(async |kv, m| {
        kv.get("a").await?;
        if m.redelivered() {
            let _ = m.now();
        }
        kv.get("b").await.map(drop)
    });
    let overlap = Fault::Overlap { at: DeliveryName::new(0, 1).operation(2), to: None };
    assert_eq!(told(&mut again, Detail::Facts, vec![overlap]), "1 1lu 2 2");
}

#[test]
fn an_invariant_looks_after_each_step() {
    let store = KeyValue::new("bank").observed();
    let handler = async |kv: &KeyValue, m: &Delivery<i64>| kv.put(m.id(), "1").await;
    let world = World::new(store, Boot::handles(), Messages::from(1..1000_i64), handler);
    let mut invariants = crate::invariants::Invariants::default();
    invariants.add("it holds", |_| true);
    assert_eq!(told(&mut world.holding(invariants), Detail::Facts, vec![]), "1l");
}

#[cfg(feature = "sqlite")]
#[test]
fn plain_code_over_sqlite_looks_only_where_its_caller_does() {
    use crate::sqlite::Sqlite;

    let two = |db: &mut rusqlite::Connection| {
        db.execute("INSERT INTO t VALUES (1)", [])?;
        db.execute("INSERT INTO t VALUES (2)", []).map(drop)
    };
    let mut subject = World::new(
        Sqlite::schema("CREATE TABLE t(a)"),
        Boot::handles(),
        Messages::from(1..1000_i64),
        async move |db: &Sqlite, m: &Delivery<i64>| {
            let _ = m.now();
            db.call(two).await?;
            let _ = m.now();
            db.call(two).await
        },
    );
    // However many statements there are in one hand-over: a fault at the third makes it stop there.
    let third = Fault::Pause { at: DeliveryName::new(0, 1).operation(3), until: None };
    for (detail, faults) in [(Detail::Facts, vec![]), (Detail::Watched, vec![]), (Detail::Facts, vec![third])] {
        assert_eq!(told(&mut subject, detail, faults), "1 2l 3 4", "{detail:?}");
    }
}

#[test]
fn what_is_used_after_a_timer_is_used_with_the_step_before_it() {
    let wait = || tokio::time::sleep(Duration::from_secs(1));
    let mut asks = of_keys(async move |kv, m| {
        kv.get("a").await?;
        kv.get("b").await?;
        wait().await;
        let _ = m.now();
        kv.get("c").await.map(drop)
    });
    assert_eq!(told(&mut asks, Detail::Facts, vec![]), "1 2lu 3");
    let mut draws = of_keys(async move |kv, m| {
        kv.get("a").await?;
        kv.get("b").await?;
        wait().await;
        let _ = m.random();
        kv.get("c").await.map(drop)
    });
    assert_eq!(told(&mut draws, Detail::Facts, vec![]), "1 2u 3");
}

#[cfg(feature = "sqlite")]
#[test]
fn of_several_steps_in_one_hand_over_nobody_knows_with_which_one_draws() {
    use crate::sqlite::Sqlite;

    let two = |db: &mut rusqlite::Connection| {
        db.execute("INSERT INTO t VALUES (1)", [])?;
        db.execute("INSERT INTO t VALUES (2)", []).map(drop)
    };
    let handler = async move |db: &Sqlite, m: &Delivery<i64>| {
        db.call(two).await?;
        let _ = m.random();
        Ok::<(), rusqlite::Error>(())
    };
    let store = Sqlite::schema("CREATE TABLE t(a)");
    let mut subject = World::new(store, Boot::handles(), Messages::from(1..1000_i64), handler);
    assert_eq!(told(&mut subject, Detail::Facts, vec![]), "1u 2u");
}

#[test]
fn where_nobody_sees_it_each_step_is_taken_for_a_look() {
    let handler = async |kv: &KeyValue, m: &Delivery<i64>| {
        kv.get("a").await?;
        kv.put(m.id(), "1").await
    };
    let world = World::new(KeyValue::new("bank"), Boot::handles(), Messages::from(1..1000_i64), handler);
    assert_eq!(told(&mut world.looking_unseen(true), Detail::Facts, vec![]), "1lu 2lu");
}
