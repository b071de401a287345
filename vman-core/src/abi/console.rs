//! The console ring that a partition's virtual PL011 writes and the management partition reads, and back.
//!
//! Counters rise for ever; a byte with number `n` stands at `n % size` of its area. The reader compares the counter
//! with the number that it has read: if more than the size of the area lies between, the oldest bytes are lost.
//!
//! | offset | size | what |
//! |---|---|---|
//! | 0 | 8 | output counter: bytes that the partition has ever written; written by the firmware |
//! | 8 | 8 | input counter: bytes that the management partition has ever put in; written by the kernel driver |
//! | 16 | 8 | taken counter: input bytes that the partition has ever read; written by the firmware |
//! | 24 | 2024 | zero |
//! | 2048 | 2048 | input bytes |
//! | 4096 | the rest | output bytes |
//!
//! All little-endian. The firmware starts every counter at zero when the partition is created.

/// Offset of the output counter.
pub const OUTPUT_COUNT: usize = 0;
/// Offset of the input counter.
pub const INPUT_COUNT: usize = 8;
/// Offset of the counter of taken input.
pub const TAKEN_COUNT: usize = 16;
/// Offset of the input bytes.
pub const INPUT: usize = 2048;
/// Number of input bytes.
pub const INPUT_SIZE: usize = 2048;
/// Offset of the output bytes.
pub const OUTPUT: usize = 4096;

/// Number of output bytes in a ring of `ring_size` bytes, `None` if it is too small to be a ring.
pub const fn output_size(ring_size: usize) -> Option<usize> {
    match ring_size.checked_sub(OUTPUT) {
        Some(0) | None => None,
        size => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_do_not_overlap() {
        const { assert!(TAKEN_COUNT + 8 <= INPUT) };
        assert_eq!(INPUT + INPUT_SIZE, OUTPUT);
    }

    #[test]
    fn ring_without_output_bytes_is_no_ring() {
        assert_eq!(output_size(OUTPUT), None);
        assert_eq!(output_size(100), None);
        assert_eq!(output_size(65536), Some(61440));
    }
}
