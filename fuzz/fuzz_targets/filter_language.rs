#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| corescope_fuzz::filter_language(bytes));
