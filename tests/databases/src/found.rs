//! Where a server comes from: one that the environment names, or programs of this machine.

use std::path::PathBuf;

/// One kind of server, as it is named to somebody who has none.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The Debian package.
    pub(crate) package: &'static str,
    pub(crate) url_variable: &'static str,
    pub(crate) example: &'static str,
}

/// What the environment says, an empty word being none.
#[allow(clippy::disallowed_methods, reason = "whoever runs the tests says what they stand on")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder of the path that has this program.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).find(|folder| folder.join(program).is_file())
}

/// Ends a test that wants a server where there is none, with the mends.
pub(crate) fn nothing(kind: &Kind) -> ! {
    let Kind { name, package, url_variable, example } = kind;
    panic!(
        "these tests need {name}. Install it: apt-get install {package}. Or set {url_variable} to a server's address, for \
         example {example}."
    )
}
