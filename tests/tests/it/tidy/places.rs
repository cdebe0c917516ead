//! Where the outside world may be touched: each such place is listed with its reason.

use std::collections::BTreeSet;

use super::source::{line_at, occurrences};
use super::tree::{RustFile, rust_files};
use super::{complaint, insist};

/// A power over the outside world, and the phrases that wield it.
struct Power {
    name: &'static str,
    phrases: &'static [&'static str],
    /// What to do instead of adding a place.
    mend: &'static str,
    /// The files, or folders that end in `/`, that have it, with the reason.
    places: &'static [(&'static str, &'static str)],
}

const POWERS: [Power; 5] = [
    Power {
        name: "the wall clock",
        phrases: &["SystemTime::now", "UNIX_EPOCH", "Utc::now", "Local::now"],
        mend: "take `now` as an argument, or ask the shell's clock",
        places: &[("issuer/src/clock.rs", "the one look at the issuer's clock")],
    },
    Power {
        name: "a running clock",
        phrases: &["Instant::now", "CLOCK_BOOTTIME", "ClockId", "clock_gettime"],
        mend: "ask the shell's clock, or measure in benches/",
        places: &[
            ("core/store/src/machine.rs", "the one look at a device's clocks"),
            ("issuer/src/clock.rs", "the one look at the issuer's clocks"),
            ("issuer/src/http/serve.rs", "a herd does not write a line for each connection that it tries"),
            ("tests/src/wait.rs", "a deadline for what a test waits for"),
            ("tests/src/local_api.rs", "how long answers of the local API take is printed"),
            ("tests/examples/quickstart.rs", "says how long it took"),
            ("tests/src/bin/month-offline.rs", "says how long it took"),
            ("tests/src/bin/usage-hammer.rs", "ends after so many seconds"),
            ("tests/fleet/src/", "latencies, and when a device's turn comes, are what it is about"),
            ("benches/", "measuring is what they are for"),
        ],
    },
    Power {
        name: "the environment",
        phrases: &["std::env", "env::"],
        mend: "parse it once into the configuration",
        places: &[
            ("tests/src/bins.rs", "scripts/test says where it built the binaries"),
            (
                "tests/databases/src/found.rs",
                "where a run's servers are, and the programs for them, is looked up as a shell does",
            ),
            ("tests/examples/quickstart.rs", "starts itself again as the host process"),
            ("tests/src/bin/gate-host.rs", "the one look at the arguments"),
            ("tests/src/bin/meter-host.rs", "the one look at the arguments"),
            ("tests/src/bin/clock-simulation.rs", "the one look at the arguments"),
            ("tests/src/bin/settlement-simulation.rs", "the one look at the arguments"),
            ("tests/src/bin/month-offline.rs", "the one look at the arguments"),
            ("tests/src/bin/usage-hammer.rs", "the one look at the arguments"),
            ("tests/src/bin/hot-path.rs", "the one look at the arguments"),
            ("tests/src/bin/rating-oracle.rs", "the one look at the arguments"),
            ("tests/src/bin/reliability.rs", "the one look at the arguments"),
            ("benches/", "a measurement takes its length from its caller"),
            ("issuer/src/cli/mod.rs", "the one look at the arguments"),
            ("edge/src/cli/config.rs", "the one look at the agent's environment"),
            ("edge/src/main.rs", "goes on as the program beside it, with its own arguments"),
            ("edge/mock/src/main.rs", "the one look at the arguments and the environment"),
            ("issuer/src/cli/config.rs", "the one look at the issuer's environment"),
        ],
    },
    Power {
        name: "sleep",
        phrases: &["thread::sleep", "std::thread::sleep_ms"],
        mend: "wait on a channel or a condition, with a timeout",
        places: &[(
            "tests/src/wait.rs",
            "the one place where a test polls for what has no channel to wait on",
        )],
    },
    Power {
        name: "unsafe code",
        phrases: &["unsafe"],
        mend: "use rustix or a safe interface; only the C ABI needs it",
        places: &[
            ("core/capi/src/", "the C ABI: pointers of a host become references"),
            ("benches/src/c_abi.rs", "calls the C entries as a host in C does"),
            (
                "tests/src/fault/disk.rs",
                "the one ioctl that cuts a file system off, which no safe crate offers",
            ),
        ],
    },
];

fn covers(place: &str, path: &str) -> bool {
    place == path || (place.ends_with('/') && path.starts_with(place))
}

/// Powers wielded outside of their places, and places that no longer need their power.
fn misplaced(power: &Power, files: &[RustFile]) -> Vec<String> {
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for file in files {
        let place = power.places.iter().map(|(path, _)| *path).find(|path| covers(path, &file.path));
        for phrase in power.phrases {
            for at in occurrences(&file.code, phrase) {
                if let Some(place) = place {
                    used.insert(place);
                    continue;
                }
                let place = format!("{}:{}", file.path, line_at(&file.code, at));
                let what = format!("`{phrase}` ({}) has no place here", power.name);
                found.push(complaint(
                    place,
                    what,
                    format!("{}, or list the file in tidy/places.rs", power.mend),
                ));
            }
        }
    }
    let idle = power.places.iter().filter(|(path, _)| !used.contains(path));
    found.extend(idle.map(|(path, _)| {
        complaint(
            path,
            format!("is listed for {} and has none", power.name),
            "take it off the list in tidy/places.rs",
        )
    }));
    found
}

#[test]
fn every_place_is_listed() {
    let files = rust_files();
    insist(&POWERS.iter().flat_map(|power| misplaced(power, &files)).collect::<Vec<_>>());
}

#[test]
fn every_place_has_its_reason() {
    let without = POWERS.iter().flat_map(|power| power.places).filter(|(_, reason)| reason.len() < 12);
    assert_eq!(without.count(), 0, "a place without a reason in tidy/places.rs: say why");
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Power = Power {
        name: "sleep",
        phrases: &["thread::sleep"],
        mend: "wait",
        places: &[("a/wait.rs", "the one place")],
    };

    #[test]
    fn a_misplaced_power_is_found() {
        let files = [
            RustFile::new("a/wait.rs", "fn f() { std::thread::sleep(x) }"),
            RustFile::new("a/b.rs", "// thread::sleep\nfn f() {}\nfn g() { thread::sleep(x) }"),
        ];
        let found = misplaced(&SAMPLE, &files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("a/b.rs:3: "), "{found:?}");
    }

    #[test]
    fn a_folder_covers_what_is_below_it_only() {
        assert!(covers("a/", "a/b/c.rs") && covers("a/b.rs", "a/b.rs"));
        assert!(!covers("a/", "ab/c.rs") && !covers("a/b", "a/b.rs"));
    }

    #[test]
    fn a_place_that_is_no_longer_needed_is_found() {
        assert_eq!(misplaced(&SAMPLE, &[RustFile::new("a/wait.rs", "fn f() {}")]).len(), 1);
    }

    #[test]
    fn every_phrase_bites() {
        for power in POWERS {
            for phrase in power.phrases {
                let code = format!("fn f() {{ {phrase} }}");
                let found = misplaced(&Power { places: &[], ..power }, &[RustFile::new("x.rs", &code)]);
                assert!(!found.is_empty(), "{phrase} is never found");
            }
        }
    }
}
