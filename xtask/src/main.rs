//! The one entry to every job of the repository.

fn main() {}
