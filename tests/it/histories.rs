//! Generators: every history that there can be, any text, and what becomes of a text by accident.
//!
//! What is checked of them lives in the modules that use them.

use std::time::Duration;

use proptest::{
    arbitrary::any,
    char::range,
    collection::vec,
    option, prop_oneof,
    sample::{Index, select},
    strategy::{BoxedStrategy, Just, Strategy},
};
use redeliver::{
    DeliveryModel, History,
    history::{Coordinate, Deferred, DeliveryName, Fault, Line, Loss, Payload, Place, Published, Skew},
};

/// Texts that a reader could take for something else, and any other text.
pub fn text() -> impl Strategy<Value = String> {
    let tricky = [
        "",
        " ",
        "100",
        "-100",
        "id=3",
        "id=",
        "order=",
        "seed=1",
        "hash=ff",
        "#",
        "# no comment",
        "\"",
        "\"quoted\"",
        "\\",
        "it's",
        "a;b",
        "a:b",
        "~1.2",
        "%27",
        "%",
        "two\nlines",
        "\r",
        "100\r\n",
        "\tx",
        "x\t",
        " x ",
        "\0",
        "\u{200b}",
        "\u{202e}",
        "\u{a0}x\u{a0}",
        "\u{2028}",
        "Überweisung",
        "e\u{301}",
        "\u{301}",
        "😀",
        "\u{10ffff}",
        "r1:",
        "m0",
        "message m1 2",
        "crash m0#1.2",
        "{\"amount\": 100}",
        "=",
        "==",
        "to",
        "$HOME `id` !x",
    ];
    let joined = vec(select(tricky.to_vec()), 0..4).prop_map(|parts| parts.concat());
    // No regular expressions: one would be compiled anew for each history.
    let chars = |of: BoxedStrategy<char>| vec(of, 0..12).prop_map(String::from_iter);
    prop_oneof![
        select(tricky.to_vec()).prop_map(str::to_owned),
        joined,
        chars(any::<char>().boxed()),
        chars(range('!', '~').boxed()),
    ]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_u64, any::<u64>(), Just(u64::MAX)]
}

/// A message of a history.
fn message() -> impl Strategy<Value = Published> {
    let generated = (number(), option::of(number())).prop_map(|(seed, hash)| Payload::Generated { seed, hash });
    let payload = prop_oneof![generated, text().prop_map(Payload::Written)];
    (option::of(text()), option::of(text()), payload).prop_map(|(id, ordering_key, payload)| Published {
        id,
        ordering_key,
        payload,
    })
}

fn from_one() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1..5_u32, 1 => 1..=u32::MAX, 1 => Just(u32::MAX)]
}

fn delivery(messages: usize) -> impl Strategy<Value = DeliveryName> {
    (0..messages, from_one()).prop_map(|(message, number)| DeliveryName::new(message, number))
}

/// Any point of so many messages.
pub fn point(messages: usize) -> impl Strategy<Value = Coordinate> {
    let place = prop_oneof![4 => from_one().prop_map(Place::Operation), 1 => Just(Place::Ack)];
    (delivery(messages), place).prop_map(|(delivery, place)| Coordinate { task: delivery.into(), place })
}

/// Any fault of so many messages and processes, sensible or not.
pub fn fault(messages: usize, processes: usize) -> impl Strategy<Value = Fault> {
    let most = u64::try_from(History::MAX_ADVANCE.as_millis()).unwrap();
    let amount = prop_oneof![1..100_000_u64, (1..100_u64).prop_map(|s| s * 1000), Just(most), 1..=most];
    let deferred =
        prop_oneof![(0..messages).prop_map(Deferred::Message), delivery(messages).prop_map(Deferred::Delivery)];
    let at = || point(messages);
    prop_oneof![
        (0..messages, option::of(at())).prop_map(|(message, at)| Fault::Duplicate { message, at }),
        (deferred, 0..messages).prop_map(|(what, past)| Fault::Defer { what, past }),
        (at(), option::of(0..processes)).prop_map(|(at, to)| Fault::Overlap { at, to }),
        (at(), option::of(at())).prop_map(|(at, until)| Fault::Pause { at, until }),
        at().prop_map(|at| Fault::Crash { at }),
        delivery(messages).prop_map(|delivery| Fault::LoseAck { delivery }),
        at().prop_map(|at| Fault::Fail { at }),
        at().prop_map(|at| Fault::LoseReply { at }),
        (delivery(messages), from_one()).prop_map(|(delivery, n)| Fault::Cancel { at: delivery.operation(n) }),
        (at(), amount.clone()).prop_map(|(at, ms)| Fault::Advance { at, by: Duration::from_millis(ms) }),
        (0..processes, any::<bool>(), amount).prop_map(|(process, ahead, ms)| Fault::Skew {
            process,
            skew: Skew { ahead, by: Duration::from_millis(ms) }
        }),
        (at(), prop_oneof![Just(Loss::Last), Just(Loss::Oldest)], from_one())
            .prop_map(|(at, loss, count)| { Fault::Forget { store: "cache-2".parse().unwrap(), at, loss, count } }),
    ]
}

/// What the rules of a history leave out of all faults: what waits for or comes after itself.
fn sensible(fault: &Fault) -> bool {
    match *fault {
        Fault::Defer { what: Deferred::Message(message), past } => message != past,
        Fault::Defer { what: Deferred::Delivery(delivery), past } => delivery.message != past,
        Fault::Pause { at, until: Some(until) } => at.task != until.task,
        _ => true,
    }
}

/// Any history that can be.
pub fn history() -> impl Strategy<Value = History> {
    let messages = prop_oneof![100 => 1..6_usize, 1 => Just(History::MAX_MESSAGES)];
    let processes = prop_oneof![4 => Just(History::DEFAULT_PROCESSES), 4 => 1..=History::MAX_PROCESSES];
    let sized = (messages, processes, select(DeliveryModel::names()));
    sized.prop_flat_map(|(messages, processes, model)| {
        let model = DeliveryModel::named(model).unwrap();
        (vec(message(), messages), vec(fault(messages, processes), 0..8)).prop_map(move |(messages, mut faults)| {
            faults.retain(|fault| sensible(fault) && admitted(model, fault) && in_line(model, &messages, fault));
            let all = std::mem::take(&mut faults);
            all.into_iter().for_each(|fault| {
                let skews = |other: &Fault| match (other, &fault) {
                    (Fault::Skew { process: one, .. }, Fault::Skew { process: other, .. }) => one == other,
                    _ => false,
                };
                if !faults.contains(&fault) && !faults.iter().any(skews) {
                    faults.push(fault)
                }
            });
            History { model, processes, messages, faults }
        })
    })
}

/// Whether this is not against the order of a partition, if the model has any.
fn in_line(model: DeliveryModel, messages: &[Published], fault: &Fault) -> bool {
    let key = |message: usize| messages[message].ordering_key.as_ref();
    ![DeliveryModel::kafka(), DeliveryModel::kafka_blocking()].contains(&model)
        || match *fault {
            Fault::Duplicate { at, .. } => at.is_none(),
            Fault::Defer { what: Deferred::Message(message), past }
            | Fault::Defer { what: Deferred::Delivery(DeliveryName { message, .. }), past } => {
                key(message).is_none() || key(message) != key(past)
            }
            _ => true,
        }
}

/// Whether the broker of a model can produce this: at most once, nothing comes twice and no ack comes late.
fn admitted(model: DeliveryModel, fault: &Fault) -> bool {
    let first = |at: &Coordinate| at.delivery().is_some_and(|delivery| delivery.number == 1);
    model != DeliveryModel::at_most_once()
        || match fault {
            Fault::Duplicate { .. } | Fault::Overlap { .. } | Fault::LoseAck { .. } => false,
            Fault::Defer { what: Deferred::Delivery(delivery), .. } => delivery.number == 1,
            Fault::Pause { at, until } => first(at) && until.as_ref().is_none_or(first),
            other => other.coordinate().as_ref().is_none_or(first),
        }
}

/// Any history, bound to any name.
pub fn line() -> impl Strategy<Value = Line> {
    (text(), history()).prop_map(|(test, history)| Line { test, history })
}

/// What a slip of the hand does to a text.
#[derive(Clone, Debug)]
pub enum Mutation {
    Insert(Index, String),
    Remove(Index, usize),
    Double(Index, usize),
    Swap(Index, Index),
}

/// Any mutation.
pub fn mutation() -> impl Strategy<Value = Mutation> {
    let at = || any::<Index>();
    let words = [
        "m0",
        "m9",
        "#",
        "#0",
        ".0",
        ".ack",
        " to p0",
        " to p99",
        " at ",
        " until m0#1.1",
        "=",
        ":",
        ";",
        "~",
        "%",
        "%2",
        "%zz",
        "'",
        "\"",
        "\\u{",
        "\\",
        "0",
        "99999999999999999999",
        "\n",
        "\r",
        " ",
        "\t",
        "id=",
        "hash=0",
        "s",
        "ms",
        "é",
        "\u{0}",
    ];
    let inserted = prop_oneof![select(words.to_vec()).prop_map(str::to_owned), text()];
    prop_oneof![
        (at(), inserted).prop_map(|(at, text)| Mutation::Insert(at, text)),
        (at(), 1..6_usize).prop_map(|(at, n)| Mutation::Remove(at, n)),
        (at(), 1..40_usize).prop_map(|(at, n)| Mutation::Double(at, n)),
        (at(), at()).prop_map(|(a, b)| Mutation::Swap(a, b)),
    ]
}

/// The text with that done to it.
pub fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    match mutation {
        Mutation::Insert(at, text) => {
            let at = at.index(chars.len() + 1);
            chars.splice(at..at, text.chars());
        }
        Mutation::Remove(at, n) => {
            let at = at.index(chars.len() + 1);
            chars.drain(at..chars.len().min(at + n));
        }
        Mutation::Double(at, n) => {
            let at = at.index(chars.len() + 1);
            let again: Vec<char> = chars.iter().skip(at).take(*n).copied().collect();
            chars.splice(at..at, again);
        }
        Mutation::Swap(a, b) if !chars.is_empty() => {
            let (a, b) = (a.index(chars.len()), b.index(chars.len()));
            chars.swap(a, b);
        }
        Mutation::Swap(..) => {}
    }
    chars.into_iter().collect()
}
