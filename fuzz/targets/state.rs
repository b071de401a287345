//! See [`aivirt_fuzz::state`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aivirt_fuzz::state::run(data));
