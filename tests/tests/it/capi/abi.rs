//! `core/capi/tests/abi.cpp`: everything that a host may get wrong, plainly, under the sanitizers, and under valgrind.

use super::site::{CXX_FLAGS, Folder, package, pkg_config, root, run};
use std::path::PathBuf;
use std::process::Command;

/// What only the plain run does, too: `deadline` waits for a licence to end and `many` opens 257 gates, for which once is
/// enough, and in a fork amid threads the address sanitizer may wait for a lock of its own that a lost thread held.
const PLAIN_ONLY: [&str; 3] = ["deadline", "many", "forks_amid_threads"];
/// What each run does.
const SEQUENCES: [&str; 10] = [
    "bad_arguments",
    "components",
    "replaced",
    "absent",
    "unreadable",
    "threads",
    "closed_twice_at_once",
    "forks",
    "metering",
    "metering_after_a_fork",
];
const SHORT_SECONDS: i64 = 4;

fn build(folder: &Folder, more: &[&str], libraries: &[String]) -> PathBuf {
    let program = folder.path("abi");
    let mut compiler = Command::new("g++");
    compiler.args(CXX_FLAGS).args(["-O1", "-g", "-pthread"]).args(more);
    compiler.arg("-I").arg(folder.path("")).args(pkg_config(package(), &["--cflags"]));
    compiler.arg(root().join("core/capi/tests/abi.cpp")).arg("-o").arg(&program).args(libraries);
    run(&mut compiler);
    program
}

fn shared() -> Vec<String> {
    let mut libraries = pkg_config(package(), &["--libs"]);
    libraries.push(format!("-Wl,-rpath,{}", package().join("lib").display()));
    libraries
}

/// Asserts that every sequence was run and found as promised.
fn as_promised(command: &mut Command, folder: &Folder, sequences: &[&str]) {
    let output = run(command.arg(folder.path("")).args(sequences));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.matches(": as promised").count(), sequences.len(), "{said}");
}

#[test]
#[ignore = "needs g++ and a release build of libbrink: scripts/test runs this"]
fn every_misuse_has_its_code_and_the_last_good_bundle_ends_at_its_own_deadline() {
    let folder = Folder::new();
    let program = build(&folder, &[], &shared());
    folder.publish_for_abi(SHORT_SECONDS);
    let sequences: Vec<_> = PLAIN_ONLY.into_iter().chain(SEQUENCES).collect();
    as_promised(&mut Command::new(program), &folder, &sequences);
}

#[test]
#[ignore = "needs g++ and a release build of libbrink: scripts/test runs this"]
fn the_address_and_undefined_behaviour_sanitizers_find_nothing() {
    let folder = Folder::new();
    let library = package().join("lib/libbrink.a").display().to_string();
    let system = pkg_config(package(), &["--libs-only-l", "--static"]);
    let system = system.into_iter().filter(|word| word != "-lbrink");
    let libraries: Vec<_> = std::iter::once(library).chain(system).collect();
    let sanitized = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let program = build(&folder, &sanitized, &libraries);
    folder.publish_for_abi(SHORT_SECONDS);
    as_promised(&mut Command::new(program), &folder, &SEQUENCES);
}

#[test]
#[ignore = "needs g++, valgrind and a release build of libbrink: scripts/test runs this"]
fn valgrind_finds_no_error_and_no_leak() {
    let folder = Folder::new();
    let program = build(&folder, &[], &shared());
    folder.publish_for_abi(SHORT_SECONDS);
    let mut command = Command::new("valgrind");
    // A forked child loses what only its parent's threads knew of, so leaks are asked of the parent alone; an error in a
    // child is its exit code, which its parent asserts.
    command.args([
        "--error-exitcode=9",
        "--leak-check=full",
        "--errors-for-leak-kinds=none",
        "--fair-sched=yes",
    ]);
    let log = folder.path("valgrind.log");
    command.arg("--child-silent-after-fork=yes").arg(format!("--log-file={}", log.display())).arg(program);
    as_promised(&mut command, &folder, &SEQUENCES);
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("ERROR SUMMARY: 0 errors"), "{said}");
    let none_lost = ["definitely lost: 0 bytes", "no leaks are possible"];
    assert!(none_lost.iter().any(|sound| said.contains(sound)), "{said}");
}
