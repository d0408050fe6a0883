//! What people's handlers do besides statements one after the other: acknowledge by themselves, wait, spawn, work in the
//! background, clean up after themselves.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use redeliver::{Anomaly, Delivery, Error, Harness, History, IntoOutcome, KeyValue, Outcome, Verdict};

fn bank() -> KeyValue {
    KeyValue::new("bank").observe_key("balance")
}

#[track_caller]
fn violated(verdict: Verdict) -> (Anomaly, Vec<String>, String) {
    let Verdict::Violated(found) = verdict else { panic!("{verdict:?}") };
    let faults = found.history().faults.iter().map(ToString::to_string).collect();
    (found.anomaly(), faults, found.to_string())
}

#[track_caller]
fn holds(verdict: Verdict) {
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("it"));
}

/// Adds the amount once, in one transaction.
async fn credit(bank: &KeyValue, id: &str, amount: i64) -> Result<(), Error> {
    let tx = bank.begin().await?;
    if tx.put_if_absent(&format!("seen:{id}"), "1", None).await? {
        tx.add("balance", amount).await?;
    }
    tx.commit().await
}

#[test]
fn who_acknowledges_before_the_effect_loses_what_a_crash_interrupts() {
    let (anomaly, faults, report) =
        violated(Harness::new(bank()).verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
            let _ = m.ack().await;
            credit(bank, m.id(), *m.payload()).await
        }));
    assert_eq!((anomaly, &faults[..]), (Anomaly::Lost, &["crash m0#1.2".to_owned()][..]), "{report}");
    assert!(report.contains("p0  m0#1  ack "), "{report}");
}

#[test]
fn an_acknowledgement_by_a_spawned_task_is_that_of_its_delivery() {
    let history: History = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\ncrash m0#1.2\n".parse().unwrap();
    let verdict = Harness::new(bank()).replay(&history, 1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
        let own = m.clone();
        tokio::spawn(async move { own.ack().await }).await.map_err(Error::other)??;
        credit(bank, m.id(), *m.payload()).await
    });
    assert_eq!(violated(verdict).0, Anomaly::Lost);
}

/// A process that knows which messages it is at, in its memory.
struct Worker {
    bank: KeyValue,
    at_it: Mutex<BTreeSet<String>>,
}

/// Whoever finds a message that its own process is at says `done`, or to come again.
async fn one_at_a_time(worker: &Worker, m: &Delivery<i64>, done: bool) -> Outcome {
    if !worker.at_it.lock().unwrap().insert(m.id().to_owned()) {
        return if done { Outcome::Done(()) } else { Outcome::Retry("in flight".to_owned()) };
    }
    let _guard = AtIt(worker, m.id());
    credit(&worker.bank, m.id(), *m.payload()).await.into_outcome()
}

struct AtIt<'a>(&'a Worker, &'a str);

impl Drop for AtIt<'_> {
    fn drop(&mut self) {
        self.0.at_it.lock().unwrap().remove(self.1);
    }
}

#[test]
fn two_deliveries_of_one_process_are_not_as_two_of_two_where_it_remembers_something() {
    let verdict = |done: bool| {
        let process = |bank| Worker { bank, at_it: Mutex::default() };
        Harness::new(bank())
            .process(process)
            .cases(0)
            .verdict(1..1000i64, async move |worker: &Worker, m: &Delivery<i64>| one_at_a_time(worker, m, done).await)
    };
    let (anomaly, faults, report) = violated(verdict(true));
    assert_eq!((anomaly, faults.len()), (Anomaly::Lost, 2), "{report}");
    assert!(faults.iter().any(|fault| fault.starts_with("overlap") && fault.ends_with("to p0")), "{report}");
    holds(verdict(false));
}

#[test]
fn who_acknowledges_after_the_effect_loses_nothing() {
    holds(Harness::new(bank()).verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
        credit(bank, m.id(), *m.payload()).await?;
        m.ack().await
    }));
}

#[test]
fn an_acknowledgement_that_fails_and_one_whose_reply_is_lost_are_told_apart() {
    async fn ack_first(bank: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
        let acked = m.ack().await.is_ok();
        bank.put(if acked { "acked" } else { "unsure" }, "1").await?;
        if m.attempt() == 1 && !acked {
            return Err(Error::other("not sure"));
        }
        credit(bank, m.id(), *m.payload()).await
    }
    let replay = |fault: &str| {
        let history: History =
            format!("redeliver-history 1\nmodel at-least-once\nmessage m0 100\n{fault} m0#1.1\n").parse().unwrap();
        Harness::new(bank()).replay(&history, 1..1000i64, ack_first)
    };
    holds(replay("fail"));
    assert_eq!(violated(replay("lose-reply")).0, Anomaly::Lost, "the broker had heard of it");
}

/// A lease on a message that is given back by a drop guard.
struct Lease {
    bank: KeyValue,
    key: String,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (bank, key) = (self.bank.clone(), std::mem::take(&mut self.key));
        tokio::spawn(async move { bank.delete(&key).await });
    }
}

async fn leased(bank: &KeyValue, m: &Delivery<i64>, ttl: Option<Duration>) -> Result<(), Error> {
    let key = format!("lease:{}", m.id());
    if !bank.put_if_absent(&key, "1", ttl).await? {
        return Err(Error::other("somebody is at it"));
    }
    let _lease = Lease { bank: bank.clone(), key };
    credit(bank, m.id(), *m.payload()).await
}

#[test]
fn a_drop_guard_gives_a_lease_back_when_a_handler_is_cancelled_and_not_when_its_process_crashes() {
    let replay = |fault: &str| {
        let history: History =
            format!("redeliver-history 1\nmodel at-least-once\nmessage m0 100\n{fault} m0#1.3\n").parse().unwrap();
        Harness::new(bank())
            .replay(&history, 1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| leased(bank, m, None).await)
    };
    holds(replay("cancel"));
    assert_eq!(violated(replay("crash")).0, Anomaly::Stuck);
}

#[test]
fn a_lease_that_expires_needs_no_guard() {
    holds(Harness::new(bank()).faults(1).verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
        leased(bank, m, Some(Duration::from_secs(30))).await
    }));
}

/// A shop whose orders are sent in the background.
async fn order(shop: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    shop.put_if_absent(&format!("order:{}", m.id()), "new", None).await.map(drop)
}

async fn send(shop: &KeyValue, marks_first: bool) -> Result<(), Error> {
    for id in ["m0", "m1"] {
        let key = format!("order:{id}");
        if shop.get(&key).await?.as_deref() != Some("new") {
            continue;
        }
        let tx = shop.begin().await?;
        if marks_first {
            tx.put(&key, "sent").await?;
            tx.commit().await?;
            shop.add("balance", 1).await?;
        } else if tx.compare_and_set(&key, "new", "sent").await? {
            tx.add("balance", 1).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

#[test]
fn background_work_that_does_all_in_one_transaction_holds() {
    holds(
        Harness::new(bank())
            .every(Duration::from_secs(1), "send", async |shop: &KeyValue| drop(send(shop, false).await))
            .verdict(1..1000i64, order),
    );
}

#[test]
fn background_work_is_crashed_and_run_beside_itself() {
    let harness = || {
        Harness::new(bank()).every(Duration::from_secs(1), "send", async |shop: &KeyValue| drop(send(shop, true).await))
    };
    let survey = harness().faults(1).survey(1..1000i64, order).unwrap();
    let failing: Vec<(String, Anomaly)> =
        survey.failing.iter().map(|(history, anomaly)| (history.faults[0].to_string(), *anomaly)).collect();
    assert!(failing.contains(&("crash send@p0#1.5".to_owned(), Anomaly::Lost)), "{failing:#?}");
    // Two processes send the same order.
    assert!(failing.iter().any(|(fault, _)| fault == "pause send@p0#1.2"), "{failing:#?}");
    let (_, _, report) = violated(harness().verdict(1..1000i64, order));
    assert!(report.contains("send@p"), "{report}");
}

#[test]
fn who_asks_again_for_what_came_too_early_is_brought_what_it_lacks() {
    let verdict = Harness::new(KeyValue::new("bank").observe_key("balance").observe_key("version")).verdict(
        1..1000i64,
        async |bank: &KeyValue, m: &Delivery<i64>| {
            let number: i64 = m.id().trim_start_matches('m').parse().map_err(Error::other)?;
            let tx = bank.begin().await?;
            let version = tx.get("version").await?.map_or(Ok(0), |version| version.parse()).map_err(Error::other)?;
            if number > version {
                return Err(Error::other("a gap: the one before has not come"));
            }
            if number == version {
                tx.add("balance", *m.payload()).await?;
                tx.put("version", &(version + 1).to_string()).await?;
                tx.commit().await?;
            }
            Ok(())
        },
    );
    holds(verdict);
}

#[test]
fn an_unbiased_select_is_found_out_and_named() {
    let verdict = Harness::new(bank()).verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
        // So many choices never come out alike twice by chance.
        for _ in 0..32 {
            let one = async { bank.add("balance", *m.payload()).await.map(drop) };
            let other = async { bank.add("balance", -1).await.map(drop) };
            tokio::select! {
                done = one => done,
                done = other => done,
            }?;
        }
        Ok::<_, Error>(())
    });
    let Verdict::Inconclusive(inconclusive) = verdict else { panic!("{verdict:?}") };
    assert!(inconclusive.reason.contains("`select!`"), "{}", inconclusive.reason);
}

#[test]
fn select_and_join_and_timeout_over_operations_give_a_point_for_each() {
    holds(Harness::new(bank()).verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
        let (a, b) = tokio::join!(bank.get("a"), bank.get("b"));
        a.and(b)?;
        tokio::select! {
            biased;
            read = bank.get("a") => drop(read?),
            read = bank.get("b") => drop(read?),
        }
        tokio::time::timeout(Duration::from_secs(5), credit(bank, m.id(), *m.payload())).await.map_err(Error::other)?
    }));
}

#[tokio::test]
async fn a_check_within_a_runtime_says_what_to_write_instead() {
    let verdict = Harness::new(bank())
        .verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| credit(bank, m.id(), *m.payload()).await);
    let Verdict::Inconclusive(inconclusive) = verdict else { panic!("{verdict:?}") };
    assert!(inconclusive.reason.contains("use `#[test]`, not `#[tokio::test]`"), "{}", inconclusive.reason);
}

/// The same with timers and tasks, on so many threads at once: what each reports.
#[test]
fn the_report_is_the_same_on_one_thread_and_on_eight_with_tokio_and_without() {
    fn waits() -> String {
        Harness::new(bank())
            .named("waits")
            .faults(1)
            .verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
                let key = format!("seen:{}", m.id());
                if bank.get(&key).await?.is_none() {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    let (own, amount) = (bank.clone(), *m.payload());
                    tokio::spawn(async move { own.add("balance", amount).await }).await.map_err(Error::other)??;
                    bank.put(&key, "1").await?;
                }
                Ok::<_, Error>(())
            })
            .report("waits")
    }
    fn plain() -> String {
        Harness::new(bank())
            .named("plain")
            .faults(1)
            .verdict(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| {
                bank.add("balance", *m.payload()).await.map(drop)
            })
            .report("plain")
    }
    let alone = [waits(), plain()];
    let together: Vec<[String; 2]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| [waits(), plain()])).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for reports in together {
        assert_eq!(reports, alone);
    }
}
