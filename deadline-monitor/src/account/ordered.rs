//! A map by thread that is fastest when it is gone through in order, as each round does.

use crate::sched::Tid;

/// Sorted by thread; remembers where the last look-up was.
#[derive(Debug)]
pub(super) struct Ordered<T> {
    entries: Vec<(Tid, T)>,
    /// Where the next look-up is expected.
    cursor: usize,
}

impl<T> Ordered<T> {
    pub(super) fn new() -> Ordered<T> {
        Ordered { entries: Vec::new(), cursor: 0 }
    }

    /// A round begins.
    pub(super) fn rewind(&mut self) {
        self.cursor = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&mut self, tid: Tid) -> Option<&T> {
        if self.entries.get(self.cursor).is_none_or(|entry| entry.0 != tid) {
            self.cursor = self.entries.binary_search_by_key(&tid, |entry| entry.0).ok()?;
        }
        self.cursor += 1;
        self.entries.get(self.cursor - 1).map(|entry| &entry.1)
    }

    /// Puts a thread in that is not there yet, or in the place of what is there.
    pub(super) fn insert(&mut self, tid: Tid, value: T) {
        match self.entries.binary_search_by_key(&tid, |entry| entry.0) {
            Ok(index) => self.entries.splice(index..=index, [(tid, value)]).for_each(drop),
            Err(index) => self.entries.insert(index, (tid, value)),
        }
    }

    pub(super) fn remove(&mut self, tid: Tid) -> Option<T> {
        let index = self.entries.binary_search_by_key(&tid, |entry| entry.0).ok()?;
        Some(self.entries.remove(index).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_found_in_any_order_and_after_others_were_removed() {
        let mut map = Ordered::new();
        [9, 7, 8].into_iter().for_each(|tid| map.insert(Tid(tid), tid));
        for order in [[7, 8, 9], [9, 8, 7], [8, 8, 9]] {
            map.rewind();
            assert_eq!(order.map(|tid| map.get(Tid(tid)).copied()), order.map(Some));
        }
        assert_eq!((map.remove(Tid(8)), map.remove(Tid(8)), map.len()), (Some(8), None, 2));
        assert_eq!([9, 8, 7].map(|tid| map.get(Tid(tid)).copied()), [Some(9), None, Some(7)]);
    }
}
