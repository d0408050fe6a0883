//! Deliveries that go as the one before them did, told once: a message that is never handled comes again a dozen times, and
//! each time the same happens.
//!
//! Only on a screen; as JSON a trace has every line.

use std::time::Duration;

use super::{layout::Line, text::span};

/// So many deliveries in a row are told once, and fewer are not: two more stand where they would be counted.
const ENOUGH: usize = 4;

/// The lines, with a sentence for deliveries that repeat the one before.
pub(super) fn told_once(lines: Vec<Line>) -> Vec<Line> {
    let mut told = Vec::with_capacity(lines.len());
    let mut at = 0;
    while at < lines.len() {
        let Some(first) = Block::at(&lines, at) else {
            told.push(lines[at].clone());
            at += 1;
            continue;
        };
        let mut last = first;
        let mut more = 0;
        while let Some(next) = Block::at(&lines, last.end()).filter(|next| next.goes_as(&last)) {
            (last, more) = (next, more + 1);
        }
        told.extend_from_slice(first.lines());
        match 1 + more {
            ENOUGH.. => told.push(first.repeated(more, last.later)),
            _ => told.extend_from_slice(&lines[first.end()..last.end()]),
        }
        at = last.end();
    }
    told
}

/// The sentence with which a delivery begins, and what it then did without anybody between.
#[derive(Clone, Copy)]
struct Block<'a> {
    all: &'a [Line],
    from: usize,
    later: Option<Duration>,
    sentence: &'a str,
    delivery: &'a str,
    steps: &'a [Line],
}

impl<'a> Block<'a> {
    fn at(all: &'a [Line], from: usize) -> Option<Self> {
        let Line::Between { later, sentence, fault: false } = all.get(from)? else { return None };
        let steps = &all[from + 1..];
        let Line::Step { delivery, .. } = steps.first()? else { return None };
        let is_its = |line: &&Line| matches!(line, Line::Step { delivery: of, .. } if of == delivery);
        let count = steps.iter().take_while(is_its).count();
        Some(Self { all, from, later: *later, sentence, delivery, steps: &steps[..count] })
    }

    fn end(&self) -> usize {
        self.from + 1 + self.steps.len()
    }

    fn lines(&self) -> &'a [Line] {
        &self.all[self.from..self.end()]
    }

    /// Whether it is the next delivery of the same message and goes as that one did.
    fn goes_as(&self, before: &Self) -> bool {
        let parts = |delivery: &'a str| {
            let (message, number) = delivery.rsplit_once('#')?;
            Some((message, number.parse::<u32>().ok()?))
        };
        let follows = match (parts(before.delivery), parts(self.delivery)) {
            (Some((message, number)), Some((other, next))) => message == other && next == number + 1,
            _ => false,
        };
        follows && self.sentence == before.sentence && self.steps.iter().map(did).eq(before.steps.iter().map(did))
    }

    fn repeated(&self, more: usize, later: Option<Duration>) -> Line {
        let last = later.map(|later| format!(", the last {} later", span(later))).unwrap_or_default();
        let sentence = format!("{} {more} more times{last}, and each goes as {}", self.sentence, self.delivery);
        Line::Between { later: None, sentence, fault: false }
    }
}

/// Process, operation, and what came of it: its text and its mark.
type Did<'a> = (&'a str, &'a str, Option<(&'a str, &'a str)>);

/// What a line says of a step but for whose it was.
fn did(line: &Line) -> Option<Did<'_>> {
    match line {
        Line::Step { process, what, result, .. } => {
            let result = result.as_ref().map(|result| (result.text.as_str(), result.mark));
            Some((process, what, result))
        }
        Line::Between { .. } => None,
    }
}
