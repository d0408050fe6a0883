//! What is seen and what should be, side by side: only the parts that differ, and no more of them than a screen takes.
//!
//! What would have left the same is said in `titles`.

use std::{mem::discriminant, sync::Arc};

use crate::store::{Effect, Observation, Performed, Rows, Seen};

use super::text::{LABEL, WIDTH, escape, fold, pad, shorten, thousands, width};

/// Parts of an observation that are shown.
const MOST_PARTS: usize = 4;

/// Rows of one part that are shown.
const MOST_ROWS: usize = 8;

/// Of many rows, at least so many are shown even if the other side has them too.
const ALIKE: usize = 2;

/// A cell is no wider.
const CELL: usize = 40;

/// The notes begin here, unless what is seen is wider.
const NOTES: usize = 31;

/// One side of the comparison: what it is called, what is there, and what is said of it.
pub(super) struct Side<'a> {
    pub(super) label: &'static str,
    pub(super) seen: &'a Observation,
    pub(super) note: String,
}

/// The sides, set in lines of a screen.
pub(super) fn sides(sides: &[Side<'_>]) -> String {
    let all: Vec<&Observation> = sides.iter().map(|side| side.seen).collect();
    let shown: Vec<Vec<String>> = (0..all.len()).map(|which| differing(&all, which)).collect();
    let widest = shown.iter().flatten().map(|line| width(line)).max().unwrap_or(0);
    let notes = (LABEL + widest + 2).max(NOTES);
    let beside = shown.iter().all(|lines| lines.len() == 1)
        && sides.iter().all(|side| side.note.is_empty() || notes + width(&side.note) <= WIDTH);
    let mut set = String::new();
    for (side, lines) in sides.iter().zip(&shown) {
        let label = pad(&format!("  {}", side.label), LABEL);
        let mut first = label.as_str();
        if beside {
            set.push_str(format!("{}{}", pad(&format!("{label}{}", lines[0]), notes), side.note).trim_end());
            set.push('\n');
            continue;
        }
        let blank = " ".repeat(LABEL);
        // What takes several lines has its note above them.
        let note = shorten(&side.note, WIDTH - LABEL);
        for line in Some(&note).filter(|note| !note.is_empty()).into_iter().chain(lines) {
            set.push_str(format!("{first}{line}").trim_end());
            set.push('\n');
            first = &blank;
        }
    }
    set
}

/// The lines of one observation, as far as it differs from the others.
fn differing(all: &[&Observation], which: usize) -> Vec<String> {
    let parts = all[which].parts();
    let same_names = all.iter().all(|other| {
        other.parts().len() == parts.len() && other.parts().iter().zip(parts).all(|(one, two)| one.0 == two.0)
    });
    let others = |at: usize| all.iter().map(move |other| &other.parts()[at].1);
    let mut chosen: Vec<usize> = (0..parts.len()).collect();
    if same_names && all.len() > 1 {
        let differ: Vec<usize> =
            chosen.iter().copied().filter(|at| others(*at).any(|other| *other != parts[*at].1)).collect();
        if !differ.is_empty() {
            chosen = differ;
        }
    }
    let mut lines = Vec::new();
    for at in chosen.iter().copied().take(MOST_PARTS) {
        let against: Vec<&Seen> = if same_names { others(at).collect() } else { Vec::new() };
        lines.extend(part(&called(parts, at), &parts[at].1, &against, is_alone(parts, at)));
    }
    if chosen.len() > MOST_PARTS {
        lines.push(format!("and {} more", thousands((chosen.len() - MOST_PARTS) as u64)));
    }
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines.iter().map(|line| shorten(line, WIDTH - LABEL)).collect()
}

/// Whether no other part has the same columns: then they say what it is.
fn is_alone(parts: &[(Arc<str>, Seen)], at: usize) -> bool {
    let columns = |seen: &Seen| match seen {
        Seen::Rows(rows) => Some(rows.columns.to_vec()),
        Seen::Value(_) | Seen::Performed(_) => None,
    };
    let like_it =
        |seen: &Seen| discriminant(seen) == discriminant(&parts[at].1) && columns(seen) == columns(&parts[at].1);
    parts.iter().filter(|(_, seen)| like_it(seen)).count() == 1
}

/// What a part is called beside others: its query, or its store where nothing else is seen of that.
fn called(parts: &[(Arc<str>, Seen)], at: usize) -> String {
    let store = |at: usize| match &parts[at].1 {
        Seen::Rows(rows) => rows.store.as_deref(),
        Seen::Value(_) | Seen::Performed(_) => None,
    };
    let name = match store(at) {
        Some(own) if (0..parts.len()).filter(|other| store(*other) == Some(own)).count() == 1 => own.to_owned(),
        Some(own) => format!("{own}: {}", parts[at].0),
        None => parts[at].0.to_string(),
    };
    shorten(&fold(&name), CELL)
}

fn part(name: &str, seen: &Seen, against: &[&Seen], alone: bool) -> Vec<String> {
    let rows = match seen {
        Seen::Value(value) => return vec![format!("{name} {}", escape(value))],
        Seen::Rows(rows) => rows,
        Seen::Performed(performed) => return effects(Some(name).filter(|_| !alone), performed, against),
    };
    let (shown, more) = telling_rows(rows, against);
    let more = (more > 0).then(|| format!("and {} more", thousands(more as u64)));
    let is_pairs = rows.columns.len() == 2 && rows.columns[0] == "key" && rows.columns[1] == "value";
    let prefix = if alone { String::new() } else { format!("{name}: ") };
    let columns: Vec<String> = rows.columns.iter().map(|column| cell(column)).collect();
    let inline = |texts: Vec<String>| texts.into_iter().chain(more.clone()).collect::<Vec<_>>().join(", ");
    match &shown[..] {
        [] if more.is_none() => vec![format!("{prefix}{}", no_rows(&columns, is_pairs))],
        _ if is_pairs => {
            vec![format!("{prefix}{}", inline(shown.iter().map(|row| row.join(" ")).collect()))]
        }
        _ if columns.len() == 1 => {
            vec![format!("{prefix}{} {}", columns[0], inline(shown.iter().map(|row| row.join(" ")).collect()))]
        }
        // Beside a table of the other side a lone row is a table too.
        [row] if row.len() == columns.len() && against.iter().all(|other| is_short(other)) => {
            let named: Vec<String> = columns.iter().zip(row).map(|(column, cell)| format!("{column} {cell}")).collect();
            vec![format!("{prefix}{}", named.join(", "))]
        }
        _ => {
            let title = Some(format!("{name}:")).filter(|_| !alone);
            title.into_iter().chain(table(&columns, &shown)).chain(more).collect()
        }
    }
}

/// What happened outside, a line each: `mail "m0" twice`.
fn effects(name: Option<&str>, performed: &Performed, against: &[&Seen]) -> Vec<String> {
    let against: Vec<Seen> = against.iter().filter_map(|other| other_effects(other)).collect();
    let (shown, more) = telling_rows(&each(performed), &against.iter().collect::<Vec<_>>());
    let mut lines: Vec<String> = shown.iter().map(|row| row.join(" ")).collect();
    lines.extend((more > 0).then(|| format!("and {} more", thousands(more as u64))));
    if lines.is_empty() {
        lines.push("no effect".to_owned());
    }
    match (name, lines.len()) {
        (None, _) => lines,
        (Some(name), 1) => vec![format!("{name}: {}", lines[0])],
        (Some(name), _) => std::iter::once(format!("{name}:")).chain(lines).collect(),
    }
}

fn other_effects(seen: &Seen) -> Option<Seen> {
    match seen {
        Seen::Performed(performed) => Some(Seen::Rows(each(performed))),
        Seen::Value(_) | Seen::Rows(_) => None,
    }
}

/// Effects as rows.
fn each(performed: &Performed) -> Rows {
    let times = |times: usize| match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{} times", thousands(more as u64)),
    };
    let row = |effect: &Effect| vec![effect.what.clone(), effect.detail.clone(), times(effect.by.len())];
    Rows { store: None, columns: Arc::default(), rows: performed.effects().iter().map(row).collect(), ordered: false }
}

fn is_short(seen: &Seen) -> bool {
    matches!(seen, Seen::Rows(Rows { rows, .. }) if rows.len() <= 1)
}

fn no_rows(columns: &[String], is_pairs: bool) -> String {
    if is_pairs || columns.is_empty() { "nothing".to_owned() } else { format!("no row of {}", columns.join(", ")) }
}

/// The rows that are shown, and how many more there are. Of many, those that the others have not, and few of the rest.
fn telling_rows(rows: &Rows, against: &[&Seen]) -> (Vec<Vec<String>>, usize) {
    let mut chosen: Vec<&Vec<String>> = rows.rows.iter().collect();
    if chosen.len() > MOST_ROWS {
        let count = |rows: &[Vec<String>], row: &Vec<String>| rows.iter().filter(|other| *other == row).count();
        let is_common = |row: &Vec<String>| {
            against.iter().all(|other| match other {
                Seen::Rows(other) => count(&other.rows, row) == count(&rows.rows, row),
                Seen::Value(_) | Seen::Performed(_) => false,
            })
        };
        // A stable sort: otherwise they stay in their order.
        chosen.sort_by_cached_key(|row| is_common(row));
        let telling = chosen.iter().take(MOST_ROWS).take_while(|row| !is_common(row)).count();
        chosen.truncate(telling.max(ALIKE));
    }
    let shown: Vec<Vec<String>> = chosen.into_iter().map(|row| row.iter().map(|text| cell(text)).collect()).collect();
    let more = rows.rows.len() - shown.len();
    (shown, more)
}

fn cell(text: &str) -> String {
    shorten(&escape(text), CELL)
}

/// A header and rows, in columns.
fn table(columns: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let all: Vec<&[String]> = std::iter::once(columns).chain(rows.iter().map(Vec::as_slice)).collect();
    let count = all.iter().map(|row| row.len()).max().unwrap_or(0);
    let width_of = |at: usize| all.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width_of).collect();
    let set = |row: &[String]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    all.into_iter().map(set).collect()
}
