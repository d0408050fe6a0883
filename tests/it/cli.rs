//! The program, from outside: what it prints, what it makes of bad input, and how it ends.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use redeliver_strategies::{registry, trial::trials};

use crate::golden::golden;

const HOLDS: i32 = 0;
const VIOLATED: i32 = 1;
const USAGE: i32 = 2;
const INCONCLUSIVE: i32 = 3;

/// What one run of the program came to.
pub struct Ran {
    pub out: String,
    pub err: String,
    pub code: i32,
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_redeliver"))
}

fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    Ran { out: text(output.stdout), err: text(output.stderr), code: output.status.code().expect("it was not killed") }
}

pub fn redeliver(arguments: &[&str]) -> Ran {
    ran(program().args(arguments).stdin(Stdio::null()).output().expect("it was built"))
}

fn redeliver_reading(input: &[u8], arguments: &[&str]) -> Ran {
    let piped = || Stdio::piped();
    let mut child =
        program().args(arguments).stdin(piped()).stdout(piped()).stderr(piped()).spawn().expect("it was built");
    // It may have read enough before everything is written.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    ran(child.wait_with_output().expect("it ends"))
}

/// A refusal: nothing on standard output, something on standard error, and no panic.
#[track_caller]
fn refused(ran: &Ran) -> &str {
    assert_eq!((ran.code, ran.out.as_str()), (USAGE, ""), "{}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    &ran.err
}

/// A scratch file of this test's own.
fn scratch(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    fs::write(&path, content).expect("the folder is cargo's");
    path
}

/// Some of each kind: on two stores and on one, of one fault and of two, held and convicted under one model and not another.
/// All of them are for a release build, by the program alone; what each comes to is in `soundness` and `detection` too.
const SOME: &[&str] = &[
    "natural",
    "stale-overwrite",
    "snapshot",
    "snapshot-blind-uniqueness",
    "setnx-then-expire",
    "zombie-holder-writes",
    "offset-stored-before-processing",
    "body-not-in-identity",
    "precondition-on-value",
    "poison-head-of-line",
];

#[test]
fn in_a_matrix_all_is_as_expected() {
    let Ran { out, err, code } = redeliver(&[&["matrix"], SOME].concat());
    assert_eq!((code, err.as_str()), (HOLDS, ""), "{out}");
    let cells = |line: &str| -> Vec<String> {
        line.trim().split("  ").filter(|cell| !cell.is_empty()).map(|cell| cell.trim().to_owned()).collect()
    };
    let header = cells(out.lines().next().expect("it has columns"));
    let trials = || trials().into_iter().filter(|trial| SOME.contains(&trial.entry.name));
    for trial in trials() {
        let (model, store) = (trial.options.model.name(), trial.options.store.name());
        let column = header.iter().position(|name| name == model).unwrap_or_else(|| panic!("no {model} in\n{out}"));
        let is_its = |cells: &Vec<String>| cells[0] == trial.entry.name && cells[1].split(", ").any(|on| on == store);
        let row = out.lines().take_while(|line| !line.is_empty()).map(cells).find(is_its);
        let row = row.unwrap_or_else(|| panic!("no {} on {store} in\n{out}", trial.entry.name));
        let is_expected = match &trial.charge {
            None => row[column].contains("holds"),
            Some(charge) => charge.anomalies.iter().any(|anomaly| row[column].contains(anomaly)),
        };
        assert!(is_expected && !row[column].contains(['(', '!']), "{row:?}");
    }
    assert!(out.ends_with(&format!("\nall {} as expected; what stands in brackets is not judged\n", trials().count())));
    assert!(!out.contains('\u{1b}'), "no colours where nobody looks");
}

#[test]
fn a_matrix_is_the_same_each_time() {
    let arguments = ["matrix", "natural", "stale-overwrite", "mark-before-apply", "--faults", "1", "--cases", "16"];
    let Ran { out, err, code } = redeliver(&arguments);
    assert_eq!((code, err.as_str()), (HOLDS, ""), "{out}");
    golden("matrix.txt", &out);
    assert_eq!(redeliver(&arguments).out, out);
}

#[test]
fn a_list_names_everything_and_what_is_wrong_with_it() {
    let Ran { out, code, .. } = redeliver(&["list"]);
    assert_eq!(code, HOLDS);
    golden("list.txt", &out);
    assert!(registry::names().all(|name| out.contains(name)));
}

#[test]
fn help_tells_the_exit_codes() {
    for arguments in [&["--help"][..], &["check", "--help"], &["replay", "--help"], &["matrix", "--help"]] {
        let Ran { out, code, .. } = redeliver(arguments);
        assert_eq!(code, HOLDS);
        let codes = out.split_once("Exit codes:\n").expect("they stand at the end").1;
        let told: Vec<&str> = codes.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(told, ["0", "1", "2", "3"]);
    }
    golden("help.txt", &redeliver(&["--help"]).out);
}

#[test]
fn a_twin_is_violated_on_one_screen() {
    let Ran { out, err, code } = redeliver(&["check", "toctou-check-insert"]);
    assert_eq!((code, err.as_str()), (VIOLATED, ""));
    golden("toctou-check-insert.txt", &out);
}

#[test]
fn the_replay_line_of_every_twin_shows_the_same() {
    for trial in trials().iter().filter(|trial| trial.charge.is_some()) {
        let Ran { out, code, .. } = redeliver(&["check", trial.entry.name, "--model", trial.options.model.name()]);
        assert_eq!(code, VIOLATED, "{out}");
        let command = out.lines().last().and_then(|line| line.strip_prefix("  replay    redeliver "));
        let arguments: Vec<&str> =
            command.unwrap_or_else(|| panic!("{out}")).split(' ').map(|word| word.trim_matches('\'')).collect();
        let again = redeliver(&arguments);
        assert_eq!((again.code, again.err.as_str()), (VIOLATED, ""));
        assert_eq!(without_the_search(&again.out), without_the_search(&out));
        assert_eq!(redeliver(&arguments).out, again.out, "and each time the same");
    }
}

/// A screen but for what only a search can say.
fn without_the_search(screen: &str) -> Vec<&str> {
    let lines = screen.lines().filter(|line| !line.starts_with("  searched"));
    lines.map(|line| line.split("      [").next().unwrap_or_default().trim_end()).collect()
}

#[test]
fn on_the_key_value_store_the_line_says_so() {
    let Ran { out, code, .. } = redeliver(&["check", "mark-before-apply", "--store", "key-value", "--faults", "1"]);
    assert_eq!(code, VIOLATED, "{out}");
    assert!(out.ends_with(" --strategy mark-before-apply --store key-value\n"), "{out}");
}

#[test]
fn a_strategy_is_checked_under_any_model_that_is_asked_for() {
    let twin = |model: &str| redeliver(&["check", "toctou-check-insert", "--faults", "1", "--model", model]);
    let Ran { out, code, .. } = twin("request-reply");
    assert_eq!(code, VIOLATED, "{out}");
    assert!(out.contains("m0 is sent again while m0#1 is being handled") && out.contains(";request-reply;"), "{out}");
    // Nothing is delivered twice there, whoever needs that.
    let Ran { out, code, .. } = twin("at-most-once");
    assert_eq!(code, HOLDS, "{out}");
    let told = twin("at-most");
    assert!(
        refused(&told).contains("[possible values: at-most-once, at-least-once, request-reply, kafka, kafka-blocking]"),
        "{}",
        told.err
    );
}

#[test]
fn a_correct_strategy_holds() {
    let arguments = ["check", "record-and-check", "--store", "key-value", "--messages", "1", "--processes", "1"];
    let Ran { out, err, code } = redeliver(&[&arguments[..], &["--faults", "1"]].concat());
    assert_eq!((code, err.as_str()), (HOLDS, ""), "{out}");
    assert!(out.starts_with("record-and-check: holds"), "{out}");
}

#[test]
fn random_histories_are_those_that_were_asked_for() {
    let check = |more: &[&str]| {
        let arguments = ["check", "natural", "--store", "key-value", "--messages", "3", "--faults", "1"];
        let Ran { out, err, code } = redeliver(&[&arguments[..], more].concat());
        assert_eq!((code, err.as_str()), (HOLDS, ""), "{out}");
        out
    };
    assert!(check(&[]).contains("then 256 random ones with up to 8 (seed 0)"));
    let asked = check(&["--cases", "1000", "--seed", "7", "--processes", "3"]);
    assert!(asked.contains("then 1,000 random ones with up to 8 (seed 7)"), "{asked}");
    assert!(!check(&["--cases", "0"]).contains("random"));
}

#[test]
fn a_pass_without_a_fault_that_must_act_is_none() {
    let check = |more: &[&str]| {
        let arguments =
            ["check", "natural", "--store", "key-value", "--messages", "1", "--faults", "1", "--cases", "0"];
        redeliver(&[&arguments[..], more].concat())
    };
    assert_eq!(check(&["--must-act", "overlap", "--must-act", "crash"]).code, HOLDS);
    let Ran { out, code, .. } = check(&["--must-act", "overlap", "--must-act", "advance"]);
    assert_eq!(code, INCONCLUSIVE, "{out}");
    assert!(out.contains("nothing gave them a place: advance\n"), "{out}");
    let unknown = check(&["--must-act", "overlop"]);
    assert!(refused(&unknown).contains("a similar value exists: 'overlap'"), "{}", unknown.err);
}

#[test]
fn a_history_comes_from_a_line_a_file_or_standard_input() {
    let text = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\noverlap m0#1.2\n";
    let line = "r1:toctou-check-insert;at-least-once;m0=100;overlap:m0#1.2";
    let on = ["--strategy", "toctou-check-insert"];
    let from_line = redeliver(&[&["replay", line], &on[..]].concat());
    assert_eq!((from_line.code, from_line.err.as_str()), (VIOLATED, ""), "{}", from_line.out);
    for content in [text.to_owned(), format!("{line}\n")] {
        let file = scratch("history", content.as_bytes());
        let file = file.to_str().expect("its name is ASCII");
        assert_eq!(redeliver(&[&["replay", file], &on[..]].concat()).out, from_line.out);
        let piped = redeliver_reading(content.as_bytes(), &[&["replay", "-"], &on[..]].concat());
        assert_eq!(piped.out, from_line.out);
    }
    // The shell may hand the text over as one argument.
    assert_eq!(redeliver(&[&["replay", text], &on[..]].concat()).out, from_line.out);
}

#[test]
fn a_twins_line_can_be_replayed_against_the_strategy_that_it_is_a_twin_of() {
    let line = "r1:toctou-check-insert;at-least-once;m0=100;overlap:m0#1.2";
    let Ran { out, err, code } = redeliver(&["replay", line, "--strategy", "record-and-check"]);
    assert_eq!(code, HOLDS, "{out}");
    assert_eq!(err, "note: this line was printed for `toctou-check-insert`\n");
}

#[test]
fn an_unknown_strategy_is_answered_with_the_nearest() {
    let unknown = redeliver(&["check", "toctou-chek-insert"]);
    assert!(refused(&unknown).contains("a similar value exists: 'toctou-check-insert'"), "{}", unknown.err);
    let unknown = redeliver(&["replay", "r1:x;at-least-once;m0=1", "--strategy", "naturel"]);
    assert!(refused(&unknown).contains("a similar value exists: 'natural'"), "{}", unknown.err);
}

#[test]
fn nonsense_on_the_command_line_is_refused() {
    for arguments in [
        &["chekc"][..],
        &["check"],
        &["check", "natural", "--store", "postgres"],
        &["check", "natural", "--messages", "0"],
        &["check", "natural", "--messages", "6"],
        &["check", "natural", "--processes", "0"],
        &["check", "natural", "--faults", "-1"],
        &["check", "natural", "--faults", "many"],
        &["check", "natural", "--cases", "-1"],
        &["check", "natural", "--seed", "many"],
        &["check", "natural", "--format", "yaml"],
        &["replay", "r1:natural;at-least-once;m0=1"],
        &["list", "natural"],
        &["matrix", "naturel"],
        &["matrix", "--model", "at-most"],
    ] {
        let ran = redeliver(arguments);
        assert!(refused(&ran).starts_with("error: "), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_malformed_history_is_refused_with_its_place() {
    let told =
        |text: &str| refused(&redeliver_reading(text.as_bytes(), &["replay", "-", "--strategy", "natural"])).to_owned();
    let told_of = |rest: &str| told(&format!("redeliver-history 1\nmodel at-least-once\n{rest}"));
    let all = [
        told(""),
        told("hello\n"),
        told("redeliver-history 2\n"),
        told("redeliver-history 1\nmodel at-lest-once\nmessage m0 100\n"),
        told_of(""),
        told_of("message m1 100\n"),
        told_of("message m0 a-hundred\n"),
        told_of("message m0 100\nexplode m0#1.2\n"),
        told_of("message m0 100\noverlap m0#0.1\n"),
        told_of("message m0 100\noverlap m7#1.1\n"),
        told_of("message m0 100\noverlap m0#1.2 to p9\n"),
        told_of("message m0 100\ncrash m0#1.2 twice\n"),
        told("r1:natural"),
        told("r1:natural;at-least-once;m0=100;crash:m0#1.x"),
        told("r1:natural;at-least-once;m0=%zz"),
        told("r1:natural;at-least-once"),
        told("r1:natural;at-least-once;m0=100;m1=a%20lot"),
    ];
    for complaint in &all {
        assert!(complaint.starts_with("error: standard input: "), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
    golden("malformed.txt", &all.concat());
}

#[test]
fn what_cannot_be_read_is_refused() {
    let strategy = ["--strategy", "natural"];
    let missing = redeliver(&[&["replay", "no-such-file"], &strategy[..]].concat());
    assert!(refused(&missing).contains("`no-such-file` is not a line, which begins with `r1:`"), "{}", missing.err);
    let folder = redeliver(&[&["replay", env!("CARGO_TARGET_TMPDIR")], &strategy[..]].concat());
    refused(&folder);
    let latin = scratch("latin", b"redeliver-history 1\nmodel \xe9\n");
    refused(&redeliver(&[&["replay", latin.to_str().expect("its name is ASCII")], &strategy[..]].concat()));
    let endless = redeliver_reading(&vec![b'#'; 2 << 20], &[&["replay", "-"], &strategy[..]].concat());
    assert!(refused(&endless).contains("longer than"), "{}", endless.err);
}

#[test]
fn a_generator_that_changed_is_told_in_words() {
    let line = "r1:natural;at-least-once;m0=~0.1234";
    let Ran { out, code, .. } = redeliver(&["replay", line, "--strategy", "natural"]);
    assert_eq!(code, INCONCLUSIVE, "{out}");
    assert!(out.contains("has changed since"), "{out}");
}

#[test]
fn extreme_amounts_are_no_panic() {
    for amount in ["9223372036854775807", "-9223372036854775808", "0"] {
        for strategy in ["record-and-check", "toctou-check-insert", "natural"] {
            for store in ["sqlite", "key-value"] {
                let line = format!("r1:{strategy};at-least-once;m0={amount};m1={amount};overlap:m0#1.1;crash:m1#1.1");
                let ran = redeliver(&["replay", &line, "--strategy", strategy, "--store", store]);
                assert!((HOLDS..=INCONCLUSIVE).contains(&ran.code), "{line}: {}", ran.code);
                assert!(!ran.err.contains("panicked"), "{line}: {}", ran.err);
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_panic() {
    for arguments in [&["list"][..], &["--help"], &["check", "stale-overwrite"]] {
        let mut child =
            program().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!err.contains("panicked") && output.status.code().is_some(), "{arguments:?}: {err}");
    }
}
