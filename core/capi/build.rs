//! What only the linker can be told: the shared library's name and that it stays loaded.

/// Rises when a program linked against an earlier library would misunderstand this one. `brink_abi_version` says the
/// same number; a test compares them.
const ABI_VERSION: u32 = 1;

#[allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=BRINK_ABI_VERSION={ABI_VERSION}");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libbrink.so.{ABI_VERSION}");
    // A gate's thread and the fork handler run this library's code: dlclose(3) must not take it from under them.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
