//! What is known of a statement that is over, for whoever tells what it touched. The rules are in `footprint`.

#[cfg(debug_assertions)]
use rusqlite::Connection;

#[cfg(debug_assertions)]
use super::with_flags;
use super::{Flags, Log};
use crate::store::sqlite::{footprint::Footing, words::Shape};

impl Flags {
    /// What is known of a statement that the code ran.
    pub(super) fn stepped(&self, shape: Shape, log: &mut Log) -> Footing {
        let text = log.stepping.as_ref().map_or_else(String::new, |of| of.text().to_owned());
        let midway = log.beside || log.unfinished > 0;
        let past_lock = log.stepping.as_ref().is_some_and(|of| of.is_past_lock(shape));
        #[cfg(debug_assertions)]
        let changed = std::mem::take(&mut log.changed);
        Footing {
            shape,
            text,
            committed: self.committed(),
            rolled_back: self.rolled_back(),
            past_lock,
            waits: false,
            midway,
            #[cfg(debug_assertions)]
            changed,
        }
    }

    /// What is known of an operation that is over.
    pub(in crate::store::sqlite) fn operated(&self, shape: Shape, text: &str, past_lock: bool) -> Footing {
        Footing {
            shape,
            text: text.to_owned(),
            committed: self.committed(),
            rolled_back: self.rolled_back(),
            past_lock,
            waits: true,
            midway: false,
            #[cfg(debug_assertions)]
            changed: std::mem::take(&mut self.log().changed),
        }
    }

    /// What changed so far was by somebody else.
    #[cfg(debug_assertions)]
    pub(in crate::store::sqlite) fn forget_changes(&self) {
        self.log().changed.clear();
    }

    /// Rows of this table were changed.
    #[cfg(debug_assertions)]
    fn changes(&self, table: &str) {
        let changed = &mut self.log().changed;
        if !changed.iter().any(|known| known == table) {
            changed.push(table.to_owned());
        }
    }

    /// What the statements may have touched that ended since this was last asked.
    pub(in crate::store::sqlite) fn take_footings(&self) -> Vec<Footing> {
        std::mem::take(&mut self.log().footings)
    }
}

/// The hook that sees in which tables rows change: what footprints are held against. It sees
/// nothing of `WITHOUT ROWID`, of a `DELETE` of everything and of what `REPLACE` removes, and so is no footprint itself.
#[cfg(debug_assertions)]
pub(in crate::store::sqlite) fn watch_changes(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.update_hook(Some(|_, database: &str, table: &str, _| {
        if database == "main" {
            with_flags(|flags| flags.changes(table));
        }
    }))
}
