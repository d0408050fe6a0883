//! redeliver beside its peers, in one run: random exploration beside shuttle and madsim, and the complete search of the
//! reference cells beside loom and stateright.
//!
//! ```sh
//! cd benches/peers && cargo run --release
//! ```
//!
//! After `--` may stand `random` or `complete`, for only one of the two tables, and then a word, such as `redeliver`: only
//! those run whose names have it, which is what a profiler is to look at.
//!
//! It has to be run in its own folder, since cargo reads the flag that madsim needs from there.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

#[cfg(not(madsim))]
compile_error!(
    "run cargo in the folder benches/peers, without RUSTFLAGS: it sets `--cfg madsim` in .cargo/config.toml"
);

mod cell;
mod complete;
#[cfg(madsim)]
mod madsim;
mod ours;
mod random;
mod shuttle;

fn main() {
    let mut words = std::env::args().skip(1).peekable();
    let table = words.next_if(|word| matches!(word.as_str(), "random" | "complete")).unwrap_or_default();
    let wanted = words.next().unwrap_or_default();
    if table != "complete" {
        random::compare(&wanted);
    }
    if table != "random" {
        println!();
        complete::compare(&wanted);
    }
}
