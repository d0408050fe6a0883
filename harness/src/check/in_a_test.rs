//! What a check in a `#[test]` does besides: variables, the file of earlier counterexamples, what a pass leaves behind, and
//! the panic.

use std::{fs, io, panic::Location, path::Path, thread};

use super::{
    Options, replay,
    settings::{Settings, target_directory},
    verdict, violated,
};
use crate::{
    Contract, Error, Searched, Verdict,
    oracle::Oracle,
    report::{self, Usual},
    search::{Again, Regressions, replay_again},
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
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(error) => panic!("{error}"),
    };
    let name = options.name.clone().unwrap_or_else(|| name(caller));
    let package = settings.package.as_ref().map(|package| format!("--package {package} ")).unwrap_or_default();
    let command = format!("REDELIVER_HISTORY='{{line}}' cargo test {package}{name} -- --exact");
    let options = Options {
        faults: settings.faults.unwrap_or(options.faults),
        name: Some(name.clone()),
        command: Some(command),
        ..options.clone()
    };
    if let Some(line) = settings.line.filter(|line| line.test == name) {
        return conclude(&name, replay(subject, &options, &line.history), None);
    }
    let regressions = Regressions::new(&settings.home.join(REGRESSIONS), &name);
    let found = before(subject, &options, &regressions).unwrap_or_else(|| verdict(subject, &options));
    conclude(&name, found, Some(&regressions));
}

/// The name of a test: the runner names its thread after it. On the main thread, the place of the check.
fn name(caller: &Location<'_>) -> String {
    match thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => format!("{}:{}", caller.file(), caller.line()),
    }
}

/// The verdict on a counterexample that was found before, if one still is one.
fn before(subject: &mut dyn Subject, options: &Options, regressions: &Regressions) -> Option<Verdict> {
    let loaded = regressions.load();
    warn(&loaded.warnings);
    if loaded.entries.is_empty() {
        return None;
    }
    let mut oracle = Oracle::new(Contract::clone(&options.contract));
    let again: Result<Again, Error> = replay_again(subject, &mut oracle, &loaded.entries);
    match again {
        Ok(again) => {
            warn(&again.warnings);
            let history = again.fails?;
            let searched = Searched { before: again.replayed, ..Searched::default() };
            Some(violated(subject, options, &history, &searched, None).unwrap_or_else(|error| {
                let reason = error.to_string();
                Verdict::Inconclusive(Inconclusive { reason, searched, usual: Usual::Nothing })
            }))
        }
        Err(error) => {
            warn(&[error.to_string()]);
            None
        }
    }
}

#[track_caller]
fn conclude(name: &str, verdict: Verdict, regressions: Option<&Regressions>) {
    match verdict {
        Verdict::Holds(searched) => {
            let text = report::passed(name, &searched);
            println!("{text}");
            if let Some(directory) = target_directory() {
                let written = leave(&directory.join(PASSED), name, &text);
                warn(&written.err().map(|error| format!("what {name} searched cannot be written: {error}")));
            }
        }
        Verdict::Violated(counterexample) => {
            if let Some(regressions) = regressions {
                warn(&remember(regressions, &counterexample));
            }
            panic!("{counterexample}");
        }
        Verdict::Inconclusive(inconclusive) => {
            panic!("{}", report::inconclusive(name, &inconclusive))
        }
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
