//! See [`vman_fuzz::smc`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vman_fuzz::smc::run(data));
