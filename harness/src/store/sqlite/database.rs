//! [`Database`]: the durable side, a file with its schema and what is looked at in the end.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rusqlite::{Connection, types::ValueRef};

use super::{
    Sqlite,
    files::Files,
    footprint::Book,
    left::Settings,
    pool::{Place, Pool},
    reset::{Image, Written},
};
use crate::{Error, Observation, Process, Store};

/// A SQLite database: its schema, and the queries whose answers are what an outsider sees.
///
/// By default it is what production runs: a file with a write-ahead log, real locks, real rollback, a busy timeout of 5 s in
/// virtual time. The file is in shared memory, of its own, and gone with the check. Made by
/// [`Sqlite::schema`](super::Sqlite::schema).
#[derive(Debug)]
pub struct Database {
    name: Option<Arc<str>>,
    schema: String,
    queries: Vec<String>,
    in_memory: bool,
    open: Option<Open>,
    /// So many were left to code that was waited for in vain.
    left_behind: u32,
}

/// So many times code may not come back, each of which takes 10 s. What does so once does so in every history in which it meets
/// the same.
const MOST_LEFT_BEHIND: u32 = 2;

/// A database that is open.
struct Open {
    control: Connection,
    image: Image,
    written: Written,
    pool: Arc<Pool>,
    place: Place,
    /// Removed last.
    _files: Option<Files>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Database {
    pub(super) fn new(schema: &str) -> Self {
        Self { name: None, schema: schema.into(), queries: Vec::new(), in_memory: false, open: None, left_behind: 0 }
    }

    /// Adds a query whose answer is seen in the end. Its rows are compared as a multiset unless it says `ORDER BY`.
    #[must_use]
    pub fn observe(mut self, query: &str) -> Self {
        self.queries.push(query.into());
        self
    }

    /// Keeps the database in memory: faster, but without snapshots, since a reader there waits for a writer. Use it where
    /// production does not read and write at once.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// What the database is called in errors, where it is `sqlite` by default, and in reports of handlers that use several
    /// stores.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    fn trouble(&self, operation: &'static str) -> impl Fn(rusqlite::Error) -> Error + use<> {
        let store = self.name.as_deref().unwrap_or("sqlite").to_owned();
        move |cause| Error::Store { store: store.clone(), operation, cause: cause.to_string() }
    }

    fn opened(&mut self) -> Result<&mut Open, Error> {
        if self.open.is_none() {
            let files = if self.in_memory { None } else { Some(Files::new()?) };
            let place = match &files {
                Some(files) => Place::File(files.database().to_owned()),
                None => Place::Memory(memory_name()),
            };
            let open = Open::new(&self.schema, self.name.clone(), place, files).map_err(self.trouble("open"))?;
            self.open = Some(open);
        }
        Ok(self.open.as_mut().expect("it was opened just above"))
    }
}

impl Open {
    fn new(schema: &str, label: Option<Arc<str>>, place: Place, files: Option<Files>) -> rusqlite::Result<Self> {
        let control = place.open()?;
        let fresh = Settings::of(&control)?;
        // The page size is SQLite's own: a smaller one would be faster to reset and would spill at other times.
        control.execute_batch("PRAGMA journal_mode = WAL")?;
        control.execute_batch(schema)?;
        control.execute_batch("PRAGMA foreign_keys = OFF")?;
        control.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let mut template = Connection::open_in_memory()?;
        super::reset::copy(&control, &mut template)?;
        let image = Image::learn(&control, template)?;
        let written = Written::default();
        let pool = Pool::new(place.clone(), label, written.clone(), fresh, Book::of_schema(schema));
        Ok(Self { control, image, written, pool, place, _files: files })
    }
}

impl Store for Database {
    type Handle = Sqlite;

    fn reset(&mut self) -> Result<(), Error> {
        // A thread that did not come back may hold a lock: what it has is left to it, and another file begun.
        if let Some(open) = self.open.take_if(|open| open.pool.is_abandoned()) {
            self.left_behind += u32::from(open.pool.has_waited());
        }
        let trouble = self.trouble("reset");
        if self.left_behind >= MOST_LEFT_BEHIND {
            return Err(Error::other(format!(
                "code on a stepped thread did not come back in {MOST_LEFT_BEHIND} histories, within 10 s each, and no more are \
                 tried: does it wait for a lock of its process that another delivery holds across a statement?"
            )));
        }
        let Open { control, image, written, pool, .. } = self.opened()?;
        image.restore(control, written).and_then(|()| pool.begin_replay()).map_err(trouble)
    }

    fn open(&mut self, process: &Process) -> Result<Sqlite, Error> {
        let open = self.opened()?;
        Ok(Sqlite::new(Arc::clone(&open.pool), process.clone(), open.place.clone(), open.written.clone()))
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        let trouble = self.trouble("observe");
        let (queries, name) = (self.queries.clone(), self.name.clone());
        let open = self.opened()?;
        for query in &queries {
            see(&open.control, name.clone(), query, seen).map_err(&trouble)?;
        }
        Ok(())
    }

    fn tells_footprints(&self) -> bool {
        true
    }

    fn digest(&mut self) -> Result<Option<u64>, Error> {
        let trouble = self.trouble("digest");
        let Open { control, image, written, .. } = self.opened()?;
        image.digest(control, written).map_err(trouble)
    }
}

/// Adds the answer of one query to this database.
fn see(control: &Connection, store: Option<Arc<str>>, query: &str, seen: &mut Observation) -> rusqlite::Result<()> {
    let mut statement = control.prepare_cached(query)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut answer = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = answer.next()? {
        rows.push((0..columns.len()).map(|at| row.get_ref(at).map(print)).collect::<rusqlite::Result<_>>()?);
    }
    let ordered = query.to_ascii_lowercase().contains("order by");
    seen.rows_of_store(store, query, columns, rows, ordered);
    Ok(())
}

/// A value as SQL would write it, but for quotes around text.
pub(super) fn print(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => format!("{real:?}"),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(blob) => {
            let digits: String = blob.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{digits}'")
        }
    }
}

fn memory_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("redeliver-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
