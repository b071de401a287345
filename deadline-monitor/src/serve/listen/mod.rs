//! Connections: who they come from, how many there may be, and how long they may take.

mod connection;
mod gate;
mod peer;
mod tls;
mod unix;

pub use peer::Admins;
pub use tls::{TlsError, server as tls_server};
pub use unix::{Socket, SocketError, handed_over};

pub(super) use connection::{Connections, accept_tcp, accept_unix};
