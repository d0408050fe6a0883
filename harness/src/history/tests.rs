//! Rules that only rarely matter, each broken by itself, and words that nobody reads but a debugger.

use std::time::Duration;

use super::{Coordinate, Deferred, DeliveryName, Fault, History, Label, Line, RoundName, Skew};

/// Why a text of two messages and this fault is none, or nothing where it is one.
fn refused_under(model: &str, keys: [&str; 2], fault: &str) -> Option<String> {
    let [one, other] = keys;
    let text = format!("redeliver-history 1\nmodel {model}\nmessage m0 {one} 1\nmessage m1 {other} 2\n{fault}\n");
    text.parse::<History>().err().map(|error| error.to_string())
}

fn refused(fault: &str) -> String {
    refused_under("at-least-once", ["", ""], fault).unwrap_or_default()
}

fn at_line_5(why: &str) -> Option<String> {
    Some(format!("line 5, column 1: {why}"))
}

#[test]
fn what_is_of_one_partition_cannot_be_put_off_past_each_other() {
    let in_order =
        |fault: &str| at_line_5(&format!("`{fault}`: not in kafka: both are of one partition, which comes in order"));
    for fault in ["defer m0 past m1", "defer m0#2 past m1"] {
        assert_eq!(refused_under("kafka", ["order=a", "order=a"], fault), in_order(fault));
        assert_eq!(refused_under("kafka", ["order=a", "order=b"], fault), None);
        assert_eq!(refused_under("kafka", ["", ""], fault), None);
        assert_eq!(refused_under("at-least-once", ["order=a", "order=a"], fault), None);
    }
    let history: History = "redeliver-history 1\nmodel kafka\nmessage m0 1\nmessage m1 1\n".parse().unwrap();
    assert!(history.in_order(0, 0) && !history.in_order(0, 1));
}

#[test]
fn background_work_is_neither_delivered_nor_acknowledged_and_counts_from_one() {
    for (fault, why) in [
        ("overlap relay@p0#1.1", "background work is not delivered"),
        ("crash relay@p0#1.ack", "a round is not acknowledged"),
        ("pause m0#1.1 until relay@p0#1.ack", "a round is not acknowledged"),
        ("crash relay@p7#1.1", "there is no p7 (the last process is p1)"),
        ("cancel m0#1.ack", "the handler has returned there"),
    ] {
        assert_eq!(Some(refused(fault)), at_line_5(&format!("`{fault}`: {why}")));
    }
    assert_eq!(refused("crash relay@p1#1.1"), "");
    let zeroth = RoundName::new("relay".parse().unwrap(), 0, 0).operation(1);
    let built = History::at_least_once().message(1).fault(Fault::Crash { at: zeroth }).build();
    assert!(built.unwrap_err().to_string().ends_with("rounds are numbered from 1"));
}

#[test]
fn a_clock_is_skewed_once_by_whole_milliseconds_more_than_none_and_not_for_ever() {
    let skewed = |bys: &[Duration]| {
        let faults = bys.iter().map(|by| Fault::Skew { process: 0, skew: Skew { ahead: true, by: *by } });
        let built = faults.fold(History::at_least_once().message(1), |history, fault| history.fault(fault)).build();
        built.err().map_or_else(String::new, |error| error.to_string())
    };
    let second = Duration::from_secs(1);
    assert_eq!(History::MAX_ADVANCE, 315_360_000 * second, "ten years");
    for (bys, why) in [
        (&[Duration::ZERO][..], "it skews the clock by nothing"),
        (&[Duration::from_micros(1_500)], "the clock counts whole milliseconds"),
        (&[History::MAX_ADVANCE + second], "it skews the clock by more than ten years"),
        (&[second, 2 * second], "p0 has one clock, and 2 faults skew it"),
    ] {
        assert!(skewed(bys).ends_with(why), "{}", skewed(bys));
    }
    assert_eq!((skewed(&[second]), skewed(&[History::MAX_ADVANCE])), (String::new(), String::new()));
}

#[test]
fn a_store_loses_something_or_there_is_no_fault() {
    let at = DeliveryName::new(0, 1).operation(1);
    let built = History::at_least_once().message(1).forget("kv", at, super::Loss::Last, 0).build();
    assert!(built.is_err());
    let store = "kv".parse().unwrap();
    let fault = Fault::Forget { store, at, loss: super::Loss::Last, count: 0 };
    let built = History::at_least_once().message(1).fault(fault).build();
    assert!(built.unwrap_err().to_string().ends_with("it loses nothing"));
}

#[test]
fn where_there_is_no_message_a_fault_is_told_so() {
    let mut history = History::at_least_once().message(1).crash("m0#1.1").build().unwrap();
    history.messages.clear();
    let problems: Vec<String> = history.problems().iter().map(ToString::to_string).collect();
    assert!(problems[1].ends_with("there is no m0 (no message at all)"), "{problems:?}");
}

#[test]
fn each_kind_of_name_is_read_alone_and_a_label_reads_like_one_to_a_debugger() {
    let relay: Label = "relay".parse().unwrap();
    assert_eq!("relay@p0#2".parse::<RoundName>(), Ok(RoundName::new(relay, 0, 2)));
    assert!("m0#2".parse::<RoundName>().is_err() && "relay@p0#0".parse::<RoundName>().is_err());
    assert_eq!("relay@p0#2.1".parse::<Coordinate>(), Ok(RoundName::new(relay, 0, 2).operation(1)));
    assert_eq!("m1#2".parse::<Deferred>(), Ok(Deferred::Delivery(DeliveryName::new(1, 2))));
    assert_eq!(format!("{relay:?}"), "Label(relay)");
}

#[test]
fn a_line_leaves_alone_what_a_shell_does() {
    let history = History::at_least_once().message("a-b,c;d e").id("order-7").build().unwrap();
    let line = Line { test: "tests::it".to_owned(), history };
    assert_eq!(line.to_string(), "r1:tests::it;at-least-once;m0=a-b,c%3Bd%20e:id=order-7");
}

#[test]
fn nothing_stands_behind_the_last_colon_of_a_fault() {
    let line = |fault: &str| format!("r1:t;at-least-once;m0=1;{fault}").parse::<Line>().is_ok();
    for fault in ["duplicate:m0", "overlap:m0#1.1", "pause:m0#1.1", "crash:m0#1.1"] {
        assert!(line(fault), "{fault}");
        assert!(!line(&format!("{fault}:")), "{fault}:");
    }
}
