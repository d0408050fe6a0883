//! Law 2 of any bytes: what can be read prints so that it reads back, and what cannot is refused at a place that there is.

use redeliver::{
    History,
    history::{HistoryError, Line},
};

/// How the text of a history begins, for bytes that do not say it themselves.
const HEADER: &str = "redeliver-history 1\nmodel at-least-once\n";

/// The bytes as the text of a history, and as what comes after the lines that begin every one. Whether either is one.
pub fn text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let alone = is_read_or_refused(&text);
    is_read_or_refused(&format!("{HEADER}{text}")) || alone
}

/// The bytes as the line of a history, and as what comes after the name and the model of one. Whether either is one.
pub fn line(bytes: &[u8]) -> bool {
    let line = String::from_utf8_lossy(bytes);
    let alone = is_read_or_refused_as_a_line(&line);
    is_read_or_refused_as_a_line(&format!("r1:test;at-least-once;{line}")) || alone
}

fn is_read_or_refused(text: &str) -> bool {
    let read = text.parse::<History>();
    match &read {
        Ok(history) => reads_back(history),
        Err(error) => assert_lies_inside(text, error),
    }
    match (History::parse_any(text), &read) {
        (Ok((history, test)), Ok(read)) => assert_eq!((&history, test), (read, None), "either form of {text:?}"),
        (Ok(_), Err(_)) => assert!(text.parse::<Line>().is_ok(), "neither form is {text:?}"),
        (Err(error), Ok(_)) => panic!("{text:?} is a history, and then {error}"),
        (Err(error), Err(_)) => assert_lies_inside(text, &error),
    }
    read.is_ok()
}

fn is_read_or_refused_as_a_line(text: &str) -> bool {
    match text.parse::<Line>() {
        Ok(line) => {
            reads_back(&line.history);
            let printed = line.to_string();
            assert_eq!(printed.parse().as_ref(), Ok(&line), "{text:?} prints as {printed:?}");
            assert!(printed.chars().all(stands_in_quotes), "{printed:?} breaks out of a shell's quotes");
            let either = History::parse_any(&printed);
            assert_eq!(either, Ok((line.history, Some(line.test))), "either form of {printed:?}");
            true
        }
        Err(error) => {
            assert_lies_inside(text, &error);
            false
        }
    }
}

fn stands_in_quotes(c: char) -> bool {
    c.is_ascii_graphic() && !"'\"`\\$!".contains(c)
}

fn reads_back(history: &History) {
    assert_eq!(history.validate(), Ok(()), "it was read");
    let printed = history.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(history), "{printed:?}");
    let line = Line { test: "test".to_owned(), history: history.clone() };
    assert_eq!(line.to_string().parse().as_ref(), Ok(&line), "{printed:?}");
}

/// The place that an error names lies in the text, or just behind one of its lines.
fn assert_lies_inside(text: &str, error: &HistoryError) {
    let columns = match error.line {
        Some(line) => text.split('\n').nth(line.wrapping_sub(1)).map(|line| line.chars().count()),
        None => Some(text.chars().count()),
    };
    let is_inside = columns.is_some_and(|columns| (1..=columns + 1).contains(&error.column));
    assert!(is_inside, "{error} is not in {text:?}");
}
