//! The plain enumerator: every history of a program with so many faults, by cloning whole states and branching.
//!
//! At each point, where a message is handled and where one is handed out, it goes on without a fault and, while there are
//! faults left, once with each fault that can happen there. So each history is one path, met once, and nothing is skipped.
//! At its end each is judged, by `right`.

use std::{collections::BTreeSet, fmt};

use super::{
    bank::Seen,
    cursor::Answer,
    program::Program,
    right::is_right,
    schedule::Move,
    system::{Delivery, Injected, Jump, Model, Place, System, TaskId},
};

/// One fault, written as histories write it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault(pub String);

/// One history and how it was judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Judged {
    /// Its faults, in the order in which they acted.
    pub faults: Vec<Fault>,
    pub violated: bool,
    /// One of its faults is a pause that ended at once, since nothing else could run: a search may leave it out.
    pub idle: bool,
    /// What is seen in the end.
    pub seen: Seen,
}

/// The order in which faults at one point act; of each rank there is at most one.
const ADVANCE: u8 = 1;
const BESIDE: u8 = 2;
const PAUSE: u8 = 3;
const LAST: u8 = 4;

/// By how many milliseconds the clock is advanced, where anybody waited for a timer or looked at the clock.
const LADDER: [u64; 5] = [1_000, 31_000, 301_000, 3_601_000, 86_401_000];

/// Every history of this program over messages of these amounts, with at most so many faults.
pub fn histories(model: Model, program: &Program, amounts: &[i64], faults: usize) -> Vec<Judged> {
    let mut enumerator = Enumerator { amounts, most: faults, found: Vec::new() };
    enumerator.go_on(System::new(model, program, amounts), Vec::new());
    enumerator.found
}

/// For each number of faults: how many of these histories have so many, and how many of those are violated.
pub fn counts(histories: &[Judged]) -> Vec<(usize, usize)> {
    let most = histories.iter().map(|history| history.faults.len()).max();
    let mut counts = vec![(0, 0); most.map_or(0, |most| most + 1)];
    for history in histories {
        let (all, violated) = &mut counts[history.faults.len()];
        *all += 1;
        *violated += usize::from(history.violated);
    }
    counts
}

struct Enumerator<'a> {
    amounts: &'a [i64],
    most: usize,
    found: Vec<Judged>,
}

impl<'a> Enumerator<'a> {
    /// Takes every branch from here.
    fn go_on(&mut self, mut system: System<'a>, faults: Vec<Fault>) {
        while let Some(next) = system.next_move() {
            system.step += 1;
            let handled_before = is_handled(&system);
            match next {
                Move::Turn(at) => {
                    system.last = Some(at);
                    self.branch_at_point(&system, &faults, at);
                }
                Move::Deliver(copy) => self.branch_at_delivery(&system, &faults, copy),
                _ => {}
            }
            let jump = jump_after(&system, next);
            go(&mut system, next);
            system.jump = jump;
            self.branch_at_handling(&system, &faults, &handled_before);
        }
        let violated = !is_right(&system, self.amounts);
        self.found.push(Judged { faults, violated, idle: system.idle, seen: system.bank.seen() });
    }

    /// Goes on with one more fault, which acts now as `act` says.
    fn with(&mut self, system: &System<'a>, faults: &[Fault], fault: String, act: impl FnOnce(&mut System<'a>)) {
        let mut system = system.clone();
        let handled_before = is_handled(&system);
        system.last_fault = system.now;
        system.jump = Jump::Not;
        act(&mut system);
        let mut faults = faults.to_vec();
        faults.push(Fault(fault));
        self.branch_at_handling(&system, &faults, &handled_before);
        self.go_on(system, faults);
    }

    /// The faults that can happen at the point before which this delivery stands.
    fn branch_at_point(&mut self, system: &System<'a>, faults: &[Fault], at: TaskId) {
        let task = &system.tasks[at];
        let has_answered = matches!(task.place, Place::Ack(_));
        if faults.len() == self.most
            || task.gives_up
            || matches!(task.place, Place::Fresh | Place::Asleep(_))
            || task.has_expired(system.now)
        {
            return;
        }
        // The clock does not jump twice before anybody looks at it.
        let has_just_jumped = system.jump == Jump::Past(at) && !has_answered && !ever(system, |system| system.timed);
        if task.faults_past < ADVANCE && !has_just_jumped {
            for by in jumps(system) {
                self.with(system, faults, format!("advance {} {}", task.point(), amount(by)), |system| {
                    system.tasks[at].faults_past = ADVANCE;
                    system.jump(system.now + by);
                    system.last_fault = system.now;
                    system.jump = Jump::Before(at);
                });
            }
        }
        let (point, delivery, process) = (task.point(), task.delivery, task.process);
        if task.faults_past < BESIDE && system.is_unsettled(at) {
            self.with(system, faults, format!("overlap {point}"), |system| {
                system.tasks[at].faults_past = BESIDE;
                system.beside(at, true);
            });
        }
        // Beside an acknowledgement a second copy is the one that is held until the message is handled.
        if task.faults_past < BESIDE && !has_answered {
            let duplicate = format!("duplicate m{} at {point}", delivery.message);
            self.with(system, faults, duplicate, |system| {
                system.tasks[at].faults_past = BESIDE;
                system.beside(at, false);
            });
        }
        if task.faults_past < PAUSE {
            self.with(system, faults, format!("pause {point}"), |system| {
                system.tasks[at].faults_past = PAUSE;
                system.pause(at);
                system.idle |= system.next_move() == Some(Move::Resume(at));
            });
        }
        if task.faults_past < LAST {
            self.with(system, faults, format!("crash {point}"), |system| system.crash(process));
        }
        if task.faults_past < LAST && !has_answered {
            self.with(system, faults, format!("cancel {point}"), |system| system.cancel(at));
        }
        if task.faults_past < LAST && matches!(task.place, Place::Ack(Answer::Done(_))) {
            self.with(system, faults, format!("lose-ack {delivery}"), |system| system.end(at, false));
        }
        // A connection breaks where the operation begins to wait for a lock; a reply is lost where it has acted.
        if task.faults_past < LAST && system.can_fail(at) {
            self.with(system, faults, format!("fail {point}"), |system| system.act(at, Some(Injected::Fail)));
        }
        if !task.orphan && !system.must_wait(at) && system.can_lose_reply(at) {
            let lost = Some(Injected::LoseReply);
            self.with(system, faults, format!("lose-reply {point}"), |system| system.act(at, lost));
        }
    }

    /// What is handed out now could come after another message instead.
    fn branch_at_delivery(&mut self, system: &System<'a>, faults: &[Fault], copy: usize) {
        if faults.len() == self.most {
            return;
        }
        let delivery = system.would_be(copy);
        let what = match delivery {
            Delivery { message, number: 1 } => format!("m{message}"),
            later => later.to_string(),
        };
        for past in (0..self.amounts.len()).filter(|past| *past != delivery.message) {
            let was = system.deferred.contains(&(delivery, past)) || system.lifted.contains(&(delivery, past));
            if !system.is_over(past) && !was {
                self.with(system, faults, format!("defer {what} past m{past}"), |system| {
                    system.deferred.push((delivery, past));
                });
            }
        }
    }

    /// Of a message that was handled just now the broker may hold a second copy.
    fn branch_at_handling(&mut self, system: &System<'a>, faults: &[Fault], before: &[bool]) {
        if faults.len() == self.most {
            return;
        }
        for (message, (now, before)) in is_handled(system).into_iter().zip(before).enumerate() {
            if now && !before {
                self.with(system, faults, format!("duplicate m{message}"), |system| {
                    system.hold_copy(message);
                });
            }
        }
    }
}

fn is_handled(system: &System<'_>) -> Vec<bool> {
    system.messages.iter().map(|fate| fate.handled.is_some()).collect()
}

/// By how much the clock may jump here: to what ends by itself, one tick to either side of that, and up the ladder.
fn jumps(system: &System<'_>) -> BTreeSet<u64> {
    let ahead = system.deadlines.range(system.now..).map(|deadline| deadline - system.now);
    let mut jumps: BTreeSet<u64> = ahead.flat_map(|by| [by.saturating_sub(1), by, by + 1]).collect();
    if ever(system, |system| system.looked) {
        jumps.extend(LADDER);
    }
    jumps.remove(&0);
    jumps
}

fn amount(by: u64) -> String {
    if by.is_multiple_of(1_000) { format!("{}s", by / 1_000) } else { format!("{by}ms") }
}

/// Whether this is so before everything is over, if no further fault comes.
fn ever(system: &System<'_>, so: impl Fn(&System<'_>) -> bool) -> bool {
    let mut system = system.clone();
    while !so(&system) {
        let Some(next) = system.next_move() else { return false };
        system.step += 1;
        go(&mut system, next);
    }
    true
}

/// Whether the clock still jumped just now when this has been done: only past an operation of the same task, with which nobody
/// looks, and for which nobody waits.
fn jump_after(system: &System<'_>, next: Move) -> Jump {
    match (system.jump, next) {
        (Jump::Before(of) | Jump::Past(of), Move::Turn(at)) if of == at && nobody_looks(system, at) => Jump::Past(of),
        _ => Jump::Not,
    }
}

fn nobody_looks(system: &System<'_>, at: TaskId) -> bool {
    let task = &system.tasks[at];
    let Place::Operation(instruction) = task.place else { return false };
    let looks = system.bank.looks_at_clock(system.connection(at), instruction);
    let acts = !task.gives_up && !task.has_expired(system.now) && !system.must_wait(at);
    acts && !looks && !system.tasks.iter().any(|task| task.parked)
}

/// One thing without a fault.
pub fn go(system: &mut System<'_>, next: Move) {
    match next {
        Move::Turn(at) => {
            system.last = Some(at);
            turn(system, at);
        }
        Move::Deliver(copy) => {
            let process = system.goes_to(copy);
            system.deliver(copy, process);
        }
        Move::Resume(at) => {
            system.tasks[at].hold = None;
            system.tasks[at].since = system.step;
        }
        Move::Clock(to) => system.set_clock(to),
        Move::GiveUp(at, to) => {
            system.set_clock(to);
            let task = &mut system.tasks[at];
            (task.parked, task.gives_up, task.since) = (false, true, system.step);
        }
        Move::EndDeferrals => system.deferred.clear(),
    }
}

/// One turn without a fault.
fn turn(system: &mut System<'_>, at: TaskId) {
    match system.tasks[at].place {
        Place::Operation(_) if system.tasks[at].has_expired(system.now) => system.expire(at),
        Place::Operation(_) if system.must_wait(at) => system.park(at),
        Place::Operation(_) => system.act(at, None),
        Place::Ack(_) => system.hear(at),
        Place::Fresh | Place::Asleep(_) => system.arrive(at),
        Place::Over => unreachable!("a delivery that is over takes no turn"),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.faults.iter().map(Fault::to_string).collect();
        write!(f, "[{}] {}", faults.join("; "), if self.violated { "violated" } else { "holds" })
    }
}
