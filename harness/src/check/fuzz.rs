//! A check under a fuzzer: one history for each string of bytes, with everything kept from one to the next that can be.
//!
//! How bytes become a history stands in `search::random`; here is what is done with it, and with one that fails.

use std::{cell::RefCell, collections::BTreeMap, fmt};

use super::{Options, inconclusive, verdict, violated};
use crate::{
    Error, History, Prepared, Searched, Verdict,
    machine::trace::{End, Replay},
    oracle::{Judgement, Oracle},
    report::Usual,
    search::{Cases, FromBytes, Replayed},
    subject::Subject,
};

/// The body of a fuzz target: makes a history of the bytes, replays it, and panics if it breaks the handler.
///
/// ```no_run
/// # mod app {
/// #     use redeliver_harness::{Delivery, Harness, KeyValue, Prepared};
/// #     pub fn credit() -> Prepared {
/// #         Harness::new(KeyValue::new("bank").observe_key("balance")).named("credit_is_idempotent").prepare(
/// #             1..1000i64,
/// #             async |bank: &KeyValue, m: &Delivery<i64>| bank.put("balance", "100").await,
/// #         )
/// #     }
/// # }
/// # macro_rules! fuzz_target { (|$bytes:ident: $type:ty| $body:expr) => { fn target($bytes: $type) { $body } }; }
/// # use redeliver_harness as redeliver;
/// fuzz_target!(|bytes: &[u8]| redeliver::fuzz(app::credit, bytes));
/// # fn main() { target(b"") }
/// ```
///
/// `check` is called once for each thread, and makes the check that also stands in a test. It is
/// [named](crate::Harness::named) after that test, since the report ends in the line that replays the history there, with
/// `cargo test`. Every string of bytes is a history: of the workloads of a search and of messages that are drawn, with up to
/// 8 faults, nearly all of which act. None at all is the plain run of one message. More than about 60 bytes say nothing
/// more, so `-max_len=60` is enough. A history that cannot be judged is no failure.
///
/// What bytes mean depends on the operations of the handler: they are for the fuzzer, and the line is for keeping.
///
/// # Panics
/// If the history breaks the handler: with the report on the smallest such history, as [`check`](crate::Harness::check) does.
/// If a handler breaks without any fault, the check has no name, or nothing can be said by it at all: with the first bytes
/// already. If a history fails and then does not when it is replayed elsewhere, or a store cannot be used.
pub fn fuzz(check: fn() -> Prepared, bytes: &[u8]) {
    thread_local! {
        // By the address of its function.
        static KEPT: RefCell<BTreeMap<usize, Fuzzer>> = const { RefCell::new(BTreeMap::new()) };
    }
    let key = check as usize;
    let kept = KEPT.with_borrow_mut(|kept| kept.remove(&key));
    let mut fuzzer = kept.unwrap_or_else(|| begun(check()));
    fuzzer.check(bytes);
    KEPT.with_borrow_mut(|kept| kept.insert(key, fuzzer));
}

fn begun(check: Prepared) -> Fuzzer {
    let name = check.name().map(str::to_owned);
    let name = name.expect("the check has no name: call `named` with that of its test, which replays what is found");
    check.fuzzer().unwrap_or_else(|verdict| panic!("{}", verdict.report(&name)))
}

/// A check that judges histories made of bytes, from [`Prepared::fuzzer`]: for fuzzers other than those that
/// [`fuzz`] is for, and for what they found.
///
/// ```
/// use redeliver_harness::{Delivery, Harness, KeyValue, Verdict};
///
/// let mut fuzzer = Harness::new(KeyValue::new("bank").observe_key("balance"))
///     .prepare(1..1000i64, async |bank: &KeyValue, m: &Delivery<i64>| bank.add("balance", *m.payload()).await.map(drop))
///     .fuzzer()
///     .expect("it is right without a fault");
/// assert!(matches!(fuzzer.verdict(b""), Verdict::Holds(_)));
/// // The fault is the simplest one: the acknowledgement of the first delivery is lost.
/// let bytes = [0, 0, 0];
/// assert!(fuzzer.history(&bytes)?.to_string().ends_with("\nlose-ack m0#1\n"));
/// assert!(matches!(fuzzer.verdict(&bytes), Verdict::Violated(_)));
/// # Ok::<(), redeliver_harness::Error>(())
/// ```
pub struct Fuzzer {
    subject: Box<dyn Subject>,
    options: Options,
    oracle: Oracle,
    decoder: FromBytes,
}

/// What is known of the history of some bytes.
enum Known {
    /// It passes, or cannot be judged.
    Quiet(Verdict),
    /// It does not pass.
    Fails(Verdict),
}

impl Fuzzer {
    /// The fuzzer of a check; its verdict where it does not hold without any fault.
    pub(crate) fn new(mut subject: Box<dyn Subject>, options: Options) -> Result<Self, Box<Verdict>> {
        let without_faults =
            Options { faults: 0, complete: None, random: Cases::default(), must_act: Vec::new(), ..options.clone() };
        match verdict(subject.as_mut(), &without_faults) {
            Verdict::Holds(_) => {}
            other => return Err(Box::new(other)),
        }
        let oracle = options.oracle();
        let decoder = FromBytes::new(subject.as_ref(), options.search());
        Ok(Self { subject, options, oracle, decoder })
    }

    /// The verdict on the history of these bytes, made as small as one that still fails can be.
    pub fn verdict(&mut self, bytes: &[u8]) -> Verdict {
        let (Known::Quiet(verdict) | Known::Fails(verdict)) = self.known(bytes);
        verdict
    }

    /// As [`verdict`](Fuzzer::verdict), for who wants to hear of nothing but failures. Whether the history could be judged.
    ///
    /// # Panics
    /// With the report if the history fails, also where it does not when it is replayed elsewhere; if a store cannot be used.
    /// Not if it cannot be judged.
    pub fn check(&mut self, bytes: &[u8]) -> bool {
        match self.known(bytes) {
            Known::Quiet(verdict) => matches!(verdict, Verdict::Holds(_)),
            Known::Fails(verdict) => panic!("{}", verdict.report(self.options.name())),
        }
    }

    /// The history of these bytes, as it is judged first.
    ///
    /// # Errors
    /// What a store met; that its workload cannot be searched.
    pub fn history(&mut self, bytes: &[u8]) -> Result<History, Error> {
        match self.decoder.replayed(self.subject.as_mut(), bytes)? {
            Ok(replayed) => Ok(replayed.history.clone()),
            Err(why) => Err(Error::Other(why)),
        }
    }

    fn known(&mut self, bytes: &[u8]) -> Known {
        self.judged(bytes)
            .unwrap_or_else(|error| Known::Fails(inconclusive(error.to_string(), Searched::default(), Usual::Nothing)))
    }

    fn judged(&mut self, bytes: &[u8]) -> Result<Known, Error> {
        let subject = self.subject.as_mut();
        let unclear = |why, searched, usual| Ok(Known::Quiet(inconclusive(why, searched, usual)));
        let Replayed { history, replay } = match self.decoder.replayed(subject, bytes)? {
            Ok(replayed) => replayed,
            Err(why) => return unclear(why, Searched::default(), Usual::Nothing),
        };
        let searched = searched(history, &replay);
        if let End::Inconclusive(why) = &replay.end {
            return unclear(why.clone(), searched, Usual::Waits);
        }
        match self.oracle.judge(subject, history, &replay)? {
            Judgement::Agrees => Ok(Known::Quiet(Verdict::Holds(searched))),
            Judgement::Inconclusive(why) => unclear(why, searched, Usual::TooLarge),
            Judgement::Violated => violated(subject, &self.options, history, &searched, None).map(Known::Fails),
        }
    }
}

/// How far a search of this one history went.
fn searched(history: &History, replay: &Replay) -> Searched {
    let mut histories = vec![0; history.faults.len()];
    histories.push(1);
    let mut acted: Vec<(&'static str, u64)> = Vec::new();
    for fault in &replay.acted {
        let word = history.faults[fault.fault].word();
        match acted.binary_search_by_key(&word, |(word, _)| word) {
            Ok(at) => acted[at].1 += 1,
            Err(at) => acted.insert(at, (word, 1)),
        }
    }
    Searched { histories, acted, alone: true, ..Searched::default() }
}

impl fmt::Debug for Fuzzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fuzzer").field("options", &self.options).finish_non_exhaustive()
    }
}
