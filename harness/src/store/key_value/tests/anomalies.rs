//! Which anomalies each level allows: the tests of Hermitage (<https://github.com/ept/hermitage>) that make sense for keys
//! and values, by its names.
//!
//! A session is a message, `T1` is `m1`; `m0` puts `x` to 10 and `y` to 20. The sessions take their steps in the order in
//! which a script has them: each is paused wherever another one comes first.

use crate::{
    Error, Isolation, KeyValue, KeyValueTransaction,
    history::Fault,
    machine::{
        testing::{Given, Stage, at, rows},
        trace::{Event, Replay},
    },
};

use Isolation::{ReadCommitted, Serializable, Snapshot};

/// One step of a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Do {
    Begin,
    Get(&'static str),
    Put(&'static str, &'static str),
    Claim(&'static str),
    /// As `Put`, but at `ReadCommitted` it has to wait, so that nothing waits for it.
    PutWaits(&'static str, &'static str),
    Commit,
    RollBack,
}

use Do::{Begin, Claim, Commit, Get, Put, PutWaits, RollBack};

/// Which session takes which step.
pub(super) type Script = &'static [(usize, Do)];

/// Each session's steps, until one fails.
async fn session(kv: &KeyValue, steps: impl Iterator<Item = Do>) -> Result<(), Error> {
    let mut tx: Option<KeyValueTransaction> = None;
    let open = |tx: &mut Option<KeyValueTransaction>| tx.take().expect("a session begins before it does anything");
    for step in steps {
        let within = tx.as_ref();
        match step {
            Begin => tx = Some(kv.begin().await?),
            Get(key) => drop(within.expect("it has begun").get(key).await?),
            Claim(key) => drop(within.expect("it has begun").put_if_absent(key, "mine", None).await?),
            Put(key, value) | PutWaits(key, value) => within.expect("it has begun").put(key, value).await?,
            Commit => open(&mut tx).commit().await?,
            RollBack => open(&mut tx).rollback().await?,
        }
    }
    Ok(())
}

/// Pauses that let the sessions take their steps in this order.
fn pauses(script: Script) -> Vec<Fault> {
    let mut taken = [0_u32; 9];
    let mut before: Option<(usize, u32)> = None;
    let mut faults = Vec::new();
    for (session, step) in script {
        taken[*session] += 1;
        let number = taken[*session];
        if let Some((other, its)) = before.filter(|(other, _)| other != session)
            && number > 1
        {
            faults.push(Fault::Pause { at: at(*session, 1, number), until: Some(at(other, 1, its)) });
        }
        if !matches!(step, PutWaits(..)) {
            before = Some((*session, number));
        }
    }
    faults
}

/// What came of a script.
pub(super) struct Played {
    replay: Replay,
}

pub(super) fn play(isolation: Isolation, script: Script) -> Played {
    let store = KeyValue::new("kv").isolation(isolation).observed();
    let mut stage = Stage::new(store, async |kv: &KeyValue, given: &Given| {
        if given.message == 0 {
            kv.put("x", "10").await?;
            return kv.put("y", "20").await;
        }
        let of_it = script.iter().filter(|(session, _)| *session == given.message).map(|(_, step)| *step);
        // It is over either way: nothing is delivered again.
        let _ended = session(kv, of_it).await;
        Ok(())
    });
    let sessions = script.iter().map(|(session, _)| *session).max().unwrap_or(0);
    Played { replay: stage.replay(sessions + 1, &pauses(script)) }
}

impl Played {
    /// What a session was told, each time that it took this step.
    pub(super) fn told(&self, session: usize, what: &str) -> Vec<&str> {
        let told = self.replay.events.iter().filter_map(|event| match event {
            Event::Step { at, words: Some(words), .. } if at.message() == Some(session) && words.what == what => {
                Some(words.result.as_str())
            }
            _ => None,
        });
        told.collect()
    }

    fn committed(&self, session: usize) -> bool {
        self.told(session, "commit") == ["ok"]
    }

    pub(super) fn rows(&self) -> Vec<String> {
        rows(&self.replay)
    }
}

/// At which levels the sign shows after the script.
fn shows(script: Script, sign: impl Fn(&Played) -> bool) -> Vec<Isolation> {
    let mut shows = vec![ReadCommitted, Snapshot, Serializable];
    shows.retain(|isolation| sign(&play(*isolation, script)));
    shows
}

#[test]
fn no_level_writes_over_what_is_not_committed() {
    // G0.
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (1, Put("x", "11")), (2, PutWaits("x", "12")), (1, Put("y", "21")), (1, Commit),
        (2, Put("y", "22")), (2, Commit),
    ];
    let of_one = |played: &Played| [["x=11", "y=21"], ["x=12", "y=22"]].iter().any(|rows| played.rows() == *rows);
    assert_eq!(shows(script, of_one), [ReadCommitted, Snapshot, Serializable]);
    assert_eq!(play(ReadCommitted, script).rows(), ["x=12", "y=22"], "who waited writes over it");
}

#[test]
fn no_level_shows_what_is_rolled_back() {
    // G1a.
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (1, Put("x", "101")), (2, Get("x")), (1, RollBack), (2, Get("x")), (2, Commit),
    ];
    assert_eq!(shows(script, |played| played.told(2, "get x").contains(&"\"101\"")), []);
    assert_eq!(play(ReadCommitted, script).told(2, "get x"), ["\"10\"", "\"10\""]);
}

#[test]
fn no_level_shows_what_is_written_over_before_the_commit() {
    // G1b.
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (1, Put("x", "101")), (2, Get("x")), (1, Put("x", "11")), (1, Commit), (2, Get("x")),
        (2, Commit),
    ];
    assert_eq!(shows(script, |played| played.told(2, "get x").contains(&"\"101\"")), []);
    assert_eq!(play(ReadCommitted, script).told(2, "get x"), ["\"10\"", "\"11\""]);
    assert_eq!(play(Snapshot, script).told(2, "get x"), ["\"10\"", "\"10\""]);
}

#[test]
fn at_no_level_do_two_see_each_others_writes() {
    // G1c.
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (1, Put("x", "11")), (2, Put("y", "22")), (1, Get("y")), (2, Get("x")), (1, Commit),
        (2, Commit),
    ];
    let sees = |played: &Played| played.told(1, "get y") == ["\"22\""] || played.told(2, "get x") == ["\"11\""];
    assert_eq!(shows(script, sees), []);
}

#[test]
fn no_transaction_vanishes_that_was_observed() {
    // OTV.
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (3, Begin), (1, Put("x", "11")), (1, Put("y", "19")), (2, PutWaits("x", "12")),
        (1, Commit), (3, Get("x")), (2, Put("y", "18")), (3, Get("y")), (2, Commit), (3, Get("y")), (3, Get("x")),
        (3, Commit),
    ];
    let vanishes = |played: &Played| match (&played.told(3, "get x")[..], &played.told(3, "get y")[..]) {
        ([first, last], [before, after]) => {
            *first == "\"12\"" || *before == "\"18\"" || (*after == "\"18\"") != (*last == "\"12\"")
        }
        _ => false,
    };
    assert_eq!(shows(script, vanishes), []);
    let played = play(ReadCommitted, script);
    assert_eq!(played.told(3, "get x"), ["\"11\"", "\"12\""]);
    assert_eq!(played.told(3, "get y"), ["\"19\"", "\"18\""]);
}

#[test]
fn what_was_not_there_appears_at_read_committed() {
    // PMP, with a key that is absent as the predicate.
    #[rustfmt::skip]
    let script: Script =
        &[(1, Begin), (2, Begin), (1, Get("z")), (2, Put("z", "30")), (2, Commit), (1, Get("z")), (1, Commit)];
    assert_eq!(shows(script, |played| played.told(1, "get z") == ["none", "\"30\""]), [ReadCommitted]);
    assert_eq!(play(Snapshot, script).told(1, "get z"), ["none", "none"]);
}

#[test]
fn an_update_is_lost_at_read_committed_only() {
    // P4.
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (1, Get("x")), (2, Get("x")), (1, Put("x", "11")), (2, PutWaits("x", "12")),
        (1, Commit), (2, Commit),
    ];
    assert_eq!(shows(script, |played| played.committed(1) && played.committed(2)), [ReadCommitted]);
    assert_eq!(play(ReadCommitted, script).rows(), ["x=12", "y=20"]);
    let played = play(Snapshot, script);
    assert_eq!((played.committed(1), played.committed(2)), (true, false), "the first to commit wins");
    assert_eq!(played.rows(), ["x=11", "y=20"], "and the other one leaves nothing");
}

#[test]
fn what_is_read_is_skewed_at_read_committed_only() {
    // G-single.
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (1, Get("x")), (2, Put("x", "12")), (2, Put("y", "18")), (2, Commit), (1, Get("y")),
        (1, Commit),
    ];
    let skewed = |played: &Played| played.told(1, "get x") == ["\"10\""] && played.told(1, "get y") == ["\"18\""];
    assert_eq!(shows(script, skewed), [ReadCommitted]);
    assert_eq!(play(Snapshot, script).told(1, "get y"), ["\"20\""]);
    assert!(play(Snapshot, script).committed(1), "it wrote nothing");
}

#[test]
fn what_is_written_is_skewed_below_serializable() {
    // G2-item.
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (1, Get("x")), (1, Get("y")), (2, Get("x")), (2, Get("y")), (1, Put("x", "11")),
        (2, Put("y", "21")), (1, Commit), (2, Commit),
    ];
    assert_eq!(shows(script, |played| played.committed(1) && played.committed(2)), [ReadCommitted, Snapshot]);
    assert_eq!(play(Snapshot, script).rows(), ["x=11", "y=21"]);
}

#[test]
fn two_owners_who_look_at_each_others_keys_and_claim_fresh_ones_are_told_apart_at_serializable_only() {
    #[rustfmt::skip]
    let script: Script = &[
        (1, Begin), (2, Begin), (1, Get("owner:2")), (2, Get("owner:1")), (1, Claim("owner:1")), (2, Claim("owner:2")),
        (1, Commit), (2, Commit),
    ];
    let both = |played: &Played| played.rows().iter().filter(|row| row.starts_with("owner")).count() == 2;
    assert_eq!(shows(script, both), [ReadCommitted, Snapshot]);
}

#[test]
fn two_who_claim_one_key_are_told_apart_at_every_level() {
    #[rustfmt::skip]
    let script: Script =
        &[(1, Begin), (2, Begin), (1, Claim("owner")), (1, Put("x", "11")), (2, Claim("owner")), (1, Commit), (2, Commit)];
    let both_won = |played: &Played| {
        let won =
            |session: usize| played.committed(session) && played.told(session, "put_if_absent owner mine") == ["won"];
        won(1) && won(2)
    };
    assert_eq!(shows(script, both_won), []);
    assert!(play(Snapshot, script).committed(1));
}
