#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| edge_rates_fuzz::read("bitpin", input));
