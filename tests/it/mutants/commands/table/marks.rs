//! Strategies that put a mark beside the effect, in one transaction: sharded, at snapshot isolation, in two stores, with an
//! acknowledgement or a memory around it, for so long, or with a table of dead letters.

use std::time::Duration;

use redeliver::{Contract, DeliveryModel, Isolation, Observation};
use redeliver_strategies::window::WINDOW;

use super::{
    super::{
        Key::{Fixed, Fresh, Id},
        Op::{
            self, Ack, Add, Begin, Commit, Done, Draw, IfFound, IfMissing, In, Knows, Learn, Put, PutIfAbsent, Refuse,
            Then,
        },
        Place::{ByAttempt, ByCopy, ById, Second},
        Value::{Amount, Minus, Nothing},
    },
    BALANCE, CHECK, CREDIT, MARK, Programmed, SEEN, UNLESS_SEEN, World,
};

const HERE: Op = Add(BALANCE, Minus);
const ENTER: Op = Put(Fresh("entry:"), Amount);
const FOR_THE_WINDOW: Op = PutIfAbsent(SEEN, Nothing, Some(WINDOW));
const SHORT: Duration = Duration::from_secs(299);
const LONG: Duration = Duration::from_secs(301);

const BURY: Op = IfFound(&Put(Id("dead:"), Amount));
const NEW: Op = IfMissing(&PutIfAbsent(SEEN, Nothing, None));
const CREDIT_NEW: Op = IfMissing(&CREDIT);

/// What a store of this name holds.
fn cells<'a>(seen: &'a Observation, store: &str) -> Vec<&'a str> {
    seen.rows_of(store).iter().flatten().map(String::as_str).collect()
}

fn balance_of(seen: &Observation, store: &str) -> i64 {
    seen.rows_of(store).iter().filter_map(|row| row[1].parse::<i64>().ok()).sum()
}

fn nothing_arrives_that_has_not_left(seen: &Observation) -> bool {
    balance_of(seen, "here") + balance_of(seen, "there") <= 0
}

/// Nothing that is put aside is added, and nothing that is added is put aside.
fn only_what_can_be_added_is(seen: &Observation) -> bool {
    seen.integer("balance").unwrap_or(0) >= 0 && seen.values("dead:m1").is_empty() && seen.values("dead:m3").is_empty()
}

pub const ALL: &[Programmed] = &[
    Programmed {
        strategy: "sharded-dedup",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[],
        world: World::Shards,
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: None,
        handler: &[In(ById), Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit],
        background: None,
        by_hand: &[
            ("the shard of the copy", &[In(ByCopy), Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit]),
            ("the shard of the attempt", &[In(ByAttempt), Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit]),
            (
                "the mark in one shard, the effect in another",
                &[In(ById), Begin, CHECK, UNLESS_SEEN, MARK, Commit, In(Second), CREDIT],
            ),
        ],
    },
    Programmed {
        strategy: "snapshot",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[],
        world: World::One(Isolation::Snapshot),
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: None,
        handler: &[Draw, Begin, CHECK, UNLESS_SEEN, ENTER, MARK, Commit],
        background: None,
        by_hand: &[
            ("no transaction", &[Draw, CHECK, UNLESS_SEEN, ENTER, MARK]),
            ("a mark of its own", &[Draw, Begin, CHECK, UNLESS_SEEN, ENTER, Put(Fresh("seen:"), Nothing), Commit]),
            ("a check in front", &[Draw, CHECK, UNLESS_SEEN, Begin, ENTER, MARK, Commit]),
            ("a mark if there is none", &[Draw, Begin, PutIfAbsent(SEEN, Nothing, None), UNLESS_SEEN, ENTER, Commit]),
        ],
    },
    Programmed {
        strategy: "two-stores",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[|seen| cells(seen, "here"), |seen| cells(seen, "there")],
        world: World::Two,
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: Some(("nothing arrives that has not left", nothing_arrives_that_has_not_left)),
        handler: &[
            Begin,
            CHECK,
            UNLESS_SEEN,
            HERE,
            MARK,
            Commit,
            Then,
            In(Second),
            Begin,
            CHECK,
            UNLESS_SEEN,
            CREDIT,
            MARK,
            Commit,
        ],
        background: None,
        by_hand: &[
            ("one mark for both", &[Begin, CHECK, UNLESS_SEEN, HERE, MARK, Commit, In(Second), CREDIT]),
            (
                "the mark of both behind both",
                &[CHECK, UNLESS_SEEN, HERE, In(Second), Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit],
            ),
        ],
    },
    Programmed {
        strategy: "window",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[],
        world: World::One(Isolation::Serializable),
        states: |contract| contract.bounded("seen:", 1),
        promises: |contract| contract.bounded("seen:", 1).equal_payloads_add_up(),
        always: None,
        handler: &[Begin, FOR_THE_WINDOW, UNLESS_SEEN, CREDIT, Commit],
        background: None,
        by_hand: &[
            (
                "a window that is a second short",
                &[Begin, PutIfAbsent(SEEN, Nothing, Some(SHORT)), UNLESS_SEEN, CREDIT, Commit],
            ),
            (
                "a window that is a second longer",
                &[Begin, PutIfAbsent(SEEN, Nothing, Some(LONG)), UNLESS_SEEN, CREDIT, Commit],
            ),
            ("no transaction", &[FOR_THE_WINDOW, UNLESS_SEEN, CREDIT]),
            ("a look, then a mark that does not run out", &[Begin, CHECK, UNLESS_SEEN, MARK, CREDIT, Commit]),
        ],
    },
    Programmed {
        strategy: "ack-after-effect",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[],
        world: World::One(Isolation::Serializable),
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: None,
        handler: &[Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit, Then, Ack],
        background: None,
        by_hand: &[
            ("the acknowledgement first", &[Ack, Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit]),
            ("the acknowledgement within the transaction", &[Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Ack, Commit]),
        ],
    },
    Programmed {
        strategy: "in-process-guard",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[],
        world: World::WithMemory,
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: None,
        handler: &[Knows, IfFound(&Done), Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit, Then, Learn],
        background: None,
        by_hand: &[
            ("the guard alone", &[Knows, IfFound(&Done), CREDIT, Learn]),
            ("learns before", &[Knows, IfFound(&Done), Learn, Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit]),
        ],
    },
    Programmed {
        strategy: "dead-letter",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[],
        world: World::One(Isolation::Serializable),
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: Some(("only what can be added is", only_what_can_be_added_is)),
        handler: &[Begin, Refuse, BURY, NEW, CREDIT_NEW, Commit],
        background: None,
        by_hand: &[
            (
                "put aside first, then marked too",
                &[Begin, Refuse, BURY, PutIfAbsent(SEEN, Nothing, None), CREDIT_NEW, Commit],
            ),
            ("what cannot be added comes again", &[Begin, Refuse, IfFound(&Op::ComeAgain), NEW, CREDIT_NEW, Commit]),
            (
                "put aside under a fresh key",
                &[Draw, Begin, Refuse, IfFound(&Put(Fresh("dead:"), Amount)), NEW, CREDIT_NEW, Commit],
            ),
            ("no transaction", &[Refuse, BURY, NEW, CREDIT_NEW]),
            (
                "put aside in the balance's place",
                &[Begin, Refuse, IfFound(&Put(Fixed("balance"), Amount)), NEW, CREDIT_NEW, Commit],
            ),
        ],
    },
];
