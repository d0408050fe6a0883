//! Golden files: what was printed once and looked at stays as it was, byte for byte.
//!
//! `REDELIVER_BLESS=1 cargo test` writes them anew; then the difference is read before it is committed.

use std::{env, fs, path::PathBuf};

/// Compares with `tests/it/golden/<name>`.
#[track_caller]
pub fn golden(name: &str, actual: &str) {
    golden_at(&format!("tests/it/golden/{name}"), actual);
}

/// Compares with a file of the repository.
#[track_caller]
pub fn golden_at(file: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    if env::var_os("REDELIVER_BLESS").is_some() {
        fs::write(&path, actual).expect("the folder of golden files is there");
    }
    // A checkout may have ended the lines in its own way.
    let expected = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let name = path.file_name().unwrap_or_default().display();
    assert!(expected == actual, "{name} is not what it was.\n--- expected\n{expected}\n--- actual\n{actual}");
}
