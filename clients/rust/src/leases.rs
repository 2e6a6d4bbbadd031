//! What is held at the gateway, and when it is to be renewed. No I/O.
//!
//! Every `subscribe` brings one lease. A lease is renewed at half its life, and every ten seconds
//! at least; when so many have gathered that renewing them one by one would be a burden, everything
//! is subscribed anew in few requests and the old leases are left to lapse.

use std::collections::{BTreeMap, HashMap};

use crate::messages::SYMBOLS_MAX;
use crate::topics::topic_of;

/// A lease is renewed so often at least: it is how the gateway learns of loss and lag.
pub(crate) const RENEW_NS_MAX: u64 = 10_000_000_000;
/// When subscriptions were missing and were sent again, the next renewal is this soon.
const DOUBT_NS: u64 = 2_000_000_000;
/// So many renewals in a row come early for that.
const DOUBTS_MAX: u32 = 3;
/// More leases than this are replaced by as few as possible at the next renewal.
const LEASES_MAX: usize = 32;

/// Symbols and the kinds wanted of each.
pub(crate) type Group = (Vec<String>, Vec<String>);

#[derive(Debug)]
struct Lease {
    symbols: Vec<String>,
    renew_at_ns: u64,
    doubts: u32,
    is_renewing: bool,
}

/// Everything wanted and every lease that keeps it.
#[derive(Debug)]
pub(crate) struct LeaseBook {
    half_life_ns: u64,
    renew_ns: u64,
    wanted: BTreeMap<String, Vec<String>>,
    leases: HashMap<String, Lease>,
    pub(crate) renewed_count: u64,
    pub(crate) expired_count: u64,
}

impl LeaseBook {
    /// `lease_s`: life of a lease in seconds.
    pub(crate) fn new(lease_s: u64) -> Self {
        let half_life_ns = lease_s.saturating_mul(500_000_000);
        Self {
            half_life_ns,
            renew_ns: half_life_ns.min(RENEW_NS_MAX),
            wanted: BTreeMap::new(),
            leases: HashMap::new(),
            renewed_count: 0,
            expired_count: 0,
        }
    }

    /// Remember what the gateway accepted.
    pub(crate) fn want(&mut self, symbols: &[String], kinds: &[String]) {
        for symbol in symbols {
            let held = self.wanted.entry(symbol.clone()).or_default();
            for kind in kinds {
                if !held.contains(kind) {
                    held.push(kind.clone());
                }
            }
        }
    }

    /// Forget a symbol, or only some of its kinds; returns the topics no longer wanted.
    pub(crate) fn drop(&mut self, symbol: &str, kinds: Option<&[String]>) -> Vec<String> {
        let Some(held) = self.wanted.get_mut(symbol) else {
            return Vec::new();
        };
        let (gone, rest): (Vec<String>, Vec<String>) =
            held.drain(..).partition(|kind| kinds.map_or(true, |chosen| chosen.contains(kind)));
        if rest.is_empty() {
            self.wanted.remove(symbol);
        } else {
            *held = rest;
        }
        gone.iter().map(|kind| topic_of(kind, symbol)).collect()
    }

    /// Forget the leases that keep nothing wanted; the caller tells the gateway.
    pub(crate) fn prune(&mut self) {
        let wanted = &self.wanted;
        self.leases
            .retain(|_, lease| lease.symbols.iter().any(|symbol| wanted.contains_key(symbol)));
    }

    /// Kinds wanted of a symbol.
    pub(crate) fn kinds_of(&self, symbol: &str) -> &[String] {
        self.wanted.get(symbol).map_or(&[], Vec::as_slice)
    }

    /// Whether a symbol is wanted with any kind.
    pub(crate) fn is_wanted(&self, symbol: &str) -> bool {
        self.wanted.contains_key(symbol)
    }

    /// Remember a lease just granted.
    pub(crate) fn add(&mut self, lease_id: &str, symbols: Vec<String>, now_ns: u64) {
        let lease =
            Lease { symbols, renew_at_ns: now_ns + self.renew_ns, doubts: 0, is_renewing: false };
        self.leases.insert(lease_id.to_owned(), lease);
    }

    /// Take the leases to be renewed now; each is out until `renewed` or `retry`.
    pub(crate) fn due(&mut self, now_ns: u64) -> Vec<String> {
        let mut due = Vec::new();
        for (lease_id, lease) in &mut self.leases {
            if !lease.is_renewing && lease.renew_at_ns <= now_ns {
                lease.is_renewing = true;
                due.push(lease_id.clone());
            }
        }
        due
    }

    /// Whether subscribing anew beats renewing one by one.
    pub(crate) fn has_too_many(&self) -> bool {
        self.leases.len() > LEASES_MAX
    }

    /// Note a successful renewal.
    ///
    /// `is_in_doubt`: the gateway missed subscriptions of it; then the next one is soon.
    pub(crate) fn renewed(&mut self, lease_id: &str, now_ns: u64, is_in_doubt: bool) {
        self.renewed_count += 1;
        let mut wait_ns = self.renew_ns;
        if let Some(lease) = self.leases.get_mut(lease_id) {
            if is_in_doubt && lease.doubts < DOUBTS_MAX {
                wait_ns = wait_ns.min(DOUBT_NS);
            }
            lease.doubts = if is_in_doubt { lease.doubts + 1 } else { 0 };
        }
        self.again(lease_id, now_ns + wait_ns);
    }

    /// Note a renewal that failed for the moment; several tries fit in what life is left.
    pub(crate) fn retry(&mut self, lease_id: &str, now_ns: u64) {
        let wait_ns = (self.half_life_ns / 8).max(1_000_000_000);
        self.again(lease_id, now_ns + wait_ns);
    }

    fn again(&mut self, lease_id: &str, at_ns: u64) {
        if let Some(lease) = self.leases.get_mut(lease_id) {
            lease.renew_at_ns = at_ns;
            lease.is_renewing = false;
        }
    }

    /// Note that the gateway no longer knows a lease; returns what is to be subscribed again.
    pub(crate) fn expire(&mut self, lease_id: &str) -> Vec<Group> {
        self.expired_count += 1;
        let lease = self.leases.remove(lease_id);
        lease.map_or_else(Vec::new, |lease| self.groups(&lease.symbols))
    }

    /// Forget every lease; returns groups that together are all that is wanted.
    pub(crate) fn start_over(&mut self) -> Vec<Group> {
        self.leases.clear();
        let symbols: Vec<String> = self.wanted.keys().cloned().collect();
        self.groups(&symbols)
    }

    /// Group symbols by the kinds wanted of them, in pieces that one request may carry.
    pub(crate) fn groups(&self, symbols: &[String]) -> Vec<Group> {
        let mut by_kinds: BTreeMap<&[String], Vec<String>> = BTreeMap::new();
        for symbol in symbols {
            if let Some(kinds) = self.wanted.get(symbol) {
                by_kinds.entry(kinds).or_default().push(symbol.clone());
            }
        }
        let mut groups = Vec::new();
        for (kinds, members) in by_kinds {
            for part in members.chunks(SYMBOLS_MAX as usize) {
                groups.push((part.to_vec(), kinds.to_vec()));
            }
        }
        groups
    }

    /// Monotonic time of the next renewal.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        let waiting = self.leases.values().filter(|lease| !lease.is_renewing);
        waiting.map(|lease| lease.renew_at_ns).min()
    }
}

#[cfg(test)]
mod tests {
    use super::{LeaseBook, DOUBT_NS, RENEW_NS_MAX};

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_lease_is_renewed_at_half_its_life_or_every_ten_seconds() {
        let mut book = LeaseBook::new(60);
        book.add("one", texts(&["A"]), 0);
        assert_eq!(book.deadline_ns(), Some(RENEW_NS_MAX));
        assert_eq!(book.due(RENEW_NS_MAX), ["one"]);
        assert!(book.due(RENEW_NS_MAX).is_empty(), "it is out already");
        book.renewed("one", RENEW_NS_MAX, true);
        assert_eq!(book.deadline_ns(), Some(RENEW_NS_MAX + DOUBT_NS));
        let mut short = LeaseBook::new(6);
        short.add("two", texts(&["A"]), 0);
        assert_eq!(short.deadline_ns(), Some(3_000_000_000));
    }

    #[test]
    fn what_an_expired_lease_kept_is_wanted_still() {
        let mut book = LeaseBook::new(60);
        book.want(&texts(&["A", "B"]), &texts(&["quote", "trade"]));
        book.add("one", texts(&["A", "B"]), 0);
        assert_eq!(book.drop("B", Some(&texts(&["quote"]))), ["quote,B,"]);
        let groups = book.expire("one");
        assert_eq!(groups.len(), 2);
        assert!(groups.contains(&(texts(&["A"]), texts(&["quote", "trade"]))));
        assert!(groups.contains(&(texts(&["B"]), texts(&["trade"]))));
        assert!(book.expire("one").is_empty());
    }
}
