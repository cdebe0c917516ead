//! Dependencies point one way, and the pure core stays pure.

use std::process::Command;

use super::source::{line_at, occurrences, without_tests};
use super::tree::{RustFile, root, rust_files};
use super::{complaint, insist};

/// What one of our crates may see of the others: in the product, and beside that in its tests.
struct Reach {
    name: &'static str,
    product: &'static [&'static str],
    tests: &'static [&'static str],
}

/// Arrows point to the core. The edge and the issuer speak through `brink-license`'s documents alone, and a host that
/// links the store must not thereby link private keys.
const REACHES: [Reach; 13] = [
    Reach { name: "brink-license", product: &[], tests: &[] },
    Reach { name: "brink-signing", product: &["brink-license"], tests: &[] },
    Reach { name: "brink-store", product: &["brink-license"], tests: &["brink-signing"] },
    Reach { name: "brink-capi", product: &["brink-license", "brink-store"], tests: &[] },
    // Knows of variables and of nothing that they are about.
    Reach { name: "brink-environment", product: &[], tests: &[] },
    // Knows where a server is and of nothing that is kept there.
    Reach { name: "brink-postgres", product: &[], tests: &[] },
    Reach {
        name: "brink-edge",
        product: &["brink-license", "brink-signing", "brink-store", "brink-environment", "brink-postgres"],
        tests: &["brink-databases", "brink-installation"],
    },
    Reach {
        name: "brink-issuer",
        product: &["brink-license", "brink-signing", "brink-environment", "brink-postgres"],
        tests: &["brink-databases"],
    },
    // One process with both of them, for development: nothing depends on it.
    Reach { name: "brink-mock", product: &["brink-edge", "brink-issuer"], tests: &[] },
    // A server for tests, which knows nothing of what they keep in it.
    Reach { name: "brink-databases", product: &[], tests: &[] },
    Reach {
        name: "brink-tests",
        product: &["brink-license", "brink-signing", "brink-store", "brink-edge", "brink-issuer"],
        tests: &["brink-databases", "brink-installation"],
    },
    // Speaks with the issuer over HTTP, like any device.
    Reach {
        name: "brink-fleet",
        product: &["brink-license", "brink-signing", "brink-store", "brink-edge"],
        tests: &[],
    },
    // Writes what the product before this one left behind, and knows nothing of what becomes of it.
    Reach { name: "brink-installation", product: &[], tests: &[] },
];

/// What is pure, and where its source lies.
const PURE: [(&str, &str); 2] =
    [("brink-license", "core/license/src/"), ("brink-environment", "core/environment/src/")];

/// Crates that would bring a clock, a file, a socket, a thread, randomness or a log into the pure core.
const IMPURE_CRATES: [&str; 14] = [
    "anyhow",
    "arc-swap",
    "axum",
    "chrono",
    "clap",
    "getrandom",
    "log",
    "rusqlite",
    "rustix",
    "sled",
    "tokio",
    "tracing",
    "ureq",
    "uuid",
];

/// Paths that would do the same from the standard library.
const IMPURE_PATHS: [&str; 14] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "SystemTime",
    "Instant",
    "tracing",
    "log::",
    "println!",
    "eprintln!",
    "File",
    "TcpStream",
];

struct Dependency {
    name: String,
    for_tests: bool,
}

struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

/// The workspace's packages as cargo reads them.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let listed = metadata["packages"].as_array().expect("cargo metadata lists packages");
    listed.iter().map(package).collect()
}

fn package(listed: &serde_json::Value) -> Package {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let dependencies = listed["dependencies"].as_array().expect("a package lists its dependencies");
    Package {
        name: text(&listed["name"]),
        dependencies: dependencies
            .iter()
            .map(|one| Dependency { name: text(&one["name"]), for_tests: one["kind"] == "dev" })
            .collect(),
    }
}

fn against_the_arrows(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Some(reach) = REACHES.iter().find(|reach| reach.name == package.name) else {
            found.push(complaint(
                &package.name,
                "is in no table of directions",
                "add what it may see to REACHES in tidy/crates.rs",
            ));
            continue;
        };
        let ours = package.dependencies.iter().filter(|one| one.name.starts_with("brink-"));
        for one in ours {
            let seen = one.name.as_str();
            let seen_by_tests = one.for_tests && reach.tests.contains(&seen);
            if !seen_by_tests && !reach.product.contains(&seen) {
                found.push(complaint(
                    &package.name,
                    format!("depends on {seen}, against the direction of the house"),
                    "move what is shared down into brink-license, or turn the dependency round",
                ));
            }
        }
    }
    found
}

fn impure_dependencies(packages: &[Package]) -> Vec<String> {
    let pure = packages.iter().filter(|package| PURE.iter().any(|(name, _)| *name == package.name));
    pure.flat_map(|package| package.dependencies.iter().map(move |one| (package, one)))
        .filter(|(_, one)| !one.for_tests && IMPURE_CRATES.contains(&one.name.as_str()))
        .map(|(package, one)| {
            let what = format!("depends on {}", one.name);
            complaint(&package.name, what, "pass its answer in as an argument")
        })
        .collect()
}

/// What the core's own code names of the world outside.
fn impurities(file: &RustFile) -> Vec<String> {
    let code = without_tests(&file.code);
    IMPURE_PATHS
        .iter()
        .flat_map(|path| occurrences(&code, path).into_iter().map(move |at| (path, at)))
        .map(|(path, at)| {
            complaint(
                format!("{}:{}", file.path, line_at(&code, at)),
                format!("the pure core names {path}"),
                "take the value as an argument and let the shell read it",
            )
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    assert!(packages.len() >= REACHES.len(), "a crate of REACHES is gone: take it out of tidy/crates.rs");
    insist(&against_the_arrows(&packages));
    insist(&impure_dependencies(&packages));
}

#[test]
fn the_core_is_pure() {
    let files = rust_files();
    let is_pure = |file: &&RustFile| PURE.iter().any(|(_, source)| file.path.starts_with(source));
    for (_, source) in PURE {
        assert!(
            files.iter().any(|file| file.path.starts_with(source)),
            "{source} is gone: take it out of PURE"
        );
    }
    let core = files.iter().filter(is_pure).filter(|file| !file.test_only);
    insist(&core.flat_map(impurities).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, product: &[&str], tests: &[&str]) -> Package {
        let one = |for_tests| move |name: &&str| Dependency { name: (*name).to_owned(), for_tests };
        let dependencies = product.iter().map(one(false)).chain(tests.iter().map(one(true))).collect();
        Package { name: name.to_owned(), dependencies }
    }

    #[test]
    fn a_wrong_arrow_is_found() {
        let bad = [
            sample("brink-license", &["brink-signing"], &[]),
            sample("brink-license", &[], &["brink-tests"]),
            sample("brink-store", &["brink-signing"], &[]),
            sample("brink-capi", &["brink-signing"], &[]),
            sample("brink-edge", &["brink-issuer"], &[]),
            sample("brink-issuer", &[], &["brink-edge"]),
            sample("brink-environment", &["brink-license"], &[]),
            sample("brink-store", &["brink-environment"], &[]),
            sample("brink-novel", &[], &[]),
        ];
        for package in bad {
            assert_eq!(against_the_arrows(std::slice::from_ref(&package)).len(), 1, "{}", package.name);
        }
        let good = [
            sample("brink-store", &["brink-license", "sled"], &["brink-signing"]),
            sample("brink-tests", &["brink-edge", "brink-issuer"], &[]),
        ];
        assert_eq!(against_the_arrows(&good), Vec::<String>::new());
    }

    #[test]
    fn an_impure_dependency_is_found() {
        assert_eq!(
            impure_dependencies(&[sample("brink-license", &["serde", "tracing"], &["tempfile"])]).len(),
            1
        );
        assert_eq!(impure_dependencies(&[sample("brink-environment", &["clap"], &["tempfile"])]).len(), 1);
        assert_eq!(impure_dependencies(&[sample("brink-edge", &["tracing"], &[])]).len(), 0);
    }

    #[test]
    fn an_impure_line_is_found() {
        let bad = "fn f() {\n    std::fs::read(\"x\");\n    let t = SystemTime::now();\n    tracing::info!(\"x\");\n}";
        let found = impurities(&RustFile::new("core/license/src/x.rs", bad));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("core/license/src/x.rs:2: "), "{found:?}");
        let good = "// std::fs\nfn f() { \"std::net\"; }\n#[cfg(test)]\nmod tests { use std::fs; }";
        assert_eq!(impurities(&RustFile::new("core/license/src/x.rs", good)), Vec::<String>::new());
    }
}
