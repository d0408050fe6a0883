//! Integers that tell messages apart.
//!
//! Equal or zero payloads hide a message that took effect twice behind one that was lost. So a range of integers is not
//! sampled but filled with 1, 3, 9, …, scaled: no two collections of them in which each stands at most twice have the same
//! sum.

use std::{
    any::Any,
    ops::{Range, RangeInclusive},
};

/// A range of some integer type, as the integers of it that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ToldApart {
    least: i128,
    most: i128,
}

/// The first payload, where the range has room for it and for two more: it reads well.
const FIRST: i128 = 100;

/// How many payloads the first one leaves room for.
const ROOM: u32 = 3;

impl ToldApart {
    /// If this generator is a range of integers, that range.
    pub(super) fn of(generator: &dyn Any) -> Option<Self> {
        macro_rules! any_of {
            ($($integer:ty)+) => {
                $(
                    if let Some(range) = generator.downcast_ref::<Range<$integer>>() {
                        return Self::between(i128::try_from(range.start).ok()?, i128::try_from(range.end).ok()? - 1);
                    }
                    if let Some(range) = generator.downcast_ref::<RangeInclusive<$integer>>() {
                        return Self::between(i128::try_from(*range.start()).ok()?, i128::try_from(*range.end()).ok()?);
                    }
                )+
            };
        }
        any_of!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
        None
    }

    fn between(least: i128, most: i128) -> Option<Self> {
        (least <= most).then_some(Self { least, most })
    }

    /// The payload of this number, from 0, or its inverse.
    ///
    /// # Panics
    /// If `P` is not the integer type of the range that this was made of.
    pub(super) fn value<P: 'static>(self, number: u64, inverse: bool) -> P {
        let value = self.number(number);
        let value = if inverse { -value } else { value };
        macro_rules! as_one_of {
            ($($integer:ty)+) => {
                $(
                    if let Ok(value) = <$integer>::try_from(value) {
                        let mut value = Some(value);
                        if let Some(value) = (&mut value as &mut dyn Any).downcast_mut::<Option<P>>() {
                            return value.take().expect("it was put there just above");
                        }
                    }
                )+
            };
        }
        as_one_of!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
        unreachable!("a value of an integer range is of that integer type")
    }

    /// Whether there is a payload of this number, or an inverse of it, in the range.
    pub(super) fn makes(self, number: u64, inverse: bool) -> bool {
        let value = self.number(number);
        (self.least..=self.most).contains(&if inverse { -value } else { value })
    }

    /// Whether the inverse of the first payload lies in the range too.
    pub(super) fn has_inverse(self) -> bool {
        self.number(0) != 0 && self.makes(0, true)
    }

    /// How many payloads there are that can be told apart.
    pub(super) fn distinct(self) -> u64 {
        u64::try_from(self.most - self.least + 1).unwrap_or(u64::MAX)
    }

    fn number(self, number: u64) -> i128 {
        let power = u32::try_from(number).ok().and_then(|number| 3_i128.checked_pow(number));
        let scaled = |unit: i128, power: Option<i128>| power.and_then(|power| unit.checked_mul(power));
        let fits = |value: i128| (self.least..=self.most).contains(&value);
        for unit in [FIRST, 10, 1, -FIRST, -10, -1] {
            let has_room = fits(unit) && scaled(unit, Some(3_i128.pow(ROOM - 1))).is_some_and(fits);
            if has_room && let Some(value) = scaled(unit, power).filter(|value| fits(*value)) {
                return value;
            }
        }
        // A range that is too narrow or too far from zero: its own first values, by the same steps where they fit.
        let offset =
            if number == 0 { Some(0) } else { 3_i128.checked_pow(u32::try_from(number - 1).unwrap_or(u32::MAX)) };
        let smallest = if self.least == 0 && self.most > 0 { 1 } else { self.least };
        match offset.map(|offset| smallest + offset).filter(|value| fits(*value)) {
            Some(value) => value,
            None => self.least + i128::from(number) % (self.most - self.least + 1),
        }
    }
}
