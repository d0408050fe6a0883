//! What is seen beside what should be: values, rows, tables, and only what differs.

use super::assert_reads;
use crate::{
    history::DeliveryName,
    report::observed::{Side, sides},
    store::{Observation, Performer},
};

fn compare(expected: &Observation, observed: &Observation) -> String {
    sides(&[
        Side { label: "expected", seen: expected, note: "m0 delivered once".to_owned() },
        Side { label: "observed", seen: observed, note: "as if m0 had never been delivered".to_owned() },
    ])
}

fn rows(name: &str, columns: &[&str], rows: &[&[&str]]) -> Observation {
    let mut seen = Observation::default();
    add(&mut seen, name, columns, rows);
    seen
}

fn add(seen: &mut Observation, name: &str, columns: &[&str], rows: &[&[&str]]) {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
    seen.rows(name, columns, rows, false);
}

#[test]
fn rows_of_one_column_are_listed() {
    let text = compare(&rows("q", &["balance"], &[&["100"], &["200"]]), &rows("q", &["balance"], &[]));
    assert_reads(
        &text,
        r"
  expected  balance 100, 200   m0 delivered once
  observed  no row of balance  as if m0 had never been delivered
",
    );
}

#[test]
fn one_query_of_two_databases_is_told_by_their_names_and_two_of_one_by_both() {
    let balance = |here: &str, there: &str, seen: Option<&str>| {
        let mut all = Observation::default();
        let mut add = |store: &str, query: &str, column: &str, cell: &str| {
            let rows = vec![vec![cell.to_owned()]];
            all.rows_of_store(Some(store.into()), query, vec![column.to_owned()], rows, false);
        };
        add("here", "SELECT balance FROM account", "balance", here);
        add("there", "SELECT balance FROM account", "balance", there);
        seen.into_iter().for_each(|seen| add("there", "SELECT balance FROM old", "balance", seen));
        all
    };
    assert_reads(
        &compare(&balance("-100", "100", None), &balance("-100", "200", None)),
        r"
  expected  there: balance 100  m0 delivered once
  observed  there: balance 200  as if m0 had never been delivered
",
    );
    assert_reads(
        &compare(&balance("0", "1", Some("2")), &balance("0", "1", Some("3"))),
        r"
  expected  there: SELECT balance FROM old: balance 2  m0 delivered once
  observed  there: SELECT balance FROM old: balance 3  as if m0 had never been delivered
",
    );
}

#[test]
fn keys_and_values_are_pairs_and_one_row_names_its_columns() {
    let pairs = |value: &str| rows("cache", &["key", "value"], &[&["balance", value], &["seen:m0", "1"]]);
    assert_reads(
        &compare(&pairs("100"), &pairs("0")),
        r"
  expected  balance 100, seen:m0 1  m0 delivered once
  observed  balance 0, seen:m0 1    as if m0 had never been delivered
",
    );
    let none = rows("cache", &["key", "value"], &[]);
    assert_reads(
        &compare(&pairs("100"), &none),
        r"
  expected  balance 100, seen:m0 1  m0 delivered once
  observed  nothing                 as if m0 had never been delivered
",
    );
    let row = |amount: &str| rows("q", &["id", "amount"], &[&["m0", amount]]);
    assert_reads(
        &compare(&row("1"), &row("2")),
        r"
  expected  id m0, amount 1    m0 delivered once
  observed  id m0, amount 2    as if m0 had never been delivered
",
    );
}

#[test]
fn several_rows_make_a_table() {
    let text = compare(
        &rows("q", &["id", "amount"], &[&["transfer-1", "100"], &["transfer-2", "3"]]),
        &rows("q", &["id", "amount"], &[&["transfer-1", "100"]]),
    );
    assert_reads(
        &text,
        r"
  expected  m0 delivered once
            id          amount
            transfer-1  100
            transfer-2  3
  observed  as if m0 had never been delivered
            id          amount
            transfer-1  100
",
    );
}

#[test]
fn only_the_parts_that_differ_are_shown() {
    let seen = |sent: u32, first: &str| {
        let mut seen = Observation::default();
        seen.set("sent", sent);
        add(&mut seen, "SELECT count(*) FROM a", &["count(*)"], &[&[first]]);
        add(&mut seen, "SELECT count(*) FROM b", &["count(*)"], &[&["1"]]);
        seen
    };
    assert_reads(
        &compare(&seen(1, "1"), &seen(1, "2")),
        r"
  expected  SELECT count(*) FROM a: count(*) 1  m0 delivered once
  observed  SELECT count(*) FROM a: count(*) 2  as if m0 had never been delivered
",
    );
    assert_reads(
        &compare(&seen(1, "1"), &seen(2, "2")),
        r"
  expected  m0 delivered once
            sent 1
            SELECT count(*) FROM a: count(*) 1
  observed  as if m0 had never been delivered
            sent 2
            SELECT count(*) FROM a: count(*) 2
",
    );
}

#[test]
fn of_many_rows_those_that_differ_come_first_and_the_rest_is_counted() {
    let many = |last: &str| {
        let cells: Vec<String> = (100..120).map(|id| id.to_string()).chain([last.to_owned()]).collect();
        let all: Vec<[&str; 2]> = cells.iter().map(|cell| [cell.as_str(), "1"]).collect();
        let all: Vec<&[&str]> = all.iter().map(<[&str; 2]>::as_slice).collect();
        rows("q", &["id", "n"], &all)
    };
    assert_reads(
        &compare(&many("998"), &many("999")),
        r"
  expected  m0 delivered once
            id   n
            998  1
            100  1
            and 19 more
  observed  as if m0 had never been delivered
            id   n
            999  1
            100  1
            and 19 more
",
    );
    let wide: Vec<String> = (0..2000).map(|id| id.to_string()).collect();
    let wide: Vec<[&str; 1]> = wide.iter().map(|cell| [cell.as_str()]).collect();
    let wide: Vec<&[&str]> = wide.iter().map(<[&str; 1]>::as_slice).collect();
    assert_reads(
        &compare(&rows("q", &["id"], &wide), &rows("q", &["id"], &wide[1..])),
        r"
  expected  id 0, 1, and 1,998 more   m0 delivered once
  observed  id 1, 10, and 1,997 more  as if m0 had never been delivered
",
    );
}

#[test]
fn nothing_at_all_and_parts_that_do_not_match() {
    let mut set = Observation::default();
    for part in 0..6 {
        set.set(&format!("part {part}"), "line\nbreak");
    }
    assert_reads(
        &compare(&Observation::default(), &set),
        r#"
  expected  m0 delivered once
            nothing
  observed  as if m0 had never been delivered
            part 0 "line\nbreak"
            part 1 "line\nbreak"
            part 2 "line\nbreak"
            part 3 "line\nbreak"
            and 2 more
"#,
    );
}

/// What happened outside, in so many worlds of these names.
fn outside(worlds: &[(&str, &[(&str, &str)])]) -> Observation {
    let by = Performer { on_behalf: DeliveryName::new(0, 1).into(), by_key: false };
    let mut seen = Observation::default();
    for (name, happened) in worlds {
        let happened = happened.iter().map(|(what, detail)| ((*what).to_owned(), (*detail).to_owned(), by));
        seen.performed((*name).into(), happened.collect());
    }
    seen
}

#[test]
fn effects_say_how_often_they_happened() {
    let mail = ("mail", "\"m0\"");
    assert_reads(
        &compare(&outside(&[("effects", &[mail])]), &outside(&[("effects", &[mail; 2])])),
        r#"
  expected  mail "m0" once     m0 delivered once
  observed  mail "m0" twice    as if m0 had never been delivered
"#,
    );
    assert_reads(
        &compare(&outside(&[("effects", &[mail; 3])]), &outside(&[("effects", &[])])),
        r#"
  expected  mail "m0" 3 times  m0 delivered once
  observed  no effect          as if m0 had never been delivered
"#,
    );
    let (two, one) = ([mail, ("call", "7")], [mail]);
    assert_reads(
        &compare(&outside(&[("effects", &two)]), &outside(&[("effects", &one)])),
        r#"
  expected  m0 delivered once
            call 7 once
            mail "m0" once
  observed  as if m0 had never been delivered
            mail "m0" once
"#,
    );
}

#[test]
fn several_outside_worlds_say_which_they_are() {
    let mail = ("mail", "\"m0\"");
    let (expected, observed) = (outside(&[("post", &[mail]), ("bank", &[])]), outside(&[("post", &[]), ("bank", &[])]));
    assert_reads(
        &compare(&expected, &observed),
        r#"
  expected  post: mail "m0" once  m0 delivered once
  observed  post: no effect       as if m0 had never been delivered
"#,
    );
}

#[test]
fn of_many_effects_those_are_shown_that_differ() {
    let details: Vec<String> = (0..12).map(|at| at.to_string()).collect();
    let mut happened: Vec<(&str, &str)> = details.iter().map(|detail| ("mail", detail.as_str())).collect();
    let expected = outside(&[("effects", &happened)]);
    happened.push(("mail", "7"));
    let text = compare(&expected, &outside(&[("effects", &happened)]));
    assert!(text.contains("mail 7 once") && text.contains("mail 7 twice") && text.contains("and 10 more"), "{text}");
}
