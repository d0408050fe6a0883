//! What is chosen where there is more than one way to go on.

/// The choices of one attempt: the first of the ways everywhere, but where something else is said.
pub(super) struct Choices<'a> {
    /// At which choice another way is taken, and which.
    otherwise: &'a [(usize, usize)],
    /// How many ways there were at each choice that was met.
    pub(super) met: Vec<usize>,
}

impl<'a> Choices<'a> {
    pub(super) fn new(otherwise: &'a [(usize, usize)]) -> Self {
        Self { otherwise, met: Vec::new() }
    }

    /// Takes one of so many ways, of which the first is the most likely. `None` where there is none.
    pub(super) fn take(&mut self, ways: usize) -> Option<usize> {
        if ways == 0 {
            return None;
        }
        let at = self.met.len();
        self.met.push(ways);
        let other = self.otherwise.iter().find(|(choice, _)| *choice == at);
        Some(other.map_or(0, |(_, way)| *way))
    }
}
