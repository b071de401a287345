//! Placeholder until the first command works.

fn main() {}
