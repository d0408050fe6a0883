//! The workloads that a stretch of random histories is about: drawn once, and learned when the first history is about one.
//!
//! A few for thousands of histories, so that these share their reference runs.

use proptest::{
    arbitrary::any,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::shape::Shapes;
use crate::{Error, History, search::Options, subject::Subject};

/// So many are drawn; those that are equal are one.
const DRAWN: usize = 16;

/// The workloads, smallest first.
pub(super) struct Pool {
    known: Vec<Known>,
}

struct Known {
    /// Its history without a fault.
    plain: History,
    /// What its deliveries can suffer, or why it cannot be searched; once it was asked for.
    shapes: Option<Result<Shapes, String>>,
}

impl Pool {
    pub(super) fn draw(subject: &dyn Subject, options: &Options, runner: &mut TestRunner) -> Self {
        let mut draw = || any::<u32>().new_tree(runner).expect("a number is never rejected").current();
        let mut known: Vec<Known> = Vec::new();
        for nth in 0..DRAWN {
            let messages = subject.drawn(1 + nth * options.messages.max(1) / DRAWN, &mut draw);
            if known.iter().all(|known| known.plain.messages != messages) {
                let plain =
                    History { model: options.model, processes: options.processes, messages, faults: Vec::new() };
                known.push(Known { plain, shapes: None });
            }
        }
        Self { known }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// A workload as a history, whose faults are anybody's, and what is known of its deliveries; or why it cannot be
    /// searched.
    ///
    /// # Errors
    /// What a store met, or a message that cannot be made.
    pub(super) fn get(
        &mut self,
        at: usize,
        subject: &mut dyn Subject,
        options: &Options,
    ) -> Result<Result<(&mut History, &Shapes), String>, Error> {
        let known = &mut self.known[at];
        if known.shapes.is_none() {
            known.plain.faults.clear();
            known.shapes = Some(Shapes::learn(subject, &known.plain, options)?);
        }
        Ok(match &known.shapes {
            Some(Ok(shapes)) => Ok((&mut known.plain, shapes)),
            Some(Err(why)) => Err(why.clone()),
            None => unreachable!("it was learned just above"),
        })
    }
}
