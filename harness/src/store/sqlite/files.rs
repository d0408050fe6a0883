//! Where a database lives while a check runs: a file in shared memory of its own, swept if a killed run leaves it.
//!
//! A lock file beside each database says that its owner lives; the operating system lets go of it when the owner dies.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::Error;

/// How every file of ours begins.
const PREFIX: &str = "redeliver-";

/// A database file of our own. Dropped, it is removed with everything that SQLite made beside it.
#[derive(Debug)]
pub(super) struct Files {
    database: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl Files {
    /// A name that nobody else has, after sweeping what runs that were killed left behind.
    pub(super) fn new() -> Result<Self, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = folder();
        sweep(&folder);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let stem = format!("{PREFIX}{}-{number}", process::id());
            let lock_path = folder.join(format!("{stem}.lock"));
            let trouble = |cause: io::Error| Error::Store {
                store: "sqlite".into(),
                operation: "open",
                cause: format!("{}: {cause}", lock_path.display()),
            };
            let lock = match OpenOptions::new().create_new(true).write(true).open(&lock_path) {
                Ok(lock) => lock,
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(other) => return Err(trouble(other)),
            };
            // A sweeper may have taken it for an orphan in between: then it is not there any more, or locked.
            if lock.try_lock().is_ok() && lock_path.exists() {
                return Ok(Self { database: folder.join(format!("{stem}.db")), lock_path, _lock: lock });
            }
        }
    }

    /// The database file.
    pub(super) fn database(&self) -> &Path {
        &self.database
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        remove(&self.database, &self.lock_path);
    }
}

/// Shared memory where there is some: a test has no use for a disk.
fn folder() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}

/// Removes the files of owners that are dead. What cannot be removed, or belongs to the living, stays.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
        if !ours || path.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        match file.try_lock() {
            Ok(()) => remove(&path.with_extension("db"), &path),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

fn remove(database: &Path, lock: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        // It may never have been made.
        let _ = fs::remove_file(path);
    }
    let _ = fs::remove_file(lock);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_swept_and_what_lives_is_not() {
        let alive = Files::new().unwrap();
        fs::write(alive.database(), "").unwrap();
        // What a killed run leaves: files and an unlocked lock.
        let stem = folder().join(format!("{PREFIX}{}-orphan", process::id()));
        let orphans = ["lock", "db", "db-wal", "db-shm"].map(|extension| stem.with_extension(extension));
        for orphan in &orphans {
            fs::write(orphan, "").unwrap();
        }
        let next = Files::new().unwrap();
        assert!(alive.database().exists());
        assert_eq!(orphans.iter().filter(|orphan| orphan.exists()).count(), 0);
        let (database, lock) = (alive.database().to_owned(), alive.lock_path.clone());
        drop(alive);
        assert!(!database.exists() && !lock.exists());
        assert_ne!(next.database(), database);
    }
}
