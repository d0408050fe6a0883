//! The command line: what can be said on it, and who does it.
//!
//! Each command is a file here and makes a text and an [`Exit`]; nothing else prints. How a program ends is told in `exit`.

mod check;
mod exit;
mod list;
mod replay;
mod table;
mod words;

use std::{
    fmt::Display,
    io::{self, Write},
};

use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use redeliver_harness::DeliveryModel;
use redeliver_strategies::{Entry, StoreKind, registry};

pub use exit::Exit;

/// Delivers messages again, and shows the smallest history that breaks a handler.
///
/// Twice, late, out of order, to two processes at once, and in the middle of a crash.
///
/// Without a command, every built-in strategy and every broken twin is checked, and a table
/// says whether each comes out as expected.
#[derive(Parser)]
#[command(term_width = 100, name = "redeliver", version, verbatim_doc_comment, after_help = exit::table())]
struct Cli {
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
    List,
}

/// On what a strategy is checked.
#[derive(Args)]
struct On {
    /// What is durable
    #[arg(long, value_name = "STORE", default_value = StoreKind::Sqlite.name(), value_parser = store_parser())]
    store: StoreKind,
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

/// Does what the command line says.
pub fn run() -> Exit {
    let answer = match Cli::parse().command {
        None => Ok(table::table()),
        Some(Command::Check(check)) => Ok(check.run()),
        Some(Command::Replay(replay)) => replay.run(),
        Some(Command::List) => Ok(list::list()),
    };
    match answer {
        Ok(Answer { text, exit }) => {
            print(&text);
            exit
        }
        Err(Complaint(what)) => {
            remark(&format!("error: {what}"));
            Exit::Usage
        }
    }
}

/// Writes to standard output. Whoever reads it may have read enough: what the program came to stands in its exit code too.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        remark(&format!("error: standard output: {error}"));
    }
}

/// Writes a line to standard error, if anybody reads that.
fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Reads the name of a strategy; of a name that there is not, the nearest are named.
fn strategy_parser() -> impl TypedValueParser<Value = &'static Entry> {
    PossibleValuesParser::new(registry::names()).try_map(|name| registry::named(&name))
}

fn model_parser() -> impl TypedValueParser<Value = DeliveryModel> {
    PossibleValuesParser::new(DeliveryModel::names()).try_map(|name| DeliveryModel::named(&name))
}

fn store_parser() -> impl TypedValueParser<Value = StoreKind> {
    PossibleValuesParser::new(StoreKind::ALL.map(StoreKind::name))
        .try_map(|name| StoreKind::named(&name).ok_or("no such store"))
}
