//! What a statement is, and what is said of it: `narrator` for code on a stepped thread, `say` for an operation.

mod narrator;
mod probe;
pub(super) mod say;

pub(super) use self::narrator::Narrator;
use super::hooks::Flags;
use crate::machine::trace::{Facts, Injected, Words};

/// What a statement that finds a lock taken gets.
const WAITS: &str = "database is locked, so it waits";

/// What one gets that waits no longer.
const LOCKED: &str = "database is locked";

/// What code does that reads the schema to prepare a statement.
const BETWEEN: &str = "(to its next statement)";

/// What is said of a statement that took effect though it returned an error.
const STANDS: &str = "though it took effect";

/// What an open transaction came to in which a statement was made to fail.
fn transaction(rolled_back: bool) -> &'static str {
    if rolled_back { "and the transaction is rolled back" } else { "and the transaction is still open" }
}

/// The words of code that waits for a lock between two statements.
pub(super) fn waits_between_statements() -> Words {
    Words { what: BETWEEN.into(), result: WAITS.into(), ..Words::default() }
}

/// The words of code that waited for one, and got it or was refused.
pub(super) fn between_statements(got_it: bool) -> Words {
    let result = if got_it { "" } else { LOCKED };
    Words { what: BETWEEN.into(), result: result.into(), ..Words::default() }
}

/// What kind of statement a text is, by its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// It only reads.
    Read,
    /// It may write, and takes the lock first if it does.
    Write,
    /// It may write in some other way: a pragma, `VACUUM`.
    Other,
    /// It begins a transaction; `true` if it takes the lock at once.
    Begin(bool),
    Commit,
    Rollback,
    /// A savepoint, set or let go.
    Savepoint,
}

impl Shape {
    pub(super) fn of(statement: &str) -> Self {
        let mut rest = statement;
        let mut word = || {
            rest = bare(rest);
            let (word, after) = rest.split_at(rest.find(|at: char| !at.is_ascii_alphabetic()).unwrap_or(rest.len()));
            rest = after;
            word
        };
        match word().to_ascii_uppercase().as_str() {
            "SELECT" | "VALUES" | "EXPLAIN" => Shape::Read,
            "BEGIN" => {
                let how = word();
                Shape::Begin(["IMMEDIATE", "EXCLUSIVE"].iter().any(|locks| how.eq_ignore_ascii_case(locks)))
            }
            "COMMIT" | "END" => Shape::Commit,
            "ROLLBACK" => {
                let to = Some(word()).filter(|word| !word.eq_ignore_ascii_case("TRANSACTION")).unwrap_or_else(word);
                if to.eq_ignore_ascii_case("TO") { Shape::Savepoint } else { Shape::Rollback }
            }
            "SAVEPOINT" | "RELEASE" => Shape::Savepoint,
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "WITH" | "CREATE" | "DROP" | "ALTER" => Shape::Write,
            _ => Shape::Other,
        }
    }

    /// Whether such a statement can suffer this at all. What only begins a transaction, or goes back, asks nothing of a disk
    /// or a lock.
    pub(super) fn suffers(self, fault: Injected) -> bool {
        match self {
            Shape::Read | Shape::Begin(true) => fault == Injected::Fail,
            Shape::Write | Shape::Other | Shape::Commit => true,
            Shape::Begin(false) | Shape::Rollback | Shape::Savepoint => false,
        }
    }

    /// After how many of SQLite's instructions it has asked for the lock that writers need. What is to fail there fails as
    /// it does in life, if somebody has the lock, and without effect if nobody has.
    pub(super) fn to_the_lock(self) -> u8 {
        match self {
            Shape::Write => 2,
            Shape::Begin(true) => 3,
            _ => 0,
        }
    }

    /// What a step of this shape was, from what became of it.
    pub(super) fn facts(self, flags: &Flags, fault: Option<Injected>) -> Facts {
        let committed = flags.committed();
        let suffered = fault.filter(|_| flags.suffered());
        Facts {
            can_fail: self.suffers(Injected::Fail),
            can_lose_reply: flags.committed_in_time(),
            changes: committed,
            locks: self != Shape::Read,
            suffered,
            ..Facts::default()
        }
    }

    /// Whether whoever waits for a lock may get it after such a step.
    pub(super) fn ends_transaction(self, flags: &Flags) -> bool {
        matches!(self, Shape::Commit | Shape::Rollback) || flags.committed() || flags.suffered()
    }
}

/// Whether a statement makes, changes or removes tables or what belongs to them, or opens another database, by its first word.
pub(super) fn alters(statement: &str) -> bool {
    let bare = bare(statement);
    let word = &bare[..bare.find(|at: char| !at.is_ascii_alphabetic()).unwrap_or(bare.len())];
    ["ALTER", "ATTACH", "CREATE", "DETACH", "DROP"].iter().any(|alters| word.eq_ignore_ascii_case(alters))
}

/// A statement without what comes before its first word: comments, space, the end of an empty one.
fn bare(mut statement: &str) -> &str {
    loop {
        statement = statement.trim_start_matches(|at: char| at.is_whitespace() || at == ';');
        if let Some(comment) = statement.strip_prefix("--") {
            statement = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = statement.strip_prefix("/*") {
            statement = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            return statement;
        }
    }
}
