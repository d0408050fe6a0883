//! Reading one line word by word, and never forgetting where it stands.
//!
//! What the words mean lives in `parse`, `text` and `line`.

use super::{HistoryError, Problem};

/// A word that was found is shown up to this many characters.
const SHOWN: usize = 40;

/// A place in what is read. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// `None` where what is read is one line by its nature.
    pub(super) line: Option<usize>,
    pub(super) column: usize,
}

impl Position {
    /// The place behind this text, which begins here.
    pub(super) fn after(self, text: &str) -> Self {
        Self { column: self.column + text.chars().count(), ..self }
    }

    pub(super) fn error(self, problem: impl Into<Problem>) -> HistoryError {
        HistoryError { line: self.line, column: self.column, problem: problem.into() }
    }
}

/// Some text and where it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) at: Position,
}

impl<'a> Word<'a> {
    /// A text that stands alone on one line.
    pub(super) fn alone(text: &'a str) -> Self {
        Self { text, at: Position { line: None, column: 1 } }
    }

    /// The part of this word from a byte on; that must be where a character begins.
    pub(super) fn from(self, byte: usize) -> Self {
        Self { text: &self.text[byte..], at: self.at.after(&self.text[..byte]) }
    }

    /// The part of this word up to a byte; that must be where a character begins.
    pub(super) fn until(self, byte: usize) -> Self {
        Self { text: &self.text[..byte], ..self }
    }

    /// This word without blanks around it.
    pub(super) fn trimmed(self) -> Self {
        let start = self.text.len() - self.text.trim_start_matches(blank).len();
        let word = self.from(start);
        word.until(word.text.trim_end_matches(blank).len())
    }

    /// The parts of this word before and behind the first of this character, if it has one.
    pub(super) fn split(self, at: char) -> Option<(Self, Self)> {
        let byte = self.text.find(at)?;
        Some((self.until(byte), self.from(byte + at.len_utf8())))
    }

    /// The error that something else should stand here.
    pub(super) fn expected(self, expected: impl Into<String>) -> HistoryError {
        self.at.error(Problem::Unexpected { expected: expected.into(), found: shown(self.text) })
    }
}

/// What stands between two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// One blank or more: the text form.
    Blanks,
    /// One colon: the one-line form.
    Colon,
}

/// A line, or a part of one, and how far it has been read.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    rest: Word<'a>,
    gap: Gap,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: Word<'a>, gap: Gap) -> Self {
        Self { rest: line, gap }
    }

    /// The word that begins right here.
    pub(super) fn first(&mut self) -> Word<'a> {
        let is_gap = |c| if self.gap == Gap::Blanks { blank(c) } else { c == ':' };
        self.take(self.rest.text.find(is_gap).unwrap_or(self.rest.text.len()))
    }

    /// The next word, behind the gap; empty at the end.
    pub(super) fn word(&mut self) -> Word<'a> {
        self.skip_gap();
        self.first()
    }

    /// All that is left, behind the gap.
    pub(super) fn rest(&mut self) -> Word<'a> {
        self.skip_gap();
        self.take(self.rest.text.len())
    }

    /// What is left, unread.
    pub(super) fn ahead(&self) -> &'a str {
        self.rest.text
    }

    /// Reads so many bytes; that must be where a character begins.
    pub(super) fn take(&mut self, bytes: usize) -> Word<'a> {
        let taken = self.rest.until(bytes);
        self.rest = self.rest.from(bytes);
        taken
    }

    /// Reads this word, or says that it is missing.
    pub(super) fn literal(&mut self, literal: &str) -> Result<(), HistoryError> {
        let word = self.word();
        if word.text == literal { Ok(()) } else { Err(word.expected(format!("`{literal}`"))) }
    }

    /// Says so if there is more to read.
    pub(super) fn end(&mut self) -> Result<(), HistoryError> {
        if self.gap == Gap::Blanks {
            self.skip_gap();
        }
        if self.rest.text.is_empty() { Ok(()) } else { Err(self.rest.expected("nothing more")) }
    }

    pub(super) fn skip_gap(&mut self) {
        let behind = match self.gap {
            Gap::Blanks => self.rest.text.trim_start_matches(blank),
            Gap::Colon => self.rest.text.strip_prefix(':').unwrap_or(self.rest.text),
        };
        self.take(self.rest.text.len() - behind.len());
    }
}

/// What separates words and is trimmed. Other white space belongs to what it stands in.
pub(super) fn blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn shown(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let mut shown = String::from("`");
    for c in text.chars().take(SHOWN) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown.push_str(if text.chars().nth(SHOWN).is_some() { "…`" } else { "`" });
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let mut cursor = Cursor::new(Word::alone("müsli  ist"), Gap::Blanks);
        assert_eq!(cursor.word().at.column, 1);
        assert_eq!(cursor.word().at.column, 8);
    }

    #[test]
    fn a_colon_separates_once() {
        let mut cursor = Cursor::new(Word::alone("a::b:"), Gap::Colon);
        assert_eq!(cursor.first().text, "a");
        assert_eq!(cursor.word().text, "");
        assert_eq!(cursor.word().text, "b");
        assert_eq!(cursor.end().unwrap_err().to_string(), "column 5: expected nothing more, found `:`");
    }

    #[test]
    fn what_is_found_is_shown_short_and_without_control_characters() {
        assert_eq!(shown(""), "nothing");
        assert_eq!(shown("a\u{7}b"), "`a\\u{7}b`");
        assert_eq!(shown(&"x".repeat(41)), format!("`{}…`", "x".repeat(40)));
    }
}
