//! Payloads that a person wrote down, read back where their type can be.

use std::{any::Any, str::FromStr};

/// A payload that a person wrote, where its type can be read back.
pub(super) fn parsed<P: 'static>(text: &str) -> Option<P> {
    fn read<T: FromStr + 'static, P: 'static>(text: &str) -> Option<P> {
        let mut value = Some(text.parse::<T>().ok()?);
        (&mut value as &mut dyn Any).downcast_mut::<Option<P>>()?.take()
    }
    read::<i64, P>(text)
        .or_else(|| read::<u64, P>(text))
        .or_else(|| read::<i32, P>(text))
        .or_else(|| read::<u32, P>(text))
        .or_else(|| read::<i128, P>(text))
        .or_else(|| read::<u128, P>(text))
        .or_else(|| read::<i16, P>(text))
        .or_else(|| read::<u16, P>(text))
        .or_else(|| read::<i8, P>(text))
        .or_else(|| read::<u8, P>(text))
        .or_else(|| read::<isize, P>(text))
        .or_else(|| read::<usize, P>(text))
        .or_else(|| read::<bool, P>(text))
        .or_else(|| read::<String, P>(text))
}
