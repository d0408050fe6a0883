//! What background work is called: `relay`.
//!
//! A label stands in every coordinate of its work, so it is a small value that is copied and not a `String`.

use std::{fmt, str::FromStr};

/// What background work is called in histories and reports: `relay`.
///
/// It begins with a lower-case letter and goes on with lower-case letters, digits, `-` and `_`, at most
/// [`MAX`](Label::MAX) of them, so that `relay@p0#2.1` can be read wherever it stands.
///
/// ```
/// use redeliver_harness::history::Label;
///
/// assert_eq!("relay".parse::<Label>()?.as_str(), "relay");
/// assert_eq!(
///     "Relay".parse::<Label>().unwrap_err().to_string(),
///     "`Relay` is no label: a lower-case letter, then at most 22 lower-case letters, digits, `-` or `_`",
/// );
/// # Ok::<(), redeliver_harness::history::BadLabel>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Zeros behind the text, so that equal labels are equal bytes and order as their texts do.
    bytes: [u8; Label::MAX],
}

/// A text that is no [`Label`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no label: a lower-case letter, then at most {} lower-case letters, digits, `-` or `_`", Label::MAX - 1)]
pub struct BadLabel {
    /// The text.
    pub text: String,
}

impl Label {
    /// The most characters that a label has.
    pub const MAX: usize = 23;

    /// Its text.
    pub fn as_str(&self) -> &str {
        let length = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(Self::MAX);
        // Only ASCII is ever put in.
        str::from_utf8(&self.bytes[..length]).unwrap_or_default()
    }
}

impl FromStr for Label {
    type Err = BadLabel;

    fn from_str(text: &str) -> Result<Self, BadLabel> {
        let goes_on = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if !begins || text.len() > Self::MAX || !text.as_bytes().iter().all(goes_on) {
            return Err(BadLabel { text: text.to_owned() });
        }
        let mut bytes = [0; Self::MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Label({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_its_text_and_what_is_none_is_told() {
        let longest = "a".repeat(Label::MAX);
        for text in ["a", "relay", "out-box_2", &longest] {
            assert_eq!(text.parse::<Label>().map(|label| label.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "2nd", "-a", "a b", "a.b", "a@p0", "a#1", "größe", &"a".repeat(Label::MAX + 1)] {
            assert_eq!(text.parse::<Label>(), Err(BadLabel { text: text.to_owned() }));
        }
    }

    #[test]
    fn labels_order_as_their_texts_do() {
        let label = |text: &str| text.parse::<Label>().unwrap();
        assert!(label("a") < label("aa") && label("aa") < label("b"));
    }
}
