//! A verdict as JSON, for programs. What each member means stands in `docs/report.md`.
//!
//! What a person reads is `screen` and `passed`.

use serde::Serialize;

use crate::{
    Searched, Verdict,
    history::{Fault, Line},
    store::{Observation, Seen},
};

use super::{layout, screen::Screen, steps, titles};

/// The version of the form. It grows with a change after which something that was read before means something else; new
/// members do not change it.
const VERSION: u32 = 1;

/// The whole of a verdict, each line ended.
pub(crate) fn json(name: &str, verdict: &Verdict) -> String {
    let (word, searched) = match verdict {
        Verdict::Holds(searched) => ("holds", searched),
        Verdict::Violated(counterexample) => ("violated", &counterexample.searched),
        Verdict::Inconclusive(inconclusive) => ("inconclusive", &inconclusive.searched),
    };
    let whole = Whole {
        redeliver: VERSION,
        name,
        verdict: word,
        counterexample: match verdict {
            Verdict::Violated(counterexample) => Some(&counterexample.told),
            Verdict::Holds(_) | Verdict::Inconclusive(_) => None,
        },
        reason: match verdict {
            Verdict::Inconclusive(inconclusive) => Some(&inconclusive.reason),
            Verdict::Holds(_) | Verdict::Violated(_) => None,
        },
        searched: extent(searched),
    };
    let mut text = serde_json::to_string_pretty(&whole).expect("all keys are strings, and nothing in it can fail");
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Whole<'a> {
    redeliver: u32,
    name: &'a str,
    verdict: &'static str,
    #[serde(flatten)]
    counterexample: Option<&'a Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a String>,
    searched: Extent<'a>,
}

/// A counterexample, with all that its screen was made from.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    anomaly: &'static str,
    message: Option<String>,
    title: String,
    history: Forms,
    messages: Vec<Published>,
    faults: Vec<Faulty>,
    fewest: bool,
    expected: Option<Vec<Part>>,
    observed: Vec<Part>,
    trace: Vec<Step>,
    replay: String,
}

#[derive(Debug, Serialize)]
struct Forms {
    line: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Published {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordering_key: Option<String>,
    payload: String,
}

#[derive(Debug, Serialize)]
struct Faulty {
    kind: &'static str,
    text: String,
    needed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unused: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Part {
    Value {
        name: String,
        value: String,
    },
    Rows {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        store: Option<String>,
        columns: Vec<String>,
        rows: Vec<Vec<String>>,
        ordered: bool,
    },
    Effects {
        name: String,
        effects: Vec<Effect>,
    },
}

#[derive(Debug, Serialize)]
struct Effect {
    what: String,
    detail: String,
    times: usize,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Step {
    Did {
        task: String,
        process: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        point: Option<String>,
        what: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<String>,
    },
    Between {
        between: String,
        fault: bool,
    },
}

impl Told {
    /// What a screen is made from, to be kept.
    pub(crate) fn of(screen: &Screen<'_>) -> Self {
        let (history, explanation) = (screen.history, screen.explanation);
        let published = history.messages.iter().zip(screen.payloads).enumerate();
        Self {
            anomaly: explanation.anomaly.name(),
            message: explanation.message.map(|place| format!("m{place}")),
            title: titles::title(explanation, screen.replay),
            history: Forms {
                line: Line { test: screen.test.to_owned(), history: history.clone() }.to_string(),
                text: history.to_string(),
            },
            messages: published
                .map(|(place, (message, payload))| Published {
                    message: format!("m{place}"),
                    id: message.id.clone(),
                    ordering_key: message.ordering_key.clone(),
                    payload: payload.clone(),
                })
                .collect(),
            faults: history.faults.iter().enumerate().map(|(at, fault)| faulty(screen, at, fault)).collect(),
            fewest: screen.proven,
            expected: explanation.expected.as_ref().map(|(seen, _)| parts(seen)),
            observed: parts(&explanation.observed),
            trace: trace(screen),
            replay: screen.replay_command.to_owned(),
        }
    }
}

fn faulty(screen: &Screen<'_>, at: usize, fault: &Fault) -> Faulty {
    Faulty {
        kind: fault.word(),
        text: fault.to_string(),
        needed: screen.needed.contains(&at),
        unused: screen.replay.unused.iter().find(|unused| unused.fault == at).map(|unused| unused.why),
    }
}

fn parts(seen: &Observation) -> Vec<Part> {
    let part = |name: &str, seen: &Seen| match seen {
        Seen::Value(value) => Part::Value { name: name.to_owned(), value: value.clone() },
        Seen::Rows(rows) => Part::Rows {
            name: name.to_owned(),
            store: rows.store.as_deref().map(str::to_owned),
            columns: rows.columns.to_vec(),
            rows: rows.rows.clone(),
            ordered: rows.ordered,
        },
        Seen::Performed(performed) => {
            let effect = |effect: &crate::store::Effect| Effect {
                what: effect.what.clone(),
                detail: effect.detail.clone(),
                times: effect.by.len(),
            };
            Part::Effects { name: name.to_owned(), effects: performed.effects().iter().map(effect).collect() }
        }
    };
    seen.parts().iter().map(|(name, seen)| part(name, seen)).collect()
}

fn trace(screen: &Screen<'_>) -> Vec<Step> {
    let lines = steps::lines(screen.history, screen.replay, screen.replay.events.len());
    lines
        .into_iter()
        .map(|line| match line {
            layout::Line::Step { process, delivery, point, what, result } => Step::Did {
                task: delivery,
                process,
                point,
                what,
                result: result.map(|outcome| format!("{}{}", outcome.text, outcome.mark)),
            },
            layout::Line::Between { later, sentence, fault } => {
                Step::Between { between: layout::between(later, &sentence), fault }
            }
        })
        .collect()
}

/// How far a search went.
#[derive(Serialize)]
struct Extent<'a> {
    alone: bool,
    faults: usize,
    histories: &'a [u64],
    random: u64,
    random_faults: usize,
    seed: u64,
    before: u64,
    workloads: &'a [String],
    acted: Vec<Acted>,
    only: Vec<&'static str>,
    jumps_ms: Vec<u64>,
    deadlines: bool,
    unseen: &'a [String],
    unused: Vec<Idle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<Completely>,
}

#[derive(Serialize)]
struct Completely {
    messages: usize,
    copies: usize,
    processes: usize,
    crashes: usize,
    executions: u64,
    cut: u64,
    every: bool,
    blind: bool,
}

#[derive(Serialize)]
struct Acted {
    fault: &'static str,
    times: u64,
    at_random: u64,
}

#[derive(Serialize)]
struct Idle {
    fault: String,
    why: &'static str,
}

fn extent(searched: &Searched) -> Extent<'_> {
    let acted = |&(fault, times)| Acted { fault, times, at_random: searched.at_random(fault) };
    let idle = |(fault, why): &(Fault, &'static str)| Idle { fault: fault.to_string(), why };
    Extent {
        alone: searched.alone,
        faults: searched.faults,
        histories: &searched.histories,
        random: searched.random,
        random_faults: searched.random_faults,
        seed: searched.seed,
        before: searched.before,
        workloads: &searched.workloads,
        acted: searched.acted.iter().map(acted).collect(),
        only: searched.only.clone(),
        jumps_ms: searched.jumps.iter().map(|by| u64::try_from(by.as_millis()).unwrap_or(u64::MAX)).collect(),
        deadlines: searched.deadlines,
        unseen: &searched.unseen,
        unused: searched.unused.iter().map(idle).collect(),
        complete: searched.complete.as_ref().map(|complete| Completely {
            messages: complete.bounds.messages,
            copies: complete.bounds.copies,
            processes: complete.bounds.processes,
            crashes: complete.bounds.crashes,
            executions: complete.executions,
            cut: complete.cut,
            every: complete.every,
            blind: complete.blind,
        }),
    }
}
