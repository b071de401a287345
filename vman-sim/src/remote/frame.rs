//! Frames: two lengths in bytes (little endian, 32 bits: header, payload), a header in JSON, a payload.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the two lengths.
const LENGTHS: usize = 8;
/// Longest header in bytes.
const HEADER_MAX: u32 = 4 << 20;
/// Longest payload in bytes: kernel, device tree and initial ramdisk of a large deployment.
const PAYLOAD_MAX: u32 = 2 << 30;

/// Writes a frame whose payload is made of `payload`'s parts.
pub(super) fn write(out: &mut impl Write, header: &impl Serialize, payload: &[&[u8]]) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let payload_len: usize = payload.iter().map(|part| part.len()).sum();
    let mut head = Vec::with_capacity(LENGTHS + header.len());
    for (len, max) in [(header.len(), HEADER_MAX), (payload_len, PAYLOAD_MAX)] {
        let len = u32::try_from(len).ok().filter(|len| *len <= max).ok_or_else(too_long)?;
        head.extend_from_slice(&len.to_le_bytes());
    }
    head.extend_from_slice(&header);
    out.write_all(&head)?;
    payload.iter().try_for_each(|part| out.write_all(part))
}

/// Reads a frame; `None` at the end of the stream.
pub(super) fn read<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut partial = Partial::default();
    match partial.advance(input) {
        Ok(frame) => Ok(frame),
        // A peer that is gone between two frames has said everything.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && partial.is_empty() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A frame of which some bytes have come. It never takes bytes of the next frame, so that a descriptor stays readable
/// while a frame waits.
#[derive(Debug, Default)]
pub(super) struct Partial {
    bytes: Vec<u8>,
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads what is there. `None` if the frame is not complete and nothing more can be read without waiting.
    pub(super) fn advance<T: DeserializeOwned>(
        &mut self,
        input: &mut impl Read,
    ) -> io::Result<Option<(T, Vec<u8>)>> {
        if !self.fill(input, LENGTHS)? {
            return Ok(None);
        }
        let (header_len, payload_len) = self.lengths()?;
        if !self.fill(input, LENGTHS + header_len + payload_len)? {
            return Ok(None);
        }
        let mut frame = std::mem::take(&mut self.bytes);
        let payload = frame.split_off(LENGTHS + header_len);
        Ok(Some((serde_json::from_slice(&frame[LENGTHS..])?, payload)))
    }

    /// Reads until there are `len` bytes. Memory grows with what has come, not with what was announced.
    fn fill(&mut self, input: &mut impl Read, len: usize) -> io::Result<bool> {
        const STEP: usize = 1 << 20;
        while self.bytes.len() < len {
            let have = self.bytes.len();
            self.bytes.resize(len.min(have + STEP), 0);
            let read = input.read(&mut self.bytes[have..]);
            self.bytes.truncate(have + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn lengths(&self) -> io::Result<(usize, usize)> {
        let length = |at: usize, max: u32| {
            let bytes =
                self.bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
            let len = Some(u32::from_le_bytes(bytes)).filter(|len| *len <= max).ok_or_else(too_long)?;
            usize::try_from(len).map_err(io::Error::other)
        };
        Ok((length(0, HEADER_MAX)?, length(4, PAYLOAD_MAX)?))
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "Frame is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, then says that it would block.
    struct Slow<'a>(&'a [u8], bool);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let (first, rest) = self.0.split_at(self.0.len().min(1));
            self.0 = rest;
            buffer[..first.len()].copy_from_slice(first);
            Ok(first.len())
        }
    }

    #[test]
    fn frames_come_whole_whatever_their_pieces() {
        let mut stream = Vec::new();
        write(&mut stream, &"first", &[b"ab", b"c"]).unwrap();
        write(&mut stream, &"second", &[]).unwrap();
        let mut slow = Slow(&stream, false);
        let mut partial = Partial::default();
        let mut frames: Vec<(String, Vec<u8>)> = Vec::new();
        while frames.len() < 2 {
            frames.extend(partial.advance(&mut slow).unwrap());
        }
        assert_eq!(frames, [("first".into(), b"abc".to_vec()), ("second".into(), Vec::new())]);
        let mut whole = stream.as_slice();
        assert!(read::<String>(&mut whole).unwrap().is_some());
        assert!(read::<String>(&mut whole).unwrap().is_some());
        assert!(read::<String>(&mut whole).unwrap().is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        for bytes in [&[0xff; 12][..], &[3, 0, 0, 0, 0, 0, 0, 0, b'{', b'x', b'}'], &[1, 0, 0]] {
            assert!(read::<String>(&mut &*bytes).is_err(), "{bytes:?}");
        }
    }
}
