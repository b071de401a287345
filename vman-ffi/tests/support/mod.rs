//! What the tests of the C programs share: a small daemon on a thread and the real one, sockets that
//! misbehave, and the build of the libraries and programs.

pub(crate) mod build;
pub(crate) mod daemon;
pub(crate) mod fake;
pub(crate) mod sockets;
