//! A trace in words: one line for each step, and a sentence where something happened between steps.
//!
//! How the lines are set is `layout`'s; what faults are called, `faults`'.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    DeliveryModel, History,
    history::{Coordinate, DeliveryName, Fault, Place, TaskName},
    machine::trace::{Answer, Event, Facts, Injected, Replay, Settlement, Words},
    store::Process,
};

use super::{
    alike, faults,
    layout::{self, Line, Outcome},
    text::{because, fold},
    titles,
};

/// A whole replay in words, a line for each step and nothing left out.
#[cfg(test)]
pub(super) fn trace(history: &History, replay: &Replay) -> String {
    layout::whole(&lines(history, replay, replay.events.len()))
}

/// The trace up to where nothing that tells comes any more, on one screen.
pub(super) fn on_a_screen(history: &History, replay: &Replay, ends: bool) -> String {
    let upto = if ends { end_of_tale(replay) } else { replay.events.len() };
    layout::on_a_screen(&alike::told_once(lines(history, replay, upto)))
}

/// The lines of the first so many events.
pub(super) fn lines(history: &History, replay: &Replay, upto: usize) -> Vec<Line> {
    let mut teller =
        Teller { history, replay, lines: Vec::new(), now: Duration::ZERO, later: None, paused: Vec::new() };
    let mut at = 0;
    teller.broken(0..=0);
    while at < upto {
        teller.silent_faults(at);
        let told = teller.event(at, upto);
        at += told;
        teller.broken(at - told + 1..=at);
    }
    teller.silent_faults(upto);
    teller.lines
}

/// How many events there are until nothing that tells comes any more: what follows are deliveries that find everything
/// done, and how the others were answered. What tells is a fault, a change, a first handling of a message, a reply that
/// somebody compares.
fn end_of_tale(replay: &Replay) -> usize {
    let tells = |event: &Event| match event {
        Event::Step { facts, words, .. } => {
            let writes = words.as_ref().is_some_and(|words| !words.writes.is_empty());
            facts.changes || facts.observed_change || facts.went_wrong() || writes
        }
        Event::Crashed { .. } | Event::Cancelled { .. } | Event::Forgot { .. } => true,
        Event::Returned { answer: Answer::Done(Some(_)), .. } => true,
        _ => false,
    };
    let last_step = replay.events.iter().rposition(tells).map_or(0, |at| at + 1);
    let last_fault = replay.acted.iter().map(|acted| acted.position + 1).max().unwrap_or(0);
    let broken = replay.broken.as_ref().map_or(0, |broken| broken.position);
    let last_handled = replay.fates.iter().filter_map(|fate| fate.handled).max().unwrap_or(0);
    let tale = last_step.max(last_fault).max(last_handled).max(broken).min(replay.events.len());
    if tale == 0 {
        return replay.events.len();
    }
    let began = |task: TaskName| replay.events[..tale].iter().any(|event| event.task() == Some(task));
    // A delivery that had begun by then takes its last steps: one of them may be the error that tells why.
    let is_late = |event: &Event| match event {
        Event::Step { at, .. } | Event::Blocked { at, .. } => began(at.task),
        _ => false,
    };
    let tale = replay.events.iter().rposition(is_late).map_or(tale, |at| tale.max(at + 1));
    // And where all went well it is said that it did.
    let whose = replay.events[tale - 1].task();
    let ends_well = |event: &&Event| {
        event.task() == whose
            && matches!(
                event,
                Event::Returned { answer: Answer::Done(_), .. }
                    | Event::Settled { how: Settlement::Acked | Settlement::Unheard | Settlement::Fenced, .. }
                    | Event::RoundEnded { panicked: None, .. }
            )
    };
    tale + replay.events[tale..].iter().take_while(ends_well).count()
}

struct Teller<'a> {
    history: &'a History,
    replay: &'a Replay,
    lines: Vec<Line>,
    now: Duration,
    /// How far the clock has moved by itself since the last line.
    later: Option<Duration>,
    /// Who stands, and how many lines there were when it began to.
    paused: Vec<(TaskName, usize)>,
}

impl<'a> Teller<'a> {
    /// Tells one event, or two that are one thing. How many it were.
    fn event(&mut self, at: usize, upto: usize) -> usize {
        let terms = self.history.model.rules().terms();
        match &self.replay.events[at] {
            Event::Delivered { delivery, origin, .. } => {
                let cause = self.acted_at(at, |fault| matches!(fault, Fault::Overlap { .. } | Fault::Duplicate { .. }));
                match faults::delivered(*origin, delivery.message, cause, terms) {
                    Some(sentence) => self.delivered(sentence, cause.is_some()),
                    None => self.tell_later(),
                }
            }
            Event::Step { at, process, facts, words } => {
                self.goes_on(at.task);
                let outcome = outcome(facts, words.as_deref());
                self.operation(process, *at, words.as_deref(), outcome);
            }
            Event::Blocked { at, process, words, .. } => {
                self.goes_on(at.task);
                let waits = Outcome { text: "waits for a lock".to_owned(), mark: "" };
                self.operation(process, *at, words.as_deref(), waits);
            }
            Event::Returned { delivery, process, answer } => {
                self.goes_on((*delivery).into());
                let settled = self.settled_at_once(at + 1, upto, *delivery);
                self.step(process, (*delivery).into(), answered(answer, settled, self.history.model));
                return 1 + usize::from(settled.is_some());
            }
            Event::Settled { delivery, process, how } => {
                let task = TaskName::Delivery(*delivery);
                self.goes_on(task);
                let heard = match how {
                    Settlement::AckLost => {
                        self.fault(faults::ack_lost(*delivery, terms));
                        return 1;
                    }
                    // The operation that did it stands in the line before.
                    Settlement::AckedEarly => return 1,
                    Settlement::Acked | Settlement::Unheard => terms.acked.to_owned(),
                    Settlement::Nacked => format!("to be {}", terms.again),
                    Settlement::Ignored => NOBODY_HEARS.to_owned(),
                    Settlement::Fenced => refused(terms),
                    Settlement::DeadLettered if self.history.model.rules().compares_replies() => terms.acked.to_owned(),
                    Settlement::DeadLettered => DEAD_LETTER.to_owned(),
                };
                self.step(process, task, heard);
            }
            Event::Crashed { process, lost } => {
                self.paused.retain(|(delivery, _)| !lost.contains(delivery));
                let cause = self.acted_at(at, |fault| matches!(fault, Fault::Crash { .. }));
                self.fault(faults::crashed(process, lost, cause, terms));
            }
            Event::Cancelled { task, .. } => {
                self.paused.retain(|(stood, _)| stood != task);
                self.fault(faults::cancelled(*task));
            }
            Event::Skewed { process, skew } => self.fault(faults::skewed(process, *skew)),
            Event::Forgot { store, loss, count } => self.fault(faults::forgot(*store, *loss, *count)),
            Event::RoundBegan { .. } => self.tell_later(),
            Event::RoundEnded { round, process, panicked } => {
                let task = TaskName::Round(*round);
                self.goes_on(task);
                let ended = panicked.as_ref().map_or("ends".to_owned(), |why| because("panicked", why));
                self.step(process, task, ended);
            }
            Event::Clock { to } => match self.acted_at(at, |fault| matches!(fault, Fault::Advance { .. })) {
                Some(Fault::Advance { by, .. }) => {
                    self.fault(faults::jumped(*by));
                    self.now = *to;
                }
                _ => self.moves_on(*to),
            },
        }
        1
    }

    /// The fault of this kind that acted just before this event.
    fn acted_at(&self, at: usize, kind: impl Fn(&Fault) -> bool) -> Option<&'a Fault> {
        let here = self.replay.acted.iter().filter(|acted| acted.position == at);
        here.filter_map(|acted| self.history.faults.get(acted.fault)).find(|fault| kind(fault))
    }

    /// The faults that acted before this event and left none of their own.
    fn silent_faults(&mut self, at: usize) {
        let replay = self.replay;
        for acted in replay.acted.iter().filter(|acted| acted.position == at) {
            let Some(fault) = self.history.faults.get(acted.fault) else { continue };
            let Some(sentence) = faults::silent(fault, self.history.model.rules().terms()) else { continue };
            self.fault(sentence);
            if let Fault::Pause { at, .. } = fault {
                self.paused.push((at.task, self.lines.len()));
            }
        }
    }

    /// The invariant that broke with one of these events.
    fn broken(&mut self, after: RangeInclusive<usize>) {
        if let Some(broken) = self.replay.broken.as_ref().filter(|broken| after.contains(&broken.position)) {
            self.fault(format!("here {} does not hold", titles::quoted(&broken.label)));
        }
    }

    /// Whether the broker heard of an answer in the next event, with no fault between: then both are one line.
    fn settled_at_once(&self, at: usize, upto: usize, whose: DeliveryName) -> Option<Settlement> {
        let fault_between = self.replay.acted.iter().any(|acted| {
            // A held copy acts as the message is handled, and shows only where it is delivered.
            acted.position == at
                && !matches!(self.history.faults.get(acted.fault), Some(Fault::Duplicate { at: None, .. }))
        });
        match self.replay.events.get(at).filter(|_| at < upto && !fault_between) {
            Some(Event::Settled { delivery, how, .. })
                if *delivery == whose && !matches!(how, Settlement::AckLost | Settlement::AckedEarly) =>
            {
                Some(*how)
            }
            _ => None,
        }
    }

    fn step(&mut self, process: &Process, task: TaskName, what: String) {
        self.tell_later();
        let process = format!("p{}", process.index());
        self.lines.push(Line::Step { process, delivery: task.to_string(), point: None, what, result: None });
    }

    fn operation(&mut self, process: &Process, at: Coordinate, words: Option<&Words>, outcome: Outcome) {
        self.tell_later();
        self.lines.push(Line::Step {
            process: format!("p{}", process.index()),
            delivery: at.task.to_string(),
            point: Some(at.to_string()),
            what: operation(at, words),
            result: Some(outcome),
        });
    }

    fn fault(&mut self, sentence: String) {
        self.tell_later();
        self.lines.push(Line::Between { later: None, sentence, fault: true });
    }

    fn delivered(&mut self, sentence: String, fault: bool) {
        let later = self.later.take();
        self.lines.push(Line::Between { later, sentence, fault });
    }

    fn moves_on(&mut self, to: Duration) {
        self.later =
            Some(self.later.unwrap_or_default() + to.saturating_sub(self.now)).filter(|later| !later.is_zero());
        self.now = to;
    }

    fn tell_later(&mut self) {
        if let later @ Some(_) = self.later.take() {
            self.lines.push(Line::Between { later, sentence: String::new(), fault: false });
        }
    }

    /// A delivery that stood takes a step again; said only where others did something meanwhile.
    fn goes_on(&mut self, task: TaskName) {
        let Some(stood) = self.paused.iter().position(|(who, _)| *who == task) else { return };
        let (_, since) = self.paused.remove(stood);
        if self.lines.len() > since {
            self.tell_later();
            let sentence = format!("{task} goes on");
            self.lines.push(Line::Between { later: None, sentence, fault: false });
        }
    }
}

fn operation(at: Coordinate, words: Option<&Words>) -> String {
    match (words.filter(|words| !words.what.trim().is_empty()), at.place) {
        (Some(words), _) => fold(&words.what),
        (None, Place::Operation(number)) => format!("operation {number}"),
        (None, Place::Ack) => "ack".to_owned(),
    }
}

fn outcome(facts: &Facts, words: Option<&Words>) -> Outcome {
    let result = words.map(|words| fold(&words.result)).unwrap_or_default();
    match facts.suffered {
        Some(Injected::Fail) if result.is_empty() => Outcome { text: "made to fail".to_owned(), mark: "" },
        Some(Injected::Fail) => Outcome { text: result, mark: " (the fault)" },
        Some(Injected::LoseReply) => Outcome { text: "took effect, and the reply was lost".to_owned(), mark: "" },
        None if facts.gave_up && result.is_empty() => Outcome { text: "gave up waiting".to_owned(), mark: "" },
        None if facts.gave_up => Outcome { text: format!("gave up waiting: {result}"), mark: "" },
        None => Outcome { text: result, mark: "" },
    }
}

/// What nobody hears of who would deliver the message again.
const NOBODY_HEARS: &str = "and nobody hears of it";

const DEAD_LETTER: &str = "put aside as a dead letter";

/// That the broker hears it and does not take it.
fn refused(terms: &crate::delivery::Terms) -> String {
    format!("and its {} is refused", terms.ack)
}

/// A handler's answer, with what the broker made of it where that followed at once.
fn answered(answer: &Answer, settled: Option<Settlement>, model: DeliveryModel) -> String {
    let rules = model.rules();
    let heard = match settled {
        // That a client hears its answer goes without saying, and so does that what asks for it comes again.
        Some(Settlement::Acked | Settlement::DeadLettered) if rules.compares_replies() => String::new(),
        Some(Settlement::Acked) => format!(", {}", rules.terms().acked),
        Some(Settlement::DeadLettered) => format!(", {DEAD_LETTER}"),
        Some(Settlement::Nacked) if answer.is_final() => format!(", to be {}", rules.terms().again),
        Some(Settlement::Unheard) if !answer.is_done() => format!(", {NOBODY_HEARS}"),
        Some(Settlement::Ignored) => format!(", {NOBODY_HEARS}"),
        Some(Settlement::Fenced) => format!(", {}", refused(rules.terms())),
        Some(Settlement::Nacked | Settlement::Unheard | Settlement::AckLost | Settlement::AckedEarly) | None => {
            String::new()
        }
    };
    match answer {
        Answer::Done(None) => format!("done{heard}"),
        Answer::Done(Some(reply)) => because(&format!("done{heard}"), reply),
        Answer::Retry(why) => because(&format!("retry{heard}"), why),
        Answer::Reject(why) => because(&format!("rejected{heard}"), why),
        Answer::Panicked(why) => because(&format!("panicked{heard}"), why),
    }
}
