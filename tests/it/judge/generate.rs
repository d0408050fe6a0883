//! Makes programs: shapes that handlers have in the wild, mutants of them, and lists of nothing but chance.

use proptest::{collection::vec, prelude::*, sample::select};

use super::program::{
    Insert::{IfAbsent, Plain, Unique},
    Instruction::{self, Apply, Begin, Check, Commit, Emit, Mark, Rollback, Set, Sleep},
    Program,
};

/// A mutant has at most so many instructions: more make more histories, not other ones.
const MOST_INSTRUCTIONS: usize = 8;

/// Handlers that someone would write. Most are right for some guarantee; the first is right for all.
pub fn shapes() -> Vec<Vec<Instruction>> {
    let check = Check { leaves: true };
    vec![
        vec![Begin, check, Apply, Mark(Plain), Commit],
        vec![Begin, Mark(IfAbsent), Apply, Commit],
        vec![Begin, Apply, Mark(Unique), Commit],
        vec![Begin, check, Set, Mark(Unique), Commit],
        vec![check, Begin, Apply, Mark(Unique), Commit],
        vec![check, Begin, Apply, Mark(Plain), Commit],
        vec![check, Apply, Mark(Plain)],
        vec![check, Mark(Unique), Apply],
        vec![Mark(IfAbsent), Apply],
        vec![Mark(Unique), Set],
        vec![Apply],
        vec![Set],
        vec![Begin, check, Apply, Mark(Plain), Commit, Emit],
        vec![Mark(IfAbsent), Emit],
        vec![check, Emit, Mark(Plain)],
        vec![check, Sleep, Apply, Mark(Plain)],
        vec![Begin, check, Sleep, Apply, Mark(Unique), Commit],
        vec![Sleep, Mark(IfAbsent), Apply],
    ]
}

/// A program: a shape, with up to three changes, or now and then any instructions at all.
pub fn programs() -> impl Strategy<Value = Program> {
    let body = prop_oneof![
        4 => (select(shapes()), vec(changes(), 0..=3)).prop_map(|(body, changes)| {
            changes.iter().fold(body, |body, change| change.made_to(body))
        }),
        1 => vec(instructions(), 1..=5),
    ];
    (body, prop::bool::weighted(0.15), prop::bool::weighted(0.1)).prop_map(|(body, again, impatient)| Program {
        body,
        again,
        impatient,
    })
}

/// One change to a body. Places are taken modulo its length.
#[derive(Clone, Debug)]
enum Change {
    Delete(usize),
    Swap(usize),
    Repeat(usize),
    Insert(usize, Instruction),
    Replace(usize, Instruction),
}

impl Change {
    fn made_to(&self, mut body: Vec<Instruction>) -> Vec<Instruction> {
        let (length, room) = (body.len(), body.len() < MOST_INSTRUCTIONS);
        match *self {
            Change::Delete(at) if length > 1 => {
                body.remove(at % length);
            }
            Change::Swap(at) if length > 1 => body.swap(at % (length - 1), at % (length - 1) + 1),
            Change::Repeat(at) if room => body.insert(at % length, body[at % length]),
            Change::Insert(at, instruction) if room => body.insert(at % (length + 1), instruction),
            Change::Replace(at, instruction) => body[at % length] = instruction,
            _ => {}
        }
        body
    }
}

fn changes() -> impl Strategy<Value = Change> {
    let at = 0..MOST_INSTRUCTIONS;
    prop_oneof![
        at.clone().prop_map(Change::Delete),
        at.clone().prop_map(Change::Swap),
        at.clone().prop_map(Change::Repeat),
        (at.clone(), instructions()).prop_map(|(at, instruction)| Change::Insert(at, instruction)),
        (at, instructions()).prop_map(|(at, instruction)| Change::Replace(at, instruction)),
    ]
}

fn instructions() -> impl Strategy<Value = Instruction> {
    select(vec![
        Check { leaves: true },
        Check { leaves: false },
        Mark(Unique),
        Mark(IfAbsent),
        Mark(Plain),
        Apply,
        Set,
        Begin,
        Commit,
        Rollback,
        Emit,
        Sleep,
    ])
}
