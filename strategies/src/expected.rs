//! What each broken twin must be convicted of: `expected.tsv`, read.
//!
//! The file says more than is built yet. Only rows whose id is registered are judged, and every registered twin must have
//! one: the tests see to both.

use std::collections::BTreeSet;

use redeliver_harness::{Anomaly, Contract, DeliveryModel, Guarantee};

use crate::{registry::EFFECT, run::StoreKind};

/// The file, as it stands.
pub const TEXT: &str = include_str!("../expected.tsv");

/// The names of its columns.
const COLUMNS: [&str; 7] = ["id", "model", "store", "contract", "anomaly", "faults", "witness"];

/// One twin's charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The twin's name.
    pub id: String,
    /// The delivery model under which it must be convicted, by name; it may not be built yet.
    pub model: String,
    /// The store on which it must be convicted, by name; it may not be built yet.
    pub store: String,
    /// What it promises, in words: `strict`, or what differs from it.
    pub contract: String,
    /// What it must be convicted of, by name: any of these.
    pub anomalies: Vec<String>,
    /// With so many faults at most.
    pub faults: usize,
    /// One history that shows it, in prose.
    pub witness: String,
}

/// A line of the file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected.tsv, line {line}: {problem}")]
pub struct Malformed {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl Expected {
    /// Whether a conviction of this, by a history of so many faults, is what was expected.
    pub fn is_met_by(&self, anomaly: Anomaly, faults: usize) -> bool {
        faults <= self.faults && self.anomalies.iter().any(|name| name == anomaly.name())
    }

    /// The store to check it on, if there is that one yet.
    pub fn store(&self) -> Option<StoreKind> {
        StoreKind::named(&self.store.to_lowercase().replace(' ', "-"))
    }

    /// What it promises, if these words are known.
    pub fn contract(&self) -> Option<Contract> {
        match self.contract.as_str() {
            "strict" => Some(Contract::strict()),
            "order=published" => Some(Contract::strict().order_published()),
            "mismatch=refused" => Some(Contract::strict().payload_mismatch_refused()),
            "effects=exactly-once" => Some(Contract::strict().effect(EFFECT, Guarantee::ExactlyOnce)),
            _ => None,
        }
    }

    /// The delivery model to check it under, if there is that one yet.
    pub fn model(&self) -> Option<DeliveryModel> {
        DeliveryModel::named(&self.model).ok()
    }
}

/// The charge of this twin, if it has one.
///
/// # Panics
/// If the file that this was built with cannot be read, which a test rules out.
pub fn of(name: &str) -> Option<Expected> {
    parse(TEXT).expect("the file is tested").into_iter().find(|row| row.id == name)
}

/// Reads the file: `#` begins a comment, the first line after the comments names the columns, cells are separated by tabs.
///
/// # Errors
/// [`Malformed`], with the first line that cannot be read.
pub fn parse(text: &str) -> Result<Vec<Expected>, Malformed> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    match lines.next() {
        Some((_, header)) if header.split('\t').eq(COLUMNS) => {}
        found => {
            let (line, header) = found.unwrap_or((1, ""));
            let problem = format!("expected the columns {}, not `{header}`", COLUMNS.join(", "));
            return Err(Malformed { line, problem });
        }
    }
    let mut ids = BTreeSet::new();
    let mut rows = Vec::new();
    for (line, text) in lines {
        let row = row(text).map_err(|problem| Malformed { line, problem })?;
        if !ids.insert(row.id.clone()) {
            return Err(Malformed { line, problem: format!("a second row for `{}`", row.id) });
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(text: &str) -> Result<Expected, String> {
    let cells: Vec<&str> = text.split('\t').collect();
    let &[id, model, store, contract, anomalies, faults, witness] = cells.as_slice() else {
        return Err(format!("expected {} cells, not {}", COLUMNS.len(), cells.len()));
    };
    let faults = faults.parse().map_err(|_| format!("expected a number of faults, not `{faults}`"))?;
    let anomalies: Vec<String> = anomalies.split(',').map(str::to_owned).collect();
    if let Some(unknown) = anomalies.iter().find(|name| !ANOMALIES.iter().any(|anomaly| anomaly.name() == **name)) {
        return Err(format!("`{unknown}` is no anomaly"));
    }
    Ok(Expected {
        id: id.to_owned(),
        model: model.to_owned(),
        store: store.to_owned(),
        contract: contract.to_owned(),
        anomalies,
        faults,
        witness: witness.to_owned(),
    })
}

/// What a twin can be charged with.
const ANOMALIES: [Anomaly; 7] = [
    Anomaly::Lost,
    Anomaly::Twice,
    Anomaly::Overwrote,
    Anomaly::Stuck,
    Anomaly::Partial,
    Anomaly::Mismatch,
    Anomaly::Reply,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::all;

    #[test]
    fn every_registered_twin_is_charged_and_nobody_else() {
        for entry in all() {
            assert_eq!(of(entry.name).is_some(), entry.twin_of.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn a_registered_twin_is_charged_where_it_can_be_checked_and_with_what_it_promises() {
        for (entry, charge) in all().iter().filter_map(|entry| Some((entry, of(entry.name)?))) {
            assert!(charge.model().is_some(), "{charge:?}");
            assert!(entry.stores().any(|store| Some(store) == charge.store()), "{charge:?}");
            assert_eq!(charge.contract(), Some((entry.contract)()), "{charge:?}");
        }
    }

    #[test]
    fn a_charge_is_met_by_a_listed_anomaly_with_no_more_faults() {
        let text = format!("{}\norphan-claim\tat-least-once\tsqlite\tstrict\tlost,stuck\t1\t\n", COLUMNS.join("\t"));
        let [charge] = &parse(&text).unwrap()[..] else { panic!("it is one row") };
        assert!(charge.is_met_by(Anomaly::Stuck, 1) && charge.is_met_by(Anomaly::Lost, 0));
        assert!(!charge.is_met_by(Anomaly::Lost, 2) && !charge.is_met_by(Anomaly::Twice, 1));
    }

    #[test]
    fn a_malformed_file_is_named_by_line() {
        let header = COLUMNS.join("\t");
        let problem = |row: &str| parse(&format!("# why\n{header}\n{row}\n")).unwrap_err().to_string();
        assert_eq!(problem("a\tb"), "expected.tsv, line 3: expected 7 cells, not 2");
        assert_eq!(
            problem("a\tm\ts\tc\tlost\tmany\tw"),
            "expected.tsv, line 3: expected a number of faults, not `many`"
        );
        assert_eq!(problem("a\tm\ts\tc\tlots\t1\tw"), "expected.tsv, line 3: `lots` is no anomaly");
        let twice = "a\tm\ts\tc\tlost\t1\tw\na\tm\ts\tc\tlost\t1\tw";
        assert_eq!(problem(twice), "expected.tsv, line 4: a second row for `a`");
        assert!(parse("").is_err() && parse("id\tmodel\n").is_err());
    }
}
