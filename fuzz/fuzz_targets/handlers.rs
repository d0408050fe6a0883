#![no_main]
#![doc = include_str!("../README.md")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    redeliver_fuzz::handlers(bytes);
});
