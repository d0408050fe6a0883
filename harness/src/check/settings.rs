//! What a check in a test reads from its environment: the only place that does.

use std::{
    env,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::history::{History, Line};

/// Overrides how many faults are searched.
const FAULTS: &str = "REDELIVER_FAULTS";

/// Overrides how many random histories are searched after that.
const CASES: &str = "REDELIVER_CASES";

/// Overrides the seed that they are drawn with.
const SEED: &str = "REDELIVER_SEED";

/// Replays one history instead of searching.
const HISTORY: &str = "REDELIVER_HISTORY";

/// What the environment says.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) faults: Option<usize>,
    pub(super) cases: Option<u64>,
    pub(super) seed: Option<u64>,
    pub(super) line: Option<Line>,
    /// The package under test, as cargo names it.
    pub(super) package: Option<String>,
    /// The folder of its manifest; the current one where cargo does not say.
    pub(super) home: PathBuf,
}

/// A variable that does not parse.
#[derive(Debug, thiserror::Error)]
#[error("{variable} does not parse: {why}; it is `{value}`")]
pub(crate) struct BadSetting {
    variable: &'static str,
    value: String,
    why: String,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`BadSetting`], which names the variable: none is replaced by its default because it cannot be read.
    pub(super) fn read() -> Result<Self, BadSetting> {
        Ok(Self {
            faults: parsed(FAULTS, variable(FAULTS)?, |text| number(text, "of faults was expected, such as 2"))?,
            cases: parsed(CASES, variable(CASES)?, |text| number(text, "of histories was expected, such as 256"))?,
            seed: parsed(SEED, variable(SEED)?, |text| number(text, "was expected, such as 7"))?,
            line: parsed(HISTORY, variable(HISTORY)?, line)?,
            package: variable("CARGO_PKG_NAME")?,
            home: variable("CARGO_MANIFEST_DIR")?.map_or_else(PathBuf::new, PathBuf::from),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place where settings are read")]
fn variable(name: &'static str) -> Result<Option<String>, BadSetting> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(value)) => Err(BadSetting {
            variable: name,
            value: value.to_string_lossy().into_owned(),
            why: "it is no Unicode text".to_owned(),
        }),
    }
}

fn parsed<T>(
    variable: &'static str,
    value: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, BadSetting> {
    let Some(value) = value else { return Ok(None) };
    parse(&value).map(Some).map_err(|why| BadSetting { variable, value, why })
}

/// A number that is not negative.
fn number<N: FromStr>(text: &str, expected: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("a whole number {expected}"))
}

/// A line, bound to a test: a history without a name could be anybody's.
fn line(text: &str) -> Result<Line, String> {
    match History::parse_any(text) {
        Ok((history, Some(test))) => Ok(Line { test, history }),
        Ok((_, None)) => Err("a line that begins with `r1:` was expected, as a failing test prints it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The target directory of the running test, if it lies in one.
pub(super) fn target_directory() -> Option<PathBuf> {
    let test = env::current_exe().ok()?;
    let deps = test.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "deps"))?;
    deps.parent().and_then(Path::parent).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_does_not_parse_is_named() {
        let faults = parsed(FAULTS, Some("many".to_owned()), |text| number::<usize>(text, "was expected"));
        let told = "REDELIVER_FAULTS does not parse: a whole number was expected; it is `many`";
        assert_eq!(faults.unwrap_err().to_string(), told);
        for no_seed in ["", "-1", "0x7", "7 ", "18446744073709551616"] {
            assert!(parsed(SEED, Some(no_seed.to_owned()), |text| number::<u64>(text, "")).is_err(), "{no_seed:?}");
        }
        assert_eq!(number(&u64::MAX.to_string(), ""), Ok(u64::MAX));
        let history = parsed(HISTORY, Some("r2:x".to_owned()), line).unwrap_err().to_string();
        assert!(history.starts_with("REDELIVER_HISTORY does not parse: "), "{history}");
        let text = "redeliver-history 1\nmodel at-least-once\nmessage m0 100\n";
        assert!(line(text).unwrap_err().starts_with("a line that begins with `r1:`"));
    }
}
