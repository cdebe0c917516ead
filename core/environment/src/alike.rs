//! What the tables of both programs say alike.

use crate::problem::Code;
use crate::table::{Bounds, Kind, Remark, When};

/// A port that can be reached.
pub const PORTS: Bounds = Bounds::new(1, 65_535, "");

/// Connections that are kept.
pub const POOL_SIZES: Bounds = Bounds::new(1, 1000, "").since("a pool without connections serves nobody");

/// Words for how much is logged; [`log_level`] reads them.
pub const LOG_LEVELS: Kind = Kind::Choice(&["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR"]);

/// A password or key of the old product's own files.
pub const KNOWN_SECRET: Remark = Remark {
    when: When::Published(&[
        "your_api_key_here",
        "dev-api-key-123",
        "change_me_in_production",
        "tapi_dev_password",
        "billing_password",
    ]),
    code: Code::KnownSecret,
    why: "it stands in code and templates, where anybody can read it",
    mend: "choose another, or leave the variable out",
};

/// Made-up answers.
pub const MOCKED: Remark = Remark {
    when: When::True,
    code: Code::DevelopmentOnly,
    why: "what is made up there must not be taken for a licence that somebody bought",
    mend: "leave it out, or use an issuer whose name begins with dev-",
};

/// A name that has to say something.
pub fn any_text(_: &str) -> Result<(), String> {
    Ok(())
}

/// The level as filters of logs write it.
#[must_use]
pub fn log_level(word: &str) -> &'static str {
    match word {
        "TRACE" => "trace",
        "DEBUG" => "debug",
        "WARN" | "WARNING" => "warn",
        "ERROR" => "error",
        _ => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_its_own_word() {
        let Kind::Choice(words) = LOG_LEVELS else { panic!("levels are words") };
        let mut levels: Vec<_> = words.iter().map(|word| log_level(word)).collect();
        levels.dedup();
        assert_eq!(levels, ["trace", "debug", "info", "warn", "error"]);
    }
}
