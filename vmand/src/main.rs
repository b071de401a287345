//! `vmand`: see the crate's documentation and `vmand --help`.

fn main() {}
