//! Sets of messages, and which message must come before which.
//!
//! What real time says and what the contract says meet here. Which observation an order leaves is `reference`'s.

use std::ops::ControlFlow;

use crate::{Error, machine::trace::Fate};

/// Whether a visitor has seen enough.
pub(super) type Visited = Result<ControlFlow<()>, Error>;

/// A set of messages, by their places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(u64);

impl Places {
    /// More messages than this are not judged in one history.
    pub(super) const MOST: usize = 64;

    pub(super) fn one(place: usize) -> Self {
        Self(1 << place)
    }

    pub(super) fn contains(self, place: usize) -> bool {
        self.0 >> place & 1 == 1
    }

    pub(super) fn insert(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In rising order.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let place = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(place)
        })
    }

    /// Every set of some of these, the empty one first.
    pub(super) fn subsets(self) -> impl Iterator<Item = Self> {
        let mut next = Some(0_u64);
        std::iter::from_fn(move || {
            let this = next?;
            // The next smaller-or-equal mask of `self`, counted up: all ones ends it.
            next = (this != self.0).then(|| this.wrapping_sub(self.0) & self.0);
            Some(Self(this))
        })
    }
}

impl FromIterator<usize> for Places {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        places.into_iter().fold(Self::default(), |all, place| all.and(Self::one(place)))
    }
}

/// For each message, those that must come before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    before: Vec<Places>,
}

impl Order {
    /// What real time says: a message that was handled before another was first delivered comes before it.
    pub(super) fn of_real_time(fates: &[Fate]) -> Self {
        let before = |later: &Fate| {
            let earlier = fates.iter().enumerate().filter(|(_, earlier)| came_before(earlier, later));
            earlier.map(|(place, _)| place).collect()
        };
        Self { before: fates.iter().map(before).collect() }
    }

    /// And within an ordering key the order of publication.
    ///
    /// Where the two contradict each other, perhaps by way of messages of other keys, the contract holds: of those
    /// messages that wait for each other in a circle nothing is asked but publish order.
    pub(super) fn and_as_published(&self, keys: &[Option<String>]) -> Self {
        let contract = (0..self.before.len()).map(|later| {
            let same_key = |earlier: &usize| keys[later].is_some() && keys[*earlier] == keys[later];
            (0..later).filter(same_key).collect::<Places>()
        });
        let contract: Vec<Places> = contract.collect();
        let both: Vec<Places> = self.before.iter().zip(&contract).map(|(real, asked)| real.and(*asked)).collect();
        let all = Self { before: both }.closed();
        let in_a_circle = |later: usize, earlier: &usize| all.before[*earlier].contains(later);
        let before = (0..self.before.len()).map(|later| {
            let kept = self.before[later].iter().filter(|earlier| !in_a_circle(later, earlier));
            contract[later].and(kept.collect())
        });
        Self { before: before.collect() }
    }

    pub(super) fn before(&self, place: usize) -> Places {
        self.before[place]
    }

    /// The same, but nothing waits for these any more.
    pub(super) fn free(&self, late: Places) -> Self {
        Self { before: self.before.iter().map(|before| before.without(late)).collect() }
    }

    /// One more place, for a message like this one: it comes after it and after those that are already like it.
    pub(super) fn one_more_after(&mut self, these: Places) {
        self.before.push(these);
    }

    /// Whether more than so many of these messages are unordered, each with each.
    pub(super) fn unordered_beyond(&self, most: usize, among: Places) -> bool {
        let closed = self.closed();
        let ordered_with = |place: usize| {
            let after = among.iter().filter(|later| closed.before[*later].contains(place)).collect();
            closed.before[place].and(after).and(Places::one(place))
        };
        let apart: Vec<Places> =
            (0..self.before.len()).map(|place| Places(u64::MAX).without(ordered_with(place))).collect();
        fn beyond(most: usize, mut left: Places, apart: &[Places]) -> bool {
            for place in left.iter() {
                left = left.without(Places::one(place));
                if most == 0 || beyond(most - 1, left.both(apart[place]), apart) {
                    return true;
                }
            }
            false
        }
        beyond(most, among, &apart)
    }

    /// With everything that follows from it.
    fn closed(&self) -> Self {
        let mut before = self.before.clone();
        for through in 0..before.len() {
            let earlier = before[through];
            for later in &mut before {
                if later.contains(through) {
                    *later = later.and(earlier);
                }
            }
        }
        Self { before }
    }

    /// Visits every order of `take` that this one allows, until the visitor has seen enough. Of those that may come next
    /// the first in `rank` comes first.
    pub(super) fn each(&self, take: Places, rank: &[usize], visit: &mut dyn FnMut(&[usize]) -> Visited) -> Visited {
        self.extend(&mut Vec::new(), take, rank, visit)
    }

    fn extend(
        &self,
        so_far: &mut Vec<usize>,
        left: Places,
        rank: &[usize],
        visit: &mut dyn FnMut(&[usize]) -> Visited,
    ) -> Visited {
        if left.is_empty() {
            return visit(so_far);
        }
        for place in rank.iter().copied().filter(|place| left.contains(*place)) {
            if self.before[place].both(left).is_empty() {
                so_far.push(place);
                let go_on = self.extend(so_far, left.without(Places::one(place)), rank, visit)?;
                so_far.pop();
                if go_on.is_break() {
                    return Ok(go_on);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether one message was handled before the other was first delivered. Both are counts of the events before.
fn came_before(earlier: &Fate, later: &Fate) -> bool {
    earlier.handled.zip(later.first_delivered).is_some_and(|(handled, delivered)| handled <= delivered)
}
