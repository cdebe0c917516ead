//! The committed C header is the one that the source says.
#![allow(clippy::unwrap_used, reason = "the functions beside the tests belong to the tests")]

use std::path::{Path, PathBuf};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn committed() -> PathBuf {
    here().join("include/brink.h")
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(here().join("cbindgen.toml")).unwrap();
    let mut header = Vec::new();
    cbindgen::Builder::new().with_crate(here()).with_config(config).generate().unwrap().write(&mut header);
    String::from_utf8(header).unwrap()
}

#[test]
fn the_committed_header_is_fresh() {
    let committed = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        committed == generated(),
        "core/capi/include/brink.h is not what core/capi/src says: write it with\n  \
         cargo test --workspace --test header -- --ignored"
    );
}

#[test]
#[ignore = "writes core/capi/include/brink.h"]
fn write_the_header() {
    std::fs::write(committed(), generated()).unwrap();
}
