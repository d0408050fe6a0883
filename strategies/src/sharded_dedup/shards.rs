//! Two shards as one store: an outsider sees one bank, and not which shard holds what.

use redeliver_harness::{Error, Observation, Process, Store};

/// Two shards. What is seen of them is the sum of their balances.
pub struct Shards<S>((S, S));

impl<S> Shards<S> {
    /// These two.
    pub fn new(even: S, odd: S) -> Self {
        Self((even, odd))
    }
}

impl<S: Store> Store for Shards<S> {
    type Handle = (S::Handle, S::Handle);

    fn reset(&mut self) -> Result<(), Error> {
        self.0.reset()
    }

    fn open(&mut self, process: &Process) -> Result<Self::Handle, Error> {
        self.0.open(process)
    }

    fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
        let mut each = Observation::default();
        self.0.observe(&mut each)?;
        let balances: Result<Vec<i64>, _> = each.values("balance").into_iter().map(str::parse).collect();
        seen.set("balance", balances.map_err(Error::other)?.iter().sum::<i64>());
        Ok(())
    }

    fn digest(&mut self) -> Result<Option<u64>, Error> {
        self.0.digest()
    }

    fn crash(&mut self, process: &Process) {
        self.0.crash(process);
    }
}
