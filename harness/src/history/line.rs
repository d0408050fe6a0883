//! The one-line form of a history, `r1:…`: what the last line of a report is replayed from.
//!
//! What it looks like is told in the module `history`. The parts that the text form shares live in `parse`.

use std::{
    fmt::{self, Write},
    str::FromStr,
};

use super::{
    History, HistoryError, Payload, Published,
    cursor::{Cursor, Gap, Word},
    draft::Draft,
    parse, text,
};

/// What a line begins with.
const HEADER: &str = "r1:";

/// A history and the test that it belongs to, in one line: the value of `REDELIVER_HISTORY`.
///
/// Bound to its test's name, so that a filter that matches several tests feeds it to none but its own.
///
/// ```
/// use redeliver_harness::history::{History, Line};
///
/// let history = History::at_least_once().message("it's 100").overlap("m0#1.2").build()?;
/// let line = Line { test: "credit_is_idempotent".to_owned(), history };
/// let shown = "r1:credit_is_idempotent;at-least-once;m0=it%27s%20100;overlap:m0#1.2";
/// assert_eq!(line.to_string(), shown);
/// assert_eq!(shown.parse(), Ok(line));
/// # Ok::<(), redeliver_harness::history::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// The name of the test.
    pub test: String,
    /// What it replays.
    pub history: History,
}

impl History {
    /// Reads a history in either form, and the name of its test if it is a line.
    ///
    /// # Errors
    /// [`HistoryError`] if it is neither, or there can be no such history.
    ///
    /// ```
    /// use redeliver_harness::History;
    ///
    /// let (history, test) = History::parse_any("r1:credit;at-least-once;m0=100")?;
    /// assert_eq!(test.as_deref(), Some("credit"));
    /// assert_eq!(History::parse_any(&history.to_string())?, (history, None));
    /// # Ok::<(), redeliver_harness::history::HistoryError>(())
    /// ```
    pub fn parse_any(text: &str) -> Result<(Self, Option<String>), HistoryError> {
        if text.trim_start().starts_with(HEADER) {
            let Line { test, history } = text.parse()?;
            return Ok((history, Some(test)));
        }
        let first = text::first_line(text);
        if !first.text.starts_with(text::HEADER) {
            return Err(first.expected(format!("`{} 1`, or a line that begins with `{HEADER}`", text::HEADER)));
        }
        text.parse().map(|history| (history, None))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let History { model, processes, messages, faults } = &self.history;
        f.write_str(HEADER)?;
        encode(f, &self.test, ":")?;
        write!(f, ";{}", model.name())?;
        if *processes != History::DEFAULT_PROCESSES {
            write!(f, ";processes={processes}")?;
        }
        for (n, message) in messages.iter().enumerate() {
            write_message(f, n, message)?;
        }
        faults.iter().try_for_each(|fault| write!(f, ";{}", fault.to_string().replace(' ', ":")))
    }
}

fn write_message(f: &mut fmt::Formatter<'_>, n: usize, message: &Published) -> fmt::Result {
    write!(f, ";m{n}=")?;
    match &message.payload {
        Payload::Generated { seed, hash: None } => write!(f, "~{seed}")?,
        Payload::Generated { seed, hash: Some(hash) } => write!(f, "~{seed}.{hash:x}")?,
        Payload::Written(text) => encode(f, text, "")?,
    }
    if let Some(id) = &message.id {
        f.write_str(":id=")?;
        encode(f, id, "")?;
    }
    if let Some(key) = &message.ordering_key {
        f.write_str(":order=")?;
        encode(f, key, "")?;
    }
    Ok(())
}

/// Writes what a shell, a log and a chat leave alone; every other byte as `%` and two digits.
fn encode(f: &mut fmt::Formatter<'_>, text: &str, also: &str) -> fmt::Result {
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.,/@+*()[]{}<>=?#&".contains(c) || also.contains(c) {
            f.write_char(c)?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

impl FromStr for Line {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        let start = text.len() - text.trim_start().len();
        let line = Word::alone(text.trim_end()).from(start.min(text.trim_end().len()));
        if !line.text.starts_with(HEADER) {
            let word = line.until(line.text.find(':').map_or(line.text.len(), |colon| colon + 1));
            return Err(word.expected(format!("`{HEADER}`")));
        }
        let end = line.at.after(line.text);
        let nothing = Word { text: "", at: end };
        let (test, rest) =
            line.from(HEADER.len()).split(';').ok_or_else(|| nothing.expected("`;` and a delivery model"))?;
        let test = decode(test)?;
        let (model, mut items) = head(rest);
        let mut draft = Draft::new(parse::model(model)?);
        while let Some(rest) = items {
            let (item, behind) = head(rest);
            read_item(&mut draft, item)?;
            items = behind;
        }
        Ok(Self { test, history: draft.finish(end)? })
    }
}

/// What stands before the first semicolon, and what behind it.
fn head(text: Word<'_>) -> (Word<'_>, Option<Word<'_>>) {
    text.split(';').map_or((text, None), |(item, rest)| (item, Some(rest)))
}

fn read_item(draft: &mut Draft, item: Word<'_>) -> Result<(), HistoryError> {
    let expected = |draft: &Draft| draft.expects("processes=", |n| format!("m{n}="));
    let cursor = Cursor::new(item, Gap::Colon);
    match (item.split('='), draft.next_message()) {
        (Some((name, value)), _) if name.text == "processes" && draft.takes_processes() => {
            draft.set_processes(value.at, parse::processes(value)?);
            Ok(())
        }
        (Some((name, _)), Some(n)) if name.text == format!("m{n}") => {
            draft.push_message(item.at, message(cursor, name.text.len() + 1)?);
            Ok(())
        }
        _ => draft.read_fault(cursor, item.at, expected),
    }
}

/// Reads a message whose payload begins at this byte.
fn message(mut cursor: Cursor<'_>, start: usize) -> Result<Published, HistoryError> {
    let payload = payload(cursor.first().from(start))?;
    let (mut id, mut ordering_key) = (None, None);
    while !cursor.ahead().is_empty() {
        let word = cursor.word();
        let (slot, value) = match word.split('=') {
            Some((name, value)) if name.text == "id" && id.is_none() => (&mut id, value),
            Some((name, value)) if name.text == "order" && ordering_key.is_none() => (&mut ordering_key, value),
            _ => return Err(word.expected("`id=` or `order=`, each once, or nothing more")),
        };
        *slot = Some(decode(value)?);
    }
    Ok(Published { id, ordering_key, payload })
}

fn payload(word: Word<'_>) -> Result<Payload, HistoryError> {
    if !word.text.starts_with('~') {
        return decode(word).map(Payload::Written);
    }
    let (seed, hash) = match word.from(1).split('.') {
        Some((seed, hash)) => (seed, Some(parse::hash(hash)?)),
        None => (word.from(1), None),
    };
    Ok(Payload::Generated { seed: parse::seed(seed)?, hash })
}

/// The text that was encoded so.
fn decode(word: Word<'_>) -> Result<String, HistoryError> {
    let mut bytes = Vec::with_capacity(word.text.len());
    let mut rest = word;
    while let Some(c) = rest.text.chars().next() {
        let mut read = c.len_utf8();
        if c == '%' {
            let byte = rest.text.get(1..3).and_then(parse::hex).and_then(|byte| u8::try_from(byte).ok());
            let shown = || rest.until(rest.text.chars().take(3).map(char::len_utf8).sum());
            bytes.push(byte.ok_or_else(|| shown().expected("`%` and two hexadecimal digits"))?);
            read = 3;
        } else if c.is_whitespace() || c.is_control() || c == '\'' {
            return Err(rest.until(read).expected("no blank and no quote: a blank is written `%20`"));
        } else {
            bytes.extend_from_slice(&rest.text.as_bytes()[..read]);
        }
        rest = rest.from(read);
    }
    String::from_utf8(bytes).map_err(|_| word.expected("UTF-8, percent-encoded"))
}
