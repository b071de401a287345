//! Bytes in, lines out.

use vman_core::command::MAX_LINE;

/// What has come from a peer and is not yet handled. Takes no memory while a peer is silent between two lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Bytes at the front that are handled.
    handled: usize,
    /// Bytes at the front in which no newline is left to find.
    searched: usize,
}

/// What [`Lines::next_line`] finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line without its newline.
    Complete(&'a [u8]),
    /// No newline yet.
    Partial,
    /// No newline within [`MAX_LINE`] bytes.
    TooLong,
}

impl Lines {
    /// Takes what was read.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next line.
    pub(crate) fn next_line(&mut self) -> Line<'_> {
        let start = self.handled;
        match self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
            Some(_) if self.searched > start + MAX_LINE => Line::TooLong,
            Some(distance) => {
                let end = self.searched + distance;
                self.handled = end + 1;
                self.searched = self.handled;
                if end - start >= MAX_LINE { Line::TooLong } else { Line::Complete(&self.buffer[start..end]) }
            }
            None => {
                self.searched = self.buffer.len();
                if self.searched - start >= MAX_LINE { Line::TooLong } else { Line::Partial }
            }
        }
    }

    /// Forgets what is handled, and the memory with it.
    fn compact(&mut self) {
        if self.handled == self.buffer.len() {
            self.buffer = Vec::new();
        } else {
            self.buffer.drain(..self.handled);
        }
        self.searched -= self.handled;
        self.handled = 0;
    }

    /// Gives memory back before a wait.
    pub(crate) fn rest(&mut self) {
        self.compact();
        if self.buffer.capacity() > 2 * self.buffer.len() {
            self.buffer.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &mut Lines, input: &[u8]) -> Vec<String> {
        lines.append(input);
        let mut found = Vec::new();
        loop {
            match lines.next_line() {
                Line::Complete(line) => found.push(String::from_utf8(line.to_vec()).unwrap()),
                Line::Partial => return found,
                Line::TooLong => panic!("too long"),
            }
        }
    }

    #[test]
    fn lines_come_out_as_they_went_in_however_they_are_cut() {
        let text = b"one\ntwo\n\nthree\nrest";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut found = all(&mut lines, &text[..cut]);
            lines.rest();
            found.extend(all(&mut lines, &text[cut..]));
            assert_eq!(found, ["one", "two", "", "three"]);
            assert_eq!(all(&mut lines, b"\n"), ["rest"]);
        }
    }

    #[test]
    fn longest_line_is_taken_and_one_byte_more_is_not() {
        let mut longest = vec![b'x'; MAX_LINE - 1];
        longest.push(b'\n');
        assert_eq!(all(&mut Lines::default(), &longest)[0].len(), MAX_LINE - 1);
        longest.insert(0, b'x');
        let mut lines = Lines::default();
        lines.append(&longest);
        assert_eq!(lines.next_line(), Line::TooLong);
        let mut lines = Lines::default();
        lines.append(&longest[..MAX_LINE]);
        assert_eq!(lines.next_line(), Line::TooLong);
    }

    #[test]
    fn silent_peer_costs_no_memory() {
        let mut lines = Lines::default();
        all(&mut lines, b"one\n");
        lines.rest();
        assert_eq!(lines.buffer.capacity(), 0);
    }
}
