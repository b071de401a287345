//! See [`aivirt_fuzz::frame`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aivirt_fuzz::frame::run(data));
