//! Law 2: the text and the line of a history parse back to that history, for every history there is.
//!
//! And whatever is made of them by hand or by accident is read or refused, never a panic. The exact words of a refusal
//! are in `history_errors`.

use std::fmt::Display;

use proptest::{
    collection::vec,
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner},
};
use redeliver::{
    History,
    history::{Coordinate, Deferred, DeliveryName, Fault, HistoryError, Line, Published},
};

use crate::histories::{fault, history, line, mutate, mutation, point, text};

type Checked = Result<(), TestCaseError>;
type Printer<'a> = &'a dyn Fn(&History) -> String;

/// Runs a check on so many generated values, always the same ones.
fn run<S: Strategy>(
    cases: u32,
    values: S,
    check: impl Fn(S::Value) -> Checked,
) -> Result<(), Box<TestError<S::Value>>> {
    let config = Config { cases, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&values, check).map_err(Box::new)
}

#[track_caller]
fn hold<S: Strategy>(values: S, check: impl Fn(S::Value) -> Checked) {
    if let Err(failure) = run(256, values, check) {
        panic!("{failure}");
    }
}

fn fail(why: impl Display) -> TestCaseError {
    TestCaseError::fail(why.to_string())
}

// ---- round trips

/// Whether what this prints reads back as the same.
fn returns<T: PartialEq + std::fmt::Debug>(
    value: &T,
    print: impl Fn(&T) -> String,
    read: impl Fn(&str) -> Result<T, HistoryError>,
) -> Checked {
    let printed = print(value);
    match read(&printed) {
        Ok(back) if back == *value => Ok(()),
        Ok(back) => Err(fail(format!("{printed:?} came back as {back:?}"))),
        Err(error) => Err(fail(format!("{printed:?}: {error}"))),
    }
}

#[test]
fn every_history_that_is_generated_is_one_that_can_be() {
    hold(history(), |history| history.validate().map_err(fail));
}

#[test]
fn the_text_of_every_history_reads_back() {
    hold(history(), |history| returns(&history, History::to_string, str::parse));
}

#[test]
fn the_line_of_every_history_reads_back_with_the_name_of_its_test() {
    hold(line(), |line| returns(&line, Line::to_string, str::parse));
}

#[test]
fn either_form_is_told_by_how_it_begins() {
    hold(line(), |line| {
        returns(&line.history, History::to_string, |text| History::parse_any(text).map(|(history, _)| history))?;
        returns(&line, Line::to_string, |text| {
            let (history, test) = History::parse_any(text)?;
            Ok(Line { test: test.unwrap_or_default(), history })
        })
    });
}

#[test]
fn a_line_stands_unharmed_between_single_quotes() {
    let harmless = |c: char| c.is_ascii_graphic() && !"'\"`\\$!".contains(c);
    hold(line(), |line| if line.to_string().chars().all(harmless) { Ok(()) } else { Err(fail(line)) });
}

#[test]
fn every_name_and_fault_reads_back_alone() {
    hold((point(70), fault(70, 20)), |(point, fault)| {
        returns(&point, Coordinate::to_string, str::parse)?;
        returns(&point.delivery().expect("in a delivery"), DeliveryName::to_string, str::parse)?;
        returns(&fault, Fault::to_string, str::parse)
    });
}

#[test]
fn line_ends_of_another_system_blank_lines_and_comments_change_nothing() {
    hold(history(), |history| {
        returns(&history, |history| history.to_string().replace('\n', "\r\n"), str::parse)?;
        returns(
            &history,
            |history| format!("# why\n\n{}", history.to_string().replace('\n', " \t\n  # and\n\n")),
            str::parse,
        )
    });
}

// ---- texts that nobody meant

/// Whether the place that an error names lies in the text, or just behind one of its lines.
fn lies_inside(text: &str, error: &HistoryError) -> Checked {
    let columns = match error.line {
        Some(line) => text.split('\n').nth(line.wrapping_sub(1)).map(|line| line.chars().count()),
        None => Some(text.chars().count()),
    };
    match columns {
        Some(columns) if (1..=columns + 1).contains(&error.column) => Ok(()),
        _ => Err(fail(format!("{error} is not in {text:?}"))),
    }
}

/// Reads a text as everything that it could be. What can be read can be, and prints so that it reads back.
fn is_read_or_refused(text: &str) -> Checked {
    match text.parse::<History>() {
        Ok(history) => returns(&history, History::to_string, str::parse)?,
        Err(error) => lies_inside(text, &error)?,
    }
    match text.parse::<Line>() {
        Ok(line) => returns(&line, Line::to_string, str::parse)?,
        Err(error) => lies_inside(text, &error)?,
    }
    match History::parse_any(text) {
        Ok((history, _)) => history.validate().map_err(fail)?,
        Err(error) => lies_inside(text, &error)?,
    }
    for error in [text.parse::<Fault>().err(), text.parse::<Coordinate>().err(), text.parse::<Deferred>().err()] {
        error.map_or(Ok(()), |error| lies_inside(text, &error))?;
    }
    Ok(())
}

#[test]
fn any_text_is_read_or_refused_where_it_is_wrong() {
    hold(text(), |text| is_read_or_refused(&text));
    hold("(?s).{0,80}", |text| is_read_or_refused(&text));
    hold(text(), |text| is_read_or_refused(&format!("redeliver-history 1\nmodel at-least-once\n{text}")));
    hold(text(), |text| is_read_or_refused(&format!("redeliver-history 1\nmodel at-least-once\nmessage m0 {text}")));
    hold(text(), |text| is_read_or_refused(&format!("r1:test;at-least-once;{text}")));
}

#[test]
fn a_mutated_history_is_read_or_refused_where_it_is_wrong() {
    hold((line(), vec(mutation(), 1..5)), |(line, mutations)| {
        let (mut text, mut one_line) = (line.history.to_string(), line.to_string());
        for mutation in &mutations {
            (text, one_line) = (mutate(&text, mutation), mutate(&one_line, mutation));
            is_read_or_refused(&text)?;
            is_read_or_refused(&one_line)?;
        }
        Ok(())
    });
}

// ---- the checks can fail

#[test]
fn canary_a_printer_that_forgets_or_does_not_quote_is_found_out() {
    let unquoted = |history: &History| history.to_string().replace("\\n", "\n");
    let without_ids = |history: &History| {
        let strip = |message: &Published| Published { id: None, ..message.clone() };
        History { messages: history.messages.iter().map(strip).collect(), ..history.clone() }.to_string()
    };
    let reversed = |history: &History| {
        let faults = history.faults.iter().rev().cloned().collect();
        History { faults, ..history.clone() }.to_string()
    };
    let rounded = |history: &History| history.to_string().replace("ms\n", "s\n");
    let broken: [(&str, Printer); 4] =
        [("unquoted", &unquoted), ("without ids", &without_ids), ("reversed", &reversed), ("rounded", &rounded)];
    for (name, print) in broken {
        let found = run(500, history(), |history| returns(&history, print, str::parse));
        assert!(found.is_err(), "nobody noticed the printer `{name}`");
    }
    let raw = |line: &Line| line.to_string().replace("%3B", ";");
    assert!(run(500, line(), |line| returns(&line, raw, str::parse)).is_err());
}

#[test]
fn canary_an_error_that_names_a_place_outside_the_text_is_found_out() {
    let text = "redeliver-history 1\nmodel at-least-once\nmessage m0\n";
    let error = text.parse::<History>().unwrap_err();
    assert!(lies_inside(text, &error).is_ok());
    let outside = [(Some(3), 12), (Some(3), 0), (Some(0), 1), (Some(5), 1), (None, text.len() + 2)];
    for (line, column) in outside {
        assert!(lies_inside(text, &HistoryError { line, column, ..error.clone() }).is_err(), "{line:?}, {column}");
    }
}
