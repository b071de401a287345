//! See [`vman_fuzz::device_tree`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vman_fuzz::device_tree::run(data));
