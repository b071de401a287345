//! The planner: rules that hold for any board and request, the vectors that other languages share, and the kernel
//! driver's planner in C against this one.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

mod cases;
mod kernel_driver;
mod properties;
mod vectors;
