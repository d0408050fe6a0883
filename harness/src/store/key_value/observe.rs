//! Which keys of a store an outsider looks at.

/// Keys that are observed.
#[derive(Clone, Debug)]
pub(super) enum Watched {
    /// Every one.
    All,
    /// Those that begin so.
    Prefix(String),
    /// This one.
    Key(String),
}

impl Watched {
    pub(super) fn covers(&self, key: &str) -> bool {
        match self {
            Watched::All => true,
            Watched::Prefix(prefix) => key.starts_with(prefix),
            Watched::Key(watched) => key == watched,
        }
    }
}
