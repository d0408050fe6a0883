//! What is printed for programs: the members that `docs/report.md` promises, and no other.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use redeliver::{Delivery, Effects, Error, Harness, Observation, Process, Store, Verdict};
use redeliver_strategies::all;
use serde_json::Value;

use crate::{
    cli::{Ran, redeliver},
    golden::golden,
};

/// With all that a message can have, and a fault that does not act.
const HISTORY: &str =
    "redeliver-history 1\nmodel at-least-once\nmessage m0 id=a order=k 1\noverlap m0#1.2\ncrash m0#9.9\n";

/// Something durable of a user's own, that shows a value.
#[derive(Default)]
struct Counter(Arc<AtomicI64>);

impl Store for Counter {
    type Handle = Arc<AtomicI64>;

    fn reset(&mut self) -> Result<(), Error> {
        self.0.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn open(&mut self, _: &Process) -> Result<Arc<AtomicI64>, Error> {
        Ok(Arc::clone(&self.0))
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        seen.set("counted", self.0.load(Ordering::Relaxed));
        Ok(())
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn json(arguments: &[&str]) -> (Value, i32) {
    let Ran { out, err, code } = redeliver(&[arguments, &["--format", "json"]].concat());
    assert_eq!(err, "");
    (parsed(&out), code)
}

/// Every member that there is, wherever it stands.
fn members(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                all.insert(name.clone());
                members(value, all);
            }
        }
        Value::Array(each) => each.iter().for_each(|value| members(value, all)),
        _ => {}
    }
}

#[test]
fn a_counterexample_says_all_that_its_screen_says() {
    let arguments = ["check", "toctou-check-insert"];
    let Ran { out, code, .. } = redeliver(&[&arguments[..], &["--format", "json"]].concat());
    assert_eq!(code, 1);
    golden("toctou-check-insert.json", &out);
    let told = parsed(&out);
    let screen = redeliver(&arguments).out;
    let text = |at: &str| told.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("no {at} in {out}"));
    assert_eq!((told["redeliver"].as_u64(), text("/verdict"), text("/anomaly")), (Some(1), "violated", "twice"));
    assert!(screen.starts_with(&format!("{}: {}", text("/name"), text("/title"))), "{screen}");
    assert!(screen.ends_with(&format!("  replay    {}\n", text("/replay"))), "{screen}");
    let steps = told["trace"].as_array().expect("it is a list");
    for line in screen.lines().filter(|line| line.starts_with("  p")) {
        let of_screen = |step: &Value| {
            let word = |member: &str| step[member].as_str().unwrap_or_default().to_owned();
            !word("what").is_empty()
                && line.starts_with(&format!("  {}  {}  {}", word("process"), word("task"), word("what")))
        };
        assert!(steps.iter().any(of_screen), "{line}");
    }
    for form in ["/history/text", "/history/line"] {
        let (again, code) = json(&["replay", text(form), "--strategy", "toctou-check-insert"]);
        assert_eq!((code, &again["trace"]), (1, &told["trace"]));
    }
}

#[test]
fn what_holds_and_what_cannot_be_said_are_told_too() {
    let on = ["--store", "key-value", "--faults", "1", "--cases", "64"];
    let (holds, code) = json(&[&["check", "record-and-check"], &on[..]].concat());
    assert_eq!((code, &holds["verdict"], holds.get("trace"), holds.get("reason")), (0, &"holds".into(), None, None));
    let searched = &holds["searched"];
    assert_eq!((&searched["faults"], &searched["random"], &searched["seed"]), (&1.into(), &64.into(), &0.into()));
    let acted = searched["acted"].as_array().expect("it is a list");
    let crash = acted.iter().find(|acted| acted["fault"] == "crash").expect("something crashed");
    let (times, at_random) = (crash["times"].as_u64(), crash["at_random"].as_u64());
    assert!(at_random > Some(0) && times > at_random, "{crash}");
    let (not_said, code) = json(&[&["check", "record-and-check", "--must-act", "advance"], &on[..]].concat());
    assert_eq!((code, &not_said["verdict"]), (3, &"inconclusive".into()));
    assert!(not_said["reason"].as_str().is_some_and(|reason| reason.ends_with(": advance")), "{not_said}");
}

#[test]
fn a_list_and_a_matrix_are_told_in_full() {
    let (list, _) = json(&["list"]);
    let names: Vec<&str> =
        list["strategies"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(names.iter().copied().eq(all().iter().map(|entry| entry.name)), "{names:?}");
    let (matrix, code) =
        json(&["matrix", "natural", "stale-overwrite", "--model", "at-least-once", "--faults", "1", "--cases", "0"]);
    assert_eq!((code, &matrix["as_expected"]), (0, &true.into()));
    let cells = matrix["cells"].as_array().unwrap();
    let of =
        |strategy: &str| cells.iter().find(|cell| cell["strategy"] == strategy && cell["store"] == "sqlite").unwrap();
    assert_eq!((&of("natural")["verdict"], &of("natural")["as_expected"]), (&"holds".into(), &true.into()));
    let twin = &of("stale-overwrite")["found"];
    assert_eq!((&twin["anomaly"], &twin["faults"]), (&"overwrote".into(), &1.into()));
    assert!(twin["replay"].as_str().is_some_and(|command| command.contains(twin["line"].as_str().unwrap())));
}

#[test]
fn every_member_is_documented_and_every_documented_member_is_there() {
    let mut told = BTreeSet::new();
    for arguments in [
        &["check", "toctou-check-insert", "--must-act", "advance"][..],
        &["check", "record-and-check", "--store", "key-value", "--faults", "1", "--must-act", "advance"],
        &["replay", HISTORY, "--strategy", "toctou-check-insert"],
        &["check", "natural", "--complete", "--store", "key-value"],
        &["list"],
        &["matrix", "stale-overwrite", "--faults", "1", "--cases", "0"],
    ] {
        members(&json(arguments).0, &mut told);
    }
    let effects = Harness::new((Effects::new(), Counter::default())).verdict(
        1..1000i64,
        async |(mail, counted): &(Effects, Arc<AtomicI64>), m: &Delivery<i64>| {
            mail.perform("mail", m.id()).await?;
            counted.fetch_add(*m.payload(), Ordering::Relaxed);
            Ok::<(), Error>(())
        },
    );
    assert!(matches!(effects, Verdict::Violated(_)));
    members(&parsed(&effects.json("mails")), &mut told);

    let docs = include_str!("../../docs/report.md");
    let cells = docs.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split_once('`'));
    let documented: BTreeSet<String> = cells.map(|(name, _)| name.to_owned()).collect();
    let only_sometimes = ["later"].map(str::to_owned);
    told.extend(only_sometimes);
    assert_eq!(told, documented);
}
