//! How many histories of two messages one core replays in a second, by handler. The bar is 500,000 for three operations.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures wall time")]

use std::time::Instant;

use redeliver_harness::measure::{Handler, Replays};

/// Replays in one slice: short, so that some slices are not disturbed by whatever else the computer does.
const SLICE: usize = 1_000;
const SLICES: usize = 500;

fn main() {
    // A number of slices may be given: a profiler needs few.
    let slices = std::env::args().find_map(|given| given.parse().ok()).unwrap_or(SLICES);
    for (name, handler) in [("three operations", Handler::ThreeOperations), ("transaction", Handler::Transaction)] {
        for overlapped in [false, true] {
            let mut replays = Replays::new(handler, overlapped);
            let mut times: Vec<f64> = (0..slices).map(|_| measure(&mut replays)).collect();
            times.sort_by(f64::total_cmp);
            let (best, median) = (times[0], times[times.len() / 2]);
            let beside = if overlapped { "an overlap" } else { "no fault" };
            println!(
                "{name}, {beside}: {:.0} replays a second ({:.0} ns each; median slice {:.0} ns)",
                1e9 / best,
                best,
                median
            );
        }
    }
}

/// Nanoseconds for one replay.
fn measure(replays: &mut Replays) -> f64 {
    let start = Instant::now();
    replays.run(SLICE);
    start.elapsed().as_secs_f64() * 1e9 / SLICE as f64
}
