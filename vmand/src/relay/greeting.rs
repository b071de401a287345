//! How the two sides find each other in a stream that may still hold bytes of an earlier link.
//!
//! The host sends a mark and a number of its own; the board sends both back. Each side drops whatever comes before
//! the mark that it waits for.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::Error;

const MARK: [u8; 8] = *b"vmrelay\x01";
/// A board that is there answers at once; one that still boots is asked again.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// The host's side.
///
/// # Errors
/// [`Error::Silent`], or the port broke.
pub(super) async fn call(port: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), Error> {
    let number = RandomState::new().hash_one(MARK).to_be_bytes();
    say(port, number).await?;
    let answered = async {
        while hear(port).await? != number {}
        Ok::<_, io::Error>(())
    };
    Ok(timeout(ANSWER_LIMIT, answered).await.map_err(|_| Error::Silent)??)
}

/// The board's side; waits for a host as long as it takes.
///
/// # Errors
/// The port broke.
pub(super) async fn answer(port: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), Error> {
    let number = hear(port).await?;
    Ok(say(port, number).await?)
}

async fn say(port: &mut (impl AsyncWrite + Unpin), number: [u8; 8]) -> io::Result<()> {
    let mut message = [0; 16];
    message[..8].copy_from_slice(&MARK);
    message[8..].copy_from_slice(&number);
    port.write_all(&message).await?;
    port.flush().await
}

/// Reads up to a mark and gives the number behind it.
async fn hear(port: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; 8]> {
    let mut window = [0; 8];
    while window != MARK {
        window.rotate_left(1);
        window[7] = port.read_u8().await?;
    }
    let mut number = [0; 8];
    port.read_exact(&mut number).await?;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::{MARK, answer, call};

    #[tokio::test]
    async fn sides_find_each_other_behind_what_an_earlier_link_left() {
        let (mut host, mut board) = tokio::io::duplex(256);
        host.write_all(b"half a frame vmrel").await.unwrap();
        board.write_all(b"old answer").await.unwrap();
        board.write_all(&MARK).await.unwrap();
        board.write_all(b"oldnumbr").await.unwrap();
        let (called, answered) = tokio::join!(call(&mut host), answer(&mut board));
        called.unwrap();
        answered.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn silent_board_is_told() {
        let (mut host, _board) = tokio::io::duplex(256);
        let error = call(&mut host).await.unwrap_err();
        assert_eq!(error.to_string(), "The other side of the port does not answer");
    }
}
