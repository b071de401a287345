//! See [`aivirt_fuzz::command`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aivirt_fuzz::command::run(data));
