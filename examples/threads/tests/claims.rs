//! Every interleaving of two and of three threads that claim.

use redeliver::threads::check_claim;

redeliver::threads::over_loom!(#[path = "../src/claims"] mod claims: careless, in_flight);

use claims::{careless::Careless, in_flight::InFlight};

#[test]
fn one_thread_handles_a_message() {
    for threads in [2, 3] {
        let explored = check_claim(threads, InFlight::new, InFlight::claim, InFlight::give_up);
        println!("{threads} threads: {} executions", explored.executions);
    }
}

#[test]
#[should_panic(expected = "2 of 2 concurrent claims of one id won: exactly one must")]
fn a_look_before_the_claim_lets_both_handle_it() {
    check_claim(2, Careless::new, Careless::claim, Careless::give_up);
}
