//! The README shows real code and real output: both are held against each other here.
//!
//! The code blocks must stand in `readme_example.rs` word for word, and the text blocks must be what it prints.

use std::{fs, panic};

use redeliver::{Delivery, Harness, Sqlite, Verdict};

use crate::readme_example::{SCHEMA, credit};

/// The fenced blocks of the README that follow a comment of this text.
fn blocks(comment: &str) -> Vec<String> {
    let readme = include_str!("../../README.md");
    let fence = format!("<!-- {comment} -->\n```");
    let after = readme.split(&fence).skip(1);
    after
        .map(|rest| {
            let (_, body) = rest.split_once('\n').expect("a fence ends its line");
            body.split_once("```").expect("a fenced block ends").0.to_owned()
        })
        .collect()
}

/// The mended handler of the README.
fn credit_once(db: &mut rusqlite::Connection, id: &str, amount: i64) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if tx.execute("INSERT OR IGNORE INTO seen VALUES (?1)", [id])? == 1 {
        tx.execute("UPDATE account SET balance = balance + ?1", [amount])?;
    }
    tx.commit()
}

type Handler = fn(&mut rusqlite::Connection, &str, i64) -> rusqlite::Result<()>;

fn verdict(handler: Handler) -> Verdict {
    Harness::new(Sqlite::schema(SCHEMA).observe("SELECT balance FROM account"))
        .named("credit_is_idempotent")
        .replayed_by("REDELIVER_HISTORY='{line}' cargo test --package app credit_is_idempotent -- --exact")
        .verdict(1..1000i64, async move |db: &Sqlite, m: &Delivery<i64>| {
            let (id, amount) = (m.id().to_owned(), *m.payload());
            db.call(move |c| handler(c, &id, amount)).await
        })
}

/// With `UPDATE_GOLDEN` set, writes what is printed into the README instead of complaining.
fn assert_shows(comment: &str, printed: &str) {
    let shown = blocks(comment);
    assert_eq!(shown.len(), 1, "the README shows {comment:?} once");
    if shown[0] == printed {
        return;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = fs::read_to_string(path).unwrap();
        let before = format!("<!-- {comment} -->\n```text\n{}```", shown[0]);
        let after = format!("<!-- {comment} -->\n```text\n{printed}```");
        fs::write(path, readme.replace(&before, &after)).unwrap();
        return;
    }
    assert_eq!(shown[0], printed, "the README shows other output; UPDATE_GOLDEN=1 brings it up to date");
}

#[test]
fn the_code_in_the_readme_is_what_is_compiled_here() {
    let example = include_str!("readme_example.rs");
    let shown = blocks("tests/it/readme.rs");
    assert_eq!(shown.len(), 2);
    for block in shown {
        // The imports stand apart, as a file has them; everything else stands as it is.
        for part in block.split("\n\n") {
            assert!(example.contains(part.trim_end()), "not in readme_example.rs:\n{part}");
        }
    }
}

#[test]
fn the_failing_screen_in_the_readme_is_what_the_example_prints() {
    assert_shows("the output of the test above", &verdict(credit).report("credit_is_idempotent"));
}

#[test]
fn the_passing_screen_in_the_readme_is_what_the_mended_example_prints() {
    assert_shows("the output of the mended test", &verdict(credit_once).report("credit_is_idempotent"));
}

#[test]
fn the_example_panics_with_its_screen_and_a_line_that_replays_it() {
    let check = || {
        Harness::new(Sqlite::schema(SCHEMA).observe("SELECT balance FROM account"))
            .named("credit_is_idempotent")
            .check(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| {
                let (id, amount) = (m.id().to_owned(), *m.payload());
                db.call(move |c| credit(c, &id, amount)).await
            });
    };
    let panic = panic::catch_unwind(check).expect_err("it has a bug");
    let message = panic.downcast_ref::<String>().expect("a report is text");
    assert!(message.starts_with("credit_is_idempotent: m0 took effect twice"), "{message}");
    let last = message.trim_end().lines().last().unwrap();
    assert!(last.trim_start().starts_with("replay    REDELIVER_HISTORY='r1:credit_is_idempotent;"), "{last}");
}
