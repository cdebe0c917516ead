//! Lists, texts and bytes whose bounds hold *while* they are read, for `#[serde(deserialize_with = ...)]`.
//!
//! A count that is checked afterwards comes too late: in a compressed body a kilobyte of zeros is sixteen million empty
//! elements, and each of them takes memory before anybody counts them. What is written stays the same.

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A list of at most `MAX` elements.
pub fn list<'de, D, T, const MAX: usize>(source: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    source.deserialize_seq(List::<T, MAX>(PhantomData))
}

/// A text of at most `BYTES_MAX`.
pub fn text<'de, D, const BYTES_MAX: usize>(source: D) -> Result<String, D::Error>
where
    D: Deserializer<'de>,
{
    Text::<BYTES_MAX>::deserialize(source).map(|text| text.0)
}

/// A text of at most `BYTES_MAX`, or none.
pub fn optional_text<'de, D, const BYTES_MAX: usize>(source: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    Option::<Text<BYTES_MAX>>::deserialize(source).map(|text| text.map(|text| text.0))
}

/// At most `MAX` texts of at most `BYTES_MAX` each.
pub fn texts<'de, D, const MAX: usize, const BYTES_MAX: usize>(source: D) -> Result<Vec<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let texts = list::<D, Text<BYTES_MAX>, MAX>(source)?;
    Ok(texts.into_iter().map(|text| text.0).collect())
}

/// Bytes that are written as a list of numbers, taken in one piece: never more than the source has.
pub fn bytes<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<u8>, D::Error> {
    Bytes::deserialize(source).map(|bytes| bytes.0)
}

/// At most `MAX` pieces of bytes.
pub fn pieces<'de, D, const MAX: usize>(source: D) -> Result<Vec<Vec<u8>>, D::Error>
where
    D: Deserializer<'de>,
{
    let pieces = list::<D, Bytes, MAX>(source)?;
    Ok(pieces.into_iter().map(|piece| piece.0).collect())
}

struct List<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = source.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            list.push(element);
        }
        Ok(list)
    }
}

struct Text<const BYTES_MAX: usize>(String);

impl<'de, const BYTES_MAX: usize> Deserialize<'de> for Text<BYTES_MAX> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_str(TextVisitor::<BYTES_MAX>).map(Self)
    }
}

struct TextVisitor<const BYTES_MAX: usize>;

impl<const BYTES_MAX: usize> Visitor<'_> for TextVisitor<BYTES_MAX> {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a text of at most {BYTES_MAX} bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        if text.len() > BYTES_MAX {
            return Err(E::invalid_length(text.len(), &self));
        }
        Ok(text.to_owned())
    }
}

struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_bytes(BytesVisitor).map(Self)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Plain {
        numbers: Vec<u32>,
        text: String,
        maybe: Option<String>,
        texts: Vec<String>,
        bytes: Vec<u8>,
        pieces: Vec<Vec<u8>>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Bounded {
        #[serde(deserialize_with = "list::<_, _, 2>")]
        numbers: Vec<u32>,
        #[serde(deserialize_with = "text::<_, 3>")]
        text: String,
        #[serde(deserialize_with = "optional_text::<_, 3>")]
        maybe: Option<String>,
        #[serde(deserialize_with = "texts::<_, 2, 3>")]
        texts: Vec<String>,
        #[serde(deserialize_with = "bytes")]
        bytes: Vec<u8>,
        #[serde(deserialize_with = "pieces::<_, 2>")]
        pieces: Vec<Vec<u8>>,
    }

    fn plain() -> Plain {
        Plain {
            numbers: vec![1, 300],
            text: "abc".into(),
            maybe: Some("def".into()),
            texts: vec!["".into(), "ghi".into()],
            bytes: vec![0x80; 300],
            pieces: vec![vec![], vec![1, 2]],
        }
    }

    fn read(plain: &Plain) -> Result<Bounded, postcard::Error> {
        postcard::from_bytes(&postcard::to_allocvec(plain).unwrap())
    }

    #[test]
    fn what_is_within_its_bounds_reads_and_writes_as_without_them() {
        let written = postcard::to_allocvec(&plain()).unwrap();
        let bounded = read(&plain()).unwrap();
        assert_eq!(postcard::to_allocvec(&bounded).unwrap(), written);
        assert_eq!(postcard::from_bytes::<Plain>(&written).unwrap(), plain());
        assert!(read(&Plain { maybe: None, ..plain() }).is_ok());
    }

    #[test]
    fn one_more_than_the_bound_is_refused() {
        for beyond in [
            Plain { numbers: vec![1; 3], ..plain() },
            Plain { text: "abcd".into(), ..plain() },
            Plain { maybe: Some("abcd".into()), ..plain() },
            Plain { texts: vec![String::new(); 3], ..plain() },
            Plain { texts: vec!["abcd".into()], ..plain() },
            Plain { pieces: vec![vec![]; 3], ..plain() },
        ] {
            assert!(read(&beyond).is_err(), "{beyond:?}");
        }
    }
}
