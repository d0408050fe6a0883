//! A proptest runner whose draws are decided by a seed alone: the same on every machine, whatever its environment says.

use std::fmt;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner},
};

/// In a seed, how often the generated value was simplified stands above this bit.
pub(super) const SIMPLIFIED: u32 = 32;

/// More simplifications than this are not made.
pub(super) const MOST_SIMPLIFICATIONS: u64 = 1024;

/// So often a generator may reject what it drew before it is taken to reject everything.
const MOST_REJECTS: u32 = 65_536;

/// The runner of this seed. Variables that begin with `PROPTEST_` change nothing.
pub(crate) fn runner(seed: [u64; 4]) -> TestRunner {
    let mut bytes = [0; 32];
    for (place, word) in bytes.chunks_exact_mut(8).zip(seed) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    let config = Config {
        cases: 1,
        max_local_rejects: MOST_REJECTS,
        max_global_rejects: 1_024,
        max_flat_map_regens: 1_000_000,
        max_default_size_range: 100,
        max_shrink_iters: 0,
        verbose: 0,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed[0]),
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// A generator as a function of a seed. The same seed gives the same value, in every run and on every machine.
pub(super) fn by_seed<V: fmt::Debug>(each: impl Strategy<Value = V> + 'static) -> Box<dyn Fn(u64) -> V> {
    Box::new(move |seed| {
        let (base, simplifications) = (seed & ((1 << SIMPLIFIED) - 1), seed >> SIMPLIFIED);
        let mut tree = each.new_tree(&mut runner([base, 0, 0, 0])).unwrap_or_else(|why| {
            panic!("the generator of messages gave up ({why}): its filters reject nearly everything")
        });
        for _ in 0..simplifications.min(MOST_SIMPLIFICATIONS) {
            if !tree.simplify() {
                break;
            }
        }
        tree.current()
    })
}
