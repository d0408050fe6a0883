//! Small things of text: what users wrote made safe for one line, widths, numbers, lists, spans of time.
//!
//! Width is counted in characters. Wide and combining characters are rare in SQL and keys, and where they come a column
//! is a little off; nothing else depends on it.

use std::time::Duration;

/// How wide a screen is where that can be had. Only the line that replays is never shortened.
pub(super) const WIDTH: usize = 110;

/// Where the text of a labelled line begins: `  why       `.
pub(super) const LABEL: usize = 12;

/// What a user wrote, so that it cannot leave its line: control characters, and those that are invisible or turn the
/// direction of writing, are escaped.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns_or_hides(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn turns_or_hides(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// SQL of several lines on one: white space outside quotes becomes one space, inside quotes it is escaped.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut quote = None;
    for c in text.trim().chars() {
        match quote {
            None if c.is_whitespace() => {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
                continue;
            }
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        folded.push(c);
    }
    escape(&folded)
}

/// At most so many characters: the middle gives way to `…`, since both ends of a statement tell.
pub(super) fn shorten(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let tail = kept * 2 / 5;
    let head: String = text.chars().take(kept - tail).collect();
    let tail: String = text.chars().skip(length - tail).collect();
    format!("{head}…{tail}")
}

/// Width in characters.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// Filled up with spaces.
pub(super) fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// `1204` as `1,204`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `no fault`, `1 fault`, `2 faults`.
pub(super) fn counted(number: u64, one: &str, more: &str) -> String {
    match number {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        _ => format!("{} {more}", thousands(number)),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `retry: 409, in flight`, or `retry` alone where nobody said why.
pub(super) fn because(what: &str, why: &str) -> String {
    if why.trim().is_empty() { what.to_owned() } else { format!("{what}: {}", escape(why)) }
}

/// A message's name.
pub(super) fn message(place: usize) -> String {
    format!("m{place}")
}

/// The names of messages, listed.
pub(super) fn messages(places: &[usize]) -> String {
    list(&places.iter().map(|place| message(*place)).collect::<Vec<_>>())
}

/// A span of time: `31 s`, `5 min 1 s`, `1 s 500 ms`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
        (u64::from(time.subsec_millis()), "ms"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{} {unit}", thousands(*count)))
        .collect();
    if told.is_empty() { "0 s".to_owned() } else { told.join(" ") }
}

/// One labelled line of a screen; text that is too wide goes on below itself, broken at spaces.
pub(super) fn labelled(label: &str, text: &str) -> String {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && LABEL + width(&line) + 1 + width(word) > WIDTH {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    let mut label = pad(&format!("  {label}"), LABEL);
    let mut set = String::new();
    for line in lines {
        set.push_str(format!("{label}{line}").trim_end());
        set.push('\n');
        label = " ".repeat(LABEL);
    }
    set
}
