//! See [`vman_fuzz::state`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vman_fuzz::state::run(data));
