//! Laws of the whole, through the public face: determinism, minimality, interleavings.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    thread,
};

use redeliver::{
    Delivery, Error, Harness, History, KeyValue, Observation, Process, Sqlite, Store, Verdict, point, rusqlite,
};

const SCHEMA: &str =
    "CREATE TABLE account(balance); INSERT INTO account VALUES (0); CREATE TABLE seen(id PRIMARY KEY);";

fn credit(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let seen: i64 = db.query_row("SELECT count(*) FROM seen WHERE id = ?1", [id], |r| r.get(0))?;
    if seen == 0 {
        db.execute("UPDATE account SET balance = balance + ?1", [amount])?;
        db.execute("INSERT INTO seen VALUES (?1)", [id])?;
    }
    Ok(())
}

fn on_sqlite() -> Harness<redeliver::sqlite::Database> {
    Harness::new(Sqlite::schema(SCHEMA).observe("SELECT balance FROM account")).named("credit")
}

async fn handle(db: &Sqlite, m: &Delivery<i64>) -> rusqlite::Result<()> {
    let (id, amount) = (m.id().to_owned(), *m.payload());
    db.call(move |c| credit(c, &id, amount)).await
}

/// Law 1.
#[test]
fn the_same_check_reports_the_same_bytes_on_one_thread_and_on_many() {
    let report = || on_sqlite().verdict(1..1000i64, handle).report("credit");
    let here = report();
    let there: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = (0..3).map(|_| scope.spawn(report)).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(here.contains("took effect twice"));
    assert!(there.iter().all(|one| *one == here));
}

/// Law 1, and the half of law 2 that is a replay's: the line brings back the same report but for what only a search knows.
#[test]
fn a_history_read_back_from_its_text_replays_to_the_same_report() {
    let Verdict::Violated(found) = on_sqlite().verdict(1..1000i64, handle) else { panic!("it has a bug") };
    let again: History = found.history().to_string().parse().unwrap();
    let reports =
        [found.history(), &again].map(|history| on_sqlite().replay(history, 1..1000i64, handle).report("credit"));
    assert_eq!(reports[0], reports[1]);
    let trace = |report: &str| report.lines().filter(|line| line.starts_with("  p")).collect::<Vec<_>>().join("\n");
    assert_eq!(trace(&reports[0]), trace(&found.to_string()));
}

/// Law 5.
#[test]
fn no_single_removal_from_a_counterexample_still_fails() {
    let check = || Harness::new(KeyValue::new("bank").observe_prefix("balance"));
    let twice = async |kv: &KeyValue, m: &Delivery<i64>| -> Result<(), Error> {
        // Wrong only for the third delivery of a message: it takes two faults.
        let attempts = kv.add(&format!("attempts-{}", m.id()), 1).await?;
        if attempts == 1 || attempts == 3 {
            kv.add("balance", *m.payload()).await?;
        }
        Ok(())
    };
    let Verdict::Violated(found) = check().verdict(1..1000i64, twice) else { panic!("it has a bug") };
    let history = found.history();
    let removals = (0..history.faults.len()).map(|fault| {
        let mut without = history.clone();
        without.faults.remove(fault);
        without
    });
    let mut tried = 0;
    for without in removals {
        tried += 1;
        let verdict = check().replay(&without, 1..1000i64, twice);
        assert!(matches!(verdict, Verdict::Holds(_)), "{without}still fails:\n{}", verdict.report("check"));
    }
    assert_eq!(history.messages.len(), 1, "a second message is not needed: {history}");
    assert!(tried > 0);
}

/// Writes down who took a step, in the order in which they did.
#[derive(Clone, Default)]
struct Log {
    steps: Arc<Mutex<String>>,
    /// What was seen at the end of a replay, in the order of the replays.
    ends: Arc<Mutex<Vec<String>>>,
}

impl Store for Log {
    type Handle = Log;

    fn reset(&mut self) -> Result<(), Error> {
        self.steps.lock().unwrap().clear();
        Ok(())
    }

    fn open(&mut self, _process: &Process) -> Result<Log, Error> {
        Ok(self.clone())
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        let steps = self.steps.lock().unwrap().clone();
        seen.set("steps", &steps);
        self.ends.lock().unwrap().push(steps);
        Ok(())
    }
}

async fn four_steps(log: &Log, m: &Delivery<i64>) -> Result<(), Error> {
    let name = if m.id() == "m0" { 'a' } else { 'b' };
    for _ in 0..4 {
        point("step").await;
        log.steps.lock().unwrap().push(name);
    }
    Ok(())
}

/// Law 10.
#[test]
fn all_seventy_interleavings_of_two_handlers_of_four_steps_are_reached_by_pauses() {
    let mut reached = BTreeSet::new();
    for pauses in 0..1_u32 << 8 {
        let mut history = History::at_least_once().message("100").message("300");
        for at in (0..8).filter(|at| pauses & 1 << at != 0) {
            history = history.pause(format!("m{}#1.{}", at / 4, at % 4 + 1).as_str());
        }
        let log = Log::default();
        let _ = Harness::new(log.clone()).replay(&history.build().unwrap(), 1..1000i64, four_steps);
        // The first end is that of the history; reference runs come after it.
        reached.insert(log.ends.lock().unwrap()[0].clone());
    }
    reached.retain(|steps| steps.len() == 8);
    assert_eq!(reached.len(), 70, "{reached:?}");
}
