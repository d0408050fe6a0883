//! Where messages come from: a proptest generator, or a list.
//!
//! A history names each message by a seed; here the seed becomes the message again. Which seeds are searched is the family
//! of workloads, also here, because only the source knows what it can make.

use std::{
    any::Any,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rustc_hash::FxHasher;

use crate::{
    Error, Message,
    history::{Payload, Published},
    subject::Workload,
};

/// Where messages come from. A proptest generator of payloads gives ids `m0`, `m1`, … and no ordering key.
pub struct Messages<P> {
    make: Box<dyn Fn(u64, usize) -> Result<Message<P>, Error>>,
}
impl<P: Clone + fmt::Debug + 'static> Messages<P> {
    /// todo
    pub fn generate(each: impl Strategy<Value = Message<P>> + 'static) -> Self {
        todo!()
    }
    /// todo
    pub fn exactly(all: impl IntoIterator<Item = Message<P>>) -> Self {
        todo!()
    }
    pub(crate) fn message(&self, published: &Published, place: usize) -> Result<Message<P>, Error> {
        todo!()
    }
    pub(crate) fn workloads(&self, at_most: usize) -> Vec<Workload> {
        todo!()
    }
    pub(crate) fn simpler(&self, published: &Published) -> Vec<Published> {
        todo!()
    }
}
impl<G: Strategy + 'static> From<G> for Messages<G::Value>
where
    G::Value: Clone + fmt::Debug + 'static,
{
    fn from(each: G) -> Self {
        todo!()
    }
}
