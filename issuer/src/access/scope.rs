//! What a key may do: a closed list, so that a scope that is mistyped is refused when the key is made.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One thing that a key may do. `:read` never comes with `:write`, nor the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All of it, and whatever comes later.
    Everything,
    /// See tenants.
    TenantsRead,
    /// Add and change tenants.
    TenantsWrite,
    /// See what tenants have bought.
    SubscriptionsRead,
    /// Set what tenants have bought.
    SubscriptionsWrite,
    /// See devices, and what was seen of their copies.
    DevicesRead,
    /// Retire, replace and reactivate devices.
    DevicesWrite,
    /// See which activation codes there are, but not the codes.
    CodesRead,
    /// Make activation codes.
    CodesWrite,
    /// See which camera sits where.
    CamerasRead,
    /// Put cameras on devices, and take them off.
    CamerasWrite,
    /// See licences and every token that was signed.
    LicencesRead,
    /// Mint, suspend, revoke, resume and extend.
    LicencesWrite,
    /// See API keys and the keyset.
    KeysRead,
    /// Make and revoke API keys.
    KeysWrite,
    /// See usage and its corrections.
    UsageRead,
    /// Correct usage.
    UsageWrite,
    /// See what is in no sum.
    QuarantineRead,
    /// Take records out of the quarantine.
    QuarantineWrite,
    /// See the audit. Nobody writes it.
    AuditRead,
    /// Ask and report by the billing API of before Brink, for one tenant.
    Legacy,
}

/// The table, which is the order of everything that lists scopes.
const NAMES: [(Scope, &str); 21] = [
    (Scope::Everything, "*"),
    (Scope::TenantsRead, "tenants:read"),
    (Scope::TenantsWrite, "tenants:write"),
    (Scope::SubscriptionsRead, "subscriptions:read"),
    (Scope::SubscriptionsWrite, "subscriptions:write"),
    (Scope::DevicesRead, "devices:read"),
    (Scope::DevicesWrite, "devices:write"),
    (Scope::CodesRead, "codes:read"),
    (Scope::CodesWrite, "codes:write"),
    (Scope::CamerasRead, "cameras:read"),
    (Scope::CamerasWrite, "cameras:write"),
    (Scope::LicencesRead, "licences:read"),
    (Scope::LicencesWrite, "licences:write"),
    (Scope::KeysRead, "keys:read"),
    (Scope::KeysWrite, "keys:write"),
    (Scope::UsageRead, "usage:read"),
    (Scope::UsageWrite, "usage:write"),
    (Scope::QuarantineRead, "quarantine:read"),
    (Scope::QuarantineWrite, "quarantine:write"),
    (Scope::AuditRead, "audit:read"),
    (Scope::Legacy, "legacy"),
];

/// A text that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope; take `*` or some of {known}", known = Scope::listed())]
pub struct UnknownScope(String);

impl Scope {
    /// Every scope.
    pub fn all() -> impl Iterator<Item = Scope> {
        NAMES.iter().map(|(scope, _)| *scope)
    }

    /// The word in the database, on the command line and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(scope, _)| *scope == self).map_or("", |(_, name)| name)
    }

    fn listed() -> String {
        NAMES[1..].iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(scope, _)| *scope).ok_or_else(|| UnknownScope(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a key may do altogether. Written as words with a space between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Whether this is among them.
    #[must_use]
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&Scope::Everything) || self.0.contains(&scope)
    }

    /// The first of `others` that is not among these: whoever has these cannot give it away.
    #[must_use]
    pub fn first_beyond(&self, others: &Scopes) -> Option<Scope> {
        others.iter().find(|scope| !self.allow(*scope))
    }

    /// Each of them, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_has_one_word_and_is_read_back_from_it() {
        assert_eq!(Scope::all().count(), NAMES.len());
        assert_eq!(Scope::all().collect::<Scopes>().iter().count(), NAMES.len(), "each stands there once");
        for scope in Scope::all() {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        for text in ["", "tenants", "tenants:", "Tenants:read", "audit:write", "tenants:read ", "**"] {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn nothing_is_implied_but_by_the_star() {
        let some: Scopes = "tenants:write codes:write".parse().unwrap();
        assert!(some.allow(Scope::TenantsWrite) && !some.allow(Scope::TenantsRead));
        assert!(!some.allow(Scope::Everything));
        let all: Scopes = "*".parse().unwrap();
        assert!(Scope::all().all(|scope| all.allow(scope)));
        assert_eq!(some.first_beyond(&all), Some(Scope::Everything));
        assert_eq!(all.first_beyond(&some), None);
        assert_eq!(some.to_string().parse::<Scopes>().unwrap(), some);
    }
}
