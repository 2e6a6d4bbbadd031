//! Reads msgpack by its primitives, from bytes that may hold anything.
//!
//! Nothing is allocated for a count that the bytes cannot hold, nesting is bounded, and a number
//! that is not finite or a map key that is not text is refused wherever it stands.

use std::collections::BTreeMap;

use rmp::Marker;

use crate::errors::{Error, Result};
use crate::value::Value;

/// A position in msgpack bytes.
#[derive(Debug, Clone)]
pub(crate) struct MessagePackReader<'a> {
    rest: &'a [u8],
}

impl<'a> MessagePackReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Read past a nil, if the next value is one.
    #[inline]
    pub(crate) fn take_nil(&mut self) -> bool {
        match self.rest.split_first() {
            Some((0xc0, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn marker(&mut self) -> Result<Marker> {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                Ok(Marker::from_u8(*first))
            }
            None => Err(self.fail("the bytes end early")),
        }
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.fail("the bytes end early")),
        }
    }

    #[inline]
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        if count > self.rest.len() {
            return Err(self.fail("more is claimed than the bytes hold"));
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    #[cold]
    pub(crate) fn fail(&self, text: &str) -> Error {
        Error::malformed(text, self.rest)
    }

    /// Read an integer of 0 or more, in whatever width.
    #[inline]
    pub(crate) fn unsigned(&mut self) -> Result<u64> {
        let marker = self.marker()?;
        match self.integer(marker)? {
            Some(Value::Unsigned(number)) => Ok(number),
            Some(_) => Err(self.fail("an integer is negative")),
            None => Err(self.fail("not an integer")),
        }
    }

    #[inline]
    fn integer(&mut self, marker: Marker) -> Result<Option<Value>> {
        let signed = match marker {
            Marker::FixPos(number) => return Ok(Some(Value::Unsigned(u64::from(number)))),
            Marker::U8 => return Ok(Some(Value::Unsigned(u64::from(self.fixed::<1>()?[0])))),
            Marker::U16 => {
                let number = u16::from_be_bytes(self.fixed()?);
                return Ok(Some(Value::Unsigned(u64::from(number))));
            }
            Marker::U32 => {
                let number = u32::from_be_bytes(self.fixed()?);
                return Ok(Some(Value::Unsigned(u64::from(number))));
            }
            Marker::U64 => return Ok(Some(Value::Unsigned(u64::from_be_bytes(self.fixed()?)))),
            Marker::FixNeg(number) => i64::from(number),
            Marker::I8 => i64::from(i8::from_be_bytes(self.fixed()?)),
            Marker::I16 => i64::from(i16::from_be_bytes(self.fixed()?)),
            Marker::I32 => i64::from(i32::from_be_bytes(self.fixed()?)),
            Marker::I64 => i64::from_be_bytes(self.fixed()?),
            _ => return Ok(None),
        };
        Ok(Some(Value::from(signed)))
    }

    /// Read a finite number that was written as a float.
    #[inline]
    pub(crate) fn float(&mut self) -> Result<f64> {
        let marker = self.marker()?;
        match self.finite(marker)? {
            Some(number) => Ok(number),
            None => Err(self.fail("not a float")),
        }
    }

    #[inline]
    fn finite(&mut self, marker: Marker) -> Result<Option<f64>> {
        let number = match marker {
            Marker::F64 => f64::from_be_bytes(self.fixed()?),
            Marker::F32 => f64::from(f32::from_be_bytes(self.fixed()?)),
            _ => return Ok(None),
        };
        if number.is_finite() {
            Ok(Some(number))
        } else {
            Err(self.fail("a number is not finite"))
        }
    }

    pub(crate) fn boolean(&mut self) -> Result<bool> {
        match self.marker()? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            _ => Err(self.fail("not a boolean")),
        }
    }

    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let marker = self.marker()?;
        match self.string(marker)? {
            Some(text) => Ok(text),
            None => Err(self.fail("not a text")),
        }
    }

    #[inline]
    fn string(&mut self, marker: Marker) -> Result<Option<&'a str>> {
        let count = match marker {
            Marker::FixStr(count) => usize::from(count),
            Marker::Str8 => usize::from(self.fixed::<1>()?[0]),
            Marker::Str16 => usize::from(u16::from_be_bytes(self.fixed()?)),
            Marker::Str32 => self.length()?,
            _ => return Ok(None),
        };
        let bytes = self.take(count)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(self.fail("a text is not UTF-8")),
        }
    }

    /// Read a count of 32 bits; usize has as many at least, or the bytes could not be there.
    fn length(&mut self) -> Result<usize> {
        let count = u32::from_be_bytes(self.fixed()?);
        usize::try_from(count).map_err(|_| self.fail("more is claimed than the bytes hold"))
    }

    #[inline]
    pub(crate) fn array(&mut self) -> Result<usize> {
        let marker = self.marker()?;
        match self.array_length(marker)? {
            Some(count) => Ok(count),
            None => Err(self.fail("not an array")),
        }
    }

    #[inline]
    fn array_length(&mut self, marker: Marker) -> Result<Option<usize>> {
        let count = match marker {
            Marker::FixArray(count) => usize::from(count),
            Marker::Array16 => usize::from(u16::from_be_bytes(self.fixed()?)),
            Marker::Array32 => self.length()?,
            _ => return Ok(None),
        };
        self.holds(count).map(Some)
    }

    fn map_length(&mut self, marker: Marker) -> Result<Option<usize>> {
        let count = match marker {
            Marker::FixMap(count) => usize::from(count),
            Marker::Map16 => usize::from(u16::from_be_bytes(self.fixed()?)),
            Marker::Map32 => self.length()?,
            _ => return Ok(None),
        };
        self.holds(count).map(Some)
    }

    /// Every item takes a byte at least, so a larger count is a lie that must not be allocated for.
    #[inline]
    fn holds(&self, count: usize) -> Result<usize> {
        if count > self.rest.len() {
            return Err(self.fail("more is claimed than the bytes hold"));
        }
        Ok(count)
    }

    /// Read any value whose arrays and maps are nested at most `levels` deep.
    pub(crate) fn value(&mut self, levels: usize) -> Result<Value> {
        let marker = self.marker()?;
        match marker {
            Marker::Null => return Ok(Value::Nil),
            Marker::True => return Ok(Value::Boolean(true)),
            Marker::False => return Ok(Value::Boolean(false)),
            _ => {}
        }
        if let Some(number) = self.integer(marker)? {
            return Ok(number);
        }
        if let Some(text) = self.string(marker)? {
            return Ok(Value::Text(text.to_owned()));
        }
        if let Some(number) = self.finite(marker)? {
            return Ok(Value::Float(number));
        }
        if let Some(count) = self.array_length(marker)? {
            let inner = self.deeper(levels)?;
            let items = (0..count).map(|_| self.value(inner));
            return Ok(Value::Array(items.collect::<Result<_>>()?));
        }
        if let Some(count) = self.map_length(marker)? {
            let inner = self.deeper(levels)?;
            let mut map = BTreeMap::new();
            for _ in 0..count {
                let name = self.text()?.to_owned();
                map.insert(name, self.value(inner)?);
            }
            return Ok(Value::Map(map));
        }
        Err(self.fail("a value has no type of the contract"))
    }

    /// Read past any value, checking it as `value` does.
    pub(crate) fn skip(&mut self, levels: usize) -> Result<()> {
        let marker = self.marker()?;
        if matches!(marker, Marker::Null | Marker::True | Marker::False)
            || self.integer(marker)?.is_some()
            || self.string(marker)?.is_some()
            || self.finite(marker)?.is_some()
        {
            return Ok(());
        }
        if let Some(count) = self.array_length(marker)? {
            let inner = self.deeper(levels)?;
            return (0..count).try_for_each(|_| self.skip(inner));
        }
        if let Some(count) = self.map_length(marker)? {
            let inner = self.deeper(levels)?;
            for _ in 0..count {
                self.text()?;
                self.skip(inner)?;
            }
            return Ok(());
        }
        Err(self.fail("a value has no type of the contract"))
    }

    fn deeper(&self, levels: usize) -> Result<usize> {
        levels.checked_sub(1).ok_or_else(|| self.fail("nested too deep"))
    }
}
