//! The counterexample on one screen: what, expected and observed, the trace, why, and the line that replays it last.
//!
//! Only the layout: each part has a file of its own.

use crate::{Anomaly, History, Searched, history::Fault, machine::trace::Replay, oracle::Explanation};

use super::{
    extent, faults,
    observed::{self, Side},
    steps,
    text::{WIDTH, counted, escape, fold, labelled, list, shorten, width},
    titles, why,
};

/// The bracket at the right of the title ends here.
const RIGHT: usize = 106;

/// A payload is no wider.
const PAYLOAD: usize = 60;

/// Messages whose payloads are shown.
const MOST_MESSAGES: usize = 8;

/// Everything that a counterexample's screen is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen<'a> {
    /// The test's name, as its runner writes it.
    pub(crate) test: &'a str,
    /// The history that fails.
    pub(crate) history: &'a History,
    /// The payloads of its messages, as their `Debug` prints them.
    pub(crate) payloads: &'a [String],
    /// Its replay, with every detail.
    pub(crate) replay: &'a Replay,
    /// What is wrong with it.
    pub(crate) explanation: &'a Explanation,
    /// Every history with fewer faults was searched, and none fails.
    pub(crate) proven: bool,
    /// The faults without which it passes, by their places in the history.
    pub(crate) needed: &'a [usize],
    /// How far the search went.
    pub(crate) searched: &'a Searched,
    /// The command that replays it. Never shortened.
    pub(crate) replay_command: &'a str,
}

impl Screen<'_> {
    /// The screen, each line ended.
    pub(crate) fn render(&self) -> String {
        let mut screen = self.title();
        screen.push('\n');
        let compared = self.messages() + &self.compared();
        if !compared.is_empty() {
            screen.push_str(&compared);
            screen.push('\n');
        }
        let ends = self.explanation.anomaly != Anomaly::Stuck;
        let steps = steps::on_a_screen(self.history, self.replay, ends);
        if !steps.is_empty() {
            screen.push_str(&steps);
            screen.push('\n');
        }
        screen.push_str(&self.rest());
        screen
    }

    fn title(&self) -> String {
        let left = format!("{}: {}", escape(self.test), titles::title(self.explanation, self.replay));
        let left = shorten(&left, WIDTH);
        let count = self.history.faults.len() as u64;
        let fewer = if self.proven && count > 0 { "; no history with fewer fails" } else { "" };
        let right = format!("[{}{fewer}]", counted(count, "fault", "faults"));
        let gap = RIGHT.saturating_sub(width(&left) + width(&right));
        if gap >= 2 {
            return format!("{left}{}{right}\n", " ".repeat(gap));
        }
        format!("{left}\n  {right}\n")
    }

    /// What was published; left out for a lone message whose payload can be read in the trace.
    fn messages(&self) -> String {
        let in_trace = |payload: &String| {
            self.replay.events.iter().any(|event| match event {
                crate::machine::trace::Event::Step { words: Some(words), .. } => words.what.contains(payload.as_str()),
                _ => false,
            })
        };
        let is_told = match self.payloads {
            [] => true,
            [one] => in_trace(one) && self.history.messages.iter().all(|message| message.id.is_none()),
            _ => false,
        };
        if is_told {
            return String::new();
        }
        let mut all: Vec<String> = self
            .payloads
            .iter()
            .take(MOST_MESSAGES)
            .enumerate()
            .map(|(at, payload)| {
                let published = self.history.messages.get(at);
                let id = published.and_then(|message| message.id.as_ref()).map(|id| format!(" id={}", escape(id)));
                let key = published
                    .and_then(|message| message.ordering_key.as_ref())
                    .map(|key| format!(" order={}", escape(key)));
                let payload = shorten(&fold(payload), PAYLOAD);
                format!("m{at}{}{} {payload}", id.unwrap_or_default(), key.unwrap_or_default())
            })
            .collect();
        if self.payloads.len() > MOST_MESSAGES {
            all.push(format!("and {} more", self.payloads.len() - MOST_MESSAGES));
        }
        labelled("messages", &all.join("; "))
    }

    fn compared(&self) -> String {
        let explanation = self.explanation;
        let published = self.history.messages.len();
        let expected = explanation.expected.as_ref().map(|(seen, order)| Side {
            label: "expected",
            seen,
            note: titles::of_expected(order, published),
        });
        // A message that is never handled is the news, not what the others left.
        let is_news = expected.as_ref().is_some_and(|side| *side.seen != explanation.observed);
        if matches!(explanation.anomaly, Anomaly::Stuck | Anomaly::Mismatch) && !is_news {
            return String::new();
        }
        let observed = Side {
            label: "observed",
            seen: &explanation.observed,
            note: titles::of_observed(explanation, self.replay, published),
        };
        let sides: Vec<Side<'_>> = expected.into_iter().chain([observed]).collect();
        observed::sides(&sides)
    }

    fn rest(&self) -> String {
        let mut rest = String::new();
        if let Some(why) = why::why(self.history, self.replay, self.explanation) {
            rest.push_str(&labelled("why", &why));
        }
        if let Some(needed) = self.needed() {
            rest.push_str(&labelled("needed", &needed));
        }
        for idle in &self.replay.unused {
            if let Some(fault) = self.history.faults.get(idle.fault) {
                rest.push_str(&unused(fault, idle.why));
            }
        }
        if let Some(searched) = extent::until_found(self.searched, self.history.faults.len()) {
            rest.push_str(&labelled("searched", &searched));
        }
        // Not `labelled`: a command that is broken over lines cannot be pasted.
        rest.push_str(&format!("  replay    {}\n", escape(self.replay_command)));
        rest
    }

    fn needed(&self) -> Option<String> {
        let needed: Vec<&Fault> = self.needed.iter().filter_map(|at| self.history.faults.get(*at)).collect();
        let names = list(&faults::names(&needed, self.history.model.rules().terms()));
        let without = match needed.len() {
            0 => return None,
            1 => "without it the history passes",
            2 => "without either the history passes",
            _ => "without any one of them the history passes",
        };
        Some(format!("{names}; {without}"))
    }
}

/// A fault that did not act: whoever wrote it meant it to.
pub(super) fn unused(fault: &Fault, why: &str) -> String {
    labelled("unused", &format!("{fault}: {why}"))
}
