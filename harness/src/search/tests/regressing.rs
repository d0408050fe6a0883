//! What was found before is kept, whatever else happens to the file.

use std::{fs, path::PathBuf, thread};

use super::toys::{self, AnyOrder, history};
use crate::{
    History,
    history::Payload,
    search::{Regressions, replay_again},
};

/// A directory of this test's own, taken away when the test is over.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("redeliver-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        Self(place)
    }

    fn of(&self, test: &str) -> Regressions {
        Regressions::new(&self.0, test)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn with(faults: &str) -> History {
    history(&toys::subject(toys::atomic), 1, faults)
}

fn histories(file: &Regressions) -> Vec<History> {
    let loaded = file.load();
    assert_eq!(loaded.warnings, [""; 0]);
    loaded.entries.into_iter().map(|entry| entry.history).collect()
}

#[test]
fn a_history_is_kept_once_and_read_back() {
    let place = Place::new("kept");
    let file = place.of("bank::credit");
    assert_eq!(histories(&file), []);
    let (one, other) = (with("crash m0#1.2\n"), with("overlap m0#1.1\nlose-ack m0#2\n"));
    for history in [&one, &other, &one] {
        assert_eq!(file.remember(history, "m0 took effect twice\nby two deliveries"), None);
    }
    assert_eq!(histories(&file), [one, other]);
    assert_eq!(file.load().entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [5, 12]);
    let text = fs::read_to_string(file.path()).unwrap();
    assert!(text.contains("# m0 took effect twice\n# by two deliveries\nredeliver-history 1\n"), "{text}");
    assert!(text.starts_with("# Histories that broke bank::credit. They are replayed"), "{text}");
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_history_begins_at_a_line_of_its_own_whether_or_not_the_file_ended_with_one() {
    let place = Place::new("last-line");
    fs::create_dir_all(&place.0).unwrap();
    let texts = ["# mine", "# mine\n"].map(|before| {
        let file = place.of("ends");
        fs::write(file.path(), before).unwrap();
        assert_eq!(file.remember(&with(""), "found"), None);
        fs::read_to_string(file.path()).unwrap()
    });
    assert!(texts[0].starts_with("# mine\n\n# found\nredeliver-history"), "{}", texts[0]);
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn what_cannot_be_read_is_named_and_left_as_it_is() {
    let place = Place::new("damaged");
    let file = place.of("damaged");
    fs::create_dir_all(&place.0).unwrap();
    let damaged = format!("<<<<<<< HEAD\n# mine\n{}crash m0#1.x\n\n{}\n\u{fffd}", with(""), with("crash m0#1.1\n"));
    let mut bytes = damaged.clone().into_bytes();
    bytes.push(0xff);
    fs::write(file.path(), &bytes).unwrap();
    let loaded = file.load();
    assert_eq!(loaded.entries.len(), 0, "the stray bytes are part of the second history");
    assert!(loaded.warnings[0].contains("damaged.txt, line 1: a history begins with"), "{:?}", loaded.warnings);
    assert!(loaded.warnings[1].contains("line 6: column"), "{:?}", loaded.warnings);
    assert_eq!(loaded.warnings.len(), 3);
    assert_eq!(file.remember(&with("crash m0#1.3\n"), "found"), None);
    let after = fs::read(file.path()).unwrap();
    assert!(after.starts_with(&bytes), "what a person wrote is never changed");
    assert_eq!(file.load().entries.iter().map(|entry| &entry.history).collect::<Vec<_>>(), [&with("crash m0#1.3\n")]);
}

#[test]
fn a_file_that_cannot_be_written_is_a_warning() {
    let place = Place::new("unwritable");
    // A directory in the place of the file.
    let file = place.of("taken");
    fs::create_dir_all(file.path()).unwrap();
    assert!(file.remember(&with(""), "").is_some_and(|warning| warning.contains("taken.txt cannot be written")));
    assert!(file.load().warnings[0].contains("cannot be read"));
    // A file in the place of the directory.
    fs::write(place.0.join("file"), "").unwrap();
    let file = Regressions::new(&place.0.join("file"), "test");
    assert!(file.remember(&with(""), "").is_some());
    // A directory in which nothing may be written (for who is not root).
    let closed = place.0.join("closed");
    fs::create_dir(&closed).unwrap();
    let mut permissions = fs::metadata(&closed).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&closed, permissions).unwrap();
    let is_closed = fs::write(closed.join("probe"), "").is_err();
    assert_eq!(Regressions::new(&closed, "test").remember(&with(""), "").is_some(), is_closed);
}

#[cfg(unix)]
#[test]
fn a_file_that_is_there_and_cannot_be_read_is_no_file_to_begin() {
    let place = Place::new("unreadable");
    fs::create_dir_all(&place.0).unwrap();
    let file = place.of("circle");
    std::os::unix::fs::symlink(file.path(), file.path()).unwrap();
    assert!(file.remember(&with(""), "").is_some_and(|warning| warning.contains("circle.txt cannot be written")));
    assert!(fs::symlink_metadata(file.path()).unwrap().is_symlink(), "it was left as it is");
}

#[test]
fn tests_that_run_at_once_do_no_harm_to_each_other() {
    let place = Place::new("at-once");
    let all: Vec<History> = (1..=24).map(|n| with(&format!("crash m0#1.{n}\n"))).collect();
    thread::scope(|scope| {
        for part in all.chunks(6) {
            let file = place.of("shared");
            scope.spawn(move || part.iter().for_each(|history| assert_eq!(file.remember(history, "found"), None)));
        }
    });
    let mut kept = histories(&place.of("shared"));
    kept.sort_by_key(|history| history.faults.clone());
    assert_eq!(kept, all);
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1);
}

#[test]
fn what_was_found_before_is_replayed_first() {
    let place = Place::new("again");
    let file = place.of("again");
    let subject = &mut toys::subject(toys::three_steps);
    file.remember(&history(subject, 1, "fail m0#1.1\n"), "mended");
    file.remember(&history(subject, 1, "overlap m0#1.2\n"), "not mended");
    let mut stale = history(subject, 1, "");
    stale.messages[0].payload = Payload::Generated { seed: 0, hash: Some(1) };
    file.remember(&stale, "of a generator that has changed");
    let mut entries = file.load().entries;
    entries.swap(1, 2);
    let again = replay_again(subject, &mut AnyOrder::default(), &entries).unwrap();
    assert_eq!(again.fails, Some(history(subject, 1, "overlap m0#1.2\n")));
    assert_eq!(again.replayed, 2);
    assert!(again.warnings[0].contains("cannot be replayed any more"), "{:?}", again.warnings);
}

#[test]
fn what_cannot_be_judged_does_not_end_what_is_replayed() {
    let subject = &mut toys::subject(async |kv: &crate::KeyValue, m: &crate::Delivery<i64>| {
        while kv.get("ready").await?.is_none() {}
        kv.add("balance", *m.payload()).await.map(drop)
    });
    let place = Place::new("unclear");
    let file = place.of("unclear");
    for faults in ["", "crash m0#1.1\n"] {
        file.remember(&history(subject, 1, faults), "it never ends");
    }
    let again = replay_again(subject, &mut AnyOrder::default(), &file.load().entries).unwrap();
    assert_eq!((again.fails, again.replayed), (None, 2));
    assert!(again.inconclusive.is_some_and(|why| !why.is_empty()));
}
