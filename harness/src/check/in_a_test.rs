//! What a check in a `#[test]` does besides: variables, the file of earlier counterexamples, what a pass leaves behind, and
//! the panic.

use std::{fs, io, panic::Location, path::Path, thread};

use super::{
    Options, replay,
    settings::{Settings, target_directory},
    verdict, violated,
};
use crate::{
    Error, Searched, Verdict,
    history::Line,
    report::{self, Usual},
    search::{Again, Cases, Regressions, replay_again},
    subject::Subject,
    verdict::{Counterexample, Inconclusive},
};

/// The folder beside the manifest that holds a file for each test that ever failed.
const REGRESSIONS: &str = "redeliver-regressions";

/// The folder in the target directory that says what passing checks searched.
const PASSED: &str = "redeliver";

/// Runs a check as a test: returns if it holds.
///
/// # Panics
/// With the report, if it does not; with its name, if a variable does not parse.
#[track_caller]
pub(crate) fn in_a_test(subject: &mut dyn Subject, options: &Options, caller: &Location<'_>) {
    match tried(subject, options, caller) {
        Ok(passed) => println!("{passed}"),
        Err(report) => panic!("{report}"),
    }
}

/// The same for one of several checks in a test: what is printed where it holds.
///
/// # Errors
/// What it panics with where it is alone.
pub(crate) fn tried(subject: &mut dyn Subject, options: &Options, caller: &Location<'_>) -> Result<String, String> {
    let settings = Settings::read().map_err(|error| error.to_string())?;
    // Whatever the check is called in its report, the runner knows its test by the name of this thread.
    let filter = name(caller);
    let name = options.name.clone().unwrap_or_else(|| filter.clone());
    let package = settings.package.as_ref().map(|package| format!("--package {package} ")).unwrap_or_default();
    let command = format!("REDELIVER_HISTORY='{{line}}' cargo test {package}{filter} -- --exact");
    let options = Options {
        faults: settings.faults.unwrap_or(options.faults),
        random: Cases {
            count: settings.cases.unwrap_or(options.random.count),
            seed: settings.seed.unwrap_or(options.random.seed),
        },
        name: Some(name.clone()),
        command: options.command.clone().or(Some(command)),
        ..options.clone()
    };
    if let Some(line) = settings.line.filter(|line| line.test == name) {
        return concluded(&name, replay(subject, &options, &line.history), None);
    }
    let regressions = Regressions::new(&settings.home.join(REGRESSIONS), &name);
    let found = match before(subject, &options, &regressions) {
        Before::Fails(verdict) => verdict,
        Before::Passed(again) => and_before(verdict(subject, &options), again),
    };
    concluded(&name, found, Some(&regressions))
}

/// Where a line of one of several checks in this test is to be replayed, which of them that is: what stands behind the name of
/// the test and a slash.
///
/// # Errors
/// A variable that does not parse.
pub(crate) fn asked_for(test: &str) -> Result<Option<String>, String> {
    let line = Settings::read().map_err(|error| error.to_string())?.line;
    let one_of = |line: Line| line.test.strip_prefix(test)?.strip_prefix('/').map(str::to_owned);
    Ok(line.and_then(one_of))
}

/// What came of the counterexamples that were found before.
enum Before {
    /// One still is one.
    Fails(Verdict),
    /// None is.
    Passed(Again),
}

/// A verdict, with what came of the counterexamples that were found before and pass.
fn and_before(verdict: Verdict, again: Again) -> Verdict {
    match (verdict, again.inconclusive) {
        (Verdict::Holds(searched), Some(why)) => {
            let reason = format!("a counterexample of an earlier run cannot be judged: {why}");
            Verdict::Inconclusive(Inconclusive { reason, searched, usual: Usual::Nothing })
        }
        (Verdict::Holds(searched), None) => Verdict::Holds(Searched { before: again.replayed, ..searched }),
        (verdict, _) => verdict,
    }
}

/// The name of a test: the runner names its thread after it. On the main thread, the place of the check.
pub(crate) fn name(caller: &Location<'_>) -> String {
    match thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => format!("{}:{}", caller.file(), caller.line()),
    }
}

/// Replays the counterexamples that were found before.
fn before(subject: &mut dyn Subject, options: &Options, regressions: &Regressions) -> Before {
    let loaded = regressions.load();
    warn(&loaded.warnings);
    let mut oracle = options.oracle();
    let mut again = replay_again(subject, &mut oracle, &loaded.entries).unwrap_or_else(|error: Error| {
        // The search meets it too, and says so.
        warn(&[error.to_string()]);
        Again::default()
    });
    warn(&again.warnings);
    let Some(history) = again.fails.take() else { return Before::Passed(again) };
    let searched = Searched { before: again.replayed, ..Searched::default() };
    Before::Fails(violated(subject, options, &history, &searched, None).unwrap_or_else(|error| {
        let reason = error.to_string();
        Verdict::Inconclusive(Inconclusive { reason, searched, usual: Usual::Nothing })
    }))
}

fn concluded(name: &str, verdict: Verdict, regressions: Option<&Regressions>) -> Result<String, String> {
    match verdict {
        Verdict::Holds(searched) => {
            let text = report::passed(name, &searched);
            if let Some(directory) = target_directory() {
                let written = leave(&directory.join(PASSED), name, &text);
                warn(&written.err().map(|error| format!("what {name} searched cannot be written: {error}")));
            }
            Ok(text)
        }
        Verdict::Violated(counterexample) => {
            if let Some(regressions) = regressions {
                warn(&remember(regressions, &counterexample));
            }
            Err(counterexample.to_string())
        }
        Verdict::Inconclusive(inconclusive) => Err(report::inconclusive(name, &inconclusive)),
    }
}

fn remember(regressions: &Regressions, counterexample: &Counterexample) -> Option<String> {
    let title = counterexample.report.lines().next().unwrap_or_default();
    let comment = title.split('[').next().unwrap_or_default().trim_end();
    regressions.remember(&counterexample.history, comment)
}

/// Writes beside, then renames: tests that pass at once never see half a file.
fn leave(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let file: String =
        name.chars().map(|at| if at.is_alphanumeric() || "-_.".contains(at) { at } else { '-' }).collect();
    let beside = folder.join(format!("{file}.{}.{:?}.new", std::process::id(), thread::current().id()));
    fs::write(&beside, text)?;
    fs::rename(&beside, folder.join(format!("{file}.txt")))
}

fn warn<'a>(warnings: impl IntoIterator<Item = &'a String>) {
    for warning in warnings {
        eprintln!("redeliver: {warning}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_counterexample_that_cannot_be_judged_makes_a_pass_inconclusive_and_a_violation_no_less() {
        let again = |inconclusive: Option<&str>| Again {
            replayed: 2,
            inconclusive: inconclusive.map(str::to_owned),
            ..Again::default()
        };
        let holds = || Verdict::Holds(Searched { faults: 1, ..Searched::default() });
        let Verdict::Holds(searched) = and_before(holds(), again(None)) else { panic!("all of them pass") };
        assert_eq!((searched.before, searched.faults), (2, 1));
        let Verdict::Inconclusive(inconclusive) = and_before(holds(), again(Some("it waits"))) else {
            panic!("one of them cannot be judged")
        };
        assert_eq!(inconclusive.reason, "a counterexample of an earlier run cannot be judged: it waits");
        let other = Inconclusive { reason: "its own".to_owned(), searched: Searched::default(), usual: Usual::Nothing };
        let Verdict::Inconclusive(kept) = and_before(Verdict::Inconclusive(other), again(Some("it waits"))) else {
            panic!("it was before")
        };
        assert_eq!(kept.reason, "its own");
    }
}
