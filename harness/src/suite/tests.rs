//! One broken store for each case, which that case convicts; and what is said of it.

use std::time::Duration;

use super::{Case, Claimed, Claims};
use crate::{Error, Harness, KeyValue, Verdict};

/// A store over keys with a time to live, right but for what is asked of it.
#[derive(Clone)]
struct Keys {
    store: KeyValue,
    broken: Option<Case>,
}

/// The id, and the number of the claim.
type Token = (String, String);

impl Keys {
    fn breaks(&self, case: Case) -> bool {
        self.broken == Some(case)
    }

    fn key(&self, id: &str) -> String {
        if self.breaks(Case::IdsApart) { id.to_lowercase() } else { id.to_owned() }
    }
}

impl Claims for Keys {
    type Token = Token;
    type Reply = u32;
    type Error = Error;

    async fn claim(&self, id: &str, _now: Duration) -> Result<Claimed<Token, u32>, Error> {
        let (store, key) = (&self.store, self.key(id));
        let number = store.add("tokens", 1).await?.to_string();
        let ttl = (!self.breaks(Case::CrashRecovered)).then_some(Duration::from_secs(30));
        let won = if self.breaks(Case::OneWins) {
            // A look, then a put.
            let free = store.get(&key).await?.is_none();
            if free {
                store.put(&key, &number).await?;
            }
            free
        } else {
            store.put_if_absent(&key, &number, ttl).await?
        };
        if won {
            return Ok(Claimed::Won((key, number)));
        }
        let reply = store.get(&key).await?.and_then(|value| value.strip_prefix('=')?.parse().ok());
        Ok(match reply {
            Some(reply) => Claimed::Done(reply),
            None if self.breaks(Case::LoserHears) => Claimed::Done(0),
            None => Claimed::Busy,
        })
    }

    async fn complete(&self, (key, number): Token, reply: u32) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        if tx.get(&key).await? != Some(number) {
            return Err(Error::other("the claim ran out"));
        }
        let kept = if self.breaks(Case::ReplyKept) { 0 } else { reply };
        tx.put(&key, &format!("={kept}")).await?;
        tx.commit().await
    }

    async fn release(&self, (key, number): Token) -> Result<(), Error> {
        if self.breaks(Case::GivenUp) {
            return Ok(());
        }
        if self.breaks(Case::StaleToken) {
            return self.store.delete(&key).await.map(drop);
        }
        let tx = self.store.begin().await?;
        if tx.get(&key).await? == Some(number) {
            tx.delete(&key).await?;
        }
        tx.commit().await
    }

    fn reply(number: u32) -> u32 {
        number
    }
}

fn harness(broken: Option<Case>) -> Harness<KeyValue, Keys> {
    Harness::new(KeyValue::new("redis")).process(move |store| Keys { store, broken }).named("keys")
}

#[test]
fn a_store_that_is_right_keeps_every_promise() {
    for case in Case::ALL {
        let verdict = harness(None).prepare_claims(case).verdict();
        let Verdict::Holds(searched) = &verdict else { panic!("{case}\n{}", verdict.report("keys")) };
        let kinds = case.asked().kinds;
        assert!(searched.acted.iter().all(|(kind, _)| kinds.contains(kind)), "{case}: {:?}", searched.acted);
        assert_eq!(searched.only, kinds, "{case}");
    }
}

#[test]
fn a_store_that_breaks_a_promise_is_convicted_by_the_case_of_that_promise() {
    for case in Case::ALL {
        let verdict = harness(Some(case)).prepare_claims(case).verdict();
        assert!(verdict.anomaly().is_some(), "{case}\n{}", verdict.report("keys"));
    }
}

#[test]
fn what_each_broken_store_is_convicted_of_reads_as_what_is_wrong_with_it() {
    let title = |case: Case| {
        let report = harness(Some(case)).prepare_claims(case).verdict().report("keys");
        report.lines().next().unwrap_or_default().split("  ").next().unwrap_or_default().to_owned()
    };
    let titles = Case::ALL.map(title);
    let expected = [
        "keys: m0 took effect twice",
        "keys: m0 was answered differently",
        "keys: m0 is never handled",
        "keys: m0 was answered differently",
        "keys: m0 is never handled",
        "keys: m0 is never handled",
        "keys: m0 is never handled",
    ];
    assert_eq!(titles, expected);
}
