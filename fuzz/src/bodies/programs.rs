//! The programs of law 6, made of bytes in the place of chance.

use crate::judge::{agreement::AMOUNTS, enumerate::histories, generate::Kind, program::Program, system::Model};

/// So many bytes are those of a program; a history has the others.
const OF_PROGRAM: usize = 18;

/// A program with more histories of at most one fault than this is not tried: a fuzzer is to try many.
pub const MOST: usize = 48;

/// What bytes stand for.
pub struct Made<'a> {
    pub model: Model,
    pub program: Program,
    /// One or two.
    pub messages: usize,
    /// The bytes of a history.
    pub history: &'a [u8],
}

/// The kinds of programs, and the model that each is judged under.
pub const KINDS: [(Model, Kind); 4] = [
    (Model::AtLeastOnce, Kind::Plain),
    (Model::RequestReply, Kind::Replying),
    (Model::AtLeastOnce, Kind::Leasing),
    (Model::AtLeastOnce, Kind::Spawning),
];

/// The first byte says of which of these kinds, the second over how many messages, and each that follows what the program
/// asks next; the last ones are the history's. What is not there is 0.
pub fn made<'a>(bytes: &'a [u8], kinds: &[(Model, Kind)]) -> Made<'a> {
    let (head, history) = bytes.split_at(bytes.len().min(2 + OF_PROGRAM));
    let mut head = head.iter().copied().map(usize::from);
    let mut draw = |below: usize| head.next().unwrap_or_default() % below;
    let (model, kind) = kinds[draw(kinds.len())];
    let messages = 1 + draw(AMOUNTS.len());
    Made { model, program: kind.program(draw), messages, history }
}

/// How many histories of at most one fault it has.
pub fn with_one_fault(model: Model, program: &Program, messages: usize) -> usize {
    histories(model, program, &AMOUNTS[..messages], 1).len()
}
