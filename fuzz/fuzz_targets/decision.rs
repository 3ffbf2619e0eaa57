#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::targets::decision(data));
