//! A page of the management partition's memory whose physical address is known: what attackers aim at.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Broken;

const PAGE: usize = 4096;
const WORDS: usize = PAGE / 8;
/// A page's entry in `/proc/self/pagemap`: frame number, and whether it is in memory.
const FRAME: u64 = (1 << 55) - 1;
const PRESENT: u64 = 1 << 63;

/// The page. This system has no swap, and nothing else moves its pages.
pub(crate) struct Scratch {
    words: Box<[AtomicU64]>,
    first: usize,
    /// Physical address.
    pub(crate) address: u64,
}

impl Scratch {
    /// A page of zeros.
    pub(crate) fn new() -> Result<Self, Broken> {
        let words: Box<[AtomicU64]> = (0..2 * WORDS).map(|_| AtomicU64::new(0)).collect();
        let begin = words.as_ptr().addr();
        let first = (begin.next_multiple_of(PAGE) - begin) / 8;
        let address = frame((begin + first * 8) / PAGE)? * PAGE as u64;
        Ok(Self { words, first, address })
    }

    /// The word with this number.
    pub(crate) fn get(&self, word: usize) -> u64 {
        self.words[self.first + word].load(Ordering::SeqCst)
    }

    /// Sets it.
    pub(crate) fn set(&self, word: usize, value: u64) {
        self.words[self.first + word].store(value, Ordering::SeqCst);
    }
}

fn frame(page: usize) -> Result<u64, Broken> {
    let failed = |error: std::io::Error| format!("/proc/self/pagemap: {error}");
    let mut entry = [0; 8];
    let map = File::open("/proc/self/pagemap").map_err(failed)?;
    map.read_exact_at(&mut entry, page as u64 * 8).map_err(failed)?;
    match u64::from_le_bytes(entry) {
        entry if entry & PRESENT != 0 && entry & FRAME != 0 => Ok(entry & FRAME),
        entry => Err(format!("page has no frame: {entry:#x}")),
    }
}
