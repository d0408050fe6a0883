//! How the program ends: its exit codes, documented here and nowhere else. `--help` prints them.

use std::{fmt::Write, process::ExitCode};

/// Makes the codes, their docs and the table that `--help` prints out of one list.
macro_rules! exits {
    ($($name:ident = $code:literal: $meaning:literal;)+) => {
        /// How the program ends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Exit {
            $(#[doc = $meaning] $name = $code,)+
        }

        const MEANINGS: &[(u8, &str)] = &[$(($code, $meaning)),+];
    };
}

exits! {
    Holds = 0: "it holds in every history that was searched; of a matrix: all is as expected";
    Violated = 1: "it is violated, and a history shows it; of a matrix: something is not as expected";
    Usage = 2: "the command line, or a history, cannot be understood";
    Inconclusive = 3: "it cannot be said, for the reason that is given; that is not a pass";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// The codes as `--help` prints them.
pub(super) fn table() -> String {
    let mut table = String::from("Exit codes:\n");
    for (code, meaning) in MEANINGS {
        let _ = writeln!(table, "  {code}  {meaning}");
    }
    table
}
