//! Observations are compared up to a renaming of ids that the harness made.
//!
//! Three kinds are its own: a broker's id of a copy (`broker-2`; copies are counted differently in a reference run), a
//! receipt of the outside world (`receipt-2`; so is what happened there), and a number that `Delivery::random` drew. The latter mostly need no renaming, since a reference run draws with the seed of
//! one of the message's own deliveries; only where one delivery drew anew (it ran its body again) do they differ, and then
//! a number counts as drawn if the text holds exactly one of the first numbers of a delivery's sequence, in decimal or in
//! hexadecimal. What a handler computes from one is not recognised.
//!
//! A renaming is one-to-one, keeps kinds apart, and keeps apart what different messages drew: two rows that hold one id
//! never compare equal to two that hold two.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{Observation, machine::trace::Fate, message::Supply, store::Seen};

/// So many numbers of each delivery's sequence are known.
const DRAWS: usize = 8;
/// So many renamings are tried.
const MOST_RENAMINGS: usize = 720;

/// Whether two observations are the same, ids included.
type Alike<'a> = &'a dyn Fn(&Observation, &Observation) -> bool;

/// Whether one observation is another, up to a renaming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    Same,
    Different,
    /// There are too many ids to try all renamings.
    Unclear,
}

/// Which ids are of the harness's making, in one history.
#[derive(Debug)]
pub(super) struct Tokens {
    /// Each drawn number as it may be written, with the message that drew it.
    drawn: BTreeMap<String, usize>,
}

/// What an id may be renamed to: another of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Broker,
    Receipt,
    DrawnBy(usize),
}

/// A piece of a text: an id of ours, or what stands between two.
enum Piece<'a> {
    Plain(&'a str),
    Id(Kind, &'a str),
}

impl Tokens {
    /// The ids of a history with these fates.
    pub(super) fn of(fates: &[Fate]) -> Self {
        let mut drawn = BTreeMap::new();
        for (message, fate) in fates.iter().enumerate() {
            if fate.supplied.iter().any(|supplied| supplied.drew) {
                for supplied in &fate.supplied {
                    let supply = Supply::new(Arc::default(), supplied.seed, Duration::ZERO);
                    for number in std::iter::repeat_with(|| supply.draw()).take(DRAWS) {
                        for written in [format!("{number}"), format!("{number:x}"), format!("{number:016x}")] {
                            drawn.insert(written, message);
                        }
                    }
                }
            }
        }
        Self { drawn }
    }

    /// Whether a reference run left what is observed, but for the names of ids.
    pub(super) fn compare(&self, observed: &Observation, left: &Observation, alike: Alike<'_>) -> Likeness {
        let (theirs, ours) = (self.ids(observed), self.ids(left));
        let kinds = |ids: &BTreeMap<Kind, Vec<String>>| -> Vec<(Kind, usize)> {
            ids.iter().map(|(kind, ids)| (*kind, ids.len())).collect()
        };
        if ours.is_empty() || kinds(&theirs) != kinds(&ours) {
            return Likeness::Different;
        }
        let blank = |seen: &Observation| self.rename(seen, &|kind, _| format!("{kind:?}"));
        if !alike(&blank(observed), &blank(left)) {
            return Likeness::Different;
        }
        let tries = ours.values().flat_map(|ids| 1..=ids.len()).try_fold(1_usize, usize::checked_mul);
        if tries.is_none_or(|tries| tries > MOST_RENAMINGS) {
            return Likeness::Unclear;
        }
        let ours: Vec<&String> = ours.values().flatten().collect();
        let theirs: Vec<(Kind, &String)> =
            theirs.iter().flat_map(|(kind, ids)| ids.iter().map(|id| (*kind, id))).collect();
        match self.try_all(&|left| alike(observed, left), left, &ours, &theirs, &mut Vec::new()) {
            true => Likeness::Same,
            false => Likeness::Different,
        }
    }

    /// Tries every assignment of the observed ids to those of the reference run that goes on from `chosen`.
    fn try_all(
        &self,
        is_observed: &dyn Fn(&Observation) -> bool,
        left: &Observation,
        ours: &[&String],
        theirs: &[(Kind, &String)],
        chosen: &mut Vec<usize>,
    ) -> bool {
        if chosen.len() == ours.len() {
            let renamed = self.rename(left, &|_, id| {
                let at = ours.iter().position(|ours| *ours == id).expect("it was found in the same text");
                theirs[chosen[at]].1.clone()
            });
            return is_observed(&renamed);
        }
        // The ids stand in the order of their kinds on both sides, so many of each on one as on the other.
        let kind = theirs[chosen.len()].0;
        (0..theirs.len()).any(|next| {
            theirs[next].0 == kind && !chosen.contains(&next) && {
                chosen.push(next);
                let found = self.try_all(is_observed, left, ours, theirs, chosen);
                chosen.pop();
                found
            }
        })
    }

    /// Every id of ours that is seen, by kind, each once.
    fn ids(&self, seen: &Observation) -> BTreeMap<Kind, Vec<String>> {
        let mut ids: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        let mut note = |text: &str| {
            self.cut(text, &mut |piece| {
                if let Piece::Id(kind, id) = piece {
                    let of_kind = ids.entry(kind).or_default();
                    if of_kind.iter().all(|known| known != id) {
                        of_kind.push(id.to_owned());
                    }
                }
            });
        };
        for (_, seen) in seen.parts() {
            match seen {
                Seen::Value(value) => note(value),
                Seen::Rows(rows) => rows.rows.iter().flatten().for_each(|cell| note(cell)),
                Seen::Performed(performed) => {
                    performed.effects().iter().flat_map(|it| [&it.what, &it.detail]).for_each(|text| note(text));
                }
            }
        }
        ids
    }

    fn rename(&self, seen: &Observation, to: &dyn Fn(Kind, &str) -> String) -> Observation {
        seen.map_text(|text| {
            let mut renamed = String::with_capacity(text.len());
            self.cut(text, &mut |piece| match piece {
                Piece::Plain(text) => renamed.push_str(text),
                Piece::Id(kind, id) => renamed.push_str(&to(kind, id)),
            });
            renamed
        })
    }

    /// Cuts a text into ids and what stands between them.
    fn cut<'t>(&self, text: &'t str, each: &mut dyn FnMut(Piece<'t>)) {
        const NUMBERED: [(&str, Kind); 2] = [("broker-", Kind::Broker), ("receipt-", Kind::Receipt)];
        let mut rest = text;
        while !rest.is_empty() {
            let numbered = NUMBERED.iter().find_map(|(name, kind)| {
                let digits = run(rest.strip_prefix(name)?, |c| c.is_ascii_digit());
                (digits > 0).then_some((*kind, name.len() + digits))
            });
            let word = run(rest, |c| c.is_ascii_alphanumeric());
            let (piece, length) = if let Some((kind, length)) = numbered {
                (Piece::Id(kind, &rest[..length]), length)
            } else if let Some(message) = self.drawn.get(&rest[..word]) {
                (Piece::Id(Kind::DrawnBy(*message), &rest[..word]), word)
            } else {
                let length = word.max(rest.chars().next().map_or(0, char::len_utf8));
                (Piece::Plain(&rest[..length]), length)
            };
            each(piece);
            rest = &rest[length..];
        }
    }
}

/// The length of the longest beginning of such characters.
fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}
