//! A command line around strategies: which there are, what a search of one finds, what a history comes to, and all of them
//! under every delivery model. The program `redeliver` is this around the strategies that it ships; around your own it is
//! a `main` of a few lines.
//!
//! ```
//! use redeliver::{Delivery, Error, Harness, KeyValue, Prepared};
//! use redeliver::cli::{Checked, Exit, Program};
//!
//! fn marks_first() -> Prepared {
//!     Harness::new(KeyValue::new("shop").observe_key("orders")).prepare(1..1000i64, async |shop: &KeyValue, m: &Delivery<i64>| {
//!         if shop.put_if_absent(m.id(), "seen", None).await? {
//!             shop.add("orders", *m.payload()).await?;
//!         }
//!         Ok::<(), Error>(())
//!     })
//! }
//!
//! fn shop() -> Program {
//!     Program::new("shop", [Checked::new("marks-first", "mark in one step, order in the next", marks_first)])
//! }
//!
//! // fn main() -> std::process::ExitCode { shop().main() }
//! let (mut out, mut err) = (Vec::new(), Vec::new());
//! assert_eq!(shop().run(["check", "marks-first"], &mut out, &mut err), Exit::Violated);
//! assert!(String::from_utf8(out)?.starts_with("marks-first: m0 was lost"));
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```
//!
//! What the commands are told is the same for all: `--help` says it. A strategy is anything that
//! [`Harness::prepare`](crate::Harness::prepare) makes; [`Checked`] says what is expected of it.

// Each command is a file here and makes a text and an `Exit`; nothing else prints. How a program ends is told in `exit`.
mod arguments;
mod check;
mod checked;
mod exit;
mod json;
mod list;
mod matrix;
mod replay;
mod words;

use std::{
    ffi::OsString,
    fmt::Display,
    io::{self, Write},
    iter,
    process::ExitCode,
};

use clap::{FromArgMatches, Parser, Subcommand};
use indicatif::ProgressDrawTarget;

pub use checked::{Charge, Check, Checked, How};
pub use exit::Exit;

/// Delivers messages again, and shows the smallest history that breaks a handler.
///
/// Twice, late, out of order, to two processes at once, and in the middle of a crash.
///
/// Without a command it is `matrix`: every strategy and every broken twin is checked under every
/// delivery model, and a table says what came of it, and whether that is as expected.
#[derive(Parser)]
#[command(term_width = 100, version, verbatim_doc_comment, after_help = exit::table())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Checks one strategy, or one broken twin, and prints the verdict
    #[command(after_help = exit::table())]
    Check(check::Check),
    /// Replays one history of a strategy and prints what it comes to
    #[command(after_help = exit::table())]
    Replay(replay::Replay),
    /// Lists the strategies, each before its broken twins
    List(list::List),
    /// Checks all strategies and twins under all delivery models, and prints a table
    #[command(after_help = exit::table())]
    Matrix(matrix::Matrix),
}

/// What a command has to say, and how the program ends with it.
struct Answer {
    text: String,
    exit: Exit,
}

/// Something that was said on the command line, or in a file named there, and cannot be done.
#[derive(Debug)]
struct Complaint(String);

impl<E: Display> From<E> for Complaint {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// A command line around a table of strategies.
pub struct Program {
    name: &'static str,
    table: Vec<Checked>,
}

impl Program {
    /// A program that is called so, in its help and in the commands that its reports end with, around this table. Each
    /// strategy stands before its twins.
    ///
    /// # Panics
    /// If two of the table have one name, or one stands on two stores of one name.
    pub fn new(name: &'static str, table: impl IntoIterator<Item = Checked>) -> Self {
        let table: Vec<Checked> = table.into_iter().collect();
        for (at, checked) in table.iter().enumerate() {
            assert!(table[..at].iter().all(|other| other.name != checked.name), "two are called `{}`", checked.name);
            for (at, on) in checked.stores.iter().enumerate() {
                let told_apart = checked.stores[..at].iter().all(|other| other.store != on.store);
                assert!(told_apart, "`{}` stands on two stores called `{}`", checked.name, on.store);
            }
        }
        Self { name, table }
    }

    /// Does what the arguments of this process say, for use as a `main`. On a terminal a bar on standard error shows how
    /// far a matrix or a complete search is.
    pub fn main(&self) -> ExitCode {
        let arguments = std::env::args_os().skip(1);
        let bar = ProgressDrawTarget::stderr();
        self.does(arguments, &mut io::stdout().lock(), &mut io::stderr(), bar).into()
    }

    /// Does what these arguments say, without the name of the program, and writes there. Only `replay -` reads, from the
    /// standard input of this process.
    pub fn run<A: Into<OsString>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Exit {
        self.does(arguments.into_iter().map(Into::into), out, err, ProgressDrawTarget::hidden())
    }

    fn does(
        &self,
        arguments: impl Iterator<Item = OsString>,
        out: &mut dyn Write,
        err: &mut dyn Write,
        bar: ProgressDrawTarget,
    ) -> Exit {
        let all = iter::once(OsString::from(self.name)).chain(arguments);
        let parsed = self.command().try_get_matches_from(all).and_then(|said| Arguments::from_arg_matches(&said));
        let arguments = match parsed {
            Ok(arguments) => arguments,
            Err(refused) if refused.use_stderr() => {
                let _ = write!(err, "{}", refused.render());
                return Exit::Usage;
            }
            Err(help) => {
                print(&help.render().to_string(), out, err);
                return Exit::Holds;
            }
        };
        let answer = match arguments.command {
            None => matrix::Matrix::default().run(self, bar),
            Some(Command::Matrix(matrix)) => matrix.run(self, bar),
            Some(Command::Check(check)) => check.run(self, bar),
            Some(Command::Replay(replay)) => replay.run(self, err),
            Some(Command::List(list)) => Ok(list.run(self)),
        };
        match answer {
            Ok(Answer { text, exit }) => {
                print(&text, out, err);
                exit
            }
            Err(Complaint(what)) => {
                remark(err, &format!("error: {what}"));
                Exit::Usage
            }
        }
    }
}

/// Writes what was found. Whoever reads it may have read enough: what the program came to stands in its exit code too.
fn print(text: &str, out: &mut dyn Write, err: &mut dyn Write) {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        remark(err, &format!("error: standard output: {error}"));
    }
}

/// Writes a line beside what was found, if anybody reads that.
fn remark(err: &mut dyn Write, text: &str) {
    let _ = writeln!(err, "{text}");
}
