//! Lines of a trace set in columns: process, delivery, operation, result; faults across them.
//!
//! What the lines say is decided in `steps`.

use std::time::Duration;

use super::text::{WIDTH, pad, shorten, span, thousands, width};

/// The operations' column is at least this wide, so that traces of short operations look alike.
const NARROWEST: usize = 49;

/// Results may ask for this much at the cost of operations.
const RESULT: usize = 36;

/// More lines than this are elided in the middle.
const MOST: usize = 36;

/// So many of the first lines are kept then, …
const FIRST: usize = 20;

/// … and so many of the last.
const LAST: usize = 12;

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What a delivery did, and at which point, which is not shown. Without a result it may take the whole width.
    Step { process: String, delivery: String, point: Option<String>, what: String, result: Option<Outcome> },
    /// What happened to it, and how much later, where the clock moved by itself; without a sentence nothing but that. A fault
    /// of the history is never elided.
    Between { later: Option<Duration>, sentence: String, fault: bool },
}

/// `2 s later, m0 is delivered again`.
pub(super) fn between(later: Option<Duration>, sentence: &str) -> String {
    match later {
        None => sentence.to_owned(),
        Some(later) if sentence.is_empty() => format!("{} later", span(later)),
        Some(later) => format!("{} later, {sentence}", span(later)),
    }
}

/// What came of a step. The mark is never cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) text: String,
    pub(super) mark: &'static str,
}

/// All lines, each ended.
pub(super) fn whole(lines: &[Line]) -> String {
    let columns = Columns::of(lines);
    lines.iter().map(|line| columns.set(line)).collect()
}

/// So many lines as fit a screen: of a longer trace the beginning, the end, and the faults between.
pub(super) fn on_a_screen(lines: &[Line]) -> String {
    if lines.len() <= MOST {
        return whole(lines);
    }
    let columns = Columns::of(lines);
    let is_fault = |at: usize| matches!(lines.get(at), Some(Line::Between { fault: true, .. }));
    let kept = |at: usize| at < FIRST || at + LAST >= lines.len() || (at.saturating_sub(1)..=at + 1).any(is_fault);
    let mut set = String::new();
    let mut at = 0;
    while at < lines.len() {
        let left_out = (at..lines.len()).take_while(|at| !kept(*at)).count();
        // One line saves nothing: it stands where it would be counted.
        if left_out > 1 {
            set.push_str(&columns.between(&format!("{} more lines", thousands(left_out as u64)), "…"));
            at += left_out;
        } else {
            set.push_str(&columns.set(&lines[at]));
            at += 1;
        }
    }
    set
}

/// How wide each column is.
struct Columns {
    process: usize,
    delivery: usize,
    what: usize,
    result: usize,
}

impl Columns {
    fn of(lines: &[Line]) -> Self {
        let mut widest = Columns { process: 2, delivery: 4, what: NARROWEST, result: 0 };
        for line in lines {
            let Line::Step { process, delivery, what, result, .. } = line else { continue };
            widest.process = widest.process.max(width(process));
            widest.delivery = widest.delivery.max(width(delivery));
            if let Some(result) = result {
                widest.what = widest.what.max(width(what));
                widest.result = widest.result.max(width(&result.text) + width(result.mark));
            }
        }
        let room = WIDTH.saturating_sub(widest.indent() + 2);
        widest.what = widest.what.min(room.saturating_sub(widest.result.min(RESULT)).max(NARROWEST));
        widest.result = room.saturating_sub(widest.what).max(1);
        widest
    }

    /// Where operations begin.
    fn indent(&self) -> usize {
        2 + self.process + 2 + self.delivery + 2
    }

    fn set(&self, line: &Line) -> String {
        let set = match line {
            Line::Between { later, sentence, .. } => return self.between(&between(*later, sentence), "──"),
            Line::Step { process, delivery, what, result, .. } => {
                let who = format!("  {}  {}", pad(process, self.process), pad(delivery, self.delivery));
                match result {
                    None => format!("{who}  {}", shorten(what, WIDTH.saturating_sub(self.indent()))),
                    Some(Outcome { text, mark }) => {
                        let text = shorten(text, self.result.saturating_sub(width(mark)));
                        format!("{who}  {}  {text}{mark}", pad(&shorten(what, self.what), self.what))
                    }
                }
            }
        };
        format!("{}\n", set.trim_end())
    }

    fn between(&self, sentence: &str, rule: &str) -> String {
        let indent = " ".repeat(2 + self.process + 2);
        let room = WIDTH.saturating_sub(width(&indent) + 6);
        format!("{indent}{rule} {} {rule}\n", shorten(sentence, room))
    }
}
