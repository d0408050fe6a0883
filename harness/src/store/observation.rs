//! What the outside can see at the end, as a value that is compared and printed.

use std::{fmt, iter, sync::Arc};

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
    /// What the user calls the store, where the query does not tell.
    pub(crate) store: Option<Arc<str>>,
    pub(crate) columns: Arc<[String]>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Their order means something.
    pub(crate) ordered: bool,
}

impl Rows {
    /// Whether these are keys with their values, as a key-value store says them.
    pub(crate) fn are_pairs(&self) -> bool {
        *self.columns == ["key", "value"] && self.rows.iter().all(|row| row.len() == 2)
    }
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
        self.parts.push((name, Seen::Rows(Rows { store: None, columns, rows, ordered })));
    }

    /// Adds the rows of a query of a store that has a name beside it.
    #[cfg(feature = "sqlite")]
    pub(crate) fn rows_of_store(
        &mut self,
        store: Option<Arc<str>>,
        query: &str,
        columns: Vec<String>,
        rows: Vec<Vec<String>>,
        ordered: bool,
    ) {
        self.rows(query, columns, rows, ordered);
        if let Some((_, Seen::Rows(rows))) = self.parts.last_mut() {
            rows.store = store;
        }
    }

    /// Adds what happened in the outside world.
    pub(crate) fn performed(&mut self, name: Arc<str>, performed: Performed) {
        self.parts.push((name, Seen::Performed(performed)));
    }

    /// The value that is seen under this name, as it is printed; `None` if there is none, or more than one. What a name
    /// means says [`values`](Observation::values).
    pub fn value(&self, name: &str) -> Option<&str> {
        match self.values(name)[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    /// The value that is seen under this name, if it is one and an integer.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name)?.parse().ok()
    }

    /// Every value that is seen under this name, as it is printed, in the order in which it is seen: SQL's `NULL` is `NULL`
    /// and text has no quotes, as in a report. Empty if there is none.
    ///
    /// A name is one of these, and the first of them that there is: that of values that were [`set`](Observation::set); a
    /// key of a [`KeyValue`](crate::KeyValue) store; a column of a query, or the query as it was given to `observe` if it has
    /// one column; an effect of [`Effects`](crate::Effects), whose values are its details, each so often as it happened. Where
    /// several stores or queries have it, all of them count.
    ///
    /// ```
    /// use redeliver_harness::Observation;
    ///
    /// let mut seen = Observation::default();
    /// seen.set("sent", 2);
    /// let accounts = vec![vec!["1".into(), "100".into()], vec!["2".into(), "-7".into()]];
    /// seen.rows("SELECT id, balance FROM account", vec!["id".into(), "balance".into()], accounts, false);
    /// assert_eq!(seen.integer("sent"), Some(2));
    /// assert_eq!(seen.values("balance"), ["100", "-7"]);
    /// assert_eq!(seen.value("balance"), None, "there are two");
    /// assert_eq!(seen.rows_of("SELECT id, balance FROM account").len(), 2);
    /// ```
    pub fn values(&self, name: &str) -> Vec<&str> {
        let rows = || {
            self.parts.iter().filter_map(|(part, seen)| match seen {
                Seen::Rows(rows) => Some((part, rows)),
                Seen::Value(_) | Seen::Performed(_) => None,
            })
        };
        let set = self.parts.iter().filter_map(|(part, seen)| match seen {
            Seen::Value(value) if **part == *name => Some(value.as_str()),
            _ => None,
        });
        let of_key = rows().filter(|(_, rows)| rows.are_pairs()).flat_map(|(_, rows)| rows.rows.iter());
        let of_key = of_key.filter(|row| row[0] == name).map(|row| row[1].as_str());
        let in_column = rows().flat_map(|(part, rows)| {
            let lone = rows.columns.len() == 1 && **part == *name;
            let column = rows.columns.iter().position(|column| column == name).or(lone.then_some(0));
            rows.rows.iter().filter_map(move |row| row.get(column?).map(String::as_str))
        });
        let performed = self.parts.iter().filter_map(|(_, seen)| match seen {
            Seen::Performed(performed) => Some(performed.effects()),
            Seen::Value(_) | Seen::Rows(_) => None,
        });
        let effects = performed.flatten().filter(|effect| effect.what == name);
        let of_effect = effects.flat_map(|effect| iter::repeat_n(effect.detail.as_str(), effect.by.len()));
        let mut found: Vec<&str> = set.collect();
        if found.is_empty() {
            found = of_key.collect();
        }
        if found.is_empty() {
            found = in_column.collect();
        }
        if found.is_empty() {
            found = of_effect.collect();
        }
        found
    }

    /// The rows of a query, named by its text as it was given to `observe`, or of a store, by its name, with each cell
    /// printed. Sorted, unless the query orders them. Empty if nothing is seen under that name.
    pub fn rows_of(&self, name: &str) -> &[Vec<String>] {
        let of = |(part, seen): &'_ (Arc<str>, Seen)| **part == *name && matches!(seen, Seen::Rows(_));
        match self.parts.iter().find(|part| of(part)) {
            Some((_, Seen::Rows(rows))) => &rows.rows,
            _ => &[],
        }
    }

    /// Whether nothing was observed at all.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// What was seen, in the order in which the stores said it.
    pub(crate) fn parts(&self) -> &[(Arc<str>, Seen)] {
        &self.parts
    }

    /// Takes the parts of these names out: what of each is there stands in the answer under its name. A name that is no
    /// part's is a prefix of keys.
    pub(crate) fn take_out(&mut self, names: &[Arc<str>]) -> Self {
        let mut taken = Self::default();
        for name in names {
            let is_it = |part: &(Arc<str>, Seen)| part.0 == *name;
            if self.parts.iter().any(is_it) {
                taken.parts.extend(self.parts.extract_if(.., |part| is_it(part)));
                continue;
            }
            for (_, seen) in &mut self.parts {
                if let Seen::Rows(rows) = seen
                    && rows.are_pairs()
                {
                    let begun = rows.rows.extract_if(.., |row| row[0].starts_with(&**name)).collect();
                    let (store, columns) = (rows.store.clone(), Arc::clone(&rows.columns));
                    let rows = Rows { store, columns, rows: begun, ordered: rows.ordered };
                    taken.parts.push((Arc::clone(name), Seen::Rows(rows)));
                }
            }
        }
        taken
    }

    /// How many rows there are under this name, a single value being one; `None` if nothing has it.
    pub(crate) fn count(&self, name: &str) -> Option<usize> {
        let mut counts = self.parts.iter().filter(|(part, _)| **part == *name).map(|(_, seen)| match seen {
            Seen::Rows(rows) => rows.rows.len(),
            Seen::Performed(performed) => performed.effects().iter().map(|effect| effect.by.len()).sum(),
            Seen::Value(_) => 1,
        });
        counts.next().map(|first| first + counts.sum::<usize>())
    }

    /// What there is under this name, and nothing else.
    pub(crate) fn only(&self, name: &str) -> Self {
        Self { parts: self.parts.iter().filter(|(part, _)| **part == *name).cloned().collect() }
    }

    /// The same with every cell and value passed through `change`, rows sorted anew unless their order means something.
    pub(crate) fn map_text(&self, change: impl Fn(&str) -> String) -> Self {
        let parts = self.parts.iter().map(|(name, seen)| {
            let seen = match seen {
                Seen::Value(value) => Seen::Value(change(value)),
                Seen::Performed(performed) => Seen::Performed(performed.map_text(&change)),
                Seen::Rows(Rows { store, columns, rows, ordered }) => {
                    let mut rows: Vec<Vec<String>> =
                        rows.iter().map(|row| row.iter().map(|cell| change(cell)).collect()).collect();
                    if !ordered {
                        rows.sort_unstable();
                    }
                    Seen::Rows(Rows { store: store.clone(), columns: Arc::clone(columns), rows, ordered: *ordered })
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

    #[test]
    fn a_name_is_a_value_that_was_set_or_a_key_or_a_column_or_a_query_of_one() {
        let mut seen = Observation::default();
        let cells = |rows: &[[&str; 2]]| rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect::<Vec<_>>();
        let columns = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        seen.rows("bank", columns(["key", "value"]), cells(&[["balance", "7"], ["seen:m0", "x"]]), false);
        seen.rows("SELECT id, balance FROM a", columns(["id", "balance"]), cells(&[["1", "8"], ["2", "NULL"]]), false);
        seen.rows("SELECT count(*) FROM a", vec!["count(*)".to_owned()], vec![vec!["2".to_owned()]], false);
        assert_eq!(seen.values("balance"), ["7"], "a key comes before a column");
        assert_eq!(seen.values("id"), ["1", "2"]);
        assert_eq!(seen.integer("SELECT count(*) FROM a"), Some(2));
        assert_eq!(seen.value("SELECT id, balance FROM a"), None, "it has two columns");
        assert_eq!(seen.value("id"), None, "there are two");
        assert_eq!((seen.integer("seen:m0"), seen.value("seen:m0")), (None, Some("x")));
        assert_eq!(seen.rows_of("bank").len(), 2);
        assert!(seen.values("m0").is_empty() && seen.rows_of("m0").is_empty() && seen.value("m0").is_none());
        seen.set("balance", 9);
        seen.set("balance", 10);
        assert_eq!(seen.values("balance"), ["9", "10"], "what was set comes before a key");
    }

    #[test]
    fn a_part_is_taken_out_by_its_name_or_keys_by_their_prefix() {
        let cells = |rows: &[[&str; 2]]| rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect::<Vec<_>>();
        let columns = || ["key", "value"].map(str::to_owned).to_vec();
        let mut seen = of(["1", "2"], false);
        seen.rows("bank", columns(), cells(&[["balance", "7"], ["seen:m0", "x"]]), false);
        seen.rows("seen", columns(), cells(&[["m1", "x"]]), false);
        seen.set("sent", 2);
        let mut rest = seen.clone();
        let taken = rest.take_out(&["q".into(), "seen:".into(), "none:".into(), "sent".into(), "SELECT 1".into()]);
        assert_eq!((rest.rows_of("bank").len(), rest.rows_of("seen").len()), (1, 1), "{rest:?}");
        assert!(rest.values("a").is_empty() && rest.value("sent").is_none(), "{rest:?}");
        let counts = ["q", "seen:", "none:", "sent", "bank"].map(|name| taken.count(name));
        assert_eq!(counts, [Some(2), Some(1), Some(0), Some(1), None]);
        assert_eq!(taken.only("seen:").value("seen:m0"), Some("x"));
        assert_eq!(of(["1", "2"], false).take_out(&["none:".into()]).count("none:"), None, "there are no keys at all");
        let mut all = seen.clone();
        assert_eq!(all.take_out(&["seen".into()]).count("seen"), Some(1), "a name comes before a prefix");
        assert_eq!(all.value("seen:m0"), Some("x"));
    }
}
