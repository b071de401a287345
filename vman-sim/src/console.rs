//! The console of a partition: the last bytes that it printed, by position, and what was typed.

use std::collections::VecDeque;

use vman_core::device::ConsoleSpan;

/// Typed bytes that wait for the partition at most.
const TYPED_MAX: usize = 4 << 10;

/// A console.
#[derive(Debug)]
pub(crate) struct Console {
    ring: VecDeque<u8>,
    size: usize,
    /// Position behind the last byte that was printed.
    end: u64,
    typed: VecDeque<u8>,
}

impl Console {
    /// A console that keeps `size` bytes.
    pub(crate) fn new(size: usize) -> Self {
        Self { ring: VecDeque::new(), size, end: 0, typed: VecDeque::new() }
    }

    /// Bytes that are kept at most.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Prints; the oldest bytes are dropped.
    pub(crate) fn print(&mut self, data: &[u8]) {
        self.end += length(data.len());
        let kept = data.len().min(self.size);
        let dropped = (self.ring.len() + kept).saturating_sub(self.size);
        self.ring.drain(..dropped.min(self.ring.len()));
        self.ring.extend(&data[data.len() - kept..]);
    }

    /// Copies printed bytes from `position` on, or from the oldest that is left.
    pub(crate) fn read(&self, position: u64, buffer: &mut [u8]) -> ConsoleSpan {
        let oldest = self.end - length(self.ring.len());
        let position = position.clamp(oldest, self.end);
        let skip = usize::try_from(position - oldest).unwrap_or(usize::MAX);
        let len = buffer.len().min(self.ring.len().saturating_sub(skip));
        for (target, byte) in buffer.iter_mut().zip(self.ring.iter().skip(skip)) {
            *target = *byte;
        }
        ConsoleSpan { position, len, end: self.end }
    }

    /// Types; what does not fit is not taken.
    pub(crate) fn write(&mut self, data: &[u8]) -> ConsoleSpan {
        let len = data.len().min(TYPED_MAX.saturating_sub(self.typed.len()));
        self.typed.extend(&data[..len]);
        ConsoleSpan { position: self.end, len, end: self.end }
    }

    /// Position behind the last byte that was printed.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Takes what was typed.
    pub(crate) fn take_typed(&mut self) -> Vec<u8> {
        self.typed.drain(..).collect()
    }
}

fn length(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(console: &Console, position: u64, len: usize) -> (Vec<u8>, u64, u64) {
        let mut buffer = vec![0; len];
        let span = console.read(position, &mut buffer);
        buffer.truncate(span.len);
        (buffer, span.position, span.end)
    }

    #[test]
    fn positions_count_every_byte_and_the_oldest_are_dropped() {
        let mut console = Console::new(8);
        console.print(b"hello ");
        assert_eq!(read(&console, 0, 100), (b"hello ".to_vec(), 0, 6));
        console.print(b"world");
        assert_eq!(read(&console, 0, 100), (b"lo world".to_vec(), 3, 11));
        assert_eq!(read(&console, 9, 1), (b"l".to_vec(), 9, 11));
        assert_eq!(read(&console, 999, 5), (Vec::new(), 11, 11));
        console.print(b"0123456789abcdef");
        assert_eq!(read(&console, 5, 100), (b"89abcdef".to_vec(), 19, 27));
        assert_eq!(read(&console, 20, 2), (b"9a".to_vec(), 20, 27));
    }

    #[test]
    fn typing_is_bounded() {
        let mut console = Console::new(8);
        assert_eq!(console.write(&[b'x'; 5000]).len, 4096);
        assert_eq!(console.write(b"y").len, 0);
        assert_eq!(console.take_typed().len(), 4096);
        assert_eq!(console.write(b"y").len, 1);
    }
}
