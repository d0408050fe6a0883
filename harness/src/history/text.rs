//! The text form of a history: several lines, for files and for people.
//!
//! What it looks like is told in the module `history`. The parts that the one-line form shares live in `parse`.

use std::{fmt, str::FromStr};

use super::{
    History, HistoryError, Payload, Published,
    cursor::{Cursor, Gap, Position, Word},
    draft::Draft,
    parse,
    quote::{Quoted, quoted},
};

/// What the first line begins with.
pub(super) const HEADER: &str = "redeliver-history";

/// What may stand before a payload. A payload that begins like one of these is quoted.
const ATTRIBUTES: [&str; 4] = ["id=", "order=", "seed=", "hash="];

/// The text form: whole lines, the last one too. See the [module](super).
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER} 1")?;
        writeln!(f, "model {}", self.model.name())?;
        if self.processes != Self::DEFAULT_PROCESSES {
            writeln!(f, "processes {}", self.processes)?;
        }
        for (n, message) in self.messages.iter().enumerate() {
            write_message(f, n, message)?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

fn write_message(f: &mut fmt::Formatter<'_>, n: usize, message: &Published) -> fmt::Result {
    write!(f, "message m{n}")?;
    if let Some(id) = &message.id {
        write!(f, " id={}", Quoted::word(id))?;
    }
    if let Some(key) = &message.ordering_key {
        write!(f, " order={}", Quoted::word(key))?;
    }
    match &message.payload {
        Payload::Generated { seed, hash: None } => writeln!(f, " seed={seed}"),
        Payload::Generated { seed, hash: Some(hash) } => writeln!(f, " seed={seed} hash={hash:x}"),
        Payload::Written(text) => writeln!(f, " {}", Quoted::rest(text, &ATTRIBUTES)),
    }
}

/// Reads the text form. See the [module](super) for what it looks like.
///
/// ```
/// use redeliver_harness::History;
///
/// let text = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\noverlap m0#1.2\n";
/// let history: History = text.parse()?;
/// assert_eq!(history.faults.len(), 1);
/// assert_eq!(history.to_string(), text);
/// # Ok::<(), redeliver_harness::history::HistoryError>(())
/// ```
impl FromStr for History {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        let mut lines = content(text);
        let end = end(text);
        let mut next = || lines.next().unwrap_or(Word { text: "", at: end });
        header(next())?;
        let mut draft = Draft::new(model(next())?);
        lines.try_for_each(|line| read_line(&mut draft, line))?;
        draft.finish(end)
    }
}

/// The lines that say something, without the blanks around them.
fn content(text: &str) -> impl Iterator<Item = Word<'_>> {
    let lines = text.split('\n').enumerate().map(|(index, line)| {
        let at = Position { line: Some(index + 1), column: 1 };
        Word { text: line.strip_suffix('\r').unwrap_or(line), at }.trimmed()
    });
    lines.filter(|line| !line.text.is_empty() && !line.text.starts_with('#'))
}

/// The first line that says something; the end of the text if none does.
pub(super) fn first_line(text: &str) -> Word<'_> {
    content(text).next().unwrap_or(Word { text: "", at: end(text) })
}

/// Where the text ends.
fn end(text: &str) -> Position {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position { line: Some(text.split('\n').count()), column: 1 }.after(last)
}

fn header(line: Word<'_>) -> Result<(), HistoryError> {
    let mut cursor = Cursor::new(line, Gap::Blanks);
    let word = cursor.first();
    if word.text != HEADER {
        return Err(word.expected(format!("`{HEADER} 1`")));
    }
    let version = cursor.word();
    if version.text != "1" {
        return Err(version.expected("`1`, the one version that can be read"));
    }
    cursor.end()
}

fn model(line: Word<'_>) -> Result<crate::DeliveryModel, HistoryError> {
    let mut cursor = Cursor::new(line, Gap::Blanks);
    let word = cursor.first();
    if word.text != "model" {
        return Err(word.expected("`model` and its name"));
    }
    let model = parse::model(cursor.word())?;
    cursor.end()?;
    Ok(model)
}

fn read_line(draft: &mut Draft, line: Word<'_>) -> Result<(), HistoryError> {
    let expected = |draft: &Draft| draft.expects("processes", |n| format!("message m{n}"));
    let mut cursor = Cursor::new(line, Gap::Blanks);
    match (cursor.first().text, draft.next_message()) {
        ("processes", _) if draft.takes_processes() => {
            let word = cursor.word();
            draft.set_processes(word.at, parse::processes(word)?);
            cursor.end()
        }
        ("message", Some(n)) => {
            let name = cursor.word();
            if name.text != format!("m{n}") {
                return Err(name.expected(format!("`m{n}`, as messages are numbered in order")));
            }
            draft.push_message(line.at, message(&mut cursor)?);
            Ok(())
        }
        _ => draft.read_fault(Cursor::new(line, Gap::Blanks), line.at, expected),
    }
}

/// Reads what follows the name of a message.
fn message(cursor: &mut Cursor<'_>) -> Result<Published, HistoryError> {
    let (mut id, mut ordering_key, mut seed, mut hash) = (None, None, None, None);
    loop {
        cursor.skip_gap();
        let Some(name) = ATTRIBUTES.iter().find(|name| cursor.ahead().starts_with(**name)) else { break };
        let name = cursor.take(name.len());
        let twice = match name.text {
            "id=" => id.replace(value(cursor)?).is_some(),
            "order=" => ordering_key.replace(value(cursor)?).is_some(),
            "seed=" => seed.replace(parse::seed(cursor.first())?).is_some(),
            _ => hash.replace((name, parse::hash(cursor.first())?)).is_some(),
        };
        if twice {
            return Err(name.expected(format!("`{}` only once", name.text)));
        }
    }
    let payload = match (seed, hash) {
        (None, None) => Payload::Written(written(cursor)?),
        (None, Some((hash, _))) => return Err(hash.expected("`seed=` wherever `hash=` is")),
        (Some(seed), hash) => Payload::Generated { seed, hash: hash.map(|(_, hash)| hash) },
    };
    cursor.end()?;
    Ok(Published { id, ordering_key, payload })
}

/// Reads an id or a key: a word, or a quoted text.
fn value(cursor: &mut Cursor<'_>) -> Result<String, HistoryError> {
    if cursor.ahead().starts_with('"') {
        let text = quoted(cursor)?;
        let behind = cursor.clone().first();
        return if behind.text.is_empty() { Ok(text) } else { Err(behind.expected("a blank")) };
    }
    let word = cursor.first();
    if word.text.is_empty() { Err(word.expected("a value, `\"\"` for an empty one")) } else { Ok(word.text.to_owned()) }
}

/// Reads a payload that somebody wrote: a quoted text, or else all of the rest.
fn written(cursor: &mut Cursor<'_>) -> Result<String, HistoryError> {
    if cursor.ahead().starts_with('"') {
        return quoted(cursor);
    }
    let rest = cursor.rest();
    if rest.text.is_empty() {
        return Err(rest.expected("a payload, `\"\"` for an empty one"));
    }
    Ok(rest.text.to_owned())
}
