//! See [`aivirt_fuzz::smc`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aivirt_fuzz::smc::run(data));
