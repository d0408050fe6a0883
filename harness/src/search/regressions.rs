//! The counterexamples that a test found before: one readable file for each test, replayed before anything is searched.
//!
//! The file holds histories in their text form, one after the other, with comments between them; people read, edit and commit
//! it. So nothing that stands in it is ever changed: a history is added at the end, beside the old text, and the new file
//! is renamed into the place of the old one. What cannot be read is a warning that names the line; so is a file that
//! cannot be written, since the counterexample matters more than its file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process, thread,
};

use super::Judge;
use crate::{
    Error, History,
    machine::trace::{Detail, End},
    oracle::Judgement,
    subject::{Job, Subject},
};

/// How every history in its text form begins.
const HEADER: &str = "redeliver-history";

/// Longer names of tests are cut, and told apart by a hash.
const LONGEST_NAME: usize = 160;

/// The file of one test.
#[derive(Clone, Debug)]
pub(crate) struct Regressions {
    directory: PathBuf,
    test: String,
}

/// One history of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The line at which it begins, from 1.
    pub(crate) line: usize,
    pub(crate) history: History,
}

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) entries: Vec<Entry>,
    /// What could not be read, with its line; for the user to see.
    pub(crate) warnings: Vec<String>,
}

/// What came of replaying what the file holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Again {
    /// The first history that still fails.
    pub(crate) fails: Option<History>,
    /// How many were replayed.
    pub(crate) replayed: u64,
    /// The first thing that could not be judged.
    pub(crate) inconclusive: Option<String>,
    /// Histories that cannot be replayed any more, and why.
    pub(crate) warnings: Vec<String>,
}

impl Regressions {
    /// The file of this test in this directory. Neither need exist.
    pub(crate) fn new(directory: &Path, test: &str) -> Self {
        Self { directory: directory.to_owned(), test: test.to_owned() }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(file_name(&self.test))
    }

    /// Reads every history. No file is no history.
    pub(crate) fn load(&self) -> Loaded {
        match fs::read(self.path()) {
            Ok(bytes) => self.parse(&String::from_utf8_lossy(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Loaded::default(),
            Err(error) => {
                let warning = format!("{} cannot be read: {error}", self.path().display());
                Loaded { entries: Vec::new(), warnings: vec![warning] }
            }
        }
    }

    fn parse(&self, text: &str) -> Loaded {
        let lines: Vec<&str> = text.lines().collect();
        let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].trim_start().starts_with(HEADER)).collect();
        let mut loaded = Loaded::default();
        let mut warn = |line: usize, problem: &str| {
            loaded.warnings.push(format!("{}, line {line}: {problem}", self.path().display()));
        };
        let before = starts.first().copied().unwrap_or(lines.len());
        let says_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if let Some(stray) = lines[..before].iter().position(|line| !says_nothing(line)) {
            warn(stray + 1, &format!("a history begins with `{HEADER}`"));
        }
        for (nth, start) in starts.iter().enumerate() {
            let end = starts.get(nth + 1).copied().unwrap_or(lines.len());
            match (lines[*start..end].join("\n") + "\n").parse::<History>() {
                Ok(history) => loaded.entries.push(Entry { line: start + 1, history }),
                Err(error) => {
                    let line = start + error.line.unwrap_or(1);
                    warn(line, &format!("column {}: {}", error.column, error.problem));
                }
            }
        }
        loaded
    }

    /// Adds a history that is not there yet, under a comment. If that cannot be done, why; for the user to see.
    pub(crate) fn remember(&self, history: &History, comment: &str) -> Option<String> {
        self.add(history, comment).err().map(|error| format!("{} cannot be written: {error}", self.path().display()))
    }

    fn add(&self, history: &History, comment: &str) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        // Another process that adds to the same file waits here. Where a directory cannot be locked, the later of the two
        // wins, and the file is whole all the same.
        let directory = File::open(&self.directory);
        let _locked = directory.as_ref().is_ok_and(|directory| directory.lock().is_ok());
        let old = match fs::read(self.path()) {
            Ok(old) => old,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.preface().into_bytes(),
            Err(error) => return Err(error),
        };
        if self.parse(&String::from_utf8_lossy(&old)).entries.iter().any(|entry| entry.history == *history) {
            return Ok(());
        }
        let mut new = old;
        if new.last().is_some_and(|last| *last != b'\n') {
            new.push(b'\n');
        }
        new.extend(entry_text(history, comment).bytes());
        self.replace(&new)
    }

    fn preface(&self) -> String {
        let test = self.test.escape_debug();
        format!(
            "# Histories that broke {test}. They are replayed before anything else: keep this file, and commit it.\n"
        )
    }

    /// Writes the new file beside the old one and renames it.
    fn replace(&self, new: &[u8]) -> io::Result<()> {
        let mut beside = self.path().into_os_string();
        beside.push(format!(".{}-{}.tmp", process::id(), thread_number()));
        let renamed = fs::write(&beside, new).and_then(|()| fs::rename(&beside, self.path()));
        if renamed.is_err() {
            // What is left of it is of no use to anybody; if it cannot be removed either, the first error says more.
            let _ = fs::remove_file(&beside);
        }
        renamed
    }
}

/// Replays what a file held, until one fails.
///
/// # Errors
/// What a store met.
pub(crate) fn replay_again(
    subject: &mut dyn Subject,
    judge: &mut dyn Judge,
    entries: &[Entry],
) -> Result<Again, Error> {
    let mut again = Again::default();
    for Entry { line, history } in entries {
        let replay = match subject.run(Job::Replay(history), Detail::Facts) {
            Ok(replay) => replay,
            Err(error @ Error::Message { .. }) => {
                again.warnings.push(format!("the history at line {line} cannot be replayed any more: {error}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        again.replayed += 1;
        let judgement = match replay.end {
            End::Inconclusive(why) => Judgement::Inconclusive(why),
            _ => judge.judge(subject, history, &replay)?,
        };
        match judgement {
            Judgement::Agrees => {}
            Judgement::Violated => {
                again.fails = Some(history.clone());
                return Ok(again);
            }
            Judgement::Inconclusive(why) => {
                again.inconclusive.get_or_insert(why);
            }
        }
    }
    Ok(again)
}

fn entry_text(history: &History, comment: &str) -> String {
    let mut text = String::from("\n");
    for line in comment.lines() {
        text += &format!("# {line}\n");
    }
    text + &history.to_string()
}

/// Distinguishes the threads of a process in names of files.
fn thread_number() -> String {
    format!("{:?}", thread::current().id()).chars().filter(char::is_ascii_digit).collect()
}

/// The name of a test's file: `::` is written `.`, and whatever is not a small letter, a digit, `_` or `-` by its bytes in hex
/// behind a `%`, so that no two tests share a file, not even where capitals do not count.
fn file_name(test: &str) -> String {
    let mut name = String::new();
    for (at, part) in test.split("::").enumerate() {
        if at > 0 {
            name.push('.');
        }
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
                _ => name += &format!("%{byte:02x}"),
            }
        }
    }
    if name.is_empty() {
        name.push('%');
    }
    if name.len() > LONGEST_NAME {
        let hash = test
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        name.truncate(LONGEST_NAME);
        name += &format!("%-{hash:016x}");
    }
    name + ".txt"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tests_share_a_file() {
        let long = "x".repeat(300);
        let longer = "x".repeat(301);
        let names = [
            "a::b", "a.b", "a:b", "a__b", "A::b", "a%3ab", "", "%", ".", "::", "../a", "a/b", "a b", "ä", &long,
            &longer,
        ];
        let files: std::collections::BTreeSet<String> = names.iter().map(|name| file_name(name)).collect();
        assert_eq!(files.len(), names.len(), "{files:?}");
        assert!(files.iter().all(|file| file.len() < 200 && !file.contains(['/', '\\', ':', ' '])));
        assert_eq!(file_name("bank::credit_is_idempotent"), "bank.credit_is_idempotent.txt");
    }

    #[test]
    fn a_test_has_the_same_file_from_one_version_to_the_next() {
        let long = "x".repeat(LONGEST_NAME);
        assert_eq!(file_name("bank::Credit 1"), "bank.%43redit%201.txt");
        assert_eq!(file_name(""), "%.txt");
        assert_eq!(file_name(&long), format!("{long}.txt"));
        assert_eq!(file_name(&format!("{long}y")), format!("{long}%-b3d75f051575aad4.txt"));
    }

    #[test]
    fn each_thread_has_a_number_of_its_own() {
        let other = thread::scope(|scope| scope.spawn(thread_number).join().unwrap());
        let numbers = [thread_number(), other];
        assert!(numbers.iter().all(|number| number.parse::<u64>().is_ok()), "{numbers:?}");
        assert_ne!(numbers[0], numbers[1]);
    }
}
