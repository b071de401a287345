//! The jobs of the repository: demonstrations, tests, benchmarks, checks, and the things that they need.
//!
//! Each job is a subcommand of `cargo xtask`. A job installs the Debian packages that it needs ([`setup`]) and
//! fetches the arm64 things that it needs ([`assets`]) by itself.

pub mod apt;
pub mod assets;
pub mod bench;
pub mod board;
pub mod check;
pub mod cli;
pub mod demo;
pub mod edges;
pub mod guest;
pub mod process;
pub mod report;
pub mod setup;
pub mod skips;
pub mod stage;
pub mod test;
pub mod workspace;
