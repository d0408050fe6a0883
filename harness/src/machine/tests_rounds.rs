//! When a round of background work begins, and when none has to.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    Turn,
    testing::{Given, Stage, at, crash, lines, rows},
    trace::{End, Replay},
};
use crate::{Error, KeyValue};

fn store() -> KeyValue {
    KeyValue::new("kv").observed()
}

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// When each round of `p0` began, and when it ended.
fn rounds(replay: &Replay) -> Vec<String> {
    let mut clock = "0s".to_owned();
    let mut rounds = Vec::new();
    for line in lines(replay) {
        if let Some(to) = line.strip_prefix("clock ") {
            to.clone_into(&mut clock);
        } else if line.starts_with("relay@p0#") && (line.ends_with(" began") || line.ends_with(" ended")) {
            rounds.push(format!("{line} {clock}"));
        }
    }
    rounds
}

#[test]
fn a_round_of_background_work_that_waits_for_a_timer_goes_on_when_nothing_else_is_to_come() {
    let stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| kv.put("a", "1").await);
    let mut stage = stage.every_second("relay", async |kv: &KeyValue| {
        if let Ok(None) = kv.get("sent").await {
            sleep(second(2)).await;
            let _ = kv.put("sent", "1").await;
        }
    });
    let replay = stage.replay(1, &[]);
    assert_eq!(replay.end, End::Drained, "{:#?}", lines(&replay));
    assert_eq!(rows(&replay), ["a=1", "sent=1"]);
    let run = stage.reference(1, &[Turn::plain(0)]);
    assert_eq!((&run.end, rows(&run)), (&End::Drained, rows(&replay)), "{:#?}", lines(&run));
    assert!(!lines(&run).iter().any(|line| line.starts_with("relay@p1")), "one process does it");
}

#[test]
fn a_round_that_only_looked_at_a_clock_is_repeated_ever_more_seldom_while_a_delivery_goes_on() {
    let stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        kv.put_if_absent("lease", "1", Some(second(60))).await?;
        sleep(second(10)).await;
        Ok::<_, Error>(())
    });
    let mut stage = stage.every_second("relay", async |kv: &KeyValue| drop(kv.get("lease").await));
    let began: Vec<String> = rounds(&stage.replay(1, &[])).into_iter().filter(|line| line.contains("began")).collect();
    assert_eq!(began, ["relay@p0#1 began 1s", "relay@p0#2 began 3s", "relay@p0#3 began 7s"]);
}

#[test]
fn a_round_begins_a_period_after_the_last_has_ended_and_not_beside_it() {
    let stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        sleep(second(10)).await;
        kv.put("a", "1").await
    });
    let mut stage = stage.every_second("relay", async |kv: &KeyValue| {
        let _ = kv.add("rounds", 1).await;
        sleep(second(3)).await;
    });
    let expected = [
        "relay@p0#1 began 1s",
        "relay@p0#1 ended 4s",
        "relay@p0#2 began 5s",
        "relay@p0#2 ended 8s",
        "relay@p0#3 began 9s",
    ];
    assert_eq!(rounds(&stage.replay(1, &[]))[..5], expected);
}

#[test]
fn a_process_that_began_anew_does_its_work_again_though_nothing_changed() {
    let stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        sleep(second(5)).await;
        kv.get("a").await.map(drop)
    });
    let mut stage = stage.every_second("relay", async |kv: &KeyValue| drop(kv.get("b").await));
    let once = ["relay@p0#1 began 1s", "relay@p0#1 ended 1s"];
    assert_eq!(rounds(&stage.replay(1, &[])), once);
    let again = ["relay@p0#2 began 6s", "relay@p0#2 ended 6s"];
    assert_eq!(rounds(&stage.replay(1, &[crash(at(0, 1, 1))])), [once, again].concat());
}

#[test]
fn a_round_that_looked_at_a_clock_is_not_seldom_where_it_changes_something() {
    let stage = Stage::new(store(), async |kv: &KeyValue, _: &Given| {
        kv.put_if_absent("lease", "1", Some(second(60))).await?;
        sleep(second(4)).await;
        Ok::<_, Error>(())
    });
    let mut stage = stage.every_second("relay", async |kv: &KeyValue| {
        let _ = kv.get("lease").await;
        let _ = kv.add("looked", 1).await;
    });
    let began: Vec<String> =
        rounds(&stage.replay(1, &[])).into_iter().filter(|line| line.contains("began")).take(3).collect();
    assert_eq!(began, ["relay@p0#1 began 1s", "relay@p0#2 began 2s", "relay@p0#3 began 3s"]);
}
