//! Values without a type of their own: maps of messages, parameters and results of requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::errors::{Error, Result};
use crate::msgpack::MessagePackReader;
use rmp::encode;

/// A map with text keys, as the contract has them.
pub type Map = BTreeMap<String, Value>;

/// Deepest nesting of a reply: an envelope around what the contract allows, with room to grow.
const REPLY_LEVELS_MAX: usize = 64;

/// Any value of the contract. Integers are exact: nothing passes through a double.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Absent.
    #[default]
    Nil,
    /// True or false.
    Boolean(bool),
    /// An integer of 0 or more.
    Unsigned(u64),
    /// An integer below 0.
    Negative(i64),
    /// A finite number.
    Float(f64),
    /// Text.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// A map.
    Map(Map),
}

impl Value {
    /// Make a map of names and values.
    pub fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
        Value::Map(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Make an array of texts.
    pub fn texts<I>(texts: I) -> Value
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Value::Array(texts.into_iter().map(|text| Value::Text(text.as_ref().to_owned())).collect())
    }

    /// What a map holds under a name; `None` when it is no map or has no such name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_map()?.get(name)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one of 0 or more.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    /// The number as a double, if it is one; integers above 2^53 are rounded.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(*number),
            Value::Unsigned(number) => Some(*number as f64),
            Value::Negative(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(is_true) => Some(*is_true),
            _ => None,
        }
    }

    /// The items, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Read a whole reply.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Value> {
        let mut reader = MessagePackReader::new(bytes);
        let value = reader.value(REPLY_LEVELS_MAX)?;
        if !reader.is_at_end() {
            return Err(Error::malformed("bytes after the end", bytes));
        }
        Ok(value)
    }

    /// Write it as msgpack.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        match self.write(&mut out) {
            Ok(()) => Ok(out),
            Err(error) => Err(Error::invalid(
                format!("a value cannot be packed: {error}"),
                "Pass fewer items.",
            )),
        }
    }

    /// Write it as msgpack behind what `out` holds.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            Value::Nil => encode::write_nil(out),
            Value::Boolean(is_true) => encode::write_bool(out, *is_true),
            Value::Unsigned(number) => Ok(encode::write_uint(out, *number).map(drop)?),
            Value::Negative(number) => Ok(encode::write_sint(out, *number).map(drop)?),
            Value::Float(number) => Ok(encode::write_f64(out, *number)?),
            Value::Text(text) => Ok(encode::write_str(out, text)?),
            Value::Array(items) => {
                encode::write_array_len(out, length(items.len())?)?;
                items.iter().try_for_each(|item| item.write(out))
            }
            Value::Map(map) => {
                encode::write_map_len(out, length(map.len())?)?;
                map.iter().try_for_each(|(name, item)| {
                    encode::write_str(out, name)?;
                    item.write(out)
                })
            }
        }
    }
}

fn length(count: usize) -> std::io::Result<u32> {
    u32::try_from(count).map_err(|_| std::io::Error::other("more items than msgpack can count"))
}

macro_rules! from {
    ($($source:ty => $make:expr;)*) => {
        $(impl From<$source> for Value {
            fn from(value: $source) -> Value {
                ($make)(value)
            }
        })*
    };
}

from! {
    bool => Value::Boolean;
    u64 => Value::Unsigned;
    u32 => |number: u32| Value::Unsigned(u64::from(number));
    f64 => Value::Float;
    &str => |text: &str| Value::Text(text.to_owned());
    String => Value::Text;
    Arc<str> => |text: Arc<str>| Value::Text(text.to_string());
    Map => Value::Map;
    i64 => |number: i64| u64::try_from(number).map_or(Value::Negative(number), Value::Unsigned);
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Value {
        Value::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Nil, Into::into)
    }
}
