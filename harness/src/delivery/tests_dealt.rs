//! What `dealt` admits and what it refuses: who has what is settled before anything happens.

use std::time::Duration;

use super::{CopyId, DeliveryModel, Ending, Queue, Term};
use crate::History;

/// One thing that happens, or is to be refused.
#[derive(Clone, Copy, Debug)]
enum Did {
    /// This process gets a delivery of this message.
    Takes(usize, usize),
    /// What this process has ends so.
    Ends(usize, Ending),
    /// So many milliseconds go by.
    Waits(u64),
}

use self::Did::{Ends, Takes, Waits};
use Ending::{AckLost, Acked, Cancelled, Rejected, Retried, Silent};

/// Two messages twice, to two processes, and what has happened so far. Why the next thing cannot.
struct Referee {
    queue: Box<dyn Queue>,
    now: Duration,
    has: [Option<CopyId>; 2],
}

impl Referee {
    fn new() -> Self {
        let mut queue = DeliveryModel::dealt(2).rules().queue();
        queue.deal(2);
        queue.publish(2, &[]);
        Self { queue, now: Duration::ZERO, has: [None; 2] }
    }

    fn follow(&mut self, did: Did) -> Result<(), String> {
        match did {
            Takes(process, message) => {
                let due = self.queue.due_at(process, self.now).ok_or("it has nothing to take")?;
                let is_of = self.queue.copy(due).message;
                if is_of != message {
                    return Err(format!("it is m{is_of}'s turn"));
                }
                // A broker that nobody chooses for hands out the same.
                assert_eq!(self.queue.goes_to(due), Some(process));
                assert!(
                    self.queue
                        .due(self.now, &mut |_| true)
                        .is_some_and(|first| first <= due || first.0 % 2 < due.0 % 2)
                );
                self.queue.hand_out(due);
                self.has[process] = Some(due);
            }
            Ends(process, how) => {
                let copy = self.has[process].take().ok_or("it has nothing")?;
                self.queue.ended(copy, Term::default(), how, self.now);
            }
            Waits(millis) => {
                self.now += Duration::from_millis(millis);
            }
        }
        Ok(())
    }
}

/// The last of each is refused, and why.
const REFUSED: &[(&[Did], &str)] = &[
    // m1 is dealt behind m0.
    (&[Takes(0, 1)], "m0's turn"),
    (&[Takes(0, 0), Takes(0, 1)], "nothing to take"),
    (&[Takes(0, 0), Takes(0, 0)], "nothing to take"),
    (&[Takes(0, 0), Ends(0, Silent), Takes(0, 1)], "m0's turn"),
    (&[Takes(0, 0), Ends(0, Retried), Takes(0, 0)], "nothing to take"),
    (&[Takes(0, 0), Ends(0, Retried), Waits(999), Takes(0, 0)], "nothing to take"),
    (&[Takes(0, 0), Ends(0, Retried), Takes(0, 1)], "nothing to take"),
    (&[Takes(0, 0), Ends(0, AckLost), Waits(999), Takes(0, 0)], "nothing to take"),
    (&[Takes(0, 0), Ends(0, Acked), Takes(0, 0)], "m1's turn"),
    (&[Takes(0, 0), Ends(0, Rejected), Takes(0, 0)], "m1's turn"),
    // The other process has a copy of its own, and no more.
    (&[Takes(0, 0), Takes(1, 0), Ends(1, Acked), Takes(1, 1), Ends(1, Acked), Takes(1, 0)], "nothing to take"),
];

#[test]
fn it_refuses_what_was_not_dealt_so() {
    for (did, why) in REFUSED {
        let mut referee = Referee::new();
        let (last, before) = did.split_last().expect("there is something to refuse");
        for step in before {
            referee.follow(*step).unwrap_or_else(|refused| panic!("{did:?}: {step:?}: {refused}"));
        }
        let refused = referee.follow(*last).expect_err(&format!("{did:?}"));
        assert!(refused.contains(why), "{did:?}: {refused}");
    }
}

#[test]
fn after_a_crash_a_process_goes_on_with_what_it_had() {
    let admitted: &[&[Did]] = &[
        &[Takes(1, 0), Ends(1, Silent), Takes(1, 0), Ends(1, Acked), Takes(1, 1), Ends(1, Acked)],
        &[Takes(0, 0), Ends(0, Cancelled), Waits(1_000), Takes(0, 0), Ends(0, Retried), Waits(2_000), Takes(0, 0)],
        &[Takes(0, 0), Takes(1, 0), Ends(0, Rejected), Takes(0, 1), Ends(1, Acked), Takes(1, 1)],
    ];
    for did in admitted {
        let mut referee = Referee::new();
        for step in *did {
            assert_eq!(referee.follow(*step), Ok(()), "{step:?} of {did:?}");
        }
    }
}

#[test]
fn a_history_of_it_is_written_and_read_and_refuses_what_it_cannot_produce() {
    let text = |model: &str, fault: &str| {
        format!("redeliver-history 1\nmodel {model}\nmessage m0 1\nmessage m1 2\n{fault}\n").parse::<History>()
    };
    for (copies, name) in [(1, "dealt-1"), (2, "dealt"), (3, "dealt-3"), (4, "dealt-4")] {
        let model = DeliveryModel::dealt(copies);
        assert_eq!((model.name(), DeliveryModel::named(name)), (name, Ok(model)));
        let history = text(name, "crash m0#2.1").expect("it is one");
        assert_eq!(history.to_string().parse(), Ok(history));
    }
    assert_eq!((DeliveryModel::dealt(0).name(), DeliveryModel::dealt(9).name()), ("dealt-1", "dealt-4"));
    for (fault, why) in [
        ("duplicate m0", "dealt in advance"),
        ("overlap m0#1.1", "one after the other"),
        ("defer m0 past m1", "in which they were dealt"),
    ] {
        let refused = text("dealt", fault).expect_err(fault).to_string();
        assert!(refused.contains("not in dealt: ") && refused.contains(why), "{refused}");
    }
}
