//! Any text in one line of the text form: as it stands where that can be read back, else quoted.
//!
//! A quoted text is what Rust writes for a string: between double quotes, with `\"`, `\\`, `\n`, `\r`, `\t`, `\0` and
//! `\u{200b}` for what would not be seen.

use std::fmt;

use super::{
    HistoryError,
    cursor::{Cursor, blank},
    parse,
};

const ESCAPE: &str = r#"an escape: \" \\ \n \r \t \0 or \u{200b}"#;

/// A text that prints between quotes where it must.
pub(super) struct Quoted<'a> {
    text: &'a str,
    plain: bool,
}

impl<'a> Quoted<'a> {
    /// One word: an id, a key.
    pub(super) fn word(text: &'a str) -> Self {
        Self { text, plain: plain(text) && !text.contains(' ') }
    }

    /// The rest of a line, which begins with none of these.
    pub(super) fn rest(text: &'a str, reserved: &[&str]) -> Self {
        let is_reserved = reserved.iter().any(|word| text.starts_with(word));
        Self { text, plain: plain(text) && !is_reserved && text.trim_matches(blank).len() == text.len() }
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plain { f.write_str(self.text) } else { write!(f, "{:?}", self.text) }
    }
}

/// Whether all of it can be seen, and it does not look like a quoted text.
fn plain(text: &str) -> bool {
    let quoted_len = format!("{text:?}").len();
    let all_seen = quoted_len == text.len() + text.matches(['"', '\\']).count() + 2;
    all_seen && !text.is_empty() && !text.starts_with('"')
}

/// Reads the quoted text that begins right here.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<String, HistoryError> {
    cursor.take(1);
    let mut text = String::new();
    loop {
        let ahead = cursor.ahead();
        text.push_str(cursor.take(ahead.find(['"', '\\']).unwrap_or(ahead.len())).text);
        match cursor.ahead().chars().next() {
            None => return Err(cursor.take(0).expected("a closing `\"`")),
            Some('"') => {
                cursor.take(1);
                return Ok(text);
            }
            Some(_) => text.push(escape(cursor)?),
        }
    }
}

fn escape(cursor: &mut Cursor<'_>) -> Result<char, HistoryError> {
    let ahead = cursor.ahead();
    let length = if ahead.starts_with("\\u{") {
        ahead.find('}').map_or(ahead.len(), |end| end + 1)
    } else {
        ahead.chars().take(2).map(char::len_utf8).sum()
    };
    let word = cursor.take(length);
    let read = match word.text {
        r#"\""# => Some('"'),
        r"\\" => Some('\\'),
        r"\n" => Some('\n'),
        r"\r" => Some('\r'),
        r"\t" => Some('\t'),
        r"\0" => Some('\0'),
        text => {
            text.strip_prefix("\\u{").and_then(|text| text.strip_suffix('}')).and_then(parse::hex).and_then(unicode)
        }
    };
    read.ok_or_else(|| word.expected(ESCAPE))
}

fn unicode(code: u64) -> Option<char> {
    char::from_u32(u32::try_from(code).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::cursor::{Gap, Word};

    fn read(text: &str) -> Result<String, HistoryError> {
        quoted(&mut Cursor::new(Word::alone(text), Gap::Blanks))
    }

    #[test]
    fn only_what_could_be_misread_is_quoted() {
        let rest = |text| Quoted::rest(text, &["id="]).to_string();
        assert_eq!(rest(r#"{"amount": 100, "why": "it's #1"}"#), r#"{"amount": 100, "why": "it's #1"}"#);
        assert_eq!(rest("Überweisung naïve"), "Überweisung naïve");
        assert_eq!(rest("id=3"), r#""id=3""#);
        assert_eq!(rest(""), r#""""#);
        assert_eq!(rest("100 "), r#""100 ""#);
        assert_eq!(rest("\"a\" or \\"), r#""\"a\" or \\""#);
        assert_eq!(rest("two\nlines\u{200b}"), r#""two\nlines\u{200b}""#);
        assert_eq!(Quoted::word("id=3").to_string(), "id=3");
        assert_eq!(Quoted::word("a b").to_string(), r#""a b""#);
    }

    #[test]
    fn what_is_quoted_reads_back() {
        for text in ["", "\"", "\\", "\n\r\t\0\u{1}\u{200b}\u{2028}\u{10ffff}'", "\u{301}e\u{301}", "emoji 😀"] {
            assert_eq!(read(&format!("{text:?}")).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_bad_escape_is_shown_where_it_stands() {
        let error = |text| read(text).unwrap_err().to_string();
        assert_eq!(error(r#""a\q""#), format!("column 3: expected {ESCAPE}, found `\\q`"));
        assert_eq!(error(r#""\u{d800}""#), format!("column 2: expected {ESCAPE}, found `\\u{{d800}}`"));
        assert_eq!(error(r#""\u{"#), format!("column 2: expected {ESCAPE}, found `\\u{{`"));
        assert_eq!(error(r#""müsli"#), "column 7: expected a closing `\"`, found nothing");
    }
}
