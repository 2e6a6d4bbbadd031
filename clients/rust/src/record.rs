//! What the generated messages are made with: each definition becomes a type and its decoder.
//!
//! A generated file holds data only. These macros turn a definition into a struct with public
//! fields, the code that reads it item by item without a table in between, and a listing of its
//! fields by their contract names.

use crate::errors::Result;
use crate::items::Items;
use crate::messages::{DepthRow, OrderRow, PriceLevel};
use crate::value::Value;

/// A value made of a text of the wire.
pub(crate) trait FromText {
    fn from_text(text: &str) -> Self;
}

/// A value made of a count of the wire.
pub(crate) trait FromCount {
    fn from_count(count: u64) -> Self;
}

impl FromText for String {
    fn from_text(text: &str) -> Self {
        text.to_owned()
    }
}

impl FromCount for u64 {
    #[inline]
    fn from_count(count: u64) -> Self {
        count
    }
}

/// An array inside a body.
pub(crate) trait Row: Sized {
    fn read(items: &mut Items<'_>) -> Result<Self>;
}

/// The rows of an image, laid out as its topic's kind says.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// Price levels, of `depth`.
    Depth(Vec<DepthRow>),
    /// Orders, of `order`.
    Order(Vec<OrderRow>),
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Rows::Depth(rows) => rows.len(),
            Rows::Order(rows) => rows.len(),
        }
    }

    /// Whether there are none: the book is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Rows> for Value {
    fn from(rows: Rows) -> Value {
        match rows {
            Rows::Depth(rows) => rows.into(),
            Rows::Order(rows) => rows.into(),
        }
    }
}

impl PriceLevel {
    /// A level of a mirror.
    pub(crate) fn new(price: f64, size: u64, order_count: Option<u64>) -> Self {
        Self { price, size, order_count }
    }
}

macro_rules! required {
    (never, $type:ty) => { $type };
    (nil, $type:ty) => { Option<$type> };
}

macro_rules! read_required {
    (never, $items:ident, $wire:ident, $name:ident) => {
        match crate::items::$wire($items)? {
            Some(value) => value,
            None => return Err($items.lacking(stringify!($name))),
        }
    };
    (nil, $items:ident, $wire:ident, $name:ident) => {
        crate::items::$wire($items)?
    };
}

macro_rules! note_required {
    (never, $items:ident, $value:ident) => {
        $items.require($value.is_some())
    };
    (nil, $items:ident, $value:ident) => {};
}

/// A message: its header, and a body every item of which may be absent.
macro_rules! record {
    (
        $(#[$doc:meta])* $title:ident = $number:literal, $name:literal;
        header { $( $(#[$head_doc:meta])* $head:ident: $head_type:ty as $head_wire:ident, $head_absence:ident; )* }
        body { $( $(#[$field_doc:meta])* $field:ident: $type:ty as $wire:ident, $absence:ident; )* }
    ) => {
        $(#[$doc])*
        ///
        /// Items of the body that are never absent are `None` in an empty snapshot all the same.
        #[derive(Debug, Clone, PartialEq)]
        pub struct $title {
            /// First part of the topic, variant included.
            pub kind: std::sync::Arc<str>,
            /// Second part of the topic: the vendor's symbol, verbatim.
            pub symbol: std::sync::Arc<str>,
            $( $(#[$head_doc])* pub $head: crate::record::required!($head_absence, $head_type), )*
            $( $(#[$field_doc])* pub $field: Option<$type>, )*
        }

        impl $title {
            /// The message number: the first item of its body.
            pub const NUMBER: u64 = $number;
            /// The message's name in the contract.
            pub const NAME: &'static str = $name;

            pub(crate) fn read(
                topic: (&std::sync::Arc<str>, &std::sync::Arc<str>),
                is_snapshot: bool,
                mut body: crate::items::Items<'_>,
            ) -> crate::errors::Result<Self> {
                let items = &mut body;
                crate::items::uint(items)?;
                $( let $head = crate::record::read_required!($head_absence, items, $head_wire, $head); )*
                items.begin_fields();
                $(
                    let $field: Option<$type> = crate::items::$wire(items)?;
                    crate::record::note_required!($absence, items, $field);
                )*
                body.end_body(is_snapshot)?;
                Ok(Self {
                    kind: topic.0.clone(),
                    symbol: topic.1.clone(),
                    $( $head, )*
                    $( $field, )*
                })
            }

            /// Every item under its contract name, kind and symbol first.
            pub fn fields(&self) -> Vec<(&'static str, crate::value::Value)> {
                vec![
                    ("kind", self.kind.clone().into()),
                    ("symbol", self.symbol.clone().into()),
                    ("type", Self::NUMBER.into()),
                    $( (stringify!($head), self.$head.clone().into()), )*
                    $( (stringify!($field), self.$field.clone().into()), )*
                ]
            }
        }
    };
}

/// An array inside a body, with a length of its own.
macro_rules! row {
    (
        $(#[$doc:meta])* $title:ident {
            $( $(#[$field_doc:meta])* $field:ident: $type:ty as $wire:ident, $absence:ident; )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $title {
            $( $(#[$field_doc])* pub $field: crate::record::required!($absence, $type), )*
        }

        impl crate::record::Row for $title {
            fn read(items: &mut crate::items::Items<'_>) -> crate::errors::Result<Self> {
                $( let $field = crate::record::read_required!($absence, items, $wire, $field); )*
                Ok(Self { $( $field, )* })
            }
        }

        impl From<$title> for crate::value::Value {
            fn from(row: $title) -> crate::value::Value {
                crate::value::Value::Array(vec![ $( row.$field.into(), )* ])
            }
        }
    };
}

/// An enumeration of the contract: a value that this version does not know stays visible.
macro_rules! open_enum {
    ($(#[$doc:meta])* $title:ident: text { $( $(#[$value_doc:meta])* $name:ident = $text:literal; )* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $title {
            $( $(#[$value_doc])* $name, )*
            /// A value of a newer gateway, as sent.
            Raw(Box<str>),
        }

        impl $title {
            /// The value as the wire has it.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$name => $text, )*
                    Self::Raw(text) => text,
                }
            }
        }

        impl crate::record::FromText for $title {
            fn from_text(text: &str) -> Self {
                match text {
                    $( $text => Self::$name, )*
                    _ => Self::Raw(text.into()),
                }
            }
        }

        impl std::fmt::Display for $title {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl From<$title> for crate::value::Value {
            fn from(value: $title) -> crate::value::Value {
                value.as_str().into()
            }
        }
    };
    ($(#[$doc:meta])* $title:ident: count { $( $(#[$value_doc:meta])* $name:ident = $number:literal; )* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $title {
            $( $(#[$value_doc])* $name, )*
            /// A value of a newer gateway, as sent.
            Raw(u64),
        }

        impl $title {
            /// The value as the wire has it.
            pub fn as_u64(&self) -> u64 {
                match self {
                    $( Self::$name => $number, )*
                    Self::Raw(number) => *number,
                }
            }
        }

        impl crate::record::FromCount for $title {
            fn from_count(count: u64) -> Self {
                match count {
                    $( $number => Self::$name, )*
                    _ => Self::Raw(count),
                }
            }
        }

        impl From<$title> for crate::value::Value {
            fn from(value: $title) -> crate::value::Value {
                value.as_u64().into()
            }
        }
    };
}

/// The one type that any message is.
macro_rules! messages {
    ($($title:ident),* $(,)?) => {
        /// Any message of the gateway.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Message {
            $( #[doc = concat!("A `", stringify!($title), "`.")] $title($title), )*
        }

        impl Message {
            /// Read a body whose number is known; `None` for a number that is not.
            pub(crate) fn read(
                number: u64,
                topic: (&std::sync::Arc<str>, &std::sync::Arc<str>),
                is_snapshot: bool,
                items: crate::items::Items<'_>,
            ) -> Option<crate::errors::Result<Message>> {
                Some(match number {
                    $( $title::NUMBER => $title::read(topic, is_snapshot, items).map(Message::$title), )*
                    _ => return None,
                })
            }

            /// Whether a message number is known.
            pub fn is_known(number: u64) -> bool {
                matches!(number, $( $title::NUMBER )|*)
            }

            /// The message's name in the contract: `quote`, `trade`, ...
            pub fn name(&self) -> &'static str {
                match self { $( Message::$title(_) => $title::NAME, )* }
            }

            /// First part of the topic, variant included.
            pub fn kind(&self) -> &std::sync::Arc<str> {
                match self { $( Message::$title(message) => &message.kind, )* }
            }

            /// Second part of the topic: the vendor's symbol, verbatim.
            pub fn symbol(&self) -> &std::sync::Arc<str> {
                match self { $( Message::$title(message) => &message.symbol, )* }
            }

            /// Gateway run, Unix milliseconds at which it began.
            pub fn epoch(&self) -> u64 {
                match self { $( Message::$title(message) => message.epoch, )* }
            }

            /// Sequence on its topic.
            pub fn sequence(&self) -> u64 {
                match self { $( Message::$title(message) => message.sequence, )* }
            }

            /// Bits of [`flag`].
            pub fn flags(&self) -> u64 {
                match self { $( Message::$title(message) => message.flags, )* }
            }

            /// Every item under its contract name, kind and symbol first.
            pub fn fields(&self) -> Vec<(&'static str, crate::value::Value)> {
                match self { $( Message::$title(message) => message.fields(), )* }
            }
        }

        $( impl From<$title> for Message {
            fn from(message: $title) -> Message {
                Message::$title(message)
            }
        } )*
    };
}

pub(crate) use {messages, note_required, open_enum, read_required, record, required, row};
