//! The daemon on the real kernel, as a program.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]

mod access;
mod admission;
mod client;
mod recovery;
mod scale;
#[path = "../../../tests/support/schemathesis.rs"]
mod schemathesis;
mod support;
mod tools;
