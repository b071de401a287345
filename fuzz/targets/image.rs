//! See [`aivirt_fuzz::image`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aivirt_fuzz::image::run(data));
