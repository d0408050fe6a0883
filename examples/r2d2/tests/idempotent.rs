//! The handlers of this crate under redeliver: the broken one is caught, the mended one holds.

use app::{Connections, Error, Pool, SCHEMA, credit, credit_once};
use redeliver::{Anomaly, Delivery, Harness, Sqlite, Verdict, sqlite};

/// A process: the stepped database, and the service's own pool on its file.
struct Service {
    db: Sqlite,
    pool: Pool,
}

impl Service {
    fn start(db: Sqlite) -> Self {
        let file = db.path().expect("it is no database in memory");
        let connections = Connections::file(file).with_init(sqlite::instrument);
        let pool = r2d2::Pool::builder().max_size(4).min_idle(Some(0)).build_unchecked(connections);
        Self { db, pool }
    }

    async fn run(&self, m: &Delivery<i64>, handler: fn(&Pool, &str, i64) -> Result<(), Error>) -> Result<(), Error> {
        let (pool, id, amount) = (self.pool.clone(), m.id().to_owned(), *m.payload());
        self.db.run(move || handler(&pool, &id, amount)).await
    }
}

fn verdict(handler: fn(&Pool, &str, i64) -> Result<(), Error>) -> Verdict {
    Harness::new(Sqlite::schema(SCHEMA).observe("SELECT balance FROM account"))
        .process(Service::start)
        .named("credit_is_idempotent")
        .faults(1)
        .verdict(1..1000i64, async move |service: &Service, m: &Delivery<i64>| service.run(m, handler).await)
}

#[test]
fn the_race_between_check_and_mark_is_found() {
    let Verdict::Violated(counterexample) = verdict(credit) else { panic!("the bug was not found") };
    assert_eq!(counterexample.anomaly(), Anomaly::Twice);
    assert_eq!(counterexample.history().faults.len(), 1);
    println!("{counterexample}");
}

#[test]
fn one_transaction_holds() {
    let verdict = verdict(credit_once);
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("credit_once"));
}
