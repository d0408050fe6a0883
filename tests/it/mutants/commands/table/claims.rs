//! Strategies that claim before they act: a claim that is confirmed, a lease with its token, a claim in a process.

use std::time::Duration;

use redeliver::{
    Contract, DeliveryModel, Guarantee, History, Isolation,
    history::{DeliveryName, Fault},
};
use redeliver_strategies::{claim_then_confirm, lease_with_fencing, registry::EFFECT};

use super::{
    super::{
        Key::{Fixed, Id},
        Op::{
            self, Begin, ComeAgain, ComeAgainIfAbove, Commit, CompareAndDelete, Count, GiveUp, Hold, IfFound, Keep,
            Put, PutIfAbsent, Send, SendOnce, SkipIfIs, Then,
        },
        Value::{self, Amount},
    },
    CHECK, CREDIT, MARK, Programmed, UNLESS_SEEN, World,
};

const CONFIRMED: Value = Value::Fixed("confirmed");
const CLAIM: Op = PutIfAbsent(Id("claim:"), Value::Fixed("claimed"), Some(claim_then_confirm::TTL));
const UNLESS_CONFIRMED: Op = IfFound(&SkipIfIs(Id("claim:"), CONFIRMED));
const UNLESS_TAKEN: Op = IfFound(&ComeAgain);
const MAIL: Op = SendOnce(Id(""), Amount);
const CONFIRM: Op = Put(Id("claim:"), CONFIRMED);

const TOKEN: Op = Count(Fixed("token"));
const LEASE: Op = PutIfAbsent(Fixed("lease"), Value::Number, Some(lease_with_fencing::TTL));
const FENCED: Op = ComeAgainIfAbove(Fixed("fence"));
const SHOW: Op = Put(Fixed("fence"), Value::Number);
const GIVE_BACK: Op = CompareAndDelete(Fixed("lease"), Value::Number);

pub const ALL: &[Programmed] = &[
    Programmed {
        strategy: "claim-then-confirm",
        models: &[DeliveryModel::at_least_once],
        faults: 1,
        also: Some(overtaken),
        parts: &[],
        world: World::WithOutside,
        states: |contract| contract,
        promises: |contract| contract.equal_payloads_add_up().effect(EFFECT, Guarantee::ExactlyOnce),
        always: None,
        handler: &[CLAIM, UNLESS_CONFIRMED, UNLESS_TAKEN, MAIL, CONFIRM],
        background: None,
        by_hand: &[
            ("whoever finds a claim is done", &[CLAIM, UNLESS_SEEN, MAIL, CONFIRM]),
            (
                "a claim for a day",
                &[
                    PutIfAbsent(Id("claim:"), Value::Fixed("claimed"), Some(Duration::from_secs(86_400))),
                    UNLESS_CONFIRMED,
                    UNLESS_TAKEN,
                    MAIL,
                    CONFIRM,
                ],
            ),
            ("under no key, and confirmed before", &[CLAIM, UNLESS_CONFIRMED, UNLESS_TAKEN, CONFIRM, Send(Amount)]),
        ],
    },
    Programmed {
        strategy: "lease-with-fencing",
        models: &[DeliveryModel::at_least_once],
        faults: 1,
        also: Some(overtaken),
        parts: &[],
        world: World::One(Isolation::Serializable),
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: None,
        handler: &[
            TOKEN,
            LEASE,
            UNLESS_TAKEN,
            Begin,
            FENCED,
            SHOW,
            Commit,
            CHECK,
            UNLESS_SEEN,
            Begin,
            FENCED,
            CREDIT,
            MARK,
            Commit,
            Then,
            GIVE_BACK,
        ],
        background: None,
        by_hand: &[
            (
                "the token is shown behind the look",
                &[
                    TOKEN,
                    LEASE,
                    UNLESS_TAKEN,
                    CHECK,
                    UNLESS_SEEN,
                    Begin,
                    FENCED,
                    SHOW,
                    Commit,
                    Begin,
                    FENCED,
                    CREDIT,
                    MARK,
                    Commit,
                    Then,
                    GIVE_BACK,
                ],
            ),
            (
                "the token is shown with the write only",
                &[
                    TOKEN,
                    LEASE,
                    UNLESS_TAKEN,
                    CHECK,
                    UNLESS_SEEN,
                    Begin,
                    FENCED,
                    SHOW,
                    CREDIT,
                    MARK,
                    Commit,
                    Then,
                    GIVE_BACK,
                ],
            ),
            ("no token", &[LEASE, UNLESS_TAKEN, CHECK, UNLESS_SEEN, Begin, CREDIT, MARK, Commit, Then, GIVE_BACK]),
        ],
    },
    Programmed {
        strategy: "in-process-claim",
        models: &[DeliveryModel::at_least_once, DeliveryModel::request_reply],
        faults: 2,
        also: None,
        parts: &[],
        world: World::WithMemory,
        states: |contract| contract,
        promises: Contract::equal_payloads_add_up,
        always: None,
        handler: &[Hold, UNLESS_TAKEN, Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit],
        background: None,
        by_hand: &[
            ("the claim alone", &[Hold, UNLESS_TAKEN, CREDIT]),
            ("whoever finds a claim is done", &[Hold, UNLESS_SEEN, Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit]),
            ("the claim is kept", &[Hold, UNLESS_TAKEN, Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit, Keep]),
            (
                "the claim is kept from the start",
                &[Hold, UNLESS_TAKEN, Keep, Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit],
            ),
            (
                "the claim is given up before the transaction",
                &[Hold, UNLESS_TAKEN, GiveUp, Begin, CHECK, UNLESS_SEEN, CREDIT, MARK, Commit],
            ),
        ],
    },
];

/// At some point the clock jumps past the time for which anything is claimed, and there or later another delivery comes beside
/// the first; or there another one comes, which stops on its way until the first has gone on to its end. Of so many faults the
/// search would take minutes where a clock is read.
fn overtaken() -> Vec<History> {
    let point = |delivery, at| DeliveryName::new(0, delivery).operation(at);
    let jump = |at| Fault::Advance { at: point(1, at), by: Duration::from_secs(31) };
    let beside = |at| Fault::Overlap { at: point(1, at), to: None };
    let stop = |at| Fault::Pause { at: point(2, at), until: None };
    let places = || (1..=16).flat_map(|first| (1..=16).map(move |then| (first, then)));
    let later = places().filter(|(first, then)| first <= then).map(|(first, then)| vec![jump(first), beside(then)]);
    let stopped = places().map(|(first, then)| vec![jump(first), beside(first), stop(then)]);
    let history = History::builder(DeliveryModel::at_least_once()).message(100).build();
    let history = history.expect("a history without faults");
    later.chain(stopped).map(|faults| History { faults, ..history.clone() }).collect()
}
