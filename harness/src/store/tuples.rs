//! Several stores as one: tuples of up to four, and none at all.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::{Observation, Process, Store};
use crate::{
    Error,
    history::{Label, Loss},
};

/// Nothing durable: for a handler whose only effects are those of a store that it makes itself.
impl Store for () {
    type Handle = ();

    fn reset(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn open(&mut self, _process: &Process) -> Result<(), Error> {
        Ok(())
    }

    fn observe(&mut self, _seen: &mut Observation) -> Result<(), Error> {
        Ok(())
    }

    fn digest(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(0))
    }

    fn tells_footprints(&self) -> bool {
        true
    }
}

macro_rules! tuple_of_stores {
    ($($store:ident $at:tt),+) => {
        impl<$($store: Store),+> Store for ($($store,)+) {
            type Handle = ($($store::Handle,)+);

            fn reset(&mut self) -> Result<(), Error> {
                $(self.$at.reset()?;)+
                Ok(())
            }

            fn open(&mut self, process: &Process) -> Result<Self::Handle, Error> {
                Ok(($(self.$at.open(process)?,)+))
            }

            fn observe(&mut self, seen: &mut Observation) -> Result<(), Error> {
                $(self.$at.observe(seen)?;)+
                Ok(())
            }

            fn digest(&mut self) -> Result<Option<u64>, Error> {
                let mut all = FxHasher::default();
                $(
                    let Some(digest) = self.$at.digest()? else { return Ok(None) };
                    digest.hash(&mut all);
                )+
                Ok(Some(all.finish()))
            }

            fn losses(&self) -> Vec<(Label, Loss)> {
                [$(self.$at.losses()),+].concat()
            }

            fn forget(&mut self, store: Label, loss: Loss, count: u32) -> bool {
                $(self.$at.forget(store, loss, count))||+
            }

            fn tells_footprints(&self) -> bool {
                true $(&& self.$at.tells_footprints())+
            }

            fn crash(&mut self, process: &Process) {
                $(self.$at.crash(process);)+
            }
        }
    };
}

tuple_of_stores!(A 0, B 1);
tuple_of_stores!(A 0, B 1, C 2);
tuple_of_stores!(A 0, B 1, C 2, D 3);
