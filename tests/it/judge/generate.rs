//! Makes programs: shapes that handlers have in the wild, mutants of them, and lists of nothing but chance.

use proptest::{collection::vec, prelude::*, sample::select};

use super::program::{
    Insert::{IfAbsent, Plain, Unique},
    Instruction::{
        self, Apply, Begin, Check, Commit, Emit, Keep, Lease, Mark, Read, Recall, Release, Rollback, Set, Sleep, Spawn,
    },
    Job, Program,
};

/// A mutant has at most so many instructions: more make more histories, not other ones.
const MOST_INSTRUCTIONS: usize = 8;

/// What a program may do that replies with nothing.
const INSTRUCTIONS: &[Instruction] = &[
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
];

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
    let body = bodies(shapes(), INSTRUCTIONS);
    (body, prop::bool::weighted(0.15), prop::bool::weighted(0.1)).prop_map(|(body, again, impatient)| Program {
        again,
        impatient,
        ..Program::new(body)
    })
}

/// Handlers that answer a client. Right are those that keep the reply with the effect, and those whose reply is always the
/// same.
fn replying_shapes() -> Vec<Vec<Instruction>> {
    let check = Check { leaves: true };
    vec![
        vec![Begin, Recall, Apply, Read, Keep, Commit],
        vec![Recall, Begin, Recall, Apply, Read, Keep, Commit],
        vec![Begin, check, Apply, Mark(Plain), Commit],
        vec![Begin, check, Apply, Mark(Plain), Commit, Read],
        vec![Begin, check, Apply, Mark(Unique), Read, Keep, Commit],
        vec![Recall, Begin, Apply, Mark(Unique), Read, Commit, Keep],
        vec![Recall, Apply, Read, Keep],
        vec![Begin, Recall, Set, Keep, Commit],
        vec![Mark(IfAbsent), Apply, Read],
        vec![Recall, Keep, Apply],
        vec![check, Set, Mark(Plain)],
        vec![Set, Read],
        vec![Recall, Sleep, Begin, Recall, Apply, Keep, Commit],
        vec![Begin, Recall, Apply, Keep, Commit, Emit],
    ]
}

/// A program that replies with something. Those that are right without a reply are among them too.
pub fn replying_programs() -> impl Strategy<Value = Program> {
    let all = Kind::Replying.instructions();
    let ways = [0.1, 0.1, 0.5, 0.15].map(prop::bool::weighted);
    (bodies(replying_shapes(), &all), ways).prop_map(|(body, [again, impatient, speaks, refuses])| Program {
        again,
        impatient,
        speaks,
        refuses,
        ..Program::new(body)
    })
}

/// Handlers under a lease. It keeps out whoever comes meanwhile, but not for longer than it lasts.
fn leasing_shapes() -> Vec<Vec<Instruction>> {
    let check = Check { leaves: true };
    vec![
        vec![Lease, check, Apply, Mark(Plain), Release],
        vec![Lease, Begin, check, Apply, Mark(Plain), Commit, Release],
        vec![Lease, check, Apply, Mark(Unique)],
        vec![check, Lease, Apply, Mark(Plain), Release],
        vec![Lease, Set, Release],
        vec![Lease, Apply, Sleep, Release],
        vec![Begin, Lease, Apply, Mark(Unique), Commit],
        vec![Lease, Sleep, check, Apply, Mark(Plain), Release],
        vec![Begin, Lease, Commit, check, Apply, Mark(Plain), Release],
    ]
}

/// A program under a lease.
pub fn leasing_programs() -> impl Strategy<Value = Program> {
    let all = Kind::Leasing.instructions();
    (bodies(leasing_shapes(), &all), prop::bool::weighted(0.1), prop::bool::weighted(0.1))
        .prop_map(|(body, again, impatient)| Program { again, impatient, ..Program::new(body) })
}

/// Handlers that let a task of their own do something, and wait for it.
fn spawning_shapes() -> Vec<Vec<Instruction>> {
    let (check, apply, emit) = (Check { leaves: true }, Spawn(Job::Apply), Spawn(Job::Emit));
    vec![
        vec![check, apply, Mark(Plain)],
        vec![Mark(IfAbsent), apply],
        vec![apply],
        vec![Begin, check, Apply, Mark(Unique), Commit, emit],
        vec![Begin, check, Mark(Plain), emit, Commit],
        vec![check, Begin, apply, Mark(Unique), Commit],
        vec![emit, Set, Mark(Unique)],
        vec![Begin, check, Set, Mark(Plain), emit, Commit],
    ]
}

/// A program that spawns.
pub fn spawning_programs() -> impl Strategy<Value = Program> {
    let all = Kind::Spawning.instructions();
    (bodies(spawning_shapes(), &all), prop::bool::weighted(0.1))
        .prop_map(|(body, again)| Program { again, ..Program::new(body) })
}

/// A shape, with up to three changes, or now and then any of these instructions at all.
fn bodies(shapes: Vec<Vec<Instruction>>, all: &[Instruction]) -> impl Strategy<Value = Vec<Instruction>> + use<> {
    prop_oneof![
        4 => (select(shapes), vec(changes(all), 0..=3)).prop_map(|(body, changes)| {
            changes.iter().fold(body, |body, change| change.made_to(body))
        }),
        1 => vec(select(all.to_vec()), 1..=5),
    ]
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

fn changes(all: &[Instruction]) -> impl Strategy<Value = Change> + use<> {
    let at = 0..MOST_INSTRUCTIONS;
    prop_oneof![
        at.clone().prop_map(Change::Delete),
        at.clone().prop_map(Change::Swap),
        at.clone().prop_map(Change::Repeat),
        (at.clone(), select(all.to_vec())).prop_map(|(at, instruction)| Change::Insert(at, instruction)),
        (at, select(all.to_vec())).prop_map(|(at, instruction)| Change::Replace(at, instruction)),
    ]
}

/// The kinds of programs, for who makes them of something else than chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Replying,
    Leasing,
    Spawning,
}

impl Kind {
    fn instructions(self) -> Vec<Instruction> {
        let more = match self {
            Kind::Plain => vec![],
            Kind::Replying => vec![Read, Keep, Recall],
            Kind::Leasing => vec![Lease, Release, Lease, Release],
            Kind::Spawning => [Spawn(Job::Apply), Spawn(Job::Emit)].repeat(2),
        };
        [INSTRUCTIONS, &more].concat()
    }

    fn shapes(self) -> Vec<Vec<Instruction>> {
        match self {
            Kind::Plain => shapes(),
            Kind::Replying => replying_shapes(),
            Kind::Leasing => leasing_shapes(),
            Kind::Spawning => spawning_shapes(),
        }
    }

    /// The program that numbers stand for: `draw` is told below what each of them is to be. If all are 0 it is the first shape.
    pub fn program(self, mut draw: impl FnMut(usize) -> usize) -> Program {
        let (shapes, all) = (self.shapes(), self.instructions());
        let body = if draw(5) == 4 {
            (0..=draw(5)).map(|_| all[draw(all.len())]).collect()
        } else {
            let shape = shapes[draw(shapes.len())].clone();
            (0..draw(4)).fold(shape, |body, _| {
                let (kind, at, instruction) = (draw(5), draw(MOST_INSTRUCTIONS), all[draw(all.len())]);
                let change = match kind {
                    0 => Change::Delete(at),
                    1 => Change::Swap(at),
                    2 => Change::Repeat(at),
                    3 => Change::Insert(at, instruction),
                    _ => Change::Replace(at, instruction),
                };
                change.made_to(body)
            })
        };
        // Of these each kind has those that its generator has.
        let mut now_and_then = |one_in: usize| draw(one_in) == one_in - 1;
        let (again, impatient) = (now_and_then(7), now_and_then(10) && self != Kind::Spawning);
        let speaks = self == Kind::Replying && now_and_then(2);
        let refuses = self == Kind::Replying && now_and_then(7);
        Program { again, impatient, speaks, refuses, ..Program::new(body) }
    }
}
