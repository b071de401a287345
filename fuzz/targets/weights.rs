//! See [`vman_fuzz::weights`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vman_fuzz::weights::run(data));
