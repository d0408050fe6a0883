//! What fuzzing found, and what it starts from, on a stable toolchain: the inputs in `fuzz/regressions/` go through the very
//! functions that the targets call. And that those functions find what is there to be found.

use std::{fs, panic, path::PathBuf};

use redeliver::{Delivery, Error, Harness, History, KeyValue, Prepared, Verdict};
use redeliver_strategies::{named, trial};

use self::bodies::Cells;

#[path = "../../fuzz/src/bodies/mod.rs"]
mod bodies;

/// Inputs that must say something begin so; the others were found, and need not say anything any more.
const SEED: &str = "seed-";

/// The inputs that were kept for a target, by name.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| (path.file_name().unwrap().display().to_string(), fs::read(path).unwrap())).collect()
}

fn go_through(target: &str, body: fn(&[u8]) -> bool) {
    let mut seeds = 0;
    for (name, bytes) in kept(target) {
        let says_something = body(&bytes);
        if name.starts_with(SEED) {
            assert!(says_something, "{target} makes nothing of {name}");
            seeds += 1;
        }
    }
    assert!(seeds >= 3, "{target} has {seeds} seeds");
}

#[test]
fn what_was_kept_for_replay_goes_through() {
    go_through("replay", bodies::replay);
}

#[test]
fn what_was_kept_for_text_goes_through() {
    go_through("text", bodies::text);
}

#[test]
fn what_was_kept_for_line_goes_through() {
    go_through("line", bodies::line);
}

#[test]
fn what_was_kept_for_handlers_goes_through() {
    go_through("handlers", bodies::handlers);
}

#[test]
fn what_was_kept_for_key_value_vs_sqlite_goes_through() {
    go_through("key_value_vs_sqlite", bodies::key_value_vs_sqlite);
}

/// Pseudo-random strings of up to 60 bytes, always the same ones.
fn strings(count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count).map(move |_| (0..next() % 60).map(|_| next().to_le_bytes()[3]).collect())
}

#[test]
fn correct_strategies_withstand_random_bytes_and_nearly_all_of_these_can_be_judged() {
    const STRINGS: usize = 400;
    let judged = strings(STRINGS).filter(|bytes| bodies::replay(bytes)).count();
    assert!(judged * 10 > STRINGS * 9, "{judged} of {STRINGS}");
}

#[test]
fn broken_twins_are_found_by_random_bytes() {
    const STRINGS: usize = 300;
    for name in ["toctou-check-insert", "mark-before-apply", "stale-overwrite", "external-effect-retried"] {
        let entry = named(name).unwrap();
        let mut cells = Cells::of(trial::of(entry));
        let found = strings(STRINGS).find_map(|bytes| {
            let (fuzzer, history) = cells.named(&bytes);
            match fuzzer.verdict(history) {
                Verdict::Violated(found) => Some(found),
                _ => None,
            }
        });
        let found = found.unwrap_or_else(|| panic!("{name} withstands {STRINGS} strings of bytes"));
        assert!(found.to_string().contains(&format!("--strategy {name}")), "{found}");
    }
}

// ---- the target of the README

/// As the crate of this name has it, but for what calls the target.
mod libfuzzer_sys {
    macro_rules! fuzz_target {
        (|$bytes:ident: $type:ty| $body:expr) => {
            pub fn target($bytes: $type) {
                $body
            }
        };
    }
    pub(crate) use fuzz_target;
}

/// The files of the README, side by side.
mod readme_target {
    use super::libfuzzer_sys;

    pub mod credit {
        use redeliver::{Delivery, Harness, Prepared, Sqlite};

        use crate::readme_example::{SCHEMA, credit};

        #[rustfmt::skip] // As the README breaks its lines.
        pub fn check() -> Prepared {
            Harness::new(Sqlite::schema(SCHEMA).observe("SELECT balance FROM account"))
                .named("credit_is_idempotent")
                .prepare(1..1000i64, async |db: &Sqlite, m: &Delivery<i64>| {
                    let (id, amount) = (m.id().to_owned(), *m.payload());
                    db.call(move |c| credit(c, &id, amount)).await
                })
        }
    }

    libfuzzer_sys::fuzz_target!(|bytes: &[u8]| redeliver::fuzz(credit::check, bytes));
}

#[test]
fn the_target_of_the_readme_stands_here_and_finds_the_bug_of_its_example() {
    let (readme, here) = (include_str!("../../README.md"), include_str!("fuzz.rs"));
    let (_, section) = readme.split_once("## Under a fuzzer").expect("the README has it");
    let blocks: Vec<&str> =
        section.split("```").skip(1).step_by(2).filter_map(|one| one.strip_prefix("rust\n")).collect();
    assert_eq!(blocks.len(), 2);
    let without_margins = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    for part in blocks.iter().flat_map(|block| block.split("\n\n")).filter(|part| !part.contains("#[")) {
        assert!(without_margins(here).contains(&without_margins(part.trim())), "not in fuzz.rs:\n{part}");
    }
    readme_target::target(b"");
    let fails = |bytes: &Vec<u8>| panic::catch_unwind(|| readme_target::target(bytes)).is_err();
    assert!(strings(100).any(|bytes| fails(&bytes)), "the example has a bug");
}

// ---- a user's own handler

async fn credit(bank: &KeyValue, m: &Delivery<i64>) -> Result<(), Error> {
    if bank.get(m.id()).await?.is_none() {
        bank.add("balance", *m.payload()).await?;
        bank.put(m.id(), "seen").await?;
    }
    Ok(())
}

fn bank() -> Harness<KeyValue> {
    Harness::new(KeyValue::new("bank").observe_key("balance"))
}

fn broken() -> Prepared {
    bank().named("credit_is_idempotent").prepare(1..1000i64, credit)
}

/// What `redeliver::fuzz` panics with.
fn panics(check: fn() -> Prepared, bytes: &[u8]) -> String {
    let panic = panic::catch_unwind(|| redeliver::fuzz(check, bytes)).expect_err("it panics");
    panic.downcast_ref::<String>().map_or_else(|| panic.downcast_ref::<&str>().unwrap().to_string(), String::clone)
}

#[test]
fn a_failing_input_panics_with_the_report_and_the_line_that_a_test_replays() {
    redeliver::fuzz(broken, b"");
    let fails = |bytes: &Vec<u8>| panic::catch_unwind(|| redeliver::fuzz(broken, bytes)).is_err();
    let bytes = strings(300).find(fails).expect("three steps are too many");
    let report = panics(broken, &bytes);
    assert!(report.starts_with("credit_is_idempotent: m"), "{report}");
    let last = report.trim_end().lines().last().unwrap();
    assert!(last.ends_with("cargo test credit_is_idempotent -- --exact"), "{last}");
    let line = last.split('\'').nth(1).unwrap();
    let (history, test) = History::parse_any(line).unwrap();
    assert_eq!(test.as_deref(), Some("credit_is_idempotent"));
    assert!(matches!(broken().replay(&history), Verdict::Violated(_)), "{history}");
    redeliver::fuzz(broken, b"");
}

#[test]
fn a_check_that_would_find_nothing_is_refused_with_the_first_bytes() {
    let nameless = || bank().prepare(1..1000i64, credit);
    assert!(panics(nameless, b"").starts_with("the check has no name"));
    let unseen = || Harness::new(KeyValue::new("bank")).named("unseen").prepare(1..1000i64, credit);
    assert!(panics(unseen, b"").starts_with("unseen: "));
    let wrong =
        || bank().named("wrong").prepare(1..1000i64, async |_: &KeyValue, _: &Delivery<i64>| Err::<(), _>("never"));
    assert!(panics(wrong, b"").starts_with("wrong: "), "{}", panics(wrong, b""));
}
