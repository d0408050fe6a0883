//! How a program goes on after each answer of its store.
//!
//! Both sides of the judgement run a [`Program`] through a [`Cursor`]: the enumerator step by step, the harness as an async
//! handler.

use super::program::{Insert, Instruction, Program, Said};

/// What an operation answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was done, or what was looked for is not there.
    Fine,
    /// The mark is there already.
    Present,
    /// What was read, or kept.
    Found(Option<Said>),
    /// It returned an error.
    Failed,
}

/// How a handler answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Done(Option<Said>),
    Retry,
    Reject,
}

/// How far one execution of a program has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    next: usize,
    open: bool,
    again: bool,
    leaving: Option<Answer>,
    said: Option<Said>,
}

/// What an execution does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This operation. A roll back may also be that of a handler that leaves.
    Operation(Instruction),
    /// It waits for a second, and then goes on.
    Sleep,
    /// It has answered.
    Answered(Answer),
}

impl Cursor {
    /// What comes next. Instructions that do nothing where they stand are passed over.
    pub fn next(&mut self, program: &Program) -> Next {
        loop {
            if let Some(answer) = self.leaving {
                return if self.open { Next::Operation(Instruction::Rollback) } else { Next::Answered(answer) };
            }
            match program.body.get(self.next).copied() {
                None => self.leaving = Some(Answer::Done(self.would_say(program))),
                Some(Instruction::Begin) if self.open => self.next += 1,
                Some(Instruction::Commit | Instruction::Rollback) if !self.open => self.next += 1,
                Some(Instruction::Sleep) => return Next::Sleep,
                Some(instruction) => return Next::Operation(instruction),
            }
        }
    }

    /// What it would reply if it came to its end now.
    pub fn would_say(&self, program: &Program) -> Option<Said> {
        self.said.or(program.speaks.then_some(Said::Fresh))
    }

    /// How it answers a message that it finds handled.
    fn finds_it_handled(&self, program: &Program) -> Answer {
        match program.refuses {
            true => Answer::Reject,
            false => Answer::Done(self.said.or(program.speaks.then_some(Said::Duplicate))),
        }
    }

    /// Goes on after it has waited.
    pub fn awakes(&mut self) {
        self.next += 1;
    }

    /// Goes on with what the operation that came next answered.
    pub fn answered(&mut self, program: &Program, reply: Reply) {
        let leaves = self.leaving.is_some();
        let operation = match self.next(program) {
            Next::Operation(operation) => operation,
            Next::Answered(_) | Next::Sleep => {
                unreachable!("a handler that has answered, or waits, asks for no operation")
            }
        };
        match operation {
            Instruction::Begin if reply == Reply::Fine => self.open = true,
            // A transaction whose commit failed is gone as well.
            Instruction::Commit | Instruction::Rollback => self.open = false,
            _ => {}
        }
        match (operation, reply) {
            (Instruction::Rollback, _) if leaves => {}
            (Instruction::Commit, Reply::Failed) if program.again && !self.again => {
                self.again = true;
                self.next = 0;
                self.said = None;
            }
            (_, Reply::Failed) | (Instruction::Mark(Insert::Unique) | Instruction::Lease, Reply::Present) => {
                self.leaving = Some(Answer::Retry);
            }
            (Instruction::Check { leaves: true } | Instruction::Mark(Insert::IfAbsent), Reply::Present) => {
                self.leaving = Some(self.finds_it_handled(program));
            }
            (Instruction::Recall, Reply::Found(kept)) => self.leaving = Some(Answer::Done(kept)),
            (Instruction::Read, Reply::Found(read)) => {
                self.said = read;
                self.next += 1;
            }
            _ => self.next += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(program: &Program, replies: &[Reply]) -> (Vec<Instruction>, Answer) {
        let mut cursor = Cursor::default();
        let mut done = Vec::new();
        loop {
            match cursor.next(program) {
                Next::Answered(answer) => return (done, answer),
                Next::Sleep => cursor.awakes(),
                Next::Operation(operation) => {
                    let reply = replies.get(done.len()).copied().unwrap_or(Reply::Fine);
                    done.push(operation);
                    cursor.answered(program, reply);
                }
            }
        }
    }

    use Instruction::{Apply, Begin, Check, Commit, Rollback};

    #[test]
    fn whoever_leaves_with_a_transaction_open_rolls_it_back() {
        let program = Program::new([Begin, Check { leaves: true }, Apply, Commit]);
        let early = operations(&program, &[Reply::Fine, Reply::Present]);
        assert_eq!(early, (vec![Begin, Check { leaves: true }, Rollback], Answer::Done(None)));
        let failed = operations(&program, &[Reply::Fine, Reply::Failed]);
        assert_eq!(failed, (vec![Begin, Check { leaves: true }, Rollback], Answer::Retry));
        let never_committed = operations(&Program::new([Begin, Apply]), &[]);
        assert_eq!(never_committed, (vec![Begin, Apply, Rollback], Answer::Done(None)));
    }

    #[test]
    fn a_failed_commit_leaves_no_transaction_and_may_run_the_body_again_once() {
        let once = Program::new([Begin, Apply, Commit]);
        let failed = [Reply::Fine, Reply::Fine, Reply::Failed, Reply::Fine, Reply::Fine, Reply::Failed];
        assert_eq!(operations(&once, &failed), (vec![Begin, Apply, Commit], Answer::Retry));
        let again = Program { again: true, ..once };
        let (done, answer) = operations(&again, &failed);
        assert_eq!((done.len(), answer), (6, Answer::Retry));
        assert_eq!(operations(&again, &failed[..5]), (done, Answer::Done(None)));
    }

    #[test]
    fn what_makes_no_sense_where_it_stands_does_nothing() {
        let program = Program::new([Commit, Begin, Begin, Rollback, Rollback, Apply]);
        assert_eq!(operations(&program, &[]), (vec![Begin, Rollback, Apply], Answer::Done(None)));
    }
}
