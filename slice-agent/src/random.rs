//! The random numbers of a world: one stream for each slice of each seed.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// xoshiro128++ as plain words, so that many streams can lie side by side in vector code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream(pub(crate) [u32; 4]);

impl Stream {
    /// The stream of `lane` in the world of `seed`; lanes of one world do not depend on their number.
    pub(crate) fn new(seed: u64, lane: usize) -> Stream {
        const APART: u64 = 0xD1B5_4A32_D192_ED03;
        let lane = u64::try_from(lane).unwrap_or(u64::MAX).wrapping_add(1);
        let mut words = SplitMix64::seed_from_u64(seed ^ lane.wrapping_mul(APART));
        let mut next = || {
            let bytes = words.next_u64().to_le_bytes();
            [0, 4].map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
        };
        let ([a, b], [c, d]) = (next(), next());
        // The one state without an end.
        Stream(if [a, b, c, d] == [0; 4] { [1, 0, 0, 0] } else { [a, b, c, d] })
    }

    /// The next 32 bits.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> u32 {
        let [a, b, c, d] = &mut self.0;
        step(a, b, c, d)
    }
}

/// One step of xoshiro128++.
#[inline(always)]
pub(crate) fn step(a: &mut u32, b: &mut u32, c: &mut u32, d: &mut u32) -> u32 {
    let result = a.wrapping_add(*d).rotate_left(7).wrapping_add(*a);
    let shifted = *b << 9;
    *c ^= *a;
    *d ^= *b;
    *b ^= *c;
    *a ^= *d;
    *c ^= shifted;
    *d = d.rotate_left(11);
    result
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro128PlusPlus;

    use super::*;

    #[test]
    fn it_is_xoshiro128_plus_plus() {
        let mut stream = Stream::new(7, 2);
        let seed: Vec<u8> = stream.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut reference = Xoshiro128PlusPlus::from_seed(seed.try_into().unwrap());
        assert!((0..1_000).all(|_| stream.next() == reference.next_u32()));
    }

    #[test]
    fn lanes_and_seeds_differ() {
        assert_ne!(Stream::new(7, 0), Stream::new(7, 1));
        assert_ne!(Stream::new(7, 0), Stream::new(8, 0));
        assert_eq!(Stream::new(7, 1), Stream::new(7, 1));
    }
}
