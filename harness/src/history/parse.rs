//! Reading what both forms have in common: the names of places, numbers and faults.
//!
//! How a form separates them, and how it writes messages, lives in `text` and `line`; the parts come together in `draft`.

use std::{str::FromStr, time::Duration};

use super::{
    Coordinate, Deferred, DeliveryName, Fault, HistoryError, Label, Loss, Place, RoundName, Skew, TaskName,
    cursor::{Cursor, Gap, Word},
};
use crate::delivery::DeliveryModel;

/// The words that begin a fault.
pub(crate) const FAULTS: &str =
    "duplicate, defer, overlap, pause, crash, cancel, lose-ack, fail, lose-reply, advance, skew or forget";

/// What is written as one word.
pub(super) trait Name: Sized {
    /// What to call it where it is missing.
    const EXPECTED: &'static str;

    fn parse(text: &str) -> Option<Self>;

    fn read(word: Word<'_>) -> Result<Self, HistoryError> {
        Self::parse(word.text).ok_or_else(|| word.expected(Self::EXPECTED))
    }
}

/// A message by its place, `m0`.
pub(super) struct MessageName(pub(super) usize);

/// A process, `p0`.
pub(super) struct ProcessName(pub(super) usize);

/// An amount of time, `31s` or `1500ms`.
struct Span(Duration);

/// How many, from 1.
struct Count(u32);

impl Name for MessageName {
    const EXPECTED: &'static str = "a message such as m0";

    fn parse(text: &str) -> Option<Self> {
        number(text.strip_prefix('m')?).map(Self)
    }
}

impl Name for ProcessName {
    const EXPECTED: &'static str = "a process such as p0";

    fn parse(text: &str) -> Option<Self> {
        number(text.strip_prefix('p')?).map(Self)
    }
}

impl Name for DeliveryName {
    const EXPECTED: &'static str = "a delivery such as m0#1";

    fn parse(text: &str) -> Option<Self> {
        let (message, n) = text.split_once('#')?;
        Some(Self::new(MessageName::parse(message)?.0, from_one(n)?))
    }
}

impl Name for RoundName {
    const EXPECTED: &'static str = "a round such as relay@p0#1";

    fn parse(text: &str) -> Option<Self> {
        let (work, rest) = text.split_once('@')?;
        let (process, n) = rest.split_once('#')?;
        let work = work.parse::<Label>().ok()?;
        Some(Self::new(work, ProcessName::parse(process)?.0, from_one(n)?))
    }
}

impl Name for TaskName {
    const EXPECTED: &'static str = "a delivery such as m0#1, or a round such as relay@p0#1";

    fn parse(text: &str) -> Option<Self> {
        if text.contains('@') {
            RoundName::parse(text).map(Self::Round)
        } else {
            DeliveryName::parse(text).map(Self::Delivery)
        }
    }
}

impl Name for Coordinate {
    const EXPECTED: &'static str = "a point such as m0#1.2";

    fn parse(text: &str) -> Option<Self> {
        let (task, place) = text.split_once('.')?;
        let place = if place == "ack" { Place::Ack } else { Place::Operation(from_one(place)?) };
        Some(Self { task: TaskName::parse(task)?, place })
    }
}

impl Name for Deferred {
    const EXPECTED: &'static str = "a message or a delivery, such as m0 or m0#2";

    fn parse(text: &str) -> Option<Self> {
        if text.contains('#') {
            DeliveryName::parse(text).map(Self::Delivery)
        } else {
            MessageName::parse(text).map(|message| Self::Message(message.0))
        }
    }
}

impl Name for Span {
    const EXPECTED: &'static str = "a time such as 31s or 1500ms";

    fn parse(text: &str) -> Option<Self> {
        let span = match text.strip_suffix("ms") {
            Some(ms) => Duration::from_millis(number(ms)?),
            None => Duration::from_secs(number(text.strip_suffix('s')?)?),
        };
        (!span.is_zero()).then_some(Self(span))
    }
}

impl Name for Skew {
    const EXPECTED: &'static str = "a time ahead or behind such as +31s or -1500ms";

    fn parse(text: &str) -> Option<Self> {
        let ahead = text.starts_with('+');
        let Span(by) = Span::parse(text.strip_prefix(['+', '-'])?)?;
        Some(Self { ahead, by })
    }
}

impl Name for Label {
    const EXPECTED: &'static str = "a store such as cache";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Name for Loss {
    const EXPECTED: &'static str = "`last` or `oldest`";

    fn parse(text: &str) -> Option<Self> {
        [Loss::Last, Loss::Oldest].into_iter().find(|loss| loss.to_string() == text)
    }
}

impl Name for Count {
    const EXPECTED: &'static str = "how many, from 1";

    fn parse(text: &str) -> Option<Self> {
        from_one(text).map(Self)
    }
}

/// A whole number in the one way that it is printed: no sign, no zeros before it.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// A number of at most 16 hexadecimal digits.
pub(super) fn hex(text: &str) -> Option<u64> {
    let plain = text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { u64::from_str_radix(text, 16).ok() } else { None }
}

fn from_one(text: &str) -> Option<u32> {
    number(text).filter(|n| *n >= 1)
}

impl Cursor<'_> {
    /// Reads a name.
    pub(super) fn name<T: Name>(&mut self) -> Result<T, HistoryError> {
        T::read(self.word())
    }

    /// Reads a name behind this keyword, if there is anything left to read.
    fn option<T: Name>(&mut self, keyword: &str) -> Result<Option<T>, HistoryError> {
        if self.ahead().is_empty() {
            return Ok(None);
        }
        let word = self.word();
        match word.text {
            text if text == keyword => self.name().map(Some),
            _ => Err(word.expected(format!("`{keyword}` or nothing more"))),
        }
    }
}

/// Reads a fault and nothing after it. `expected` is what could stand in its place too.
pub(super) fn fault(cursor: &mut Cursor<'_>, expected: impl FnOnce() -> String) -> Result<Fault, HistoryError> {
    let word = cursor.first();
    let fault = match word.text {
        "duplicate" => Fault::Duplicate { message: cursor.name::<MessageName>()?.0, at: cursor.option("at")? },
        "defer" => {
            let what = cursor.name()?;
            cursor.literal("past")?;
            Fault::Defer { what, past: cursor.name::<MessageName>()?.0 }
        }
        "overlap" => {
            Fault::Overlap { at: cursor.name()?, to: cursor.option::<ProcessName>("to")?.map(|process| process.0) }
        }
        "pause" => Fault::Pause { at: cursor.name()?, until: cursor.option("until")? },
        "crash" => Fault::Crash { at: cursor.name()? },
        "cancel" => Fault::Cancel { at: cursor.name()? },
        "lose-ack" => Fault::LoseAck { delivery: cursor.name()? },
        "fail" => Fault::Fail { at: cursor.name()? },
        "lose-reply" => Fault::LoseReply { at: cursor.name()? },
        "advance" => Fault::Advance { at: cursor.name()?, by: cursor.name::<Span>()?.0 },
        "skew" => Fault::Skew { process: cursor.name::<ProcessName>()?.0, skew: cursor.name()? },
        "forget" => {
            let (store, at) = (cursor.name()?, cursor.name()?);
            let (loss, Count(count)) = (cursor.name()?, cursor.name()?);
            Fault::Forget { store, at, loss, count }
        }
        _ => return Err(word.expected(expected())),
    };
    cursor.end()?;
    Ok(fault)
}

/// Reads the name of a delivery model.
pub(super) fn model(word: Word<'_>) -> Result<DeliveryModel, HistoryError> {
    let expected = |_| word.expected(format!("a delivery model: {}", DeliveryModel::names().join(", ")));
    DeliveryModel::named(word.text).map_err(expected)
}

/// Reads how many processes there are.
pub(super) fn processes(word: Word<'_>) -> Result<usize, HistoryError> {
    number(word.text).ok_or_else(|| word.expected("a number of processes"))
}

/// Reads the seed of a generated payload.
pub(super) fn seed(word: Word<'_>) -> Result<u64, HistoryError> {
    number(word.text).ok_or_else(|| word.expected("a seed: a whole number"))
}

/// Reads the hash of a generated payload.
pub(super) fn hash(word: Word<'_>) -> Result<u64, HistoryError> {
    hex(word.text).ok_or_else(|| word.expected("a hash: up to 16 hexadecimal digits"))
}

/// Written `m0#1`.
impl FromStr for DeliveryName {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        Self::read(Word::alone(text))
    }
}

/// Written `relay@p0#1`.
impl FromStr for RoundName {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        Self::read(Word::alone(text))
    }
}

/// Written `m0#1`, or `relay@p0#1`.
impl FromStr for TaskName {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        Self::read(Word::alone(text))
    }
}

/// Written `m0#1.2`, or `m0#1.ack`; in background work `relay@p0#1.2`.
///
/// ```
/// use redeliver_harness::history::{Coordinate, DeliveryName};
///
/// assert_eq!("m0#1.ack".parse::<Coordinate>(), Ok(DeliveryName::new(0, 1).ack()));
/// ```
impl FromStr for Coordinate {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        Self::read(Word::alone(text))
    }
}

/// Written `m0`, or `m0#2`.
impl FromStr for Deferred {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        Self::read(Word::alone(text))
    }
}

/// Written as its line of the text form. Whether it can act in a history is for [`History::validate`](super::History::validate) to say.
///
/// ```
/// use redeliver_harness::history::{DeliveryName, Fault};
///
/// let at = DeliveryName::new(0, 1).operation(2);
/// assert_eq!("overlap m0#1.2 to p0".parse::<Fault>(), Ok(Fault::Overlap { at, to: Some(0) }));
/// ```
impl FromStr for Fault {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        let mut cursor = Cursor::new(Word::alone(text).trimmed(), Gap::Blanks);
        fault(&mut cursor, || format!("a fault: {FAULTS}"))
    }
}
