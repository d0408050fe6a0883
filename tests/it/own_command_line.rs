//! A command line around strategies of one's own: the same commands, options and exit codes as the program's.

use redeliver::{
    Delivery, DeliveryModel, Error, Harness, KeyValue, Prepared, Process, Store,
    cli::{Charge, Checked, Exit, Program},
};

fn shop() -> KeyValue {
    KeyValue::new("shop").observe_key("orders")
}

fn in_one_step() -> Prepared {
    Harness::new(shop()).prepare(1..1000i64, async |shop: &KeyValue, m: &Delivery<i64>| {
        let order = shop.begin().await?;
        if order.put_if_absent(m.id(), "seen", None).await? {
            order.add("orders", *m.payload()).await?;
        }
        order.commit().await
    })
}

fn marks_first() -> Prepared {
    Harness::new(shop()).prepare(1..1000i64, async |shop: &KeyValue, m: &Delivery<i64>| {
        if shop.put_if_absent(m.id(), "seen", None).await? {
            shop.add("orders", *m.payload()).await?;
        }
        Ok::<(), Error>(())
    })
}

/// Nothing can be replayed on it.
struct Broken;

impl Store for Broken {
    type Handle = ();

    fn reset(&mut self) -> Result<(), Error> {
        Err(Error::other("the disk is gone"))
    }

    fn open(&mut self, _: &Process) -> Result<(), Error> {
        Ok(())
    }

    fn observe(&mut self, _: &mut redeliver::Observation) -> Result<(), Error> {
        Ok(())
    }
}

fn broken() -> Prepared {
    Harness::new(Broken).prepare(1..1000i64, async |(): &(), _: &Delivery<i64>| Ok::<(), Error>(()))
}

fn correct() -> Checked {
    Checked::new("one-step", "mark and order in one transaction", in_one_step)
}

fn twin(anomaly: &str) -> Checked {
    let anomalies = vec![anomaly.to_owned()];
    Checked::new("marks-first", "mark, then order", marks_first).twin_of("one-step").charged(Charge {
        model: DeliveryModel::at_least_once(),
        store: "",
        anomalies,
        faults: 1,
    })
}

/// What a program around these prints, beside what and how it ends.
fn run(table: impl IntoIterator<Item = Checked>, arguments: &[&str]) -> (String, String, Exit) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = Program::new("shop", table).run(arguments, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (text(out), text(err), exit)
}

#[test]
fn it_lists_what_it_is_around() {
    let (out, err, exit) = run([correct(), twin("lost")], &["list"]);
    assert_eq!((err.as_str(), exit), ("", Exit::Holds));
    let rows = "\
strategy       is                              what it does
one-step       correct: at-least-once          mark and order in one transaction
  marks-first  broken: lost, 1 fault or fewer  mark, then order
";
    assert_eq!(out, rows);
}

#[test]
fn a_report_ends_with_a_command_that_replays_it() {
    let table = || [correct(), twin("lost")];
    let (out, err, exit) = run(table(), &["check", "marks-first", "--faults", "1"]);
    assert_eq!((err.as_str(), exit), ("", Exit::Violated), "{out}");
    let command = out.lines().last().and_then(|line| line.strip_prefix("  replay    shop "));
    let words: Vec<&str> =
        command.expect("it is the program's").split(' ').map(|word| word.trim_matches('\'')).collect();
    let (again, _, exit) = run(table(), &words);
    assert_eq!(exit, Exit::Violated);
    assert_eq!(again.lines().last(), out.lines().last());
    let correct: Vec<&str> = words.iter().map(|word| if *word == "marks-first" { "one-step" } else { word }).collect();
    let (_, note, exit) = run(table(), &correct);
    assert_eq!((note.as_str(), exit), ("note: this line was printed for `marks-first`\n", Exit::Holds));
}

#[test]
fn a_matrix_is_as_expected_or_says_where_it_is_not() {
    let matrix = |table: Vec<Checked>| run(table, &["matrix", "--faults", "1", "--cases", "16"]);
    let (out, err, exit) = matrix(vec![correct(), twin("lost")]);
    let as_expected = "\
strategy       at-most-once  at-least-once  request-reply    kafka            kafka-blocking
one-step       (holds)       holds          (holds)          (holds)          (holds)
  marks-first  (holds)       lost, 1 fault  (lost, 1 fault)  (lost, 1 fault)  (lost, 1 fault)

every history with up to 1 fault, or as many as a twin is charged with; then 16 random histories
all 2 as expected; what stands in brackets is not judged
";
    assert_eq!((out.as_str(), err.as_str(), exit), (as_expected, "", Exit::Holds));

    let (out, _, exit) = matrix(vec![correct(), twin("overwrote")]);
    let complaint =
        "\n! marks-first, at-least-once: expected: overwrote, 1 fault or fewer; it came to: lost, 1 fault\n";
    assert!(out.contains("lost, 1 fault !") && out.contains(complaint), "{out}");
    assert!(out.ends_with("1 of 2 NOT as expected; what stands in brackets is not judged\n"), "{out}");
    assert_eq!(exit, Exit::Violated);

    let claims_too_much = Checked::new("marks-first", "mark, then order", marks_first);
    assert_eq!(matrix(vec![claims_too_much]).2, Exit::Violated);
    let (out, _, exit) = matrix(vec![Checked::new("broken", "nothing", broken)]);
    assert!(out.contains("broken    (-)           - !            (-)            (-)    (-)\n"), "{out}");
    assert!(out.contains("broken, at-least-once: ") && out.contains("the disk is gone"), "{out}");
    assert_eq!(exit, Exit::Inconclusive);
}

/// Takes the third delivery for the first: it takes two faults.
fn forgets_after_two() -> Prepared {
    Harness::new(shop()).prepare(1..1000i64, async |shop: &KeyValue, m: &Delivery<i64>| {
        let order = shop.begin().await?;
        let times = order.add(m.id(), 1).await?;
        if times == 1 || times == 3 {
            order.add("orders", *m.payload()).await?;
        }
        order.commit().await
    })
}

#[test]
fn a_twin_is_searched_under_all_models_as_far_as_it_is_charged_under_one() {
    let charge =
        Charge { model: DeliveryModel::at_least_once(), store: "", anomalies: vec!["twice".to_owned()], faults: 2 };
    let twin = Checked::new("forgets", "counts to two", forgets_after_two).twin_of("one-step").charged(charge);
    let (out, _, exit) =
        run([correct(), twin], &["matrix", "--model", "at-least-once", "--model", "kafka", "--cases", "0"]);
    assert_eq!(exit, Exit::Holds, "{out}");
    assert!(out.contains("\n  forgets  twice, 2 faults  (twice, 2 faults)\n"), "{out}");
}

#[test]
fn without_a_command_it_is_a_matrix() {
    let table = || [correct(), twin("lost")];
    let (out, _, exit) = run(table(), &[]);
    assert_eq!((&out, exit), (&run(table(), &["matrix"]).0, Exit::Holds));
    assert!(out.ends_with("as expected; what stands in brackets is not judged\n"), "{out}");
    assert!(out.contains("\nevery history with up to 1 fault, "), "{out}");
    let (deeper, ..) = run(table(), &["matrix", "--faults", "2"]);
    assert!(deeper.contains("\nevery history with up to 2 faults, "), "{deeper}");
}

#[test]
fn a_matrix_has_the_rows_and_columns_that_were_asked_for_and_the_lines_that_replay_it() {
    let table = [correct(), twin("lost")];
    let (out, _, exit) = run(
        table,
        &["matrix", "marks-first", "--model", "at-least-once", "--faults", "1", "--cases", "0", "--history"],
    );
    assert_eq!(exit, Exit::Holds, "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[..3], ["strategy       at-least-once", "  marks-first  lost, 1 fault", ""]);
    assert!(lines[3].starts_with("shop replay 'r1:marks-first;at-least-once;m0="), "{out}");
    let depth = "every history with up to 1 fault, or as many as a twin is charged with";
    assert_eq!(lines[4..], ["", depth, "all 1 as expected"]);
}

#[test]
fn on_several_stores_a_row_says_which_if_they_differ() {
    let on_two = |second: fn() -> Prepared| {
        let row = correct().store("one").also_on("other", second);
        run([row], &["matrix", "--model", "at-least-once", "--faults", "1", "--cases", "0"])
    };
    let (same, _, exit) = on_two(in_one_step);
    assert!(same.contains("\none-step  one, other  holds\n"), "{same}");
    assert_eq!(exit, Exit::Holds);
    let (differ, _, exit) = on_two(marks_first);
    assert!(differ.contains("\none-step  one    holds\none-step  other  lost, 1 fault !\n"), "{differ}");
    assert!(differ.contains("! one-step, at-least-once, other: expected: holds;"), "{differ}");
    assert_eq!(exit, Exit::Violated);
}

#[test]
fn names_that_there_are_not_are_refused() {
    let (out, err, exit) = run([correct(), twin("lost")], &["check", "mark-first"]);
    assert_eq!((out.as_str(), exit), ("", Exit::Usage));
    assert!(err.contains("a similar value exists: 'marks-first'"), "{err}");
    let two = || correct().store("one").also_on("other", marks_first);
    let elsewhere = [two(), twin("lost")];
    let (_, err, exit) = run(elsewhere, &["check", "marks-first", "--store", "other"]);
    assert_eq!(exit, Exit::Usage);
    assert!(err.starts_with("error: `marks-first` does not stand on `other`"), "{err}");
    assert_eq!(run([two()], &["check", "one-step", "--store", "third"]).2, Exit::Usage);
    assert_eq!(run([two()], &["check", "one-step", "--store", "other", "--faults", "1"]).2, Exit::Violated);
}

#[test]
fn a_history_is_replayed_under_another_model_if_that_admits_it() {
    let replay = |fault: &str, more: &[&str]| {
        let line = format!("r1:marks-first;at-least-once;m0=100;{fault}");
        run([twin("lost")], &[&["replay", &line, "--strategy", "marks-first"], more].concat())
    };
    let elsewhere = ["--model", "at-most-once"];
    assert_eq!(replay("crash:m0#1.2", &[]).2, Exit::Violated);
    // Who is not delivered again may be lost in a crash.
    assert_eq!(replay("crash:m0#1.2", &elsewhere).2, Exit::Holds);
    let (_, err, exit) = replay("lose-ack:m0#1", &elsewhere);
    assert_eq!(exit, Exit::Usage);
    assert!(err.starts_with("error: the history: under at-most-once: "), "{err}");
}

#[test]
#[should_panic(expected = "two are called `one-step`")]
fn two_of_one_name_cannot_be_told_apart() {
    let _ = Program::new("shop", [correct(), correct()]);
}
