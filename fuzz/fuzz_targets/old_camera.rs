#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brink_tests::probe::old_camera(bytes));
