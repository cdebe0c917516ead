//! Notices: what an issuer signs for a device beside its licence. They come with an exchange or as a file by
//! themselves, and travel in the bundle, so that every reader verifies them itself.

use super::extension::{ExtensionClaims, ExtensionExpected};
use super::revocations::{RevocationsClaims, RevocationsExpected};
use super::{Authority, Document, LicenceClaims, TokenError, UnverifiedToken, Verified, verify};
use crate::jws::Typ;
use crate::keyset::{KeyUse, Keyset};
use crate::time::UnixSeconds;

/// A kind of notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// `brink-revocations+jwt`.
    Revocations,
    /// `brink-extension+jwt`.
    Extension,
}

impl NoticeKind {
    /// Every kind, in the order of its number.
    pub const ALL: [NoticeKind; 2] = [NoticeKind::Revocations, NoticeKind::Extension];

    /// The number of its section in bundle, response and state; never reused.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            NoticeKind::Revocations => 1,
            NoticeKind::Extension => 2,
        }
    }

    /// The kind of a section; `None` for one that this program does not know, which is passed over.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Its kind of document.
    #[must_use]
    pub const fn typ(self) -> Typ {
        match self {
            NoticeKind::Revocations => Typ::Revocations,
            NoticeKind::Extension => Typ::Extension,
        }
    }

    /// The notices among the sections of a bundle or an answer, as texts; those of kinds that this program does not know
    /// are passed over. `None` where one is no text, or there are two of a kind: no program of ours writes that.
    pub fn in_sections<'s>(
        sections: impl Iterator<Item = (u16, &'s [u8])>,
    ) -> Option<Vec<(NoticeKind, &'s str)>> {
        let mut notices: Vec<(NoticeKind, &str)> = Vec::new();
        for (number, bytes) in sections {
            let Some(kind) = Self::from_number(number) else { continue };
            let token = std::str::from_utf8(bytes).ok()?;
            if notices.iter().any(|(seen, _)| *seen == kind) {
                return None;
            }
            notices.push((kind, token));
        }
        Some(notices)
    }

    /// What people call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Revocations => "list of revoked licences",
            NoticeKind::Extension => "extension of a licence",
        }
    }

    /// Which kind a token says it is (steps 1 to 4); the error of the first kind if it is none.
    pub fn of_token(token: &[u8]) -> Result<Self, TokenError> {
        let is = |kind: &NoticeKind| UnverifiedToken::parse(token, kind.typ()).is_ok();
        match Self::ALL.iter().find(|kind| is(kind)) {
            Some(kind) => Ok(*kind),
            None => match UnverifiedToken::parse(token, Self::ALL[0].typ()) {
                Err(TokenError::WrongTyp { .. }) | Ok(_) => Err(TokenError::NoNotice),
                Err(error) => Err(error),
            },
        }
    }
}

/// Notices whose every signature was verified, at most one of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    revocations: Option<Verified<RevocationsClaims>>,
    extension: Option<Verified<ExtensionClaims>>,
}

/// One that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its kind.
    pub kind: NoticeKind,
    /// Rises with every notice of its kind for this device.
    pub number: u64,
    /// As it was received.
    pub token: String,
}

impl Notices {
    /// Steps 1 to 8 for a notice to the device that holds `licence`; it takes the place of one of its kind. Nothing
    /// changes if it is refused.
    pub fn take_up(
        &mut self,
        kind: NoticeKind,
        token: &str,
        keyset: &Keyset,
        licence: &LicenceClaims,
    ) -> Result<Notice, TokenError> {
        let number = match kind {
            NoticeKind::Revocations => {
                let tenant = Some(licence.tenant.clone());
                let expected = RevocationsExpected { issuer: licence.iss.clone(), tenant };
                let list = by_issuer(token, KeyUse::License, keyset, &expected)?;
                self.revocations.insert(list).claims().version
            }
            NoticeKind::Extension => {
                let expected = ExtensionExpected::of(licence);
                let extension = by_issuer(token, KeyUse::License, keyset, &expected)?;
                self.extension.insert(extension).claims().number
            }
        };
        Ok(Notice { kind, number, token: token.to_owned() })
    }

    /// The list of revoked licences.
    #[must_use]
    pub const fn revocations(&self) -> Option<&Verified<RevocationsClaims>> {
        self.revocations.as_ref()
    }

    /// The extension.
    #[must_use]
    pub const fn extension(&self) -> Option<&Verified<ExtensionClaims>> {
        self.extension.as_ref()
    }

    /// Until where an extension moves the deadlines of this licence.
    #[must_use]
    pub fn extended_until(&self, licence: &LicenceClaims) -> Option<UnixSeconds> {
        let extension = self.extension.as_ref().map(Verified::claims);
        extension.filter(|extension| extension.extends(licence)).map(|extension| extension.until)
    }

    /// The number of the one of this kind.
    #[must_use]
    pub fn number(&self, kind: NoticeKind) -> Option<u64> {
        match kind {
            NoticeKind::Revocations => self.revocations.as_ref().map(|list| list.claims().version),
            NoticeKind::Extension => self.extension.as_ref().map(|extension| extension.claims().number),
        }
    }

    /// Keeps of `earlier` what is newer than what is here, of one customer and of one device: nothing that was said is
    /// unsaid by its absence.
    pub fn remember(&mut self, earlier: Notices) {
        let Notices { revocations, extension } = earlier;
        keep_newer(&mut self.revocations, revocations, |now, earlier| {
            now.tenant == earlier.tenant && now.version < earlier.version
        });
        keep_newer(&mut self.extension, extension, |now, earlier| {
            now.jkt == earlier.jkt && now.number < earlier.number
        });
    }

    /// Drops what a revoked key signed: a thief's word.
    #[must_use]
    pub fn standing_under(mut self, keyset: &Keyset) -> Self {
        self.revocations = self.revocations.filter(|list| !keyset.has_revoked(&list.kid()));
        self.extension = self.extension.filter(|extension| !keyset.has_revoked(&extension.kid()));
        self
    }

    /// The latest moment that any of them vouches for.
    #[must_use]
    pub fn floor(&self) -> Option<UnixSeconds> {
        let list = self.revocations.as_ref().map(|list| list.claims().iat);
        list.max(self.extension.as_ref().map(|extension| extension.claims().iat))
    }
}

/// Of two, the later word; the earlier one where there is no other.
fn keep_newer<D>(
    now: &mut Option<Verified<D>>,
    earlier: Option<Verified<D>>,
    is_newer: impl Fn(&D, &D) -> bool,
) {
    let Some(earlier) = earlier else { return };
    if now.as_ref().is_none_or(|now| is_newer(now.claims(), earlier.claims())) {
        *now = Some(earlier);
    }
}

fn by_issuer<D: Document>(
    token: &str,
    key_use: KeyUse,
    keyset: &Keyset,
    expected: &D::Expected,
) -> Result<Verified<D>, TokenError> {
    verify::<D>(token.as_bytes(), Authority::Issuer(keyset, key_use), expected)
}
