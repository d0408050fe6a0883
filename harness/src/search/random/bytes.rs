//! From any bytes to a history: what a fuzzer makes, in the place of what proptest draws.
//!
//! The first byte says which workload, the second how many processes do without. Then come the draws of the workload's
//! messages, two bytes each, where it is one that is drawn; then the faults, four bytes each. There are no more of them than in
//! a random history: a fuzzer adds one after the other, and would soon fail every attempt that a broker makes. What is not there is 0, and 0
//! is the simplest: no bytes at all are the plain run of one message.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    iter,
};

use super::{MOST_FAULTS, cut_to_caps, decode::Decoder, shape::Shapes};
use crate::{Error, History, history::Published, machine::trace::Replay, search::Options, subject::Subject};

/// So many workloads are kept; then all are forgotten, so that memory stays flat.
const MOST_KEPT: usize = 256;

/// Decodes bytes into histories of one check, and keeps what it learned of their workloads.
pub(crate) struct FromBytes {
    options: Options,
    /// The workloads that every search has, smallest first. After them come those that are drawn.
    family: Vec<Vec<Published>>,
    /// By the number of processes and the messages.
    known: BTreeMap<(usize, Vec<Published>), Known>,
    decoder: Decoder,
    /// Kept, so that nothing is allocated for each history.
    numbers: Vec<u32>,
}

struct Known {
    /// Its history, whose faults are anybody's.
    history: History,
    /// What its deliveries can suffer, or why it cannot be searched.
    shapes: Result<Shapes, String>,
}

/// What was made of some bytes.
pub(crate) struct Replayed<'a> {
    pub(crate) history: &'a History,
    pub(crate) replay: Replay,
}

impl FromBytes {
    pub(crate) fn new(subject: &dyn Subject, options: Options) -> Self {
        let family = subject.workloads(options.messages).into_iter().map(|workload| workload.messages).collect();
        Self { options, family, known: BTreeMap::new(), decoder: Decoder::default(), numbers: Vec::new() }
    }

    /// The history of these bytes and its replay, without the faults that would make more of it unordered than can be judged;
    /// or why its workload cannot be searched.
    ///
    /// # Errors
    /// What a store met, or a message that cannot be made.
    pub(crate) fn replayed(
        &mut self,
        subject: &mut dyn Subject,
        bytes: &[u8],
    ) -> Result<Result<Replayed<'_>, String>, Error> {
        let mut rest = Rest(bytes);
        let workload = usize::from(rest.byte());
        let processes = self.options.processes - usize::from(rest.byte()) % self.options.processes;
        let messages = self.messages(subject, workload, &mut rest);
        self.numbers.clear();
        self.numbers.extend(iter::from_fn(|| rest.number()).take(MOST_FAULTS));
        if self.known.len() >= MOST_KEPT {
            self.known.clear();
        }
        let known = match self.known.entry((processes, messages)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let (model, messages) = (self.options.model, new.key().1.clone());
                let history = History { model, processes, messages, faults: Vec::new() };
                let shapes = Shapes::learn(subject, &history, &self.options)?;
                new.insert(Known { history, shapes })
            }
        };
        let (history, shapes) = match known {
            Known { history, shapes: Ok(shapes) } => (history, shapes),
            Known { shapes: Err(why), .. } => return Ok(Err(why.clone())),
        };
        self.decoder.decode(shapes, &self.numbers, history);
        let replay = cut_to_caps(subject, history)?;
        Ok(Ok(Replayed { history, replay }))
    }

    /// The messages of the workload of this number.
    fn messages(&self, subject: &dyn Subject, workload: usize, rest: &mut Rest<'_>) -> Vec<Published> {
        let nth = workload % (self.family.len() + self.options.messages);
        match self.family.get(nth) {
            Some(messages) => messages.clone(),
            None => subject.drawn(nth - self.family.len() + 1, &mut || u32::from(u16::from_le_bytes(rest.bytes()))),
        }
    }
}

/// Bytes that were not read yet. After the last one there are only zeros.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> u8 {
        let [byte] = self.bytes();
        byte
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (now, later) = self.0.split_at(N.min(self.0.len()));
        self.0 = later;
        let mut bytes = [0; N];
        bytes[..now.len()].copy_from_slice(now);
        bytes
    }

    /// A number, if there is a byte of it.
    fn number(&mut self) -> Option<u32> {
        (!self.0.is_empty()).then(|| u32::from_le_bytes(self.bytes()))
    }
}
