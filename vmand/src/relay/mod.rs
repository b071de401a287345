//! The relay: carries connections from this machine to the vmand of a board, over one serial line.
//!
//! Two programs in one: the *host* side listens on a Unix socket, asks the kernel who connects and decides the peer's
//! role as vmand does; the *board* side stands in the management partition and connects to vmand's `relay_socket`.
//! Between them runs a virtio-serial port, or any other stream of bytes, that only they can open; many connections
//! share it, each with its own flow control (yamux). Either side may end and start again at any time.

pub mod args;
pub mod board;
mod error;
mod greeting;
pub mod host;
mod port;

pub use error::Error;
