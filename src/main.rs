//! The program `redeliver`: the command line of [`redeliver::cli`] around the strategies that it ships.

mod shipped;

use std::process::ExitCode;

use redeliver::cli::Program;

fn main() -> ExitCode {
    Program::new("redeliver", shipped::table()).main()
}
