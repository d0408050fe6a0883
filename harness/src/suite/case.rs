//! What a store of claims has to promise, promise by promise.

use std::fmt;

use crate::DeliveryModel;

/// One thing that a store of claims has to promise.
///
/// In the first four each message is claimed, takes effect in the outside world, and is completed. Each is searched with the
/// faults alone that say something of it: whoever breaks one promise is told of that one, as far as they can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Case {
    /// Of deliveries at the same time one wins: the message takes effect once, while no claim runs out.
    OneWins,
    /// Who does not win hears that somebody is at it, or the reply, and never anything else.
    LoserHears,
    /// Whoever crashes with a claim, or loses the connection, does not take the message along: it is handled in the end.
    /// The broker comes back after 1 s, 2 s, 4 s, … and up to 18 hours.
    CrashRecovered,
    /// Who comes after the message was completed gets the reply, its own and the first one.
    ReplyKept,
    /// A claim that was given up can be won at once, by the next who comes.
    GivenUp,
    /// A token whose claim ran out gives nothing up: what somebody else has claimed since stays claimed. Holds for a store
    /// whose claims never run out.
    StaleToken,
    /// Two ids are two messages: also those that differ in case only, in a blank at the end, behind 256 bytes, or as texts
    /// and not as numbers.
    IdsApart,
}

/// How a case is searched.
pub(super) struct Asked {
    pub(super) model: DeliveryModel,
    /// The kinds of faults.
    pub(super) kinds: &'static [&'static str],
    /// Up to so many of them.
    pub(super) faults: usize,
}

impl Case {
    /// Every case.
    pub const ALL: [Self; 7] = [
        Self::OneWins,
        Self::LoserHears,
        Self::CrashRecovered,
        Self::ReplyKept,
        Self::GivenUp,
        Self::StaleToken,
        Self::IdsApart,
    ];

    /// Its name: `one-wins`.
    pub fn name(self) -> &'static str {
        match self {
            Case::OneWins => "one-wins",
            Case::LoserHears => "loser-hears",
            Case::CrashRecovered => "crash-recovered",
            Case::ReplyKept => "reply-kept",
            Case::GivenUp => "given-up",
            Case::StaleToken => "stale-token",
            Case::IdsApart => "ids-apart",
        }
    }

    /// The same in a sentence.
    pub fn promise(self) -> &'static str {
        match self {
            Case::OneWins => "of deliveries at the same time one wins",
            Case::LoserHears => "who does not win hears that somebody is at it, or the reply",
            Case::CrashRecovered => "a crash between claim and completion does not take the message along",
            Case::ReplyKept => "who comes after completion gets the reply",
            Case::GivenUp => "a claim that was given up can be won again",
            Case::StaleToken => "a token whose claim ran out gives nothing up",
            Case::IdsApart => "two ids are two messages",
        }
    }

    pub(super) fn asked(self) -> Asked {
        let (alone, replies) = (DeliveryModel::at_least_once(), DeliveryModel::request_reply());
        match self {
            Case::OneWins => Asked { model: alone, kinds: &["overlap", "duplicate", "pause"], faults: 2 },
            Case::LoserHears => Asked { model: replies, kinds: &["overlap", "pause"], faults: 2 },
            Case::CrashRecovered => {
                Asked { model: alone, kinds: &["crash", "cancel", "fail", "lose-reply"], faults: 1 }
            }
            Case::ReplyKept => Asked { model: replies, kinds: &["lose-ack", "defer"], faults: 2 },
            Case::GivenUp | Case::StaleToken | Case::IdsApart => Asked { model: alone, kinds: &[], faults: 0 },
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
