//! The core strategies as programs, mutants of them by hand, and why some mutants are right.

use redeliver::{Contract, DeliveryModel, Observation};

use super::program::{
    Op::{self, AnswerIfFound, Begin, BeginDeferred, Commit, EndIfFound, EndIfRefused, Run, Take},
    Value::{Account, Amount, Balance, Id},
};

/// A strategy and what is done to it.
pub struct Core {
    pub strategy: &'static str,
    pub model: fn() -> DeliveryModel,
    /// What is promised beside what its strategy promises: that messages are told apart, where they add up.
    pub promises: fn(Contract) -> Contract,
    /// What must hold at every step.
    pub always: fn(&Observation) -> bool,
    pub program: &'static [Op],
    pub by_hand: &'static [(&'static str, &'static [Op])],
}

const SET: Op = Run(
    "INSERT INTO closing VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET balance = excluded.balance",
    &[Id, Amount],
);

const JOURNAL: Op = EndIfRefused("INSERT INTO journal VALUES (?1, ?2, ?3)", &[Id, Account, Amount]);
const CREDIT: Op = Run("UPDATE account SET balance = balance + ?1 WHERE id = ?2", &[Amount, Account]);

const SEEN: Op = EndIfFound("SELECT 1 FROM seen WHERE id = ?1", &[Id]);
const ADD: Op = Run("UPDATE account SET balance = balance + ?1", &[Amount]);
const MARK: Op = Run("INSERT INTO seen VALUES (?1)", &[Id]);
const MARK_AGAIN: Op = Run("INSERT OR IGNORE INTO seen VALUES (?1)", &[Id]);

const STORED: Op = AnswerIfFound("SELECT amount, balance FROM answer WHERE key = ?1", &[Id]);
const TAKE: Op = Take("UPDATE account SET balance = balance + ?1 RETURNING balance", &[Amount]);
const ANSWER: Op = Run("INSERT INTO answer VALUES (?1, ?2, ?3)", &[Id, Amount, Balance]);
const ANSWER_AGAIN: Op = Run("INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3)", &[Id, Amount, Balance]);

/// Whoever never adds leaves a journal that tells messages apart, and agrees with itself.
fn the_journal_explains_the_balance(seen: &Observation) -> bool {
    let amounts = seen.values("amount").into_iter().map(|amount| amount.parse::<i64>().unwrap_or_default());
    seen.integer("balance") == Some(amounts.sum())
}

/// The core strategies.
pub const CORE: &[Core] = &[
    Core {
        strategy: "natural",
        model: DeliveryModel::at_least_once,
        promises: |contract| contract,
        always: |_| true,
        program: &[SET],
        by_hand: &[
            (
                "adds instead of setting",
                &[Run(
                    "INSERT INTO closing VALUES (?1, ?2)
                    ON CONFLICT (day) DO UPDATE SET balance = closing.balance + excluded.balance",
                    &[Id, Amount],
                )],
            ),
            (
                "keeps the greater",
                &[Run(
                    "INSERT INTO closing VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET balance = max(balance, excluded.balance)",
                    &[Id, Amount],
                )],
            ),
            (
                "keeps the first",
                &[Run("INSERT INTO closing VALUES (?1, ?2) ON CONFLICT (day) DO NOTHING", &[Id, Amount])],
            ),
            ("inserts only", &[Run("INSERT INTO closing VALUES (?1, ?2)", &[Id, Amount])]),
            ("updates only", &[Run("UPDATE closing SET balance = ?2 WHERE day = ?1", &[Id, Amount])]),
            ("sets every day", &[SET, Run("UPDATE closing SET balance = ?1", &[Amount])]),
            ("empties the table first", &[Run("DELETE FROM closing", &[]), SET]),
            (
                "deletes, then inserts",
                &[
                    Run("DELETE FROM closing WHERE day = ?1", &[Id]),
                    Run("INSERT INTO closing VALUES (?1, ?2)", &[Id, Amount]),
                ],
            ),
            (
                "inserts, then adds",
                &[
                    Run("INSERT INTO closing VALUES (?1, 0) ON CONFLICT (day) DO NOTHING", &[Id]),
                    Run("UPDATE closing SET balance = balance + ?2 WHERE day = ?1", &[Id, Amount]),
                ],
            ),
            ("in a transaction", &[Begin, SET, Commit]),
        ],
    },
    Core {
        strategy: "unique-constraint",
        model: DeliveryModel::at_least_once,
        promises: Contract::equal_payloads_add_up,
        always: the_journal_explains_the_balance,
        program: &[BeginDeferred, JOURNAL, CREDIT, Commit],
        by_hand: &[
            (
                "a second row is ignored and the update made",
                &[
                    BeginDeferred,
                    Run("INSERT OR IGNORE INTO journal VALUES (?1, ?2, ?3)", &[Id, Account, Amount]),
                    CREDIT,
                    Commit,
                ],
            ),
            (
                "a second row replaces the first",
                &[
                    BeginDeferred,
                    Run("INSERT OR REPLACE INTO journal VALUES (?1, ?2, ?3)", &[Id, Account, Amount]),
                    CREDIT,
                    Commit,
                ],
            ),
            (
                "a refusal is an error",
                &[
                    BeginDeferred,
                    Run("INSERT INTO journal VALUES (?1, ?2, ?3)", &[Id, Account, Amount]),
                    CREDIT,
                    Commit,
                ],
            ),
            (
                "the amount is written as the transfer",
                &[
                    BeginDeferred,
                    EndIfRefused("INSERT INTO journal VALUES (?1, ?2, ?3)", &[Amount, Account, Amount]),
                    CREDIT,
                    Commit,
                ],
            ),
        ],
    },
    Core {
        strategy: "record-and-check",
        model: DeliveryModel::at_least_once,
        promises: Contract::equal_payloads_add_up,
        always: |_| true,
        program: &[Begin, SEEN, ADD, MARK, Commit],
        by_hand: &[
            ("the lock is taken late", &[BeginDeferred, SEEN, ADD, MARK, Commit]),
            ("no transaction", &[SEEN, ADD, MARK]),
            ("no transaction, the mark first", &[SEEN, MARK, ADD]),
            ("a check in front, a mark that does not complain", &[SEEN, Begin, ADD, MARK_AGAIN, Commit]),
        ],
    },
    Core {
        strategy: "stored-reply",
        model: DeliveryModel::request_reply,
        promises: Contract::equal_payloads_add_up,
        always: |_| true,
        program: &[Begin, STORED, TAKE, ANSWER, Commit],
        by_hand: &[
            ("the lock is taken late", &[BeginDeferred, STORED, TAKE, ANSWER, Commit]),
            ("no transaction", &[STORED, TAKE, ANSWER]),
            ("a look in front, an answer that replaces another", &[STORED, Begin, TAKE, ANSWER_AGAIN, Commit]),
        ],
    },
];
