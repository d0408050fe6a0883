//! Strategies that write down what is to come: a journal and its applier, an outbox and its relay, changes by their number; and
//! the one that numbers nothing and goes by the value.

use redeliver::{Contract, DeliveryModel, Guarantee, Isolation, Observation};
use redeliver_strategies::registry::EFFECT;

use super::{
    super::{
        Key::{Fixed, Id, Number},
        Op::{
            self, Add, Begin, Commit, Count, From, IfMissing, Next, Own, Put, PutIfAbsent, Repeat, SendOnce, Skip,
            SkipUnlessSeen, Take, TakeNumber,
        },
        Value::{self, Amount, Nothing, One, Taken},
    },
    BALANCE, CREDIT, Programmed, SEEN, UNLESS_SEEN, World,
};

const TRANSFER: Op = PutIfAbsent(Id("transfer:"), Nothing, None);
const DRAW: Op = Count(Fixed("written"));
const ROW: Op = Put(Number("journal:"), Amount);
const ROW_AHEAD: Op = Take(Number("journal:"));
const BOOKMARK: Op = TakeNumber(Fixed("applied"));
const MOVE_ON: Op = Put(Fixed("applied"), Value::Number);
const UNLESS_MISSING: Op = IfMissing(&Skip);
const APPLY: Op = Add(BALANCE, Taken);

const NEW: Op = PutIfAbsent(SEEN, Nothing, None);
const TO_SEND: Op = Put(Number("outbox:"), Amount);

const CHANGE: Op = PutIfAbsent(Number("change:"), Amount, None);
const VERSION: Op = TakeNumber(Fixed("version"));
const NEXT_CHANGE: Op = Take(Number("change:"));
const COUNT_ON: Op = Put(Fixed("version"), Value::Number);

/// There is a payment, its return, and another payment of whoever saw the account empty.
fn the_balance_is_one_that_somebody_saw(seen: &Observation) -> bool {
    [0, 100, 300].contains(&seen.integer("balance").unwrap_or(0))
}

pub const ALL: &[Programmed] = &[
    Programmed {
        strategy: "journal-applier",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[],
        world: World::One(Isolation::Serializable),
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: None,
        handler: &[Begin, TRANSFER, UNLESS_SEEN, DRAW, ROW, Commit],
        background: Some((
            "applier",
            &[Begin, BOOKMARK, Next, ROW_AHEAD, UNLESS_MISSING, MOVE_ON, APPLY, Commit, Repeat],
        )),
        by_hand: &[("the row under the message's own number", &[Begin, TRANSFER, UNLESS_SEEN, Own, ROW, Commit])],
    },
    Programmed {
        strategy: "outbox",
        models: &[DeliveryModel::at_least_once, DeliveryModel::at_most_once],
        faults: 2,
        also: None,
        parts: &[|seen| seen.values("balance"), |seen| seen.values("mail")],
        world: World::WithOutside,
        states: |contract| contract,
        promises: |contract| contract.equal_payloads_add_up().effect(EFFECT, Guarantee::ExactlyOnce),
        always: None,
        handler: &[Begin, NEW, UNLESS_SEEN, CREDIT, DRAW, TO_SEND, Commit],
        background: Some((
            "relay",
            &[
                TakeNumber(Fixed("sent")),
                Next,
                Take(Number("outbox:")),
                UNLESS_MISSING,
                SendOnce(Number("outbox:"), Taken),
                Put(Fixed("sent"), Value::Number),
                Repeat,
            ],
        )),
        by_hand: &[
            (
                "sends by itself, then commits",
                &[Begin, NEW, UNLESS_SEEN, CREDIT, SendOnce(Id("mail:"), Amount), Commit],
            ),
            (
                "commits, then sends by itself",
                &[Begin, NEW, UNLESS_SEEN, CREDIT, Commit, SendOnce(Id("mail:"), Amount)],
            ),
        ],
    },
    Programmed {
        strategy: "precondition-on-version",
        models: &[DeliveryModel::at_least_once],
        faults: 2,
        also: None,
        parts: &[|seen| seen.values("balance"), |seen| seen.values("version")],
        world: World::One(Isolation::Serializable),
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: None,
        handler: &[
            Own,
            CHANGE,
            From,
            Begin,
            VERSION,
            Next,
            NEXT_CHANGE,
            UNLESS_MISSING,
            APPLY,
            COUNT_ON,
            Commit,
            Repeat,
        ],
        background: None,
        by_hand: &[
            (
                "makes its own only",
                &[Own, CHANGE, Begin, VERSION, Next, NEXT_CHANGE, UNLESS_MISSING, APPLY, COUNT_ON, Commit],
            ),
            (
                "no transaction",
                &[Own, CHANGE, From, VERSION, Next, NEXT_CHANGE, UNLESS_MISSING, APPLY, COUNT_ON, Repeat],
            ),
        ],
    },
    Programmed {
        strategy: "precondition-on-value",
        models: &[DeliveryModel::at_most_once],
        faults: 2,
        also: None,
        parts: &[|seen| seen.values("balance"), |seen| seen.values("changes")],
        world: World::One(Isolation::Serializable),
        states: |contract| contract,
        promises: |contract| contract,
        always: Some(("the balance is one that somebody saw", the_balance_is_one_that_somebody_saw)),
        handler: &[Begin, SkipUnlessSeen(BALANCE), CREDIT, Add(Fixed("changes"), One), Commit],
        background: None,
        by_hand: &[
            ("no transaction", &[SkipUnlessSeen(BALANCE), CREDIT, Add(Fixed("changes"), One)]),
            ("a look in front", &[SkipUnlessSeen(BALANCE), Begin, CREDIT, Add(Fixed("changes"), One), Commit]),
            ("the change twice", &[Begin, SkipUnlessSeen(BALANCE), CREDIT, CREDIT, Add(Fixed("changes"), One), Commit]),
            (
                "sets instead of adding",
                &[Begin, SkipUnlessSeen(BALANCE), Put(BALANCE, Amount), Add(Fixed("changes"), One), Commit],
            ),
        ],
    },
];
