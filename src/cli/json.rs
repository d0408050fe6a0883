//! What `list` and `matrix` print for programs. A verdict's own form is the harness's; what all members mean stands in
//! `docs/report.md`.

use redeliver_harness::{Anomaly, DeliveryModel, History, Verdict, history::Line};
use serde::Serialize;

use super::{
    Charge, Checked, Program,
    matrix::{Came, Cell},
};

/// The version of the form, which is one with that of a verdict.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct List<'a> {
    redeliver: u32,
    strategies: Vec<Strategy<'a>>,
}

#[derive(Serialize)]
struct Strategy<'a> {
    name: &'a str,
    summary: &'a str,
    twin_of: Option<&'a str>,
    stores: Vec<&'a str>,
    claims: Vec<&'static str>,
    charges: Vec<Charged<'a>>,
}

#[derive(Serialize)]
struct Charged<'a> {
    model: &'static str,
    store: &'a str,
    anomalies: &'a [String],
    faults: usize,
}

/// What there is.
pub(super) fn list(all: &[Checked]) -> String {
    let strategies = all.iter().map(|checked| Strategy {
        name: checked.name,
        summary: checked.summary,
        twin_of: checked.twin_of,
        stores: checked.stores.iter().map(|on| on.store).filter(|store| !store.is_empty()).collect(),
        claims: checked.claims.iter().map(DeliveryModel::name).collect(),
        charges: checked.charges.iter().map(charged).collect(),
    });
    written(&List { redeliver: VERSION, strategies: strategies.collect() })
}

fn charged(charge: &Charge) -> Charged<'_> {
    let (model, store) = (charge.model.name(), charge.store);
    Charged { model, store, anomalies: &charge.anomalies, faults: charge.faults }
}

#[derive(Serialize)]
struct Whole<'a> {
    redeliver: u32,
    as_expected: bool,
    cells: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    strategy: &'a str,
    store: &'a str,
    model: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    later: Option<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    histories: u64,
    as_expected: Option<bool>,
}

#[derive(Serialize)]
struct Found {
    anomaly: &'static str,
    faults: usize,
    line: String,
    replay: String,
}

/// What came of each cell.
pub(super) fn matrix(program: &Program, cells: &[Cell<'_>], came: &[Came]) -> String {
    let as_expected = came.iter().all(|came| came.as_expected != Some(false));
    let cells = cells.iter().zip(came).map(|(cell, came)| one(program, cell, came)).collect();
    written(&Whole { redeliver: VERSION, as_expected, cells })
}

fn one<'a>(program: &Program, cell: &Cell<'a>, came: &'a Came) -> One<'a> {
    let found = |history: &History, anomaly: Anomaly| {
        let line = Line { test: cell.checked.name.to_owned(), history: history.clone() }.to_string();
        let replay = program.replay_command(cell.checked, cell.on, &line);
        Found { anomaly: anomaly.name(), faults: history.faults.len(), line, replay }
    };
    let (verdict, searched) = match &came.verdict {
        Verdict::Holds(searched) => ("holds", searched),
        Verdict::Violated(counterexample) => ("violated", counterexample.searched()),
        Verdict::Inconclusive(why) => ("inconclusive", &why.searched),
    };
    One {
        strategy: cell.checked.name,
        store: cell.on.store,
        model: cell.model().name(),
        verdict,
        found: match &came.verdict {
            Verdict::Violated(counterexample) => Some(found(counterexample.history(), counterexample.anomaly())),
            Verdict::Holds(_) | Verdict::Inconclusive(_) => None,
        },
        later: came.later.as_ref().map(|(history, anomaly)| found(history, *anomaly)),
        reason: match &came.verdict {
            Verdict::Inconclusive(why) => Some(&why.reason),
            Verdict::Holds(_) | Verdict::Violated(_) => None,
        },
        histories: searched.total(),
        as_expected: came.as_expected,
    }
}

fn written(whole: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(whole).expect("all keys are strings, and nothing in it can fail");
    text.push('\n');
    text
}
