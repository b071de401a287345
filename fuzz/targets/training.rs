//! See [`vman_fuzz::training`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vman_fuzz::training::run(data));
