//! Which notices a device holds, by kind and number: a section of its request, so that the issuer sends only newer ones.

use super::codec::{ExchangeError, from_postcard, to_postcard};
use super::{SECTIONS_MAX, Section};
use crate::bounded;
use crate::token::{Notice, NoticeKind};
use serde::{Deserialize, Serialize};

const DOCUMENT: &str = "list of notices";
/// The number of the section in a request.
const SECTION: u16 = 1;

/// The numbers that are held, by the number of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticesHeld(#[serde(deserialize_with = "bounded::list::<_, _, SECTIONS_MAX>")] Vec<(u16, u64)>);

impl NoticesHeld {
    /// What these notices are.
    #[must_use]
    pub fn of(notices: &[Notice]) -> Self {
        Self(notices.iter().map(|notice| (notice.kind.number(), notice.number)).collect())
    }

    /// The number of the notice of a kind; `None` if the device has none.
    #[must_use]
    pub fn number(&self, kind: NoticeKind) -> Option<u64> {
        let found = self.0.iter().find(|(number, _)| *number == kind.number());
        found.map(|(_, number)| *number)
    }

    /// As a section of a request; none where nothing is held.
    pub fn section(&self) -> Result<Option<Section>, ExchangeError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        Ok(Some(Section { kind: SECTION, bytes: to_postcard(DOCUMENT, self)? }))
    }

    /// From the sections of a request. A device of an earlier version sends none.
    pub fn read(sections: &[Section]) -> Result<Self, ExchangeError> {
        match sections.iter().find(|section| section.kind == SECTION) {
            Some(section) => from_postcard(DOCUMENT, &section.bytes),
            None => Ok(Self::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_comes_back_and_absent_means_nothing() {
        let notice = Notice { kind: NoticeKind::Revocations, number: 7, token: "t".into() };
        let held = NoticesHeld::of(&[notice]);
        let section = held.section().unwrap().unwrap();
        let other = Section { kind: 9, bytes: vec![1] };
        assert_eq!(NoticesHeld::read(&[other, section]).unwrap(), held);
        assert_eq!(held.number(NoticeKind::Revocations), Some(7));
        assert_eq!(NoticesHeld::default().section().unwrap(), None);
        assert_eq!(NoticesHeld::read(&[]).unwrap().number(NoticeKind::Revocations), None);
        let damaged = Section { kind: SECTION, bytes: vec![200] };
        assert!(NoticesHeld::read(&[damaged]).is_err());
    }
}
