//! Memory that costs nothing until it is touched: what nobody wrote reads as zeros.

use std::collections::BTreeMap;
use std::sync::Arc;

use vman_core::id::{ByteSize, PhysAddr, PhysRange};

const PAGE: u64 = 4 << 10;
const PAGE_LEN: usize = 4 << 10;

/// Loaded bytes, shared with whoever loaded them.
#[derive(Debug, Clone)]
struct Loaded {
    data: Arc<[u8]>,
    /// Where in `data` it begins.
    skip: usize,
    len: usize,
}

impl Loaded {
    fn bytes(&self) -> &[u8] {
        self.data.get(self.skip..self.skip + self.len).unwrap_or_default()
    }
}

/// The memory of a board: written pages over loaded images over zeros.
#[derive(Debug, Default)]
pub(crate) struct Ram {
    pages: BTreeMap<u64, Box<[u8; PAGE_LEN]>>,
    loaded: BTreeMap<u64, Loaded>,
}

impl Ram {
    /// Puts `data[start..]` of `len` bytes at `address` without copying it.
    pub(crate) fn load(&mut self, address: PhysAddr, data: &Arc<[u8]>, start: usize, len: usize) {
        let Some(target) = PhysRange::new(address, ByteSize(as_u64(len))).filter(|range| !range.is_empty())
        else {
            return;
        };
        self.clear(target);
        let loaded = Loaded { data: Arc::clone(data), skip: start, len };
        // Pages at the edges that were written before stay on top: they get their part.
        for base in [page_of(address.0), page_of(target.end().0)] {
            if let Some(page) = self.pages.get_mut(&base) {
                overlay(base, page.as_mut_slice(), address.0, loaded.bytes());
            }
        }
        self.loaded.insert(address.0, loaded);
    }

    /// Copies memory at `address` into `buffer`.
    pub(crate) fn read(&self, address: PhysAddr, buffer: &mut [u8]) {
        buffer.fill(0);
        let end = address.0.saturating_add(as_u64(buffer.len()));
        let before = self.loaded.range(..address.0).next_back();
        for (base, loaded) in before.into_iter().chain(self.loaded.range(address.0..end)) {
            overlay(address.0, buffer, *base, loaded.bytes());
        }
        for (base, page) in self.pages.range(page_of(address.0)..end) {
            overlay(address.0, buffer, *base, page.as_slice());
        }
    }

    /// Copies memory at `from` to `to`, which has the same size.
    pub(crate) fn copy(&mut self, from: PhysRange, to: PhysRange) {
        let mut buffer = vec![0; as_usize(from.size().0)];
        self.read(from.base(), &mut buffer);
        self.write(to.base(), &buffer);
    }

    /// Copies `data` to memory at `address`.
    pub(crate) fn write(&mut self, address: PhysAddr, data: &[u8]) {
        let end = address.0.saturating_add(as_u64(data.len()));
        let mut base = page_of(address.0);
        while base < end {
            if !self.pages.contains_key(&base) {
                let mut page = Box::new([0; PAGE_LEN]);
                self.read(PhysAddr(base), page.as_mut_slice());
                self.pages.insert(base, page);
            }
            if let Some(page) = self.pages.get_mut(&base) {
                overlay(base, page.as_mut_slice(), address.0, data);
            }
            base = base.saturating_add(PAGE);
        }
    }

    /// Makes every byte of `range` zero and frees what it took.
    pub(crate) fn clear(&mut self, range: PhysRange) {
        self.clear_loaded(range);
        let (start, end) = (range.base().0, range.end().0);
        let whole = start.next_multiple_of(PAGE)..page_of(end);
        if whole.start < whole.end {
            let touched: Vec<u64> = self.pages.range(whole).map(|(base, _)| *base).collect();
            for base in touched {
                self.pages.remove(&base);
            }
        }
        for base in [page_of(start), page_of(end)] {
            if let Some(page) = self.pages.get_mut(&base) {
                page[part_of_page(base, start, end)].fill(0);
            }
        }
    }

    /// Whether `range` is as it was when the board was turned on: zeros, and nothing loaded.
    pub(crate) fn is_clear(&self, range: PhysRange) -> bool {
        let (start, end) = (range.base().0, range.end().0);
        let before = self.loaded.range(..start).next_back();
        self.loaded.range(start..end).next().is_none()
            && before.is_none_or(|(base, loaded)| base + as_u64(loaded.len) <= start)
            && self
                .pages
                .range(page_of(start)..end)
                .all(|(base, page)| page[part_of_page(*base, start, end)].iter().all(|byte| *byte == 0))
    }

    /// Cuts what lies in `range` out of loaded images.
    fn clear_loaded(&mut self, range: PhysRange) {
        let (start, end) = (range.base().0, range.end().0);
        let before = self.loaded.range(..start).next_back().map(|(base, _)| *base);
        let inside: Vec<u64> = self.loaded.range(start..end).map(|(base, _)| *base).collect();
        for base in before.into_iter().chain(inside) {
            let Some(loaded) = self.loaded.remove(&base) else { continue };
            let keep_front = as_usize(start.saturating_sub(base)).min(loaded.len);
            let cut = as_usize(end.saturating_sub(base)).min(loaded.len);
            if keep_front > 0 {
                self.loaded.insert(base, Loaded { len: keep_front, ..loaded.clone() });
            }
            if cut < loaded.len {
                let rest = Loaded { skip: loaded.skip + cut, len: loaded.len - cut, data: loaded.data };
                self.loaded.insert(base + as_u64(cut), rest);
            }
        }
    }
}

/// Copies the part of `source`, which lies at `source_base`, that falls into `target`, which lies at `target_base`.
fn overlay(target_base: u64, target: &mut [u8], source_base: u64, source: &[u8]) {
    let start = target_base.max(source_base);
    let end = (target_base + as_u64(target.len())).min(source_base + as_u64(source.len()));
    if start < end {
        let to = as_usize(start - target_base)..as_usize(end - target_base);
        let from = as_usize(start - source_base)..as_usize(end - source_base);
        target[to].copy_from_slice(&source[from]);
    }
}

/// The part of the page at `base` that lies between `start` and `end`.
fn part_of_page(base: u64, start: u64, end: u64) -> std::ops::Range<usize> {
    let from = start.saturating_sub(base).min(PAGE);
    let to = end.saturating_sub(base).min(PAGE);
    as_usize(from)..as_usize(to.max(from))
}

const fn page_of(address: u64) -> u64 {
    address & !(PAGE - 1)
}

/// Lengths of slices; `usize` is never wider than 64 bits.
fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Distances inside slices; beyond `usize` nothing can lie.
fn as_usize(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(base: u64, size: u64) -> PhysRange {
        PhysRange::new(PhysAddr(base), ByteSize(size)).unwrap()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Load(u64, Vec<u8>, usize),
        Write(u64, Vec<u8>),
        Clear(u64, u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let address = 0u64..20_000;
        let data = prop::collection::vec(1u8.., 1..9000);
        prop_oneof![
            (address.clone(), data.clone(), 0usize..100)
                .prop_map(|(at, data, skip)| Step::Load(at, data, skip)),
            (address.clone(), data).prop_map(|(at, data)| Step::Write(at, data)),
            (address, 1u64..10_000).prop_map(|(at, len)| Step::Clear(at, len)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sparse_memory_reads_like_an_array(steps in prop::collection::vec(step(), 1..12), at in 0u64..30_000) {
            const LEN: usize = 40_000;
            let mut model = vec![0u8; LEN];
            let mut ram = Ram::default();
            for step in steps {
                match step {
                    Step::Load(base, data, skip) => {
                        let skip = skip.min(data.len());
                        let base_index = as_usize(base);
                        model[base_index..base_index + data.len() - skip].copy_from_slice(&data[skip..]);
                        let shared: Arc<[u8]> = data.into();
                        ram.load(PhysAddr(base), &shared, skip, shared.len() - skip);
                    }
                    Step::Write(base, data) => {
                        let base_index = as_usize(base);
                        model[base_index..base_index + data.len()].copy_from_slice(&data);
                        ram.write(PhysAddr(base), &data);
                    }
                    Step::Clear(base, len) => {
                        model[as_usize(base)..as_usize(base + len)].fill(0);
                        ram.clear(range(base, len));
                        prop_assert!(ram.is_clear(range(base, len)));
                    }
                }
                let mut all = vec![0; LEN];
                ram.read(PhysAddr(0), &mut all);
                prop_assert!(all == model);
            }
            let mut part = vec![0xff; 5000];
            ram.read(PhysAddr(at), &mut part);
            prop_assert_eq!(&part[..], &model[as_usize(at)..as_usize(at) + 5000]);
            ram.clear(range(0, 40_000));
            prop_assert!(ram.loaded.is_empty());
            prop_assert!(ram.is_clear(range(0, 40_000)));
        }
    }

    #[test]
    fn loading_does_not_copy() {
        let data: Arc<[u8]> = vec![7; 1 << 20].into();
        let mut ram = Ram::default();
        ram.load(PhysAddr(1 << 40), &data, 0, data.len());
        assert_eq!(Arc::strong_count(&data), 2);
        assert!(ram.pages.is_empty());
        ram.clear(range(0, 1 << 41));
        assert_eq!(Arc::strong_count(&data), 1);
    }
}
