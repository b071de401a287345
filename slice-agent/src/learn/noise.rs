//! Standard normal numbers by the row, sixteen streams side by side.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::Rng;

use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::math;
use crate::random;
use crate::simd::{Kernel, dispatch};

const STREAMS: usize = 16;

/// The source of a bottleneck's noise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noise {
    words: [[u32; STREAMS]; 4],
}

impl Noise {
    /// Streams that begin where `random` says.
    pub fn new(random: &mut Xoshiro256PlusPlus) -> Noise {
        let mut words = [[0; STREAMS]; 4];
        for word in words.iter_mut().flatten() {
            *word = random.next_u32();
        }
        // No stream may be all zeros.
        words[0].iter_mut().for_each(|word| *word |= 1);
        Noise { words }
    }

    /// Fills `out`, whose length is a multiple of 16.
    pub fn fill(&mut self, out: &mut [f32]) {
        dispatch(Fill { noise: self, out });
    }
}

struct Fill<'a> {
    noise: &'a mut Noise,
    out: &'a mut [f32],
}

impl Kernel for Fill<'_> {
    #[inline(always)]
    fn run(self) {
        let [mut a, mut b, mut c, mut d] = self.noise.words;
        for out in self.out.chunks_exact_mut(STREAMS) {
            for lane in 0..STREAMS {
                let bits = random::step(&mut a[lane], &mut b[lane], &mut c[lane], &mut d[lane]);
                out[lane] = math::normalf_in_loop(bits);
            }
        }
        self.noise.words = [a, b, c, d];
    }
}

impl Stateful for Noise {
    fn store(&self, to: &mut Writer<'_>) {
        to.tensor("streams", &[4, STREAMS], self.words.as_flattened());
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        from.tensor("streams", &[4, STREAMS], self.words.as_flattened_mut())
    }
}
