//! What the linker sees of libbrink: its entries and nothing else.

use super::site::{Folder, package, pkg_config, root, run};
use crate::gate_handles::in_force;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The goal for a library that goes onto every device.
const SHARED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = fs::read_to_string(root().join("core/capi/include/brink.h")).unwrap();
    let declarations = header.split("extern \"C\" {").nth(1).unwrap();
    let names = declarations.lines().filter(|line| !line.trim_start().starts_with(['*', '/', '#']));
    let names = names.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next());
    names.filter(|name| name.starts_with("brink_")).map(str::to_owned).collect()
}

/// The symbols that a library defines for others.
fn defined(library: &Path, options: &[&str]) -> BTreeSet<String> {
    let listed = run(Command::new("nm").args(options).arg(library)).stdout;
    let listed = String::from_utf8(listed).unwrap();
    listed.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs a release build of libbrink: scripts/test runs this"]
fn both_libraries_show_the_functions_of_the_header_and_nothing_else() {
    let declared = declared();
    assert!(declared.len() > 15, "{declared:?}");
    let shared = package().join("lib/libbrink.so");
    assert_eq!(defined(&shared, &["-D", "--defined-only"]), declared);
    let of_static = defined(&package().join("lib/libbrink.a"), &["--extern-only", "--defined-only"]);
    assert_eq!(of_static, declared);
    let bytes = fs::metadata(&shared).unwrap().len();
    assert!(bytes <= SHARED_BYTES_MAX, "libbrink.so has {bytes} bytes");
    let sections = String::from_utf8(run(Command::new("readelf").arg("-S").arg(&shared)).stdout).unwrap();
    assert!(!sections.contains(".debug_") && !sections.contains(".symtab"), "it is stripped");
}

/// A host's own database and a Rust library of its own, with symbols that libbrink has inside.
const OWN_SQLITE: &str = r#"
const char *sqlite3_libversion(void) { return "the host's own"; }
int sqlite3_libversion_number(void) { return 1; }
int sqlite3_open(const char *name, void **out) { (void)name; *out = 0; return 77; }
int sqlite3_open_v2(const char *n, void **o, int f, const char *v) { (void)n; (void)o; (void)f; (void)v; return 77; }
int sqlite3_close(void *db) { (void)db; return 77; }
void *sqlite3_malloc(int n) { (void)n; return 0; }
"#;
const OWN_RUST: &str = r#"
#[unsafe(no_mangle)]
pub extern "C" fn own_rust() -> i32 {
    let caught = std::panic::catch_unwind(|| std::thread::spawn(|| vec![40, 2].iter().sum()).join().unwrap());
    caught.unwrap_or(0)
}
"#;
const HOST: &str = r#"
#include <brink.h>
#include <stdio.h>
#include <string.h>
#include "brink_trust.h"
const char *sqlite3_libversion(void);
int own_rust(void);
int main(int count, char **arguments) {
    brink_gate gate;
    brink_decision decision;
    brink_text path = {arguments[1], strlen(arguments[1])};
    if (count != 2 || brink_gate_open(path, &BRINK_TRUST, &gate) != BRINK_OK) return 1;
    if (brink_gate_check(gate, BRINK_TEXT("cam-000"), BRINK_TEXT("analytics/near_miss"), &decision) != BRINK_OK) return 1;
    printf("%s, %s, %d\n", brink_reason_name(decision.reason), sqlite3_libversion(), own_rust());
    return brink_gate_close(gate) != BRINK_OK;
}
"#;

#[test]
#[ignore = "needs gcc, SQLite's headers and a release build of libbrink: scripts/test runs this"]
fn the_static_library_lives_beside_a_hosts_own_sqlite_and_its_own_rust_library() {
    let folder = Folder::new();
    let bundle = folder.publish("licence.bundle", &in_force(2, 1));
    for (name, text) in [("own_sqlite.c", OWN_SQLITE), ("own.rs", OWN_RUST), ("host.c", HOST)] {
        fs::write(folder.path(name), text).unwrap();
    }
    let rust = folder.path("libown.a");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "--crate-type=staticlib", "-Cpanic=unwind", "-o"]).arg(&rust);
    run(rustc.arg(folder.path("own.rs")));

    let link = |sqlite: &str, libraries_first: bool| {
        let program = folder.path("host");
        let mut compiler = Command::new("gcc");
        compiler.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"]).arg(folder.path(""));
        compiler.args(pkg_config(package(), &["--cflags"])).arg("-o").arg(&program);
        compiler.arg(folder.path("host.c"));
        let ours = package().join("lib/libbrink.a");
        let order = if libraries_first { [&ours, &rust] } else { [&rust, &ours] };
        // Whole, as a linker that is told to keep everything would have them.
        compiler.arg("-Wl,--whole-archive").arg(&ours).arg("-Wl,--no-whole-archive").args(order).arg(sqlite);
        run(compiler.args(["-lgcc_s", "-lpthread", "-lm", "-ldl"]));
        String::from_utf8(run(Command::new(program).arg(&bundle)).stdout).unwrap()
    };
    let own = folder.path("own_sqlite.c").display().to_string();
    for order in [false, true] {
        assert_eq!(link(&own, order), "granted, the host's own, 42\n");
    }
    let said = link("-lsqlite3", true);
    assert!(said.starts_with("granted, 3.") && said.ends_with(", 42\n"), "{said}");
}

#[test]
#[ignore = "needs g++ and a release build of libbrink: scripts/test runs this"]
fn a_host_of_another_abi_is_not_loaded_into_by_accident() {
    let shared = package().join("lib/libbrink.so");
    let listed = String::from_utf8(run(Command::new("readelf").arg("-d").arg(&shared)).stdout).unwrap();
    let header = fs::read_to_string(package().join("include/brink.h")).unwrap();
    let (_, version) = header.split_once("#define BRINK_ABI_VERSION ").unwrap();
    let version = version.lines().next().unwrap();
    assert!(listed.contains(&format!("[libbrink.so.{version}]")), "{listed}");
    assert!(listed.contains("NODELETE"), "a gate's thread must not lose its code: {listed}");
}
