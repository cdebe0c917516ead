//! Typed reading of a parsed object: every refusal names the claim.

use crate::id::IdError;
use crate::json::{INTEGER_MAX, Json, Members};
use crate::key::Kid;
use crate::time::UnixSeconds;
use std::borrow::Cow;

/// A claim that is absent, of another type or out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{claim}: {problem}")]
pub struct ClaimError {
    /// The claim's name, with the path into it where it is nested.
    pub claim: String,
    /// What is wrong with it.
    pub problem: Cow<'static, str>,
}

impl ClaimError {
    pub(crate) fn new(claim: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { claim: claim.into(), problem: problem.into() }
    }
}

/// The members of one object, taken out one by one.
pub(crate) struct Fields<'a> {
    /// `None` where a member was taken: nothing is moved up, so reading in order costs one look each.
    members: Vec<Option<(Cow<'a, str>, Json<'a>)>>,
    /// Behind the member that was taken last.
    next: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(members: Members<'a>) -> Self {
        Self { members: members.into_iter().map(Some).collect(), next: 0 }
    }

    /// Reads a nested object.
    pub(crate) fn of(claim: &str, value: Json<'a>) -> Result<Self, ClaimError> {
        members(claim, value).map(Self::new)
    }

    /// Refuses what nobody took, for objects that must have no other members.
    pub(crate) fn end(self, claim: &str) -> Result<(), ClaimError> {
        match self.members.into_iter().flatten().next() {
            None => Ok(()),
            Some((name, _)) => Err(ClaimError::new(format!("{claim}.{name}"), "is not known here")),
        }
    }

    /// Takes a member, so that [`Fields::end`] sees what is left. Documents list their members in the order in which
    /// they are read, so the one wanted usually follows the one taken last.
    pub(crate) fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let is_wanted =
            |slot: &Option<(Cow<'a, str>, Json<'a>)>| slot.as_ref().is_some_and(|(seen, _)| seen == name);
        let (before, after) = self.members.split_at(self.next);
        let behind = after.iter().position(is_wanted).map(|at| at + self.next);
        let at = behind.or_else(|| before.iter().position(is_wanted))?;
        self.next = at + 1;
        self.members[at].take().map(|(_, value)| value)
    }

    pub(crate) fn require(&mut self, name: &str) -> Result<Json<'a>, ClaimError> {
        self.take(name).ok_or_else(|| ClaimError::new(name, "is absent"))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Cow<'a, str>, ClaimError> {
        text(name, self.require(name)?)
    }

    pub(crate) fn uint(&mut self, name: &str) -> Result<u64, ClaimError> {
        uint(name, self.require(name)?)
    }

    /// An integer of at most `max`.
    pub(crate) fn uint_max(&mut self, name: &str, max: u64) -> Result<u64, ClaimError> {
        let value = self.uint(name)?;
        if value > max {
            return Err(ClaimError::new(name, format!("{value} is above {max}")));
        }
        Ok(value)
    }

    pub(crate) fn u32(&mut self, name: &str) -> Result<u32, ClaimError> {
        let value = self.uint(name)?;
        u32::try_from(value).map_err(|_| ClaimError::new(name, "is above 2^32-1"))
    }

    /// A NumericDate of at most the year 9999.
    pub(crate) fn date(&mut self, name: &str) -> Result<UnixSeconds, ClaimError> {
        date(name, self.require(name)?)
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Json<'a>>, ClaimError> {
        list(name, self.require(name)?)
    }

    pub(crate) fn id<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, IdError>,
    ) -> Result<T, ClaimError> {
        id(name, self.require(name)?, parse)
    }

    pub(crate) fn kid(&mut self, name: &str) -> Result<Kid, ClaimError> {
        let text = self.text(name)?;
        Kid::parse(&text).ok_or_else(|| ClaimError::new(name, "is not a key thumbprint"))
    }

    /// 32 bytes in base64url.
    pub(crate) fn bytes32(&mut self, name: &str) -> Result<[u8; 32], ClaimError> {
        let text = self.text(name)?;
        crate::b64::decode_array(text.as_bytes())
            .ok_or_else(|| ClaimError::new(name, "is not 32 bytes in base64url"))
    }

    /// One of a closed list of texts.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Result<T, ClaimError> {
        let text = self.text(name)?;
        let found = choices.iter().find(|(spelling, _)| *spelling == text);
        found.map(|(_, value)| *value).ok_or_else(|| ClaimError::new(name, format!("{text:?} is not known")))
    }
}

/// The members themselves, for objects whose names are content.
pub(crate) fn members<'a>(claim: &str, value: Json<'a>) -> Result<Members<'a>, ClaimError> {
    match value {
        Json::Object(members) => Ok(members),
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Text(_) | Json::Array(_) => {
            Err(ClaimError::new(claim, "is not an object"))
        }
    }
}

pub(crate) fn text<'a>(claim: &str, value: Json<'a>) -> Result<Cow<'a, str>, ClaimError> {
    match value {
        Json::Text(text) => Ok(text),
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Array(_) | Json::Object(_) => {
            Err(ClaimError::new(claim, "is not a text"))
        }
    }
}

pub(crate) fn int(claim: &str, value: &Json<'_>) -> Result<i64, ClaimError> {
    match value {
        Json::Int(value) => Ok(*value),
        Json::Null | Json::Bool(_) | Json::Text(_) | Json::Array(_) | Json::Object(_) => {
            Err(ClaimError::new(claim, "is not an integer"))
        }
    }
}

pub(crate) fn uint(claim: &str, value: Json<'_>) -> Result<u64, ClaimError> {
    let value = int(claim, &value)?;
    debug_assert!(value <= INTEGER_MAX, "strict JSON holds no larger number");
    u64::try_from(value).map_err(|_| ClaimError::new(claim, "is negative"))
}

pub(crate) fn date(claim: &str, value: Json<'_>) -> Result<UnixSeconds, ClaimError> {
    let seconds = uint(claim, value)?;
    let date = UnixSeconds::new(i64::try_from(seconds).unwrap_or(i64::MAX));
    if date > UnixSeconds::MAX_NUMERIC_DATE {
        return Err(ClaimError::new(claim, "is after the year 9999"));
    }
    Ok(date)
}

pub(crate) fn list<'a>(claim: &str, value: Json<'a>) -> Result<Vec<Json<'a>>, ClaimError> {
    match value {
        Json::Array(items) => Ok(items),
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Text(_) | Json::Object(_) => {
            Err(ClaimError::new(claim, "is not a list"))
        }
    }
}

pub(crate) fn id<T>(
    claim: &str,
    value: Json<'_>,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Result<T, ClaimError> {
    let text = text(claim, value)?;
    parse(&text).map_err(|e| ClaimError::new(claim, e.to_string()))
}
