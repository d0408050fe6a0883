//! One stretch of random histories: what proptest draws, and the histories that stand for it.

use proptest::{
    arbitrary::any,
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{MOST_FAULTS, decode::Decoder, pool::Pool};
use crate::{Error, History, messages::runner, search::Options, subject::Subject};

/// What proptest draws: which workload, and a number for each fault.
pub(super) type Vector = (usize, Vec<u32>);

/// Draws the histories of one stretch.
pub(crate) struct Drawer {
    options: Options,
    runner: TestRunner,
    pool: Pool,
    decoder: Decoder,
}

impl Drawer {
    /// The drawer of this stretch, which begins with its workloads.
    pub(crate) fn new(subject: &dyn Subject, options: &Options, seed: u64, stretch: u64) -> Self {
        // So that no message is drawn by the numbers of a history.
        const HISTORIES: u64 = 1;
        let mut runner = runner([seed, stretch, HISTORIES, 0]);
        let pool = Pool::draw(subject, options, &mut runner);
        Self { options: options.clone(), runner, pool, decoder: Decoder::default() }
    }

    /// The next vector, with what proptest makes of it in shrinking.
    pub(super) fn draw(&mut self) -> impl ValueTree<Value = Vector> + use<> {
        let vectors = (0..self.pool.len(), vec(any::<u32>(), 1..=MOST_FAULTS));
        vectors.new_tree(&mut self.runner).expect("a number is never rejected")
    }

    /// The history of a vector, which whoever gets it may cut; or why its workload cannot be searched.
    ///
    /// # Errors
    /// What a store met, or a message that cannot be made.
    pub(super) fn history(
        &mut self,
        subject: &mut dyn Subject,
        (workload, numbers): &Vector,
    ) -> Result<Result<&mut History, String>, Error> {
        let (history, shapes) = match self.pool.get(*workload, subject, &self.options)? {
            Ok(known) => known,
            Err(why) => return Ok(Err(why)),
        };
        self.decoder.decode(shapes, numbers, history);
        Ok(Ok(history))
    }

    /// The next history, for who measures what drawing costs. `None` where its workload cannot be searched.
    ///
    /// # Errors
    /// As for [`history`](Drawer::history).
    pub(crate) fn next(&mut self, subject: &mut dyn Subject) -> Result<Option<&History>, Error> {
        let vector = self.draw().current();
        Ok(self.history(subject, &vector)?.ok().map(|history| &*history))
    }
}
