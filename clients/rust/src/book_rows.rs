//! The rows of one book, added up to price levels that are always in order. No I/O.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use crate::messages::{DepthRow, OrderRow, PriceLevel, Side};

/// A row as an image holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum BookRow {
    /// A price level, of `depth`.
    Depth(DepthRow),
    /// An order, or a market maker's best row, of `order`.
    Order(OrderRow),
}

/// What a row is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RowKey {
    Level(bool, Option<PriceKey>),
    Order(u64),
    Maker(Option<String>, bool),
}

/// A price that can be compared and found: prices are finite, and -0 is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PriceKey(u64);

impl PriceKey {
    pub(crate) fn new(price: f64) -> Self {
        Self((price + 0.0).to_bits())
    }

    fn price(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl Ord for PriceKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.price().total_cmp(&other.price())
    }
}

impl PartialOrd for PriceKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl BookRow {
    /// Side of the book.
    pub fn side(&self) -> &Side {
        match self {
            BookRow::Depth(row) => &row.side,
            BookRow::Order(row) => &row.side,
        }
    }

    /// The row's price; `None` where an update gave none.
    pub fn price(&self) -> Option<f64> {
        match self {
            BookRow::Depth(row) => row.price,
            BookRow::Order(row) => row.price,
        }
    }

    /// The row's size; `None` where an update gave none.
    pub fn size(&self) -> Option<u64> {
        match self {
            BookRow::Depth(row) => row.size,
            BookRow::Order(row) => row.size,
        }
    }

    pub(crate) fn key(&self) -> RowKey {
        let is_bid = *self.side() == Side::Bid;
        match self {
            BookRow::Depth(row) => RowKey::Level(is_bid, row.price.map(PriceKey::new)),
            BookRow::Order(row) => match row.order_id {
                Some(order_id) => RowKey::Order(order_id),
                None => RowKey::Maker(row.market_maker.clone(), is_bid),
            },
        }
    }
}

/// One price of one side: the rows that stand there, and their total size.
#[derive(Debug, Default)]
struct Level {
    rows: BTreeMap<RowKey, BookRow>,
    /// Wide enough for any number of rows, so that what was added can be taken away again.
    size: u128,
}

impl Level {
    fn sum(&self, price: f64) -> PriceLevel {
        let order_count = match self.rows.values().next() {
            Some(BookRow::Depth(row)) => row.order_count,
            _ => Some(self.rows.len() as u64),
        };
        PriceLevel::new(price, u64::try_from(self.size).unwrap_or(u64::MAX), order_count)
    }

    /// Rows by priority, then number (none last), then name (none first).
    fn in_order(&self) -> Vec<&BookRow> {
        let mut rows: Vec<&BookRow> = self.rows.values().collect();
        rows.sort_by(|one, other| place_of(one).cmp(&place_of(other)));
        rows
    }
}

fn place_of(row: &BookRow) -> (u64, bool, u64, bool, Option<&str>) {
    match row {
        BookRow::Depth(_) => (0, false, 0, false, None),
        BookRow::Order(row) => (
            row.priority.unwrap_or(u64::MAX),
            row.priority.is_none(),
            row.order_id.unwrap_or(u64::MAX),
            row.order_id.is_none(),
            row.market_maker.as_deref(),
        ),
    }
}

type Levels = BTreeMap<PriceKey, Level>;

/// Both sides of one book.
#[derive(Debug)]
pub(crate) struct BookRows {
    rows_max: usize,
    /// Where each row stands: on the bid side or not, and at which price.
    places: HashMap<RowKey, (bool, PriceKey)>,
    bids: Levels,
    asks: Levels,
}

impl BookRows {
    /// `rows_max`: rows kept, both sides together.
    pub(crate) fn new(rows_max: usize) -> Self {
        Self { rows_max, places: HashMap::new(), bids: Levels::new(), asks: Levels::new() }
    }

    fn side(&self, is_bid: bool) -> &Levels {
        if is_bid {
            &self.bids
        } else {
            &self.asks
        }
    }

    fn side_mut(&mut self, is_bid: bool) -> &mut Levels {
        if is_bid {
            &mut self.bids
        } else {
            &mut self.asks
        }
    }

    /// Add a row, or replace the one with its key, on whichever side that stands.
    ///
    /// Returns false when it is new and there is no place for it.
    pub(crate) fn put(&mut self, is_bid: bool, row: BookRow, price: f64) -> bool {
        let key = row.key();
        if !self.remove(&key) && self.places.len() >= self.rows_max {
            return false;
        }
        let price = PriceKey::new(price);
        self.places.insert(key.clone(), (is_bid, price));
        let level = self.side_mut(is_bid).entry(price).or_default();
        level.size += u128::from(row.size().unwrap_or(0));
        level.rows.insert(key, row);
        true
    }

    /// Remove a row; returns whether there was one.
    pub(crate) fn remove(&mut self, key: &RowKey) -> bool {
        let Some((is_bid, price)) = self.places.remove(key) else {
            return false;
        };
        let side = self.side_mut(is_bid);
        if let Some(level) = side.get_mut(&price) {
            if let Some(row) = level.rows.remove(key) {
                level.size -= u128::from(row.size().unwrap_or(0));
            }
            if level.rows.is_empty() {
                side.remove(&price);
            }
        }
        true
    }

    /// Remove all rows of a side; returns whether there were any.
    pub(crate) fn clear_side(&mut self, is_bid: bool) -> bool {
        let had_any = !self.side(is_bid).is_empty();
        self.side_mut(is_bid).clear();
        self.places.retain(|_, (is_of_bid, _)| *is_of_bid != is_bid);
        had_any
    }

    /// Remove everything.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.bids.clear();
        self.asks.clear();
    }

    /// Every price of a side added up, best first.
    pub(crate) fn levels(&self, is_bid: bool) -> Box<dyn Iterator<Item = PriceLevel> + '_> {
        Box::new(self.best_first(is_bid).map(|(price, level)| level.sum(price.price())))
    }

    /// The rows of a side as an image lists them.
    pub(crate) fn in_order(&self, is_bid: bool) -> impl Iterator<Item = &BookRow> {
        self.best_first(is_bid).flat_map(|(_, level)| level.in_order())
    }

    fn best_first(&self, is_bid: bool) -> Box<dyn Iterator<Item = (&PriceKey, &Level)> + '_> {
        if is_bid {
            Box::new(self.bids.iter().rev())
        } else {
            Box::new(self.asks.iter())
        }
    }
}
