//! The tree of executions: at each of its nodes who goes on next, what was tried there, and what need not be.
//!
//! Source-DPOR with sleep sets (Abdulla, Aronis, Jonsson and Sagonas, "Optimal Dynamic Partial Order Reduction", POPL 2014,
//! algorithm 1; with locks as in the longer "Source Sets", JACM 2017). Of executions that differ only in the order of steps
//! which commute, one is explored. Which other order has to be tried as well is found in `races`, after the fact, from what
//! each step was seen to touch.
//!
//! What the algorithm knows as a process is deterministic, and ours may crash at every point. So an execution is read as one
//! of a system in which it is settled beforehand who crashes where: each of these systems is deterministic, and together they
//! have all executions. A process that is to be tried at a node is tried in every way, going on and crashing, and each way
//! sleeps by itself.
//!
//! Where nobody can go on, the clock moves. That commutes with nothing: what was before it and what comes after it are
//! never exchanged, so races are only looked for since then.

use std::sync::{Arc, Mutex, PoisonError};

use super::again::first_to_try;

use crate::machine::{
    chooser::{Choice, Chooser, MOST_PROCESSES, Open},
    footprint::{Access, conflict},
};

/// For each process how many of its events came before.
pub(super) type Clock = [u16; MOST_PROCESSES];

/// What is explored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// At most so many crashes in an execution.
    pub(super) crashes: usize,
    /// Of executions that differ in the order of what commutes, only one is.
    pub(super) reduces: bool,
    /// Whether a message was handled before another one began may decide whether an execution is right.
    pub(super) time_matters: bool,
    /// Anything may touch anything.
    pub(super) blind: bool,
}

/// Explores: lends itself to one replay after another.
pub(super) struct Explorer(Mutex<Walk>);

/// Where the walk is.
pub(super) struct Walk {
    pub(super) scope: Scope,
    pub(super) nodes: Vec<Node>,
    /// How many of them this replay has passed.
    depth: usize,
    /// What a process would touch that found a lock taken.
    pub(super) waits_for: [Vec<Access>; MOST_PROCESSES],
    scratch: Vec<Access>,
    /// Somebody tried to go on in this replay, and found a lock taken.
    pub(super) tried_in_vain: bool,
    /// This replay ended where everything that could happen sleeps.
    pub(super) is_cut: bool,
    /// This replay did something else than one before that was told the same.
    pub(super) differs: bool,
}

/// One moment of an execution, and what can come of it.
#[derive(Default)]
pub(super) struct Node {
    pub(super) open: Open,
    /// Nobody can go on here.
    stands_still: bool,
    /// The processes that are to be tried, a bit each.
    pub(super) tries: u16,
    /// Those that were looked at when the first was chosen.
    considered: u16,
    crashes_left: usize,
    done: Vec<Sleeper>,
    sleep: Vec<Sleeper>,
    current: Option<Choice>,
    pub(super) event: Option<Event>,
}

/// What happened at a node.
#[derive(Clone)]
pub(super) struct Event {
    /// Of which process; none where the clock moved.
    pub(super) process: Option<usize>,
    /// Its number among the events of that process, from 1.
    pub(super) number: u16,
    pub(super) touched: Arc<[Access]>,
    /// What came before it, itself included.
    pub(super) clock: Clock,
}

/// What was explored, and need not be again until something happens that it conflicts with.
#[derive(Clone)]
struct Sleeper {
    choice: Choice,
    touched: Arc<[Access]>,
}

impl Explorer {
    pub(super) fn new(scope: Scope) -> Self {
        Self(Mutex::new(Walk {
            scope,
            nodes: Vec::new(),
            depth: 0,
            waits_for: Default::default(),
            scratch: Vec::new(),
            tried_in_vain: false,
            is_cut: false,
            differs: false,
        }))
    }

    pub(super) fn with<T>(&self, what: impl FnOnce(&mut Walk) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Chooser for Explorer {
    fn choose(&self, open: &Open) -> Option<Choice> {
        self.with(|walk| walk.choose(open))
    }

    fn came(&self, choice: Choice, acted: bool, touched: &[Access]) {
        self.with(|walk| walk.came(choice, acted, touched));
    }
}

impl Walk {
    /// The next execution begins.
    pub(super) fn begin(&mut self) {
        self.depth = 0;
        self.tried_in_vain = false;
        self.is_cut = false;
        self.waits_for.iter_mut().for_each(Vec::clear);
    }

    /// What was chosen in this replay, without what was tried in vain.
    pub(super) fn choices(&self) -> Vec<Choice> {
        self.nodes[..self.depth].iter().filter_map(|node| node.current).collect()
    }

    /// Goes back to the last node where something is left to try. Whether there is one.
    pub(super) fn turn_back(&mut self) -> bool {
        while let Some(node) = self.nodes.last_mut() {
            if let (Some(event), Some(choice)) = (node.event.take(), node.current.take()) {
                node.done.push(Sleeper { choice, touched: event.touched });
            }
            node.current = node.next();
            if node.current.is_some() {
                return true;
            }
            self.nodes.pop();
        }
        false
    }

    fn choose(&mut self, open: &Open) -> Option<Choice> {
        if self.depth == self.nodes.len() {
            let node = self.node();
            self.nodes.push(node);
        }
        // Where the clock moved, everybody had found a lock taken.
        if let Some(Choice::Clock(who)) = self.nodes[self.depth].current
            && open.steps != 0
        {
            return Some(Choice::Step(first_to_try(who, open)));
        }
        let last = self.last_process();
        let reduces = self.scope.reduces;
        let node = &mut self.nodes[self.depth];
        if node.current.is_none() {
            node.open = *open;
            if node.open.steps == 0 && !node.stands_still {
                node.stands_still = true;
                self.races_of_those_that_wait();
            }
            let node = &mut self.nodes[self.depth];
            node.consider(last, reduces);
            node.current = node.next();
        }
        let current = self.nodes[self.depth].current;
        self.is_cut |= current.is_none();
        current
    }

    fn node(&self) -> Node {
        let Some(parent) = self.nodes.last() else {
            return Node { crashes_left: self.scope.crashes, ..Node::default() };
        };
        let crashed = matches!(parent.current, Some(Choice::Crash(_)));
        let crashes_left = parent.crashes_left - usize::from(crashed);
        let sleep = if self.scope.reduces { parent.sleeps_on() } else { Vec::new() };
        Node { crashes_left, sleep, ..Node::default() }
    }

    /// Who went on last, if anybody did.
    fn last_process(&self) -> Option<usize> {
        self.nodes[..self.depth].last()?.event.as_ref()?.process
    }

    fn came(&mut self, choice: Choice, acted: bool, touched: &[Access]) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend(touched.iter().filter(|access| self.scope.time_matters || !access.is_of_time()));
        let process = match choice {
            Choice::Step(process) | Choice::Crash(process) => Some(process),
            Choice::Clock(_) => None,
        };
        if self.scope.blind && process.is_some() {
            scratch.push(Access::UNKNOWN);
        }
        let node = &mut self.nodes[self.depth];
        match (&node.event, process) {
            // Only tried, as it was before.
            (_, Some(_)) if matches!(node.current, Some(Choice::Clock(_))) => self.differs |= acted,
            (Some(event), _) => {
                self.differs |= !acted || *event.touched != scratch[..];
                self.depth += 1;
            }
            (None, Some(process)) if !acted => {
                node.current = None;
                self.waits_for[process].clone_from(&scratch);
                self.tried_in_vain = true;
            }
            (None, _) => {
                let event = self.event(process, &scratch);
                self.nodes[self.depth].event = Some(event);
                self.depth += 1;
            }
        }
        self.scratch = scratch;
    }

    /// How far this replay has come.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }
}

impl Node {
    /// Chooses whom to try first: who went on last, if that one can, since an execution that changes less often is easier to
    /// read. Somebody is enough who neither sleeps nor waits; before that, all are tried that can do anything.
    fn consider(&mut self, last: Option<usize>, reduces: bool) {
        if !reduces {
            self.tries = u16::MAX;
            return;
        }
        let went_on = |node: &Self| node.done.iter().any(|done| matches!(done.choice, Choice::Step(_)));
        if self.stands_still || went_on(self) {
            return;
        }
        let order = last.into_iter().chain((0..MOST_PROCESSES).filter(|process| Some(*process) != last));
        for process in order {
            let bit = 1 << process;
            if self.considered & bit != 0 {
                // It may have found a lock taken since.
                if self.awake(Choice::Step(process)) && self.tries & bit != 0 {
                    return;
                }
                continue;
            }
            self.considered |= bit;
            let (steps, crashes) = (self.awake(Choice::Step(process)), self.awake(Choice::Crash(process)));
            if steps || crashes {
                self.tries |= bit;
            }
            let touches = |sleeper: &Sleeper| sleeper.choice == Choice::Crash(process) && !sleeper.touched.is_empty();
            if steps && !self.sleep.iter().any(touches) {
                return;
            }
        }
    }

    /// What is to be tried next.
    fn next(&self) -> Option<Choice> {
        if self.stands_still {
            let crashes = (0..MOST_PROCESSES).map(Choice::Crash);
            let give_up = (0..MOST_PROCESSES).filter(|process| self.open.give_up & 1 << process != 0);
            let clock = give_up.map(|process| Choice::Clock(Some(process)));
            let due = (self.open.clock && self.open.give_up == 0).then_some(Choice::Clock(None));
            return clock.chain(due).chain(crashes).find(|choice| self.awake(*choice));
        }
        let tries = (0..MOST_PROCESSES).filter(|process| self.tries & 1 << process != 0);
        let choices = tries.flat_map(|process| [Choice::Step(process), Choice::Crash(process)]);
        choices.into_iter().find(|choice| self.awake(*choice))
    }

    /// Whether this can happen here, was not explored from here, and would not come to what was explored elsewhere.
    fn awake(&self, choice: Choice) -> bool {
        let can = match choice {
            Choice::Step(process) => self.open.steps & 1 << process != 0,
            Choice::Crash(process) => self.open.crashes & 1 << process != 0 && self.crashes_left > 0,
            Choice::Clock(_) => true,
        };
        can && self.done.iter().chain(&self.sleep).all(|sleeper| sleeper.choice != choice)
    }

    /// What sleeps on after what happened here.
    fn sleeps_on(&self) -> Vec<Sleeper> {
        let Some(event) = self.event.as_ref().filter(|event| event.process.is_some()) else { return Vec::new() };
        let sleeps_on = |sleeper: &&Sleeper| {
            let (Choice::Step(process) | Choice::Crash(process)) = sleeper.choice else { return false };
            Some(process) != event.process && !conflict(&sleeper.touched, &event.touched)
        };
        self.sleep.iter().chain(&self.done).filter(sleeps_on).cloned().collect()
    }
}
