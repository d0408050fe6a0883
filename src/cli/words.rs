//! The words that the commands share: verdicts, charges, columns.
//!
//! A verdict's own screen is the harness's.

use comfy_table::{Cell, ContentArrangement, Table, presets};
use redeliver_harness::{Anomaly, DeliveryModel, History, Verdict};

use super::{Answer, Charge, Checked, Exit, arguments::Format};

/// What a check or a replay came to: the harness's own report.
pub(super) fn answer(checked: &Checked, verdict: &Verdict, format: Format) -> Answer {
    let exit = match verdict {
        Verdict::Holds(_) => Exit::Holds,
        Verdict::Violated(_) => Exit::Violated,
        Verdict::Inconclusive(_) => Exit::Inconclusive,
    };
    let text = match format {
        Format::Text => verdict.report(checked.name),
        Format::Json => verdict.json(checked.name),
    };
    Answer { text, exit }
}

/// An anomaly and how many faults it took.
pub(super) fn violation(anomaly: Anomaly, history: &History) -> String {
    format!("{anomaly}, {}", counted(history.faults.len() as u64, "fault"))
}

/// What a twin must be convicted of.
pub(super) fn charge(charge: &Charge) -> String {
    format!("{}, {} or fewer", charge.anomalies.join(" or "), counted(charge.faults as u64, "fault"))
}

/// Whether it is correct or broken, and what that means.
pub(super) fn standing(checked: &Checked) -> String {
    if let [charged, ..] = &checked.charges[..] {
        return format!("broken: {}", charge(charged));
    }
    match (checked.twin_of, checked.claims.len()) {
        (Some(_), _) => "broken".to_owned(),
        (None, n) if n == DeliveryModel::names().len() => "correct: any model".to_owned(),
        (None, 0) => "claims nothing".to_owned(),
        (None, _) => {
            format!("correct: {}", checked.claims.iter().map(DeliveryModel::name).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A name, set in behind the one that it is a twin of.
pub(super) fn name(checked: &Checked) -> String {
    let indent = if checked.twin_of.is_some() { "  " } else { "" };
    format!("{indent}{}", checked.name)
}

/// An empty table with these columns: no lines, no colours, no width but its own.
pub(super) fn columns(names: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(names.iter().map(Cell::new));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// The rows as text, with nothing at the ends of the lines.
pub(super) fn rows(table: &Table) -> String {
    table.trim_fmt() + "\n"
}

pub(super) fn counted(count: u64, one: &str) -> String {
    let many = match one.strip_suffix('y') {
        _ if count == 1 => one.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{one}s"),
    };
    format!("{} {many}", grouped(count))
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_thousands() {
        assert_eq!([7, 1204, 53_610, 1_000_000].map(grouped), ["7", "1,204", "53,610", "1,000,000"]);
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "fault"), "1 fault");
        assert_eq!(counted(0, "fault"), "0 faults");
        assert_eq!(counted(7, "history"), "7 histories");
    }
}
