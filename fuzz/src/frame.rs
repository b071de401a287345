//! Lines from a socket, split anywhere.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use vman_core::ErrorKind;
use vman_core::client::Client;
use vman_core::command::Incoming;

/// Fits in a socket's buffer, so that nothing blocks.
const MOST: usize = 16 << 10;

/// The first byte says how the rest is split.
pub fn run(data: &[u8]) {
    let Some((split, data)) = data.split_first() else { return };
    let data = &data[..data.len().min(MOST)];
    lines_are_those_between_newlines(data);
    events_end_with_the_stream(data, usize::from(*split) + 1);
    for line in data.split(|byte| *byte == b'\n') {
        let _ = Incoming::parse(line);
    }
}

fn lines_are_those_between_newlines(data: &[u8]) {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    theirs.write_all(data).expect("it fits");
    theirs.shutdown(std::net::Shutdown::Write).expect("open");
    let mut client = Client::from_socket(ours);
    let mut rest = data;
    let mut request = [0];
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = client.call_line(b"\n").expect("a line has come");
        assert_eq!(line, &rest[..end]);
        rest = &rest[end + 1..];
        theirs.read_exact(&mut request).expect("a peer reads what it is asked");
    }
    let error = client.call_line(b"\n").expect_err("no line is left");
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}

fn events_end_with_the_stream(data: &[u8], piece: usize) {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    theirs.write_all(b"{\"return\":{},\"id\":1}\n").expect("it fits");
    let mut events = Client::from_socket(ours).subscribe().expect("accepted");
    let pieces = data.chunks(piece.max(data.len().div_ceil(16)));
    for piece in pieces {
        theirs.write_all(piece).expect("it fits");
        // Every line is an event, is skipped, or is refused; then there is none.
        while !matches!(events.try_next(), Ok(None)) {}
    }
    drop(theirs);
    let error = loop {
        match events.try_next() {
            Err(error) if error.kind() == ErrorKind::Protocol => {}
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream has ended"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}
