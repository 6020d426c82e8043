#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tcss_exporter::fuzz::basic_auth(bytes));
