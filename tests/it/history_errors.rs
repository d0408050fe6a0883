//! The exact words with which a text, a line or a name is refused.
//!
//! That every refusal names a place in its text is checked in `round_trip`.

use redeliver::{
    History,
    history::{Coordinate, Deferred, DeliveryName, Fault, Line},
};

/// Two messages, at lines 3 and 4, and then this.
#[track_caller]
fn refuses_line_5(line: &str, words: &str) {
    refuses(&format!("redeliver-history 1\nmodel at-least-once\nmessage m0 100\nmessage m1 200\n{line}\n"), words);
}

/// A header, and then this from line 3.
#[track_caller]
fn refuses_line_3(line: &str, words: &str) {
    refuses(&format!("redeliver-history 1\nmodel at-least-once\n{line}\n"), words);
}

#[track_caller]
fn refuses(text: &str, words: &str) {
    assert_eq!(text.parse::<History>().unwrap_err().to_string(), words);
}

#[track_caller]
fn refuses_one_line(line: &str, words: &str) {
    assert_eq!(line.parse::<Line>().unwrap_err().to_string(), words);
}

const FAULTS: &str =
    "a fault: duplicate, defer, overlap, pause, crash, cancel, lose-ack, fail, lose-reply, advance, skew or forget";

#[test]
fn a_text_begins_with_its_version_and_its_model() {
    refuses("", "line 1, column 1: expected `redeliver-history 1`, found nothing");
    refuses("# only a comment\n", "line 2, column 1: expected `redeliver-history 1`, found nothing");
    refuses("model at-least-once", "line 1, column 1: expected `redeliver-history 1`, found `model`");
    let version = "line 1, column 19: expected `1`, the one version that can be read, found `2`";
    refuses("redeliver-history 2", version);
    refuses("redeliver-history 1 x", "line 1, column 21: expected nothing more, found `x`");
    refuses("redeliver-history 1", "line 1, column 20: expected `model` and its name, found nothing");
    refuses("redeliver-history 1\nmessage m0 1", "line 2, column 1: expected `model` and its name, found `message`");
    let model = "line 3, column 9: expected a delivery model: at-most-once, at-least-once, request-reply, kafka, kafka-blocking, found `twice`";
    refuses("redeliver-history 1\n\n  model twice", model);
    refuses("redeliver-history 1\nmodel at-least-once\n", "line 3, column 1: a history has at least one message");
}

#[test]
fn the_parts_of_a_text_come_in_order() {
    refuses_line_3("crash m0#1.2", "line 3, column 1: expected `processes` or `message m0`, found `crash`");
    refuses_line_3("mesage m0 1", "line 3, column 1: expected `processes` or `message m0`, found `mesage`");
    refuses_line_3("processes 3\nprocesses 3", "line 4, column 1: expected `message m0`, found `processes`");
    let fault = |word: &str| format!("line 5, column 1: expected `message m2` or {FAULTS}, found `{word}`");
    refuses_line_5("model at-least-once", &fault("model"));
    refuses_line_5("processes 3", &fault("processes"));
    refuses_line_5("crahs m0#1.2", &fault("crahs"));
    refuses_line_5("message m3 1", "line 5, column 9: expected `m2`, as messages are numbered in order, found `m3`");
    let late = format!("line 6, column 1: expected {FAULTS}, found `message`");
    refuses_line_5("crash m0#1.2\nmessage m2 1", &late);
}

#[test]
fn processes_are_a_number_within_bounds() {
    refuses_line_3("processes", "line 3, column 10: expected a number of processes, found nothing");
    refuses_line_3("processes two", "line 3, column 11: expected a number of processes, found `two`");
    refuses_line_3("processes 3 4", "line 3, column 13: expected nothing more, found `4`");
    let bounds = |n: &str| format!("line 3, column 11: a history has from 1 to 16 processes, not {n}");
    refuses_line_3("processes 0\nmessage m0 1", &bounds("0"));
    refuses_line_3("processes 17\nmessage m0 1", &bounds("17"));
}

#[test]
fn a_message_has_one_payload_and_each_attribute_once() {
    refuses_line_3("message m0", "line 3, column 11: expected a payload, `\"\"` for an empty one, found nothing");
    refuses_line_3("message m0 id=7", "line 3, column 16: expected a payload, `\"\"` for an empty one, found nothing");
    refuses_line_3("message m0 id= 1", "line 3, column 15: expected a value, `\"\"` for an empty one, found nothing");
    refuses_line_3("message m0 id=1 id=2 3", "line 3, column 17: expected `id=` only once, found `id=`");
    refuses_line_3("message m0 id=\"a\"b 1", "line 3, column 18: expected a blank, found `b`");
    refuses_line_3("message m0 \"100", "line 3, column 16: expected a closing `\"`, found nothing");
    refuses_line_3("message m0 \"a\" b", "line 3, column 16: expected nothing more, found `b`");
    refuses_line_3("message m0 seed=x", "line 3, column 17: expected a seed: a whole number, found `x`");
    refuses_line_3("message m0 seed=3 100", "line 3, column 19: expected nothing more, found `100`");
    refuses_line_3("message m0 hash=ff 1", "line 3, column 12: expected `seed=` wherever `hash=` is, found `hash=`");
    let hash = "line 3, column 24: expected a hash: up to 16 hexadecimal digits, found `0123456789abcdef0`";
    refuses_line_3("message m0 seed=3 hash=0123456789abcdef0", hash);
}

#[test]
fn a_fault_is_read_word_by_word() {
    refuses_line_5("overlap m0#0.1", "line 5, column 9: expected a point such as m0#1.2, found `m0#0.1`");
    refuses_line_5("overlap m0#1.0", "line 5, column 9: expected a point such as m0#1.2, found `m0#1.0`");
    refuses_line_5("  crash\tm0#01.2", "line 5, column 9: expected a point such as m0#1.2, found `m0#01.2`");
    refuses_line_5("crash m0#1", "line 5, column 7: expected a point such as m0#1.2, found `m0#1`");
    refuses_line_5("crash", "line 5, column 6: expected a point such as m0#1.2, found nothing");
    refuses_line_5("crash m0#1.2 m0#1.3", "line 5, column 14: expected nothing more, found `m0#1.3`");
    refuses_line_5("lose-ack m0#1.ack", "line 5, column 10: expected a delivery such as m0#1, found `m0#1.ack`");
    refuses_line_5("overlap m0#1.2 p0", "line 5, column 16: expected `to` or nothing more, found `p0`");
    refuses_line_5("overlap m0#1.2 to 0", "line 5, column 19: expected a process such as p0, found `0`");
    refuses_line_5("pause m0#1.2 until m1", "line 5, column 20: expected a point such as m0#1.2, found `m1`");
    refuses_line_5("duplicate order-7", "line 5, column 11: expected a message such as m0, found `order-7`");
    refuses_line_5("defer m0 m1", "line 5, column 10: expected `past`, found `m1`");
    refuses_line_5(
        "defer m0.1 past m1",
        "line 5, column 7: expected a message or a delivery, such as m0 or m0#2, found `m0.1`",
    );
    let time = |found| format!("line 5, column 16: expected a time such as 31s or 1500ms, found `{found}`");
    for found in ["31", "0s", "-1s", "1.5s", "1m", "99999999999999999999s"] {
        refuses_line_5(&format!("advance m0#1.2 {found}"), &time(found));
    }
}

#[test]
fn a_fault_that_cannot_act_says_why() {
    refuses_line_5("crash m2#1.2", "line 5, column 1: `crash m2#1.2`: there is no m2 (the last message is m1)");
    refuses_line_5(
        "duplicate m0 at m7#1.2",
        "line 5, column 1: `duplicate m0 at m7#1.2`: there is no m7 (the last message is m1)",
    );
    refuses_line_5(
        "overlap m0#1.2 to p2",
        "line 5, column 1: `overlap m0#1.2 to p2`: there is no p2 (the last process is p1)",
    );
    refuses_line_5("defer m1#2 past m1", "line 5, column 1: `defer m1#2 past m1`: a message cannot come after itself");
    refuses_line_5(
        "pause m0#1.2 until m0#1.3",
        "line 5, column 1: `pause m0#1.2 until m0#1.3`: it would wait for itself",
    );
    refuses_line_5("fail m0#1.2\n fail  m0#1.2", "line 6, column 2: `fail m0#1.2`: it is written twice");
    let long = "line 5, column 1: `advance m0#1.2 315360001s`: it advances the clock by more than ten years";
    refuses_line_5("advance m0#1.2 315360001s", long);
}

#[test]
fn a_text_is_bounded_and_the_error_stands_at_the_first_part_too_many() {
    let messages: String = (0..65).map(|n| format!("message m{n} 1\n")).collect();
    refuses_line_3(&messages, "line 67, column 1: a history has at most 64 messages, not 65");
    let faults: String = (1..=1001).map(|n| format!("crash m0#1.{n}\n")).collect();
    refuses_line_5(&faults, "line 1005, column 1: a history has at most 1000 faults, not 1001");
}

#[test]
fn a_line_is_refused_by_column() {
    refuses_one_line("", "column 1: expected `r1:`, found nothing");
    refuses_one_line("r2:credit;at-least-once;m0=1", "column 1: expected `r1:`, found `r2:`");
    refuses_one_line("r1:credit", "column 10: expected `;` and a delivery model, found nothing");
    refuses_one_line(
        "r1:credit;",
        "column 11: expected a delivery model: at-most-once, at-least-once, request-reply, kafka, kafka-blocking, found nothing",
    );
    refuses_one_line("r1:credit;at-least-once", "column 24: a history has at least one message");
    refuses_one_line(
        "r1:a b;at-least-once",
        "column 5: expected no blank and no quote: a blank is written `%20`, found ` `",
    );
    refuses_one_line(
        "r1:it's;at-least-once",
        "column 6: expected no blank and no quote: a blank is written `%20`, found `'`",
    );
    refuses_one_line("r1:a%2;at-least-once", "column 5: expected `%` and two hexadecimal digits, found `%2`");
    refuses_one_line("r1:a%ff;at-least-once", "column 4: expected UTF-8, percent-encoded, found `a%ff`");
}

#[test]
fn what_a_line_lists_is_refused_by_column() {
    let refuses = |items: &str, words: &str| refuses_one_line(&format!("r1:t;at-least-once;{items}"), words);
    refuses("m1=1", "column 20: expected `processes=` or `m0=`, found `m1=1`");
    refuses("processes=x;m0=1", "column 30: expected a number of processes, found `x`");
    refuses("m0=~x", "column 24: expected a seed: a whole number, found `x`");
    refuses("m0=~1.", "column 26: expected a hash: up to 16 hexadecimal digits, found nothing");
    refuses("m0=1:key=2", "column 25: expected `id=` or `order=`, each once, or nothing more, found `key=2`");
    refuses("m0=1:", "column 25: expected `id=` or `order=`, each once, or nothing more, found nothing");
    refuses("m0=1;", &format!("column 25: expected `m1=` or {FAULTS}, found nothing"));
    refuses("m0=1;crash", "column 30: expected a point such as m0#1.2, found nothing");
    refuses("m0=1;crash:m0#1.2:", "column 37: expected nothing more, found `:`");
    refuses("m0=1;crash:m4#1.2", "column 25: `crash m4#1.2`: there is no m4 (the only message is m0)");
    refuses("m0=1;overlap:m0#1.2:to", "column 42: expected a process such as p0, found nothing");
}

#[test]
fn what_is_neither_form_is_told_about_both() {
    let error = |text| History::parse_any(text).unwrap_err().to_string();
    let both = "expected `redeliver-history 1`, or a line that begins with `r1:`, found";
    assert_eq!(error("hello"), format!("line 1, column 1: {both} `hello`"));
    assert_eq!(error(" \n\n"), format!("line 3, column 1: {both} nothing"));
    assert_eq!(
        error(" r1:t;x"),
        "column 7: expected a delivery model: at-most-once, at-least-once, request-reply, kafka, kafka-blocking, found `x`"
    );
    let text = "redeliver-history 1\nmodel x";
    assert_eq!(
        error(text),
        "line 2, column 7: expected a delivery model: at-most-once, at-least-once, request-reply, kafka, kafka-blocking, found `x`"
    );
}

#[test]
fn a_name_alone_is_refused_by_column() {
    let point = "m0".parse::<Coordinate>().unwrap_err().to_string();
    assert_eq!(point, "column 1: expected a point such as m0#1.2, found `m0`");
    let delivery = "m0#4294967296".parse::<DeliveryName>().unwrap_err().to_string();
    assert_eq!(delivery, "column 1: expected a delivery such as m0#1, found `m0#4294967296`");
    let deferred = "".parse::<Deferred>().unwrap_err().to_string();
    assert_eq!(deferred, "column 1: expected a message or a delivery, such as m0 or m0#2, found nothing");
    let fault = " drop m0".parse::<Fault>().unwrap_err().to_string();
    assert_eq!(fault, format!("column 2: expected {FAULTS}, found `drop`"));
}

#[test]
fn an_argument_of_the_builder_cannot_smuggle_in_another_word() {
    let error = History::at_least_once().message(1).overlap("m0#1.2 to p0").build().unwrap_err().to_string();
    let words =
        "no such history: overlap(`m0#1.2 to p0`): column 1: expected a point such as m0#1.2, found `m0#1.2 to p0`";
    assert_eq!(error, words);
}
