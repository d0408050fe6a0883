//! What the outside can see at the end, as a value that is compared and printed.

use std::{fmt, sync::Arc};

use super::Performed;

/// What the outside can see of all stores: named values and named sets of rows.
///
/// Rows are compared as a multiset unless their query orders them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Observation {
    parts: Vec<(Arc<str>, Seen)>,
}

/// One thing that is seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// A single value, printed.
    Value(String),
    /// The rows of a query.
    Rows(Rows),
    /// What happened in the outside world.
    Performed(Performed),
}

/// Rows of one query, each cell printed. Sorted when made, unless the query orders them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Rows {
    pub(crate) columns: Arc<[String]>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Their order means something.
    pub(crate) ordered: bool,
}

impl Observation {
    /// Adds a value under a name. Values under one name are kept in the order in which they are set.
    pub fn set(&mut self, name: &str, value: impl fmt::Debug) {
        self.say(name, format!("{value:?}"));
    }

    /// The same of what is printed already.
    pub(crate) fn say(&mut self, name: &str, printed: String) {
        self.parts.push((name.into(), Seen::Value(printed)));
    }

    /// Adds rows of printed cells. `ordered` says that their order means something.
    pub fn rows(&mut self, name: &str, columns: Vec<String>, rows: Vec<Vec<String>>, ordered: bool) {
        self.rows_under(name.into(), columns.into(), rows, ordered);
    }

    /// The same, for a store whose name and columns are the same each time.
    pub(crate) fn rows_under(
        &mut self,
        name: Arc<str>,
        columns: Arc<[String]>,
        mut rows: Vec<Vec<String>>,
        ordered: bool,
    ) {
        if !ordered {
            rows.sort_unstable();
        }
        self.parts.push((name, Seen::Rows(Rows { columns, rows, ordered })));
    }

    /// Adds what happened in the outside world.
    pub(crate) fn performed(&mut self, name: Arc<str>, performed: Performed) {
        self.parts.push((name, Seen::Performed(performed)));
    }

    /// Whether nothing was observed at all.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// What was seen, in the order in which the stores said it.
    pub(crate) fn parts(&self) -> &[(Arc<str>, Seen)] {
        &self.parts
    }

    /// The same with every cell and value passed through `change`, rows sorted anew unless their order means something.
    pub(crate) fn map_text(&self, change: impl Fn(&str) -> String) -> Self {
        let parts = self.parts.iter().map(|(name, seen)| {
            let seen = match seen {
                Seen::Value(value) => Seen::Value(change(value)),
                Seen::Performed(performed) => Seen::Performed(performed.map_text(&change)),
                Seen::Rows(Rows { columns, rows, ordered }) => {
                    let mut rows: Vec<Vec<String>> =
                        rows.iter().map(|row| row.iter().map(|cell| change(cell)).collect()).collect();
                    if !ordered {
                        rows.sort_unstable();
                    }
                    Seen::Rows(Rows { columns: Arc::clone(columns), rows, ordered: *ordered })
                }
            };
            (Arc::clone(name), seen)
        });
        Self { parts: parts.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: [&str; 2], ordered: bool) -> Observation {
        let mut seen = Observation::default();
        seen.rows("q", vec!["a".to_owned()], cells.map(|cell| vec![cell.to_owned()]).into(), ordered);
        seen
    }

    #[test]
    fn rows_are_a_multiset_unless_their_order_means_something() {
        assert_eq!(of(["1", "2"], false), of(["2", "1"], false));
        assert_ne!(of(["1", "1"], false), of(["1", "2"], false), "each counts as often as it stands there");
        assert_ne!(of(["1", "2"], true), of(["2", "1"], true));
        assert_ne!(of(["1", "2"], true), of(["1", "2"], false), "and whether it does is seen too");
    }
}
