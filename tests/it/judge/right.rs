//! Whether a history was right in its end: every message exactly once, by what is seen and by what clients heard.
//!
//! Right is what one delivery of each message leaves, and answers, in some order that real time allows. A message that was
//! rejected and never handled is present once or not at all, however its handler answers. Each is delivered when any of its
//! deliveries was being handled: leases come to an end.

use std::collections::BTreeSet;

use super::{
    bank::Seen,
    cursor::Answer,
    program::Instruction,
    system::{Model, Place, System},
};

/// Whether every message was handled or rejected, and what is seen, and was heard, is what some order leaves that real time
/// allows.
pub fn is_right(system: &System<'_>, amounts: &[i64]) -> bool {
    let messages = || 0..amounts.len();
    if messages().any(|message| system.is_stuck(message)) {
        return false;
    }
    let was_handled = |message: &usize| system.messages[*message].handled.is_some();
    let optional: Vec<usize> = messages().filter(|message| !was_handled(message)).collect();
    subsets(&optional).into_iter().any(|present| {
        let taken: Vec<usize> =
            messages().filter(|message| was_handled(message) || present.contains(message)).collect();
        let mut orders = orders(&taken).into_iter();
        orders.any(|order| {
            let is_right = |times: Vec<u64>| is_left_by(system, amounts, &order, &times);
            respects_real_time(system, &order) && times(system, &order).into_iter().any(is_right)
        })
    })
}

/// Nobody who comes after another was handled before that was first delivered.
fn respects_real_time(system: &System<'_>, order: &[usize]) -> bool {
    order.iter().enumerate().all(|(at, later)| {
        order[at..].iter().all(|after| {
            let handled = system.messages[*after].handled;
            handled.is_none() || handled >= system.messages[*later].delivered
        })
    })
}

/// Whether this reference run is one, and leaves what is seen and answers what was heard.
fn is_left_by(system: &System<'_>, amounts: &[i64], order: &[usize], times: &[u64]) -> bool {
    let (seen, answers) = reference(system, amounts, order, times);
    let was_handled = |message: usize| system.messages[message].handled.is_some();
    let answer = |message: usize| answers.iter().find(|(of, _)| *of == message).map(|(_, answer)| *answer);
    let done = |message: &usize| matches!(answer(*message), Some(Answer::Done(_)));
    let compared = system.heard.iter().filter(|(of, _)| system.model == Model::RequestReply && was_handled(*of));
    seen == system.bank.seen()
        && order.iter().filter(|message| was_handled(**message)).all(done)
        && compared.into_iter().all(|(of, heard)| answer(*of) == Some(*heard))
}

/// Every choice of a time for each of these messages at which one of its deliveries was being handled; one will do where
/// nobody looks.
fn times(system: &System<'_>, order: &[usize]) -> Vec<Vec<u64>> {
    let mut choices = vec![Vec::new()];
    for message in order {
        let of_it = system.tasks.iter().filter(|task| task.delivery.message == *message);
        let mut times: BTreeSet<u64> = of_it.flat_map(|task| task.times.iter().copied()).collect();
        if !system.program.body.contains(&Instruction::Lease) {
            times = BTreeSet::from([0]);
        }
        let longer = choices.iter().flat_map(|choice: &Vec<u64>| {
            times.iter().map(move |time| choice.iter().copied().chain([*time]).collect::<Vec<u64>>())
        });
        choices = longer.collect();
    }
    choices
}

/// What one delivery of each message leaves in this order, at these times and without a fault, and how those that did not
/// ask for a retry answered.
fn reference(system: &System<'_>, amounts: &[i64], order: &[usize], times: &[u64]) -> (Seen, Vec<(usize, Answer)>) {
    let mut system = System::new(system.model, system.program, amounts);
    for (message, time) in order.iter().zip(times) {
        system.now = *time;
        let at = system.deliver(*message, 0);
        loop {
            match system.tasks[at].place {
                Place::Operation(_) => {
                    // What it spawned may wait for its own transaction.
                    system.tasks[at].gives_up = system.must_wait(at);
                    system.act(at, None);
                }
                Place::Fresh => system.arrive(at),
                Place::Asleep(until) => {
                    system.now = until;
                    system.arrive(at);
                }
                Place::Ack(_) => break system.hear(at),
                Place::Over => break,
            }
        }
    }
    (system.bank.seen(), system.heard)
}

fn subsets(of: &[usize]) -> Vec<BTreeSet<usize>> {
    let mut subsets = vec![BTreeSet::new()];
    for message in of {
        let with: Vec<BTreeSet<usize>> =
            subsets.iter().map(|subset| subset.iter().copied().chain([*message]).collect()).collect();
        subsets.extend(with);
    }
    subsets
}

fn orders(of: &[usize]) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for message in of {
        let longer = orders.iter().flat_map(|order: &Vec<usize>| {
            (0..=order.len()).map(move |at| {
                let mut order = order.clone();
                order.insert(at, *message);
                order
            })
        });
        orders = longer.collect();
    }
    orders
}
