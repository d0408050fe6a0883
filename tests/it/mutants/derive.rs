//! What is done to a program, whatever its instructions are: each left out, every two beside each other swapped, every
//! transaction split wherever it can be, every key cut off, every condition turned round, every time to live taken away or made
//! short.
//!
//! What instructions are is in `statements` and in `commands`; mutants by hand stand with their strategies.

/// An instruction of a program that can be mutated.
pub trait Instruction: Copy + 'static {
    /// What begins a transaction anew.
    const BEGIN: Self;
    const COMMIT: Self;

    /// It begins a transaction.
    fn begins(&self) -> bool;

    /// It commits one.
    fn commits(&self) -> bool;

    /// What else it could be, by what is then said of it.
    fn others(self) -> Vec<(&'static str, Self)>;

    /// The same, with the message's key cut off: the same for every message.
    fn cut(self) -> Option<Self>;
}

/// Every mutant of a program, by what was done to it. Instructions are counted from 1.
pub fn derived<I: Instruction>(program: &[I]) -> Vec<(String, Vec<I>)> {
    let mut all = Vec::new();
    for at in 0..program.len() {
        all.push((format!("without {}", at + 1), [&program[..at], &program[at + 1..]].concat()));
    }
    for at in 1..program.len() {
        let mut swapped = program.to_vec();
        swapped.swap(at - 1, at);
        all.push((format!("{} and {} swapped", at, at + 1), swapped));
    }
    all.extend(split(program));
    for (at, instruction) in program.iter().enumerate() {
        let cut = instruction.cut().map(|cut| ("the key of * cut off", cut));
        for (what, other) in cut.into_iter().chain(instruction.others()) {
            let mut changed = program.to_vec();
            changed[at] = other;
            all.push((what.replace('*', &(at + 1).to_string()), changed));
        }
    }
    if program.iter().filter(|instruction| instruction.cut().is_some()).count() > 1 {
        let cut = program.iter().map(|instruction| instruction.cut().unwrap_or(*instruction));
        all.push(("every key cut off".to_owned(), cut.collect()));
    }
    all
}

/// Between two instructions of one transaction it is committed, and another one begun.
fn split<I: Instruction>(program: &[I]) -> Vec<(String, Vec<I>)> {
    let mut all = Vec::new();
    let mut open = false;
    for at in 1..program.len() {
        open = program[at - 1].begins() || open && !program[at - 1].commits();
        if open && !program[at - 1].begins() && !program[at].commits() {
            let (before, after) = program.split_at(at);
            all.push((format!("split before {}", at + 1), [before, &[I::COMMIT, I::BEGIN], after].concat()));
        }
    }
    all
}
