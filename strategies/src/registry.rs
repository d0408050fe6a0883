//! The registry: what there is, by name. The command line, the docs and the tests all read it.
//!
//! A strategy is one file and one line here. What a twin must be convicted of does not stand here: that is
//! [`expected`](crate::expected), so that nobody corrects a charge to fit a finding.

use redeliver_harness::{
    Contract, DeliveryModel, KeyValue, Prepared,
    sqlite::{Database, Sqlite},
};

use crate::{
    ack_after_effect, claim_then_confirm, dead_letter, in_process_claim, in_process_guard, journal_applier,
    lease_with_fencing, natural, outbox,
    plain::{self, Plain},
    precondition_on_value, precondition_on_version, record_and_check,
    run::StoreKind,
    sharded_dedup, snapshot, stored_reply, two_stores, unique_constraint, window,
    witness::Witness,
};

/// Everything there is, each strategy before its twins.
static ENTRIES: &[&Entry] = &[
    &natural::ENTRY,
    &natural::stale_overwrite::ENTRY,
    &unique_constraint::ENTRY,
    &unique_constraint::dedup_table_without_unique::ENTRY,
    &unique_constraint::row_before_update::ENTRY,
    &journal_applier::ENTRY,
    &journal_applier::bookmark_apart::ENTRY,
    &record_and_check::ENTRY,
    &record_and_check::toctou_check_insert::ENTRY,
    &record_and_check::apply_before_mark::ENTRY,
    &record_and_check::mark_before_apply::ENTRY,
    &record_and_check::ambiguous_commit_rerun::ENTRY,
    &stored_reply::ENTRY,
    &stored_reply::reply_recomputed::ENTRY,
    &stored_reply::cached_error_replayed::ENTRY,
    &stored_reply::body_not_in_identity::ENTRY,
    &sharded_dedup::ENTRY,
    &sharded_dedup::routed_by_process::ENTRY,
    &snapshot::ENTRY,
    &snapshot::snapshot_blind_uniqueness::ENTRY,
    &two_stores::ENTRY,
    &two_stores::best_effort_1pc::ENTRY,
    &claim_then_confirm::ENTRY,
    &claim_then_confirm::orphan_claim::ENTRY,
    &claim_then_confirm::setnx_then_expire::ENTRY,
    &claim_then_confirm::inprogress_never_expires::ENTRY,
    &claim_then_confirm::inprogress_expiry_too_early::ENTRY,
    &window::ENTRY,
    &window::window_expired_before_retry::ENTRY,
    &window::lru_overflow::ENTRY,
    &lease_with_fencing::ENTRY,
    &lease_with_fencing::zombie_holder_writes::ENTRY,
    &ack_after_effect::ENTRY,
    &ack_after_effect::ack_before_apply::ENTRY,
    &ack_after_effect::offset_stored_before_processing::ENTRY,
    &ack_after_effect::ack_lost_after_apply::ENTRY,
    &outbox::ENTRY,
    &outbox::external_effect_retried::ENTRY,
    &in_process_guard::ENTRY,
    &in_process_guard::process_local_guard::ENTRY,
    &in_process_claim::ENTRY,
    &in_process_claim::claim_kept_after_failure::ENTRY,
    &precondition_on_value::ENTRY,
    &precondition_on_version::ENTRY,
    &precondition_on_version::aba_precondition_retry::ENTRY,
    &precondition_on_version::gap_acked::ENTRY,
    &dead_letter::ENTRY,
    &dead_letter::poison_head_of_line::ENTRY,
];

/// All delivery models that there are, for a strategy that needs nothing of them.
pub const ANY_MODEL: &[DeliveryModel] = &[
    DeliveryModel::at_most_once(),
    DeliveryModel::at_least_once(),
    DeliveryModel::request_reply(),
    DeliveryModel::kafka(),
    DeliveryModel::kafka_blocking(),
];

/// Amounts to add; the harness chooses such as can be told apart.
pub const AMOUNTS: std::ops::Range<i64> = 1..1000;

/// What every strategy that acts on the outside world calls what it does there.
pub const EFFECT: &str = "mail";

/// A strategy or a twin, and what it takes to check it.
pub struct Entry {
    /// What it is called on the command line and in `expected.tsv`.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The strategy that it looks like and is not; `None` for one that is correct.
    pub twin_of: Option<&'static str>,
    /// The delivery models under which it promises that. A twin promises nothing under any.
    pub models: &'static [DeliveryModel],
    /// With up to so many faults it is searched usually: 2, or 1 where it reads a clock, since jumps of that are many,
    /// and pairs of faults with them take long. A twin is searched as far as it is charged.
    pub faults: usize,
    /// What it promises.
    pub contract: fn() -> Contract,
    /// The tables that it works on, with what stands in them before the first message.
    pub schema: &'static str,
    /// What an outsider sees of the tables in the end: one query each.
    pub observed: &'static [&'static str],
    /// What an outsider sees of a key-value store in the end: keys that begin so.
    pub keys: &'static [&'static str],
    /// What it does with a message.
    pub strategy: Strategy,
    /// What goes wrong with it, history by history: of a twin what it is charged with, of a correct one what happens under
    /// each model that it does not claim.
    pub witnesses: &'static [Witness],
}

/// What a strategy does with a message, and what it takes to check it.
#[derive(Clone, Copy)]
pub enum Strategy {
    /// A function of a store, an id and an amount. It stands on every store whose transactions are serializable.
    Plain(&'static dyn Plain),
    /// More than that: a memory of a process, background work, an outside world, messages of its own. A check of it on this
    /// store with its contract; `None` where it does not stand on that.
    Whole(fn(&Entry, StoreKind) -> Option<Prepared>),
}

impl Entry {
    /// A check of it on this store with its messages and its contract, of the usual size; `None` where it does not stand on
    /// that store.
    pub fn on(&self, store: StoreKind) -> Option<Prepared> {
        match self.strategy {
            Strategy::Plain(plain) => plain::prepared(self, plain, store),
            Strategy::Whole(prepared) => prepared(self, store),
        }
    }

    /// The stores that it stands on.
    pub fn stores(&self) -> impl Iterator<Item = StoreKind> {
        StoreKind::ALL.into_iter().filter(|store| self.on(*store).is_some())
    }

    /// Its tables, of which is observed what it says.
    pub fn database(&self) -> Database {
        self.observed.iter().fold(Sqlite::schema(self.schema), |database, query| database.observe(query))
    }

    /// A key-value store, of which is observed what it says.
    pub fn key_value(&self) -> KeyValue {
        self.key_value_named("store")
    }

    /// The same of this name, where there are several.
    pub fn key_value_named(&self, name: &str) -> KeyValue {
        self.keys.iter().fold(KeyValue::new(name), |store, key| store.observe_prefix(key))
    }
}

/// A name that no strategy has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no strategy is called `{name}`; there are: {}", names().collect::<Vec<_>>().join(", "))]
pub struct UnknownStrategy {
    /// The name that was asked for.
    pub name: String,
}

/// Everything there is, each strategy before its twins.
pub fn all() -> &'static [&'static Entry] {
    ENTRIES
}

/// The names of all, in the same order.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().iter().map(|entry| entry.name)
}

/// The one of this name.
///
/// # Errors
/// [`UnknownStrategy`] if there is none.
pub fn named(name: &str) -> Result<&'static Entry, UnknownStrategy> {
    let found = all().iter().find(|entry| entry.name == name);
    found.copied().ok_or_else(|| UnknownStrategy { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = names().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len());
    }

    #[test]
    fn a_correct_strategy_claims_a_model_and_a_twin_none() {
        for entry in all() {
            assert_eq!(entry.models.is_empty(), entry.twin_of.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn any_model_is_every_one_that_there_is() {
        let names: Vec<&str> = ANY_MODEL.iter().map(DeliveryModel::name).collect();
        assert_eq!(names, DeliveryModel::names());
    }

    #[test]
    fn a_twin_follows_the_correct_strategy_that_it_is_a_twin_of() {
        let mut last_correct = None;
        for entry in all() {
            match entry.twin_of {
                None => last_correct = Some(entry.name),
                twin_of => assert_eq!(twin_of, last_correct, "{}", entry.name),
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_there_are() {
        let Err(unknown) = named("record-and-chek") else { panic!("there is none of this name") };
        let said = unknown.to_string();
        assert!(said.contains("`record-and-chek`") && said.contains("record-and-check, toctou-check-insert"), "{said}");
    }
}
