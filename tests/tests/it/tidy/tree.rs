//! The tracked files of the repository, read once per checker.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::source::{code_of, occurrences};

/// One file as text, by its path from the root.
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One Rust file, tokenized.
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments and literals blanked.
    pub(crate) code: String,
    /// Whether the file is compiled for tests only.
    pub(crate) test_only: bool,
}

impl RustFile {
    pub(crate) fn new(path: &str, text: &str) -> RustFile {
        let test_only =
            path.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "benches");
        RustFile { path: path.to_owned(), text: text.to_owned(), code: code_of(text), test_only }
    }
}

pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests crate lies in the repository").to_owned()
}

/// Every text file that is tracked, or would be if it were added.
pub(crate) fn text_files() -> Vec<TextFile> {
    let root = root();
    let listed = Command::new("git")
        // Whose files these are does not matter to a listing, and a container may map owners.
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .expect("git lists the repository's files: run the tests in a git checkout");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let paths = String::from_utf8(listed.stdout).expect("the paths are UTF-8");
    let files: Vec<_> = paths
        .split('\0')
        .filter(|path| !path.is_empty())
        .filter_map(|path| {
            let text = std::fs::read_to_string(root.join(path)).ok()?;
            Some(TextFile { path: path.to_owned(), text })
        })
        .collect();
    assert!(files.len() > 20, "only {} files found: the listing is broken", files.len());
    files
}

/// Every Rust file of the repository.
pub(crate) fn rust_files() -> Vec<RustFile> {
    let texts = text_files();
    let mut files: Vec<_> = texts
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .map(|file| RustFile::new(&file.path, &file.text))
        .collect();
    mark_test_modules(&mut files);
    files
}

/// Marks the files that a parent declares by `#[cfg(test)] mod name;`.
fn mark_test_modules(files: &mut [RustFile]) {
    let declared: Vec<_> = files.iter().flat_map(|file| test_modules(&file.path, &file.code)).collect();
    for file in files {
        let stem = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        file.test_only |= declared.iter().any(|module| {
            stem == module || stem.strip_prefix(module.as_str()).is_some_and(|rest| rest.starts_with('/'))
        });
    }
}

/// The paths, without `.rs`, of the modules that `code` declares for tests only.
fn test_modules(path: &str, code: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let owns_folder = ["/lib", "/main", "/mod"].iter().find_map(|name| stem.strip_suffix(name));
    let folder = owns_folder.unwrap_or(stem);
    occurrences(code, "#[cfg(test)]")
        .into_iter()
        .filter_map(|at| {
            let item = code[at + "#[cfg(test)]".len()..].trim_start();
            let item = item.strip_prefix("pub(crate)").unwrap_or(item).trim_start();
            let name = item.strip_prefix("mod ")?.split_once(';')?.0.trim();
            (!name.contains('{')).then(|| format!("{folder}/{name}"))
        })
        .collect()
}

#[test]
fn files_declared_for_tests_are_known_as_such() {
    let mut files = [
        RustFile::new("a/src/lib.rs", "#[cfg(test)]\nmod probe;\n#[cfg(test)] mod inline { }\nmod real;"),
        RustFile::new("a/src/probe.rs", ""),
        RustFile::new("a/src/probe/deep.rs", ""),
        RustFile::new("a/src/real.rs", "#[cfg(test)] mod tests;"),
        RustFile::new("a/src/real/tests.rs", ""),
        RustFile::new("a/src/probed.rs", ""),
    ];
    mark_test_modules(&mut files);
    assert_eq!(files.map(|file| file.test_only), [false, true, true, false, true, false]);
}

#[test]
fn the_repository_is_found() {
    assert!(root().join("Cargo.toml").exists());
    assert!(rust_files().iter().any(|file| file.path == "core/license/src/lib.rs"));
}
