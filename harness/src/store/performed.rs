//! What happened in the outside world, as a part of an observation.
//!
//! Outside, only how often each thing happened is seen, and so only that is compared. On whose behalf it happened is carried
//! along: a contract may excuse that a thing is repeated for one message and not for another (`oracle::excuses`).

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use crate::history::TaskName;

/// What happened, each thing once, in the order of what and detail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Performed {
    effects: Vec<Effect>,
}

/// One thing that happened, so often as there are performers. Two are equal if they happened equally often.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) what: String,
    pub(crate) detail: String,
    /// Who let it happen, each time, in their order.
    pub(crate) by: Vec<Performer>,
}

/// Who let something happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Performer {
    pub(crate) on_behalf: TaskName,
    /// Under a key that the third party honours.
    pub(crate) by_key: bool,
}

impl Performed {
    pub(crate) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The same with what and detail passed through `change`; what is the same then, is one thing.
    pub(super) fn map_text(&self, change: impl Fn(&str) -> String) -> Self {
        let each = self.effects.iter().flat_map(|effect| {
            let (what, detail) = (change(&effect.what), change(&effect.detail));
            effect.by.iter().map(move |by| (what.clone(), detail.clone(), *by))
        });
        each.collect()
    }
}

impl FromIterator<(String, String, Performer)> for Performed {
    fn from_iter<I: IntoIterator<Item = (String, String, Performer)>>(happened: I) -> Self {
        let mut happened: Vec<_> = happened.into_iter().collect();
        happened.sort_unstable();
        let mut effects: Vec<Effect> = Vec::new();
        for (what, detail, by) in happened {
            match effects.last_mut().filter(|effect| effect.what == what && effect.detail == detail) {
                Some(effect) => effect.by.push(by),
                None => effects.push(Effect { what, detail, by: vec![by] }),
            }
        }
        Self { effects }
    }
}

impl Effect {
    /// What is seen of it.
    fn seen(&self) -> (&str, &str, usize) {
        (&self.what, &self.detail, self.by.len())
    }
}

impl PartialEq for Effect {
    fn eq(&self, other: &Self) -> bool {
        self.seen() == other.seen()
    }
}

impl Eq for Effect {}

impl Hash for Effect {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.seen().hash(state);
    }
}

impl PartialOrd for Effect {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Effect {
    fn cmp(&self, other: &Self) -> Ordering {
        self.seen().cmp(&other.seen())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::DeliveryName;

    fn of(happened: &[(&str, &str, usize)]) -> Performed {
        let by = |message| Performer { on_behalf: DeliveryName::new(message, 1).into(), by_key: false };
        happened
            .iter()
            .map(|(what, detail, message)| ((*what).to_owned(), (*detail).to_owned(), by(*message)))
            .collect()
    }

    #[test]
    fn how_often_each_thing_happened_is_compared_and_not_for_whom() {
        assert_eq!(of(&[("mail", "a", 0), ("mail", "b", 1)]), of(&[("mail", "b", 0), ("mail", "a", 0)]));
        assert_ne!(of(&[("mail", "a", 0), ("mail", "a", 1)]), of(&[("mail", "a", 0)]));
        assert_ne!(of(&[("mail", "a", 0)]), of(&[("mail", "b", 0)]));
        assert_ne!(of(&[("mail", "a", 0)]), of(&[("call", "a", 0)]));
    }

    #[test]
    fn what_is_the_same_under_other_names_is_one_thing() {
        let renamed = of(&[("mail", "m0~1", 1), ("mail", "m0", 0)]).map_text(|text| text.replace("~1", ""));
        assert_eq!(renamed, of(&[("mail", "m0", 0), ("mail", "m0", 0)]));
        assert_eq!(renamed.effects()[0].by.len(), 2);
    }
}
