//! See [`vman_fuzz::image`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vman_fuzz::image::run(data));
