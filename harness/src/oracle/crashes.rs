//! What a contract allows where a delivery was cut short by a crash: that its message is lost, or takes effect again.

use super::{
    Oracle,
    case::{Case, Wanted},
    order::{Order, Places},
    reference::Run,
};
use crate::{
    Contract, Error,
    machine::{
        Span, SpanEnding,
        trace::{Event, Replay},
    },
    subject::Subject,
};

/// More repetitions than this are not looked for in one history.
const MOST_REPETITIONS: usize = 4;

/// What crashes excuse in a replay.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    /// Messages that may be lost: of which a delivery died before it had answered.
    pub(super) may_be_lost: Places,
    /// How much more often than once each message may take effect: a delivery that died after it had answered comes again too.
    pub(super) may_repeat: Vec<usize>,
}

impl Crashes {
    pub(super) fn of(contract: &Contract, replay: &Replay) -> Self {
        let mut crashes = Self::default();
        if contract.may_lose_on_crash {
            let spans = Span::all(&replay.events);
            let cut_short = |span: &&Span<'_>| matches!(span.ending, SpanEnding::Crashed | SpanEnding::Cancelled);
            let died = spans.iter().filter(cut_short);
            crashes.may_be_lost = died.map(|span| span.delivery.message).collect();
        }
        if contract.may_repeat_on_crash {
            crashes.may_repeat = vec![0; replay.fates.len()];
            for event in &replay.events {
                let lost = match event {
                    Event::Crashed { lost, .. } => &lost[..],
                    Event::Cancelled { task, .. } => std::slice::from_ref(task),
                    _ => &[],
                };
                lost.iter().filter_map(|task| task.message()).for_each(|message| crashes.may_repeat[message] += 1);
            }
        }
        crashes
    }
}

/// So many more of each message, in a run.
pub(super) struct Repeated {
    pub(super) order: Order,
    pub(super) like: Vec<usize>,
    /// The messages that are repeated, and their repetitions: they take part in any case.
    pub(super) places: Places,
}

impl Repeated {
    /// Each of these messages so often more than once: each time after the time before. `None` where there are too many.
    pub(super) fn of(case: &Case<'_>, more: impl IntoIterator<Item = (usize, usize)>) -> Option<Self> {
        let messages = case.replay.fates.len();
        let mut repeated = Self { order: case.order.clone(), like: Vec::new(), places: Places::default() };
        for (message, times) in more {
            let mut so_far = Places::one(message);
            for _ in 0..times {
                let place = messages + repeated.like.len();
                if place >= Places::MOST {
                    return None;
                }
                repeated.order.one_more_after(so_far);
                so_far.insert(place);
                repeated.like.push(message);
            }
            repeated.places = repeated.places.and(so_far);
        }
        Some(repeated)
    }
}

impl Oracle {
    /// The order of the messages in the first run that is accepted and right but for what a crash repeated, fewest repetitions
    /// first.
    pub(super) fn finds_repeated(
        &mut self,
        subject: &mut dyn Subject,
        case: &mut Case<'_>,
        accept: &mut dyn FnMut(&mut Case<'_>, &Run) -> bool,
    ) -> Result<Option<Vec<usize>>, Error> {
        let mut ways = ways(&case.may_repeat);
        ways.sort_by_key(|more| more.iter().sum::<usize>());
        for more in ways {
            let repeats = more.iter().copied().enumerate().filter(|(_, times)| *times > 0);
            let Some(repeated) = Repeated::of(case, repeats) else { continue };
            for present in case.may.without(repeated.places).subsets() {
                let take = case.must.and(present).and(repeated.places);
                let (order, like) = (repeated.order.clone(), repeated.like.clone());
                let wanted = Wanted { take, order, like, done: case.must };
                let conflicts = &self.conflicts;
                let found = case.find(&mut self.references, subject, &wanted, |case, run, order| {
                    conflicts.allow(order, case.must) && accept(case, run)
                })?;
                if found.is_some() || case.is_over() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }
}

/// Every way to repeat messages so often at most each, at least one of them.
pub(super) fn ways(most: &[usize]) -> Vec<Vec<usize>> {
    let mut ways = vec![Vec::new()];
    for most in most {
        let longer = ways.iter().flat_map(|way: &Vec<usize>| (0..=*most).map(|times| [&way[..], &[times]].concat()));
        ways = longer.filter(|way| way.iter().sum::<usize>() <= MOST_REPETITIONS).collect();
    }
    ways.retain(|way| way.iter().any(|times| *times > 0));
    ways
}
