//! From a vector of numbers to faults. Every number means something, and 0 is the simplest.
//!
//! Each number is one fault, by mixed radix: which delivery, which kind, which place, and what the kind needs beside that.
//! What can be chosen follows from the faults before: a second delivery exists once a fault has made one, one that a crash
//! ended has no more places, and along a delivery places only go forward. So nearly every fault acts, though that is only
//! known once the history is replayed.

use super::shape::{ACK, Class, Kind, Shapes};
use crate::{
    History,
    history::{Coordinate, Deferred, DeliveryName, Fault, Skew},
};

/// In so many choices one goes to a place that a delivery may well not have.
const BEYOND: u32 = 4;

/// So many writes, or keys, a store loses at most at once.
const MOST_LOST: u32 = 3;

/// Decodes vectors into faults; kept, so that nothing is allocated for each.
#[derive(Debug, Default)]
pub(in crate::search) struct Decoder {
    deliveries: Vec<Made>,
    /// For each round of background work the next place at which it can be struck, and by faults of which rank; none where it
    /// is over.
    rounds: Vec<Option<(u32, u8)>>,
    /// For each message how many deliveries it has, and what was done with it as a whole.
    messages: Vec<Whole>,
    /// The clock of a process is skewed: one is enough.
    skewed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Whole {
    deliveries: u32,
    /// The broker holds a second copy of it.
    held: bool,
    /// It comes after this one.
    after: Option<usize>,
    /// A pause waits for its first delivery, which must not be put off past the one that is paused.
    awaited: bool,
    /// It was done and nobody heard: it comes again with whatever repeats its partition.
    unheard: bool,
}

/// A delivery that the faults so far bring about.
#[derive(Clone, Copy, Debug)]
struct Made {
    name: DeliveryName,
    class: Class,
    /// The next place at which it can be struck, and by faults of which rank.
    from: (u32, u8),
    /// No fault can strike it any more.
    over: bool,
    /// Another delivery settles its copy: whatever becomes of it, the message does not come again.
    settled: bool,
    /// The delivery that stands until this one has ended.
    within: Option<usize>,
    /// It is of a copy that the broker held, and can be put off.
    of_held_copy: bool,
}

/// What is left of a number.
struct Digits(u32);

impl Digits {
    fn next(&mut self, radix: u32) -> u32 {
        let digit = self.0 % radix;
        self.0 /= radix;
        digit
    }

    fn of(&mut self, count: usize) -> usize {
        self.next(u32::try_from(count).unwrap_or(u32::MAX).max(1)) as usize
    }
}

impl Decoder {
    /// Puts the faults that these numbers stand for into a history of the workload that `shapes` knows.
    pub(in crate::search) fn decode(&mut self, shapes: &Shapes, numbers: &[u32], history: &mut History) {
        history.faults.clear();
        self.deliveries.clear();
        self.skewed = false;
        self.messages.clear();
        self.messages.resize(shapes.messages(), Whole::default());
        self.rounds.clear();
        self.rounds.resize(shapes.rounds.len(), Some((0, 0)));
        for message in 0..shapes.messages() {
            self.make(message, Class::First, None);
        }
        for number in numbers {
            if let Some(fault) = self.fault(shapes, &mut Digits(*number), history.processes)
                && history.admits(&fault).is_ok()
            {
                history.faults.push(fault);
            }
        }
    }

    fn make(&mut self, message: usize, class: Class, within: Option<usize>) {
        let whole = &mut self.messages[message];
        whole.deliveries += 1;
        self.deliveries.push(Made {
            name: DeliveryName::new(message, whole.deliveries),
            class,
            from: (0, 0),
            over: false,
            settled: false,
            within,
            of_held_copy: false,
        });
    }

    /// The fault that a number stands for. `None` where everything is over.
    fn fault(&mut self, shapes: &Shapes, digits: &mut Digits, processes: usize) -> Option<Fault> {
        let open = self.deliveries.iter().filter(|made| !made.over).count();
        let nth = digits.of(open + self.rounds.iter().flatten().count());
        if nth >= open {
            return self.strike_round(shapes, nth - open, digits);
        }
        let at = (0..self.deliveries.len()).filter(|at| !self.deliveries[*at].over).nth(nth)?;
        let mut made = self.deliveries[at];
        // A later delivery may turn out longer than is sure.
        if made.class == Class::Either && digits.next(BEYOND) == BEYOND - 1 {
            made.class = Class::First;
        }
        let kinds = Kind::ALL.map(|kind| if shapes.admits(kind) { self.places(shapes, &made, kind) } else { 0 });
        let kind = digits.of(kinds.iter().filter(|places| **places != 0).count());
        let (kind, places) = Kind::ALL.into_iter().zip(kinds).filter(|(_, places)| *places != 0).nth(kind)?;
        let place = nth_bit(places, digits.next(places.count_ones()));
        self.strike(shapes, at, kind, place, digits, processes)
    }

    /// A fault of the n-th round that is not over.
    fn strike_round(&mut self, shapes: &Shapes, nth: usize, digits: &mut Digits) -> Option<Fault> {
        const KINDS: [Kind; 6] = [Kind::LoseReply, Kind::Crash, Kind::Pause, Kind::Fail, Kind::Cancel, Kind::Advance];
        let (at, from) = (0..self.rounds.len()).filter_map(|at| Some((at, self.rounds[at]?))).nth(nth)?;
        let (name, shape) = &shapes.rounds[at];
        let possible = KINDS.map(|kind| if shapes.admits(kind) { left(shape.places(kind), from, kind) } else { 0 });
        let kind = digits.of(possible.iter().filter(|places| **places != 0).count());
        let (kind, places) = KINDS.into_iter().zip(possible).filter(|(_, places)| *places != 0).nth(kind)?;
        let place = nth_bit(places, digits.next(places.count_ones()));
        let is_over = matches!(kind, Kind::Crash | Kind::Cancel);
        self.rounds[at] = (!is_over).then_some((place, kind.rank() + 1));
        let at = name.operation(place + 1);
        Some(match kind {
            Kind::LoseReply => Fault::LoseReply { at },
            Kind::Crash => Fault::Crash { at },
            Kind::Pause => Fault::Pause { at, until: None },
            Kind::Fail => Fault::Fail { at },
            Kind::Cancel => Fault::Cancel { at },
            _ => Fault::Advance { at, by: shapes.amounts[digits.of(shapes.amounts.len())] },
        })
    }

    /// The places at which this kind can strike a delivery now. What acts in the broker has one place, which says nothing.
    fn places(&self, shapes: &Shapes, made: &Made, kind: Kind) -> u64 {
        let message = made.name.message;
        let possible = match kind {
            Kind::Held => return u64::from(!self.messages[message].held),
            Kind::Skew => return u64::from(!self.skewed),
            Kind::Defer => return u64::from(self.pasts(shapes, made).next().is_some()),
            Kind::Overlap => !made.settled,
            // Of one whose partition moved no commit is taken anyway.
            Kind::LoseAck => !(shapes.in_partitions && made.settled),
            Kind::Pause => shapes.messages() > 1 || self.messages[message].deliveries > 1,
            _ => true,
        };
        if possible { left(shapes.shape(message, made.class).places(kind), made.from, kind) } else { 0 }
    }

    /// The messages past which a delivery can be put off: those that come after it, or come again.
    fn pasts<'a>(&'a self, shapes: &'a Shapes, made: &Made) -> impl Iterator<Item = usize> + 'a {
        let message = made.name.message;
        let may = match made.name.number {
            1 => self.messages[message].after.is_none() && !self.messages[message].awaited,
            _ => made.of_held_copy,
        };
        let comes_later = move |past: &usize| {
            let first_is_lost = self.deliveries[*past].over && self.messages[*past].deliveries > 1;
            *past != message
                && (*past > message || first_is_lost)
                && shapes.lines[*past] != shapes.lines[message]
                && self.messages[*past].after.is_none_or(|after| after != message)
        };
        (0..self.messages.len()).filter(move |_| may).filter(comes_later)
    }

    fn strike(
        &mut self,
        shapes: &Shapes,
        of: usize,
        kind: Kind,
        place: u32,
        digits: &mut Digits,
        processes: usize,
    ) -> Option<Fault> {
        let Made { name, .. } = self.deliveries[of];
        let at = coordinate(name, place);
        if !matches!(kind, Kind::Held | Kind::Defer | Kind::Skew) {
            self.deliveries[of].from = (place, kind.rank() + 1);
        }
        Some(match kind {
            Kind::LoseAck if shapes.in_partitions => {
                self.deliveries[of].over = true;
                self.messages[name.message].unheard = true;
                Fault::LoseAck { delivery: name }
            }
            Kind::LoseAck => {
                self.ends(shapes, of, Class::Again, false);
                Fault::LoseAck { delivery: name }
            }
            Kind::Crash => {
                self.repeats(shapes, name.message, |_| true);
                self.ends(shapes, of, self.next_class(of, place), processes == 1);
                Fault::Crash { at }
            }
            Kind::Cancel => {
                self.ends(shapes, of, self.next_class(of, place), false);
                Fault::Cancel { at }
            }
            Kind::Fail => {
                self.ends(shapes, of, self.next_class(of, place), false);
                Fault::Fail { at }
            }
            Kind::LoseReply => {
                self.ends(shapes, of, self.next_class(of, place + 1), false);
                Fault::LoseReply { at }
            }
            Kind::Overlap => {
                self.deliveries[of].settled = true;
                self.repeats(shapes, name.message, |line| line == shapes.lines[name.message]);
                // Of two generations of a partition only the later one is waited for.
                let within = (!shapes.in_partitions).then_some(of);
                self.make(name.message, self.next_class(of, place), within);
                Fault::Overlap { at, to: digits.of(processes + 1).checked_sub(1) }
            }
            Kind::Beside => {
                self.make(name.message, self.next_class(of, place), None);
                Fault::Duplicate { message: name.message, at: Some(at) }
            }
            Kind::Held => {
                self.messages[name.message].held = true;
                self.make(name.message, Class::Again, None);
                self.deliveries.last_mut()?.of_held_copy = true;
                Fault::Duplicate { message: name.message, at: None }
            }
            Kind::Defer => self.defer(shapes, of, digits)?,
            Kind::Pause => Fault::Pause { at, until: self.until(shapes, name, digits) },
            Kind::Advance => Fault::Advance { at, by: shapes.amounts[digits.of(shapes.amounts.len())] },
            Kind::Forget => {
                let (store, loss) = shapes.losses[digits.of(shapes.losses.len())];
                Fault::Forget { store, at, loss, count: digits.next(MOST_LOST) + 1 }
            }
            Kind::Skew => {
                self.skewed = true;
                let (process, ahead) = (digits.of(processes), digits.next(2) == 0);
                let by = shapes.skews[digits.of(shapes.skews.len())];
                Fault::Skew { process, skew: Skew { ahead, by } }
            }
        })
    }

    fn defer(&mut self, shapes: &Shapes, of: usize, digits: &mut Digits) -> Option<Fault> {
        let made = self.deliveries[of];
        let count = self.pasts(shapes, &made).count();
        let past = self.pasts(shapes, &made).nth(digits.of(count))?;
        let what = match made.name.number {
            1 => {
                self.messages[made.name.message].after = Some(past);
                Deferred::Message(made.name.message)
            }
            _ => {
                self.deliveries[of].of_held_copy = false;
                Deferred::Delivery(made.name)
            }
        };
        Some(Fault::Defer { what, past })
    }

    /// Such partitions begin again at their committed offsets: what was done before this message, and was not committed since,
    /// comes again.
    fn repeats(&mut self, shapes: &Shapes, before: usize, of: impl Fn(usize) -> bool) {
        for message in 0..before {
            let line = shapes.lines[message];
            let mut further = (message..before).filter(|further| shapes.lines[*further] == line);
            if of(line) && further.all(|further| self.messages[further].unheard) {
                self.make(message, Class::Again, None);
            }
        }
        for message in (0..before).filter(|message| of(shapes.lines[*message])) {
            self.messages[message].unheard = false;
        }
    }

    /// What a pause waits for: nothing that is named, or a point of the first delivery of a later message. That one is sure to
    /// come, if no other has to be handled before. Who waits for what never comes does so with all its locks until nothing else is left to do, and by then the
    /// broker has given up on whoever needed them.
    fn until(&mut self, shapes: &Shapes, paused: DeliveryName, digits: &mut Digits) -> Option<Coordinate> {
        if digits.next(2) == 0 || paused.number > 1 {
            return None;
        }
        let comes = |later: &usize| self.messages[*later].after.is_none() && shapes.lines[*later] == *later;
        let count = (paused.message + 1..self.messages.len()).filter(comes).count();
        let later = (paused.message + 1..self.messages.len()).filter(comes).nth(digits.of(count))?;
        let places = shapes.shape(later, Class::First).places(Kind::Pause);
        if places == 0 {
            return None;
        }
        self.messages[later].awaited = true;
        Some(coordinate(DeliveryName::new(later, 1), nth_bit(places, digits.next(places.count_ones()))))
    }

    /// What the next delivery of this message finds done, if this one came so far.
    fn next_class(&self, of: usize, place: u32) -> Class {
        match (self.deliveries[of].class, place) {
            (class, 0) => class,
            (_, ACK) | (Class::Again, _) => Class::Again,
            (Class::First | Class::Either, _) => Class::Either,
        }
    }

    /// A delivery ends and the broker does not hear that it was done: the message comes again, unless another delivery
    /// settles it, or still may. Where everything dies with it, what stands for it does too.
    fn ends(&mut self, shapes: &Shapes, of: usize, next: Class, all_die: bool) {
        self.deliveries[of].over = true;
        let Made { name, settled, within, .. } = self.deliveries[of];
        if settled {
            return;
        }
        let mut stands = within;
        while let Some(outer) = stands {
            let outer = &mut self.deliveries[outer];
            outer.over |= all_die;
            if !outer.over {
                outer.settled = false;
                return;
            }
            stands = outer.within;
        }
        if shapes.redelivers {
            self.make(name.message, next, None);
        }
    }
}

fn coordinate(delivery: DeliveryName, place: u32) -> Coordinate {
    if place == ACK { delivery.ack() } else { delivery.operation(place + 1) }
}

/// Those of these places at which this kind can still strike.
fn left(places: u64, (place, rank): (u32, u8), kind: Kind) -> u64 {
    let from = if kind.rank() >= rank { place } else { place + 1 };
    if from > ACK { 0 } else { places & (u64::MAX << from) }
}

/// The place of the bit of this number, from 0, among those that are set.
fn nth_bit(mut bits: u64, nth: u32) -> u32 {
    for _ in 0..nth {
        bits &= bits - 1;
    }
    bits.trailing_zeros()
}
