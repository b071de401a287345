//! See [`vman_fuzz::command`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vman_fuzz::command::run(data));
