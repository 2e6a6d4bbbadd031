//! One function for each wire type: reads one item of a body, or of a row inside it.
//!
//! The names are those of the contract's types; the generated messages name them item by item.

use crate::errors::{Error, Result};
use crate::messages::{HEADER_ITEMS, NESTING_LEVELS_MAX};
use crate::msgpack::MessagePackReader;
use crate::record::{FromCount, FromText, Row, Rows};
use crate::value::{Map, Value};

/// Largest integer that a double holds exactly.
const EXACT_IN_DOUBLE: u64 = (1 << 53) - 1;
const COUNT_MAX: u64 = i64::MAX as u64;
/// Items that room is made for at once: a count may lie, and an item in memory is larger.
const ROOM_MAX: usize = 1_024;

/// The items of one array that are still to be read.
pub(crate) struct Items<'a> {
    reader: MessagePackReader<'a>,
    left: usize,
    levels: usize,
    is_of_orders: bool,
    flags_add: u64,
    merged_add: u64,
    value_count: usize,
    lacks_any: bool,
}

/// What a client adds to a message while it decodes it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Amendment {
    /// Flags to set besides those sent.
    pub(crate) flags: u64,
    /// Updates to add to `merged`.
    pub(crate) merged: u64,
}

impl<'a> Items<'a> {
    /// Begin with the first item of a body.
    ///
    /// `is_of_orders` says how the rows of an image are laid out.
    pub(crate) fn of_body(body: &'a [u8], is_of_orders: bool, amend: Amendment) -> Result<Self> {
        let mut reader = MessagePackReader::new(body);
        let left = reader.array()?;
        if left < HEADER_ITEMS {
            return Err(reader.fail("the header is not all there"));
        }
        Ok(Self {
            reader,
            left,
            levels: NESTING_LEVELS_MAX - 1,
            is_of_orders,
            flags_add: amend.flags,
            merged_add: amend.merged,
            value_count: 0,
            lacks_any: false,
        })
    }

    /// Go on to the items behind the header.
    pub(crate) fn begin_fields(&mut self) {
        self.value_count = 0;
    }

    /// Whether the next item is there; reads past it when it is nil.
    #[inline]
    fn is_present(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        if self.reader.take_nil() {
            return false;
        }
        self.value_count += 1;
        true
    }

    #[inline]
    fn item<T>(
        &mut self,
        read: impl FnOnce(&mut MessagePackReader<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.is_present() {
            read(&mut self.reader).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Note that an item is missing that is never absent, save in an empty snapshot.
    #[inline]
    pub(crate) fn require(&mut self, is_there: bool) {
        self.lacks_any |= !is_there;
    }

    /// Check the rest of a body: nothing that must be there is missing, nothing follows the array.
    pub(crate) fn end_body(mut self, is_snapshot: bool) -> Result<()> {
        if self.lacks_any && !(is_snapshot && self.value_count == 0) {
            return Err(self.reader.fail("a mandatory item is missing"));
        }
        self.skip_rest()?;
        if self.reader.is_at_end() {
            Ok(())
        } else {
            Err(self.reader.fail("bytes after the body"))
        }
    }

    fn skip_rest(&mut self) -> Result<()> {
        (0..std::mem::take(&mut self.left)).try_for_each(|_| self.reader.skip(self.levels))
    }

    /// Read an array of arrays, each by a function of its own.
    fn arrays<T>(&mut self, read: impl Fn(&mut Items<'a>) -> Result<T>) -> Result<Vec<T>> {
        let count = self.reader.array()?;
        let mut found = Vec::with_capacity(count.min(ROOM_MAX));
        for _ in 0..count {
            let left = self.reader.array()?;
            let mut row = Items {
                reader: self.reader.clone(),
                left,
                levels: self.levels - 2,
                is_of_orders: false,
                flags_add: 0,
                merged_add: 0,
                value_count: 0,
                lacks_any: false,
            };
            found.push(read(&mut row)?);
            row.skip_rest()?;
            self.reader = row.reader;
        }
        Ok(found)
    }

    pub(crate) fn lacking(&self, name: &str) -> Error {
        self.reader.fail(&format!("{name} is missing"))
    }
}

#[inline]
fn bounded_integer(items: &mut Items<'_>, max: u64) -> Result<Option<u64>> {
    match items.item(MessagePackReader::unsigned)? {
        Some(number) if number > max => Err(items.reader.fail("an integer is out of range")),
        found => Ok(found),
    }
}

#[inline]
pub(crate) fn uint(items: &mut Items<'_>) -> Result<Option<u64>> {
    bounded_integer(items, EXACT_IN_DOUBLE)
}

#[inline]
pub(crate) fn time_us(items: &mut Items<'_>) -> Result<Option<u64>> {
    bounded_integer(items, EXACT_IN_DOUBLE)
}

#[inline]
pub(crate) fn id(items: &mut Items<'_>) -> Result<Option<u64>> {
    bounded_integer(items, u64::MAX)
}

#[inline]
pub(crate) fn count<T: FromCount>(items: &mut Items<'_>) -> Result<Option<T>> {
    Ok(bounded_integer(items, COUNT_MAX)?.map(T::from_count))
}

/// The header's flags, with those that the client sets.
#[inline]
pub(crate) fn flags(items: &mut Items<'_>) -> Result<Option<u64>> {
    Ok(uint(items)?.map(|flags| flags | items.flags_add))
}

/// How many updates a message stands for, with those that the client merged into it.
#[inline]
pub(crate) fn merged(items: &mut Items<'_>) -> Result<Option<u64>> {
    let sent: Option<u64> = count(items)?;
    if items.merged_add == 0 {
        return Ok(sent);
    }
    let merged = sent.unwrap_or(1).saturating_add(items.merged_add);
    Ok(Some(merged.min(COUNT_MAX)))
}

#[inline]
pub(crate) fn price(items: &mut Items<'_>) -> Result<Option<f64>> {
    items.item(MessagePackReader::float)
}

#[inline]
pub(crate) fn text<T: FromText>(items: &mut Items<'_>) -> Result<Option<T>> {
    match items.item(MessagePackReader::text)? {
        Some("") => Err(items.reader.fail("a text is empty")),
        found => Ok(found.map(T::from_text)),
    }
}

pub(crate) fn boolean(items: &mut Items<'_>) -> Result<Option<bool>> {
    items.item(MessagePackReader::boolean)
}

pub(crate) fn texts(items: &mut Items<'_>) -> Result<Option<Vec<String>>> {
    items.item(|reader| {
        let count = reader.array()?;
        let mut found = Vec::with_capacity(count.min(ROOM_MAX));
        for _ in 0..count {
            match reader.text()? {
                "" => return Err(reader.fail("a text is empty")),
                text => found.push(text.to_owned()),
            }
        }
        Ok(found)
    })
}

pub(crate) fn map(items: &mut Items<'_>) -> Result<Option<Map>> {
    let levels = items.levels;
    items.item(|reader| match reader.value(levels)? {
        Value::Map(map) => Ok(map),
        _ => Err(reader.fail("not a map")),
    })
}

pub(crate) fn levels<T: Row>(items: &mut Items<'_>) -> Result<Option<Vec<T>>> {
    if items.is_present() {
        items.arrays(T::read).map(Some)
    } else {
        Ok(None)
    }
}

pub(crate) fn rows(items: &mut Items<'_>) -> Result<Option<Rows>> {
    if !items.is_present() {
        Ok(None)
    } else if items.is_of_orders {
        Ok(Some(Rows::Order(items.arrays(Row::read)?)))
    } else {
        Ok(Some(Rows::Depth(items.arrays(Row::read)?)))
    }
}
