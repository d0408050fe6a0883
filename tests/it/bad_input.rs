//! What a check makes of what it is given through the public face and cannot use, and of the files and variables around a
//! test: it says so in words, and never panics in others.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use proptest::{
    prop_assert,
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestRunner},
};
use redeliver::{
    Contract, Delivery, Error, Harness, History, KeyValue, Message, Messages, Observation, Process, Store, Verdict,
    history::{DeliveryName, Fault, Payload, Published},
};

use crate::histories;

fn bank() -> Harness<KeyValue> {
    Harness::new(KeyValue::new("bank").observe_prefix("balance"))
}

async fn add(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    kv.add("balance", *m.payload()).await.map(drop)
}

async fn add_once(kv: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    let tx = kv.begin().await?;
    if tx.put_if_absent(m.id(), "seen", None).await? {
        tx.add("balance", *m.payload()).await?;
    }
    tx.commit().await
}

fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Inconclusive(inconclusive) => inconclusive.reason,
        other => panic!("not inconclusive: {}", other.report("check")),
    }
}

fn seeded(seed: u64) -> History {
    let text = format!("redeliver-history 1\nmodel at-least-once\nmessage m0 seed={seed}\n");
    text.parse().expect("it is well written")
}

#[test]
fn a_check_without_messages_is_no_pass() {
    let none = Messages::<i64>::exactly([]);
    assert_eq!(reason(bank().verdict(none, add_once)), "a history has at least one message");
}

#[test]
fn more_messages_or_processes_than_a_history_can_have_are_refused_at_once() {
    let many = Messages::exactly((0..65).map(|n| Message::new(n.to_string(), n)));
    assert_eq!(reason(bank().verdict(many, add_once)), "a history has at most 64 messages, not 65");
    for processes in [17, usize::MAX] {
        let refused = format!("a history has from 1 to 16 processes, not {processes}");
        assert_eq!(reason(bank().processes(processes).verdict(1..9i64, add_once)), refused);
    }
}

#[test]
fn a_history_that_names_what_cannot_exist_says_so_wherever_it_comes_from() {
    let replayed = |change: fn(&mut History)| {
        let mut history = seeded(0);
        change(&mut history);
        reason(bank().replay(&history, 1..9i64, add_once))
    };
    let crash = Fault::Crash { at: DeliveryName::new(usize::MAX, u32::MAX).operation(u32::MAX) };
    let no_such_message = format!("`{crash}`: there is no m{} (the only message is m0)", usize::MAX);
    let mut history = seeded(0);
    history.faults.push(crash);
    assert_eq!(reason(bank().replay(&history, 1..9i64, add_once)), no_such_message);
    assert_eq!(replayed(|history| history.processes = 0), "a history has from 1 to 16 processes, not 0");
    assert_eq!(replayed(|history| history.messages.clear()), "a history has at least one message");
}

#[test]
fn a_seed_of_which_the_generator_makes_nothing_is_told_in_words() {
    for seed in [1 << 63, u64::MAX] {
        let told = format!("m0: the check's range of integers makes nothing of the seed {seed}");
        assert_eq!(reason(bank().replay(&seeded(seed), 1..9i64, add_once)), told);
    }
}

/// A store that panics wherever it is asked.
struct Broken(&'static str);

impl Broken {
    fn asked(&self, what: &str) {
        assert_ne!(self.0, what, "it is broken");
    }
}

impl Store for Broken {
    type Handle = ();

    fn reset(&mut self) -> Result<(), Error> {
        self.asked("reset");
        Ok(())
    }

    fn open(&mut self, _process: &Process) -> Result<(), Error> {
        self.asked("open");
        Ok(())
    }

    fn observe(&mut self, _seen: &mut Observation) -> Result<(), Error> {
        self.asked("observe");
        Ok(())
    }
}

#[test]
fn a_store_or_a_process_that_panics_is_inconclusive() {
    let nothing = async |_: &(), _: &Delivery<i64>| Ok::<(), Error>(());
    for at in ["reset", "open", "observe"] {
        let reason = reason(Harness::new(Broken(at)).verdict(1..9i64, nothing));
        assert!(reason.contains("it is broken"), "{at}: {reason}");
    }
    let boot = bank().process(|_| -> KeyValue { panic!("it does not start") }).verdict(1..9i64, add_once);
    assert!(reason(boot).starts_with("it does not start, at "));
}

/// The check that is run again below, as a test of its own, in another home.
#[test]
fn a_right_handler_holds() {
    bank().faults(1).check(1..1000i64, add_once);
}

/// The same; it fails in the one way that its name says.
#[test]
#[should_panic(expected = "another name: m0 took effect twice")]
fn a_wrong_handler_is_violated() {
    bank().faults(1).named("another name").check(1..1000i64, add);
}

/// A home of this test's own, and a test of this file run in it.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-home-{name}", std::process::id()));
        fs::create_dir_all(home.join("redeliver-regressions")).expect("the folder is cargo's");
        Self(home)
    }

    fn file(&self, test: &str) -> PathBuf {
        self.0.join("redeliver-regressions").join(format!("bad_input.{test}.txt"))
    }

    /// The exit of the test, and all that it printed.
    fn runs(&self, test: &str, variables: &[(&str, &str)]) -> (bool, String) {
        let test = format!("bad_input::{test}");
        let this = std::env::current_exe().expect("a test has a program");
        let mut command = Command::new(this);
        command.args(["--exact", &test, "--nocapture"]).env("CARGO_MANIFEST_DIR", &self.0);
        command.env_remove("REDELIVER_HISTORY").env_remove("REDELIVER_FAULTS");
        command.env_remove("REDELIVER_CASES").env_remove("REDELIVER_SEED").envs(variables.iter().copied());
        let Output { status, stdout, stderr } = command.output().expect("it runs");
        (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_passing_check_says_how_many_earlier_counterexamples_pass() {
    let home = Home::new("passes");
    let text = format!("{}crash m0#1.2\n\n{}overlap m0#1.2\n", seeded(0), seeded(0));
    fs::write(home.file("a_right_handler_holds"), text).unwrap();
    let (passes, printed) = home.runs("a_right_handler_holds", &[]);
    assert!(passes && printed.contains("2 counterexamples of earlier runs: none fails any more"), "{printed}");
}

#[test]
fn an_earlier_counterexample_of_any_seed_is_replayed_or_named() {
    let home = Home::new("seeds");
    let text = format!("{}{}{}", seeded(4_000_000_000), seeded(1 << 63), "redeliver-history 1\nmodel none\n");
    fs::write(home.file("a_right_handler_holds"), text).unwrap();
    let (passes, printed) = home.runs("a_right_handler_holds", &[]);
    assert!(passes && printed.contains("1 counterexample of earlier runs"), "{printed}");
    assert!(printed.contains("the history at line 4 cannot be replayed any more"), "{printed}");
    assert!(printed.contains("line 8: column 7: expected a delivery model"), "{printed}");
    // It still fails, and shrinks.
    let file = home.0.join("redeliver-regressions/another%20name.txt");
    fs::write(file, format!("{}crash m0#9.1\nlose-ack m0#1\n", seeded(4_000_000_000))).unwrap();
    let (as_expected, printed) = home.runs("a_wrong_handler_is_violated", &[]);
    assert!(as_expected && printed.contains("of earlier runs, of which this one fails again"), "{printed}");
}

#[test]
fn where_the_file_cannot_be_used_the_counterexample_comes_all_the_same() {
    let home = Home::new("unusable");
    fs::remove_dir_all(home.0.join("redeliver-regressions")).unwrap();
    fs::write(home.0.join("redeliver-regressions"), "not a folder").unwrap();
    let (as_expected, printed) = home.runs("a_wrong_handler_is_violated", &[]);
    assert!(as_expected && printed.contains("m0 took effect twice"), "{printed}");
    assert!(printed.contains("cannot be written"), "{printed}");
}

#[test]
fn a_variable_that_does_not_parse_is_named_by_the_test() {
    let home = Home::new("variables");
    for (variable, value) in [
        ("REDELIVER_FAULTS", "many"),
        ("REDELIVER_FAULTS", ""),
        ("REDELIVER_FAULTS", "99999999999999999999999"),
        ("REDELIVER_CASES", "-1"),
        ("REDELIVER_CASES", "some"),
        ("REDELIVER_SEED", ""),
        ("REDELIVER_SEED", "18446744073709551616"),
        ("REDELIVER_HISTORY", "r1:x"),
        ("REDELIVER_HISTORY", ""),
    ] {
        let (passes, printed) = home.runs("a_right_handler_holds", &[(variable, value)]);
        let told = format!("{variable} does not parse: ");
        assert!(!passes && printed.contains(&told), "{variable}={value}: {printed}");
    }
}

#[test]
fn variables_change_how_many_histories_are_drawn_and_which() {
    let home = Home::new("random");
    let searched = |variables: &[(&str, &str)]| {
        let (passes, printed) = home.runs("a_right_handler_holds", variables);
        assert!(passes, "{printed}");
        printed.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(searched(&[]).contains("then 256 random ones with up to 8 (seed 0)"));
    let other = searched(&[("REDELIVER_CASES", "300"), ("REDELIVER_SEED", "9")]);
    assert!(other.contains("then 300 random ones with up to 8 (seed 9)"), "{other}");
    // What proptest reads itself would draw others.
    let acted = |printed: &str| {
        printed.split(" acted ").nth(1).and_then(|after| after.split(" test ").next()).unwrap().to_owned()
    };
    let proptests = [("PROPTEST_RNG_ALGORITHM", "xs"), ("PROPTEST_RNG_SEED", "5"), ("PROPTEST_MAX_LOCAL_REJECTS", "1")];
    assert_eq!(acted(&searched(&proptests)), acted(&searched(&[])));
    assert_ne!(acted(&searched(&[("REDELIVER_SEED", "5")])), acted(&searched(&[])));
    for none in [("REDELIVER_CASES", "0"), ("REDELIVER_FAULTS", "0")] {
        assert!(!searched(&[none]).contains("random"));
    }
}

#[test]
fn the_printed_command_names_the_test_whatever_the_check_is_called() {
    let home = Home::new("command");
    let printed = home.runs("a_wrong_handler_is_violated", &[]).1;
    let command = printed.lines().find(|line| line.trim_start().starts_with("replay ")).expect("it is printed");
    assert!(command.contains("REDELIVER_HISTORY='r1:another%20name;"), "{command}");
    assert!(command.ends_with("bad_input::a_wrong_handler_is_violated -- --exact"), "{command}");
    let line = command.split('\'').nth(1).expect("it stands in quotes");
    let replayed = home.runs("a_wrong_handler_is_violated", &[("REDELIVER_HISTORY", line)]);
    assert!(replayed.0 && replayed.1.contains("searched  nothing: this one history was given"), "{}", replayed.1);
}

/// Any history that can be written, of messages that the check can make.
fn any_history() -> impl Strategy<Value = History> {
    histories::history().prop_map(|history| {
        let messages = history.messages.iter().enumerate().map(|(place, message)| {
            let payload = match &message.payload {
                Payload::Generated { seed, .. } => Payload::Generated { seed: *seed, hash: None },
                Payload::Written(_) => Payload::Written((place * 100).to_string()),
            };
            Published { payload, ..message.clone() }
        });
        History { messages: messages.collect(), ..history }
    })
}

#[test]
fn every_history_that_can_be_written_can_be_replayed() {
    let config = Config { cases: 300, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..Config::default() };
    let replayed = TestRunner::new(config).run(&any_history(), |history| {
        for verdict in [
            bank().replay(&history, i64::MIN..=i64::MAX, add),
            bank().replay(&history, 1..1000i64, add_once),
            bank().contract(Contract::strict().order_published()).replay(&history, 1..1000i64, add_once),
        ] {
            let report = verdict.report("check");
            // Enough of a story to be told, and none of the program's own.
            prop_assert!(
                !report.is_empty() && !report.contains("unreachable") && !report.contains("harness/src"),
                "{}",
                report
            );
        }
        Ok(())
    });
    if let Err(failure) = replayed {
        panic!("{failure}");
    }
}
