//! What a contract promises less, or more, than exactly once: each clause changes the verdict on one history.

use std::time::Duration;

use redeliver::{
    Anomaly, Contract, Delivery, DeliveryModel, Error, Harness, History, InFlight, IntoOutcome, KeyValue, Message,
    Messages, Outcome, Verdict,
};

const MINUTE: Duration = Duration::from_secs(60);

fn bank() -> KeyValue {
    KeyValue::new("bank").observe_prefix("balance")
}

/// What becomes of this history, of messages of 100 and 300, under this contract.
fn replayed<O: IntoOutcome>(
    contract: Contract,
    faults: &str,
    handler: impl AsyncFn(&KeyValue, &Delivery<i64>) -> O + Send + Sync + 'static,
) -> Verdict {
    let messages = [Message::new("a", 100), Message::new("b", 300)].map(|message| message.ordered_by("account"));
    replayed_of(contract, &messages, faults, handler)
}

fn replayed_of<O: IntoOutcome>(
    contract: Contract,
    messages: &[Message<i64>],
    faults: &str,
    handler: impl AsyncFn(&KeyValue, &Delivery<i64>) -> O + Send + Sync + 'static,
) -> Verdict {
    let line = |(place, message): (usize, &Message<i64>)| {
        let key = message.ordering_key.as_ref().map_or(String::new(), |key| format!(" order={key}"));
        format!("message m{place} id={}{key} {}\n", message.id, message.payload)
    };
    let listed: String = messages.iter().enumerate().map(line).collect();
    let text = format!("redeliver-history 1\nmodel at-least-once\n{listed}{faults}\n");
    let history: History = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    Harness::new(bank()).contract(contract).model(DeliveryModel::at_least_once()).replay(
        &history,
        -1000..1000i64,
        handler,
    )
}

#[track_caller]
fn holds(verdict: &Verdict) {
    assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("promise"));
}

#[track_caller]
fn is(verdict: &Verdict, anomaly: Anomaly) {
    assert_eq!(verdict.anomaly(), Some(anomaly), "{}", verdict.report("promise"));
}

async fn mark_then_apply(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.put_if_absent(m.id(), "seen", None).await? {
        kv.add("balance", *m.payload()).await?;
    }
    Ok(())
}

async fn apply_then_mark(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if kv.get(m.id()).await?.is_none() {
        kv.add("balance", *m.payload()).await?;
        kv.put(m.id(), "seen").await?;
    }
    Ok(())
}

#[test]
fn what_a_crash_loses_is_excused_where_the_contract_allows_that_and_what_a_failure_loses_is_not() {
    let lenient = || Contract::strict().may_lose_on_crash();
    for cut_short in ["crash m0#1.2", "cancel m0#1.2"] {
        is(&replayed(Contract::strict(), cut_short, mark_then_apply), Anomaly::Lost);
        is(&replayed(Contract::strict().may_repeat_on_crash(), cut_short, mark_then_apply), Anomaly::Lost);
        holds(&replayed(lenient(), cut_short, mark_then_apply));
    }
    is(&replayed(lenient(), "fail m0#1.2", mark_then_apply), Anomaly::Lost);
    // Another message's crash is no excuse.
    is(&replayed(lenient(), "fail m0#1.2\ncrash m1#1.2", mark_then_apply), Anomaly::Lost);
    // It had answered when its process died: what it said was done is there.
    holds(&replayed(lenient(), "crash m0#1.ack", mark_then_apply));
    let says_so = async |_: &KeyValue, m: &Delivery<i64>| if m.attempt() < 3 { Ok(()) } else { Err("never") };
    let verdict = replayed(lenient(), "crash m0#1.ack", says_so);
    assert!(!matches!(verdict, Verdict::Violated(_)), "it leaves nothing in any run");
}

#[test]
fn what_a_crash_repeats_is_excused_where_the_contract_allows_that_and_only_so_often() {
    let lenient = || Contract::strict().may_repeat_on_crash();
    for cut_short in ["crash m0#1.3", "cancel m0#1.3", "crash m0#1.3\ncrash m0#2.3", "crash m0#1.3\ncrash m1#1.3"] {
        is(&replayed(Contract::strict(), cut_short, apply_then_mark), Anomaly::Twice);
        is(&replayed(Contract::strict().may_lose_on_crash(), cut_short, apply_then_mark), Anomaly::Twice);
        holds(&replayed(lenient(), cut_short, apply_then_mark));
    }
    is(&replayed(lenient(), "lose-reply m0#1.2", apply_then_mark), Anomaly::Twice);
    is(&replayed(lenient(), "lose-reply m0#1.2\ncrash m0#2.3", apply_then_mark), Anomaly::Twice);
    is(&replayed(lenient(), "lose-reply m0#1.2\ncrash m1#1.3", apply_then_mark), Anomaly::Twice);
    // Nothing was marked before the broker could hear of it.
    let plain = async |kv: &KeyValue, m: &Delivery<i64>| kv.add("balance", *m.payload()).await;
    is(&replayed(Contract::strict(), "crash m0#1.ack", plain), Anomaly::Twice);
    holds(&replayed(lenient(), "crash m0#1.ack", plain));
    is(&replayed(lenient(), "lose-ack m0#1", plain), Anomaly::Twice);
}

#[test]
fn a_repetition_that_is_excused_may_overwrite_what_is_newer() {
    let sets = async |kv: &KeyValue, m: &Delivery<i64>| kv.put("balance", &m.payload().to_string()).await;
    let late = "crash m0#1.ack";
    is(&replayed(Contract::strict(), late, sets), Anomaly::Overwrote);
    holds(&replayed(Contract::strict().may_repeat_on_crash(), late, sets));
}

/// Applies and marks at once; then there is one operation more, in which a duplicate may come.
async fn lingers(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await?;
    kv.get("nothing").await.map(drop)
}

/// The same, but whoever comes meanwhile is told to come again.
async fn refuses_company(kv: &KeyValue, m: &Delivery<i64>) -> Outcome {
    let busy = format!("busy:{}", m.id());
    match kv.put_if_absent(&busy, "1", Some(MINUTE)).await {
        Ok(true) => {}
        Ok(false) => return Outcome::Retry("409".to_owned()),
        Err(error) => return Outcome::Retry(error.to_string()),
    }
    let done = lingers(kv, m).await;
    let _ = kv.delete(&busy).await;
    match done {
        Ok(()) => Outcome::Done(()),
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

#[test]
fn a_duplicate_in_flight_hears_what_the_contract_says() {
    let hears = |in_flight| Contract::strict().duplicate_in_flight(in_flight);
    let (answered, refused) = ("overlap m0#1.5", "overlap m0#1.2");
    holds(&replayed(Contract::strict(), answered, lingers));
    holds(&replayed(hears(InFlight::Waits), answered, lingers));
    let verdict = replayed(hears(InFlight::ComesAgain), answered, lingers);
    is(&verdict, Anomaly::Reply);
    let report = verdict.report("promise");
    assert!(report.starts_with("check: m0#2 was answered, while m0#1 was still being handled"), "{report}");

    holds(&replayed(Contract::strict(), refused, refuses_company));
    holds(&replayed(hears(InFlight::ComesAgain), refused, refuses_company));
    let verdict = replayed(hears(InFlight::Waits), refused, refuses_company);
    is(&verdict, Anomaly::Reply);
    let report = verdict.report("promise");
    assert!(report.starts_with("check: m0#2 was told to come again, while m0#1 was being handled"), "{report}");
    // Its own operation failed: that says nothing of the company.
    holds(&replayed(hears(InFlight::Waits), "overlap m0#1.5\nfail m0#2.1", lingers));
}

/// Draws from the balance, if there is so much.
async fn draws(kv: &KeyValue, m: &Delivery<i64>) -> Outcome {
    let credit = async || {
        let tx = kv.begin().await?;
        let balance = tx.get("balance").await?.map_or(0, |balance| balance.parse().unwrap_or(0));
        if balance + m.payload() < 0 {
            return Ok(false);
        }
        if tx.put_if_absent(m.id(), "seen", None).await? {
            tx.add("balance", *m.payload()).await?;
        }
        tx.commit().await.map(|()| true)
    };
    match credit().await {
        Ok(true) => Outcome::Done(()),
        Ok(false) => Outcome::Reject("not so much".to_owned()),
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

#[test]
fn a_rejection_is_final_where_the_contract_says_so() {
    let messages = [Message::new("draw", -100), Message::new("pay", 300)];
    let late = "crash m0#1.ack";
    holds(&replayed_of(Contract::strict(), &messages, late, draws));
    let verdict = replayed_of(Contract::strict().final_failures_kept(), &messages, late, draws);
    is(&verdict, Anomaly::Reply);
    let report = verdict.report("promise");
    assert!(report.starts_with("check: m0#2 was answered otherwise than m0#1, which was rejected"), "{report}");
    let alone = |faults| replayed_of(Contract::strict().final_failures_kept(), &messages[..1], faults, draws);
    for faults in ["crash m0#1.ack", "crash m0#1.ack\nfail m0#2.1", "duplicate m0"] {
        let verdict = alone(faults);
        assert!(!matches!(verdict, Verdict::Violated(_)), "{}", verdict.report("promise"));
    }
}

/// Remembers ids for a minute.
async fn remembers(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", Some(MINUTE)).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

#[test]
fn what_comes_later_than_the_horizon_or_the_window_is_outside_the_promise() {
    let late = "advance m0#1.ack 61s\nlose-ack m0#1";
    is(&replayed(Contract::strict(), late, remembers), Anomaly::Twice);
    for minutes in [1, 2] {
        let contract = [Contract::strict().horizon(minutes * MINUTE), Contract::strict().window(minutes * MINUTE)];
        for contract in contract {
            let verdict = replayed(contract, late, remembers);
            if minutes == 1 { holds(&verdict) } else { is(&verdict, Anomaly::Twice) }
        }
    }
}

/// Check, apply and mark under a lease of a minute that nobody checks again.
async fn leases(kv: &KeyValue, m: &Delivery<i64>) -> Outcome {
    match kv.put_if_absent("lease", "taken", Some(MINUTE)).await {
        Ok(true) => {}
        Ok(false) => return Outcome::Retry("somebody is at it".to_owned()),
        Err(error) => return Outcome::Retry(error.to_string()),
    }
    let done = apply_then_mark(kv, m).await;
    let _ = kv.delete("lease").await;
    match done {
        Ok(()) => Outcome::Done(()),
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

#[test]
fn a_handler_that_takes_longer_than_promised_is_outside_the_promise() {
    let zombie = "advance m0#1.3 61s\noverlap m0#1.3";
    is(&replayed(Contract::strict(), zombie, leases), Anomaly::Twice);
    holds(&replayed(Contract::strict().handler_within(MINUTE), zombie, leases));
    is(&replayed(Contract::strict().handler_within(Duration::from_secs(61)), zombie, leases), Anomaly::Twice);
}

#[test]
fn ids_are_told_apart_within_an_ordering_key_where_the_contract_says_so() {
    let namesakes = [Message::new("1", 100).ordered_by("ann"), Message::new("1", 300).ordered_by("bob")];
    let scoped = || Contract::strict().ids_within_ordering_key();
    holds(&replayed_of(Contract::strict(), &namesakes, "", lingers));
    let verdict = replayed_of(scoped(), &namesakes, "", lingers);
    is(&verdict, Anomaly::Merged);
    // And they are no mismatch of each other.
    let asks_both = || Contract::strict().payload_mismatch_refused();
    is(&replayed_of(asks_both(), &namesakes, "", lingers), Anomaly::Mismatch);
    is(&replayed_of(asks_both().ids_within_ordering_key(), &namesakes, "", lingers), Anomaly::Merged);
    let by_key = async |kv: &KeyValue, m: &Delivery<i64>| {
        let tx = kv.begin().await?;
        if tx.put_if_absent(&format!("{:?} {}", m.ordering_key(), m.id()), "seen", None).await? {
            tx.add("balance", *m.payload()).await?;
        }
        tx.commit().await
    };
    holds(&replayed_of(scoped(), &namesakes, "", by_key));
    // Nothing in these messages tries it.
    let verdict = Harness::new(bank()).contract(scoped()).verdict(Messages::exactly([Message::new("1", 1)]), by_key);
    assert!(matches!(verdict, Verdict::Inconclusive(_)), "{}", verdict.report("promise"));
}
