//! What an answer to `replay` brings, and what a failure means.

use super::{gap_of, Line, ReplayRequest, Replays, ATTEMPTS_MAX};
use crate::codec::{build, read_head, Head};
use crate::errors::{Error, Result};
use crate::items::Amendment;
use crate::messages::flag::REPLAY;
use crate::ranges::{joined, without};
use crate::routes::{Entry, Pending};
use crate::value::Value;

/// Pause after a failure; twice as long after each further one.
const PAUSE_NS: u64 = 500_000_000;
/// A gateway that asks for a longer pause will not have the messages then: they are given up.
const PAUSE_NS_MAX: u64 = 60_000_000_000;
const BUSY_CODES: &[&str] = &["rate_limited", "busy", "timeout", "upstream_down"];

impl Replays {
    /// Judge a failure; when another try makes sense, everything pauses before it.
    pub(super) fn is_to_be_tried_again(
        &mut self,
        line: &mut Line,
        error: &Error,
        now_ns: u64,
    ) -> bool {
        // Who says when to ask again means that it will help.
        let is_busy = matches!(error, Error::RequestTimedOut(_) | Error::NotConnected(_))
            || BUSY_CODES.contains(&error.code())
            || error.retry_ms().is_some();
        line.attempts += 1;
        if !is_busy || line.attempts >= ATTEMPTS_MAX {
            return false;
        }
        let pause_ns = match error.retry_ms() {
            Some(retry_ms) => retry_ms.saturating_mul(1_000_000),
            None => PAUSE_NS << (line.attempts - 1),
        };
        if pause_ns > PAUSE_NS_MAX {
            return false;
        }
        self.retried_count += 1;
        let resume_at_ns = now_ns + pause_ns;
        self.resume_at_ns = Some(self.resume_at_ns.map_or(resume_at_ns, |at| at.max(resume_at_ns)));
        true
    }

    /// Sort an answer into what came and what never will.
    pub(super) fn take(
        &mut self,
        line: &mut Line,
        request: &ReplayRequest,
        result: &Value,
    ) -> Vec<Entry> {
        let bodies = result.get("bodies").and_then(Value::as_array);
        self.bad_count += u64::from(bodies.is_none());
        let found = self.read(line, request, bodies.unwrap_or(&[]));
        let mut end = request.last;
        if result.get("complete").and_then(Value::as_bool) != Some(true) {
            let wanted_last = line.holes.back().map_or(end, |hole| hole.1);
            let found_last = found.last().map(|(head, _)| head.sequence);
            match (result.get("oldest").and_then(Value::as_u64), found_last) {
                (None, _) => end = request.hole_last,
                (Some(oldest), _) if oldest > request.last => end = wanted_last.min(oldest - 1),
                // As much as one reply holds; the rest is still there.
                (Some(oldest), Some(sequence)) if sequence < request.last => {
                    end = sequence.max(oldest.saturating_sub(1));
                }
                _ => {}
            }
        }
        self.end(line, end, found)
    }

    /// Take the bodies that were lost; what is not as asked for is counted.
    fn read(
        &mut self,
        line: &Line,
        request: &ReplayRequest,
        bodies: &[Value],
    ) -> Vec<(Head, Vec<u8>)> {
        let mut position = request.first.saturating_sub(1);
        let mut found = Vec::new();
        for body in bodies {
            let Ok((head, bytes)) = checked(request, body, position) else {
                self.bad_count += 1;
                continue;
            };
            position = head.sequence;
            if line.holes.iter().any(|(first, last)| (*first..=*last).contains(&position)) {
                found.push((head, bytes));
            }
        }
        found
    }

    /// Take everything up to a sequence out of the holes and tell what became of it.
    pub(super) fn end(
        &mut self,
        line: &mut Line,
        end: u64,
        found: Vec<(Head, Vec<u8>)>,
    ) -> Vec<Entry> {
        let came = joined(found.iter().map(|(head, _)| (head.sequence, head.sequence)).collect());
        let mut found = found.into_iter().peekable();
        let mut out = Vec::new();
        while let Some((first, last)) = line.holes.front().copied().filter(|hole| hole.0 <= end) {
            line.holes.pop_front();
            let ended = (first, last.min(end));
            let lost = without(ended, &came);
            let mut pieces = without(ended, &lost);
            pieces.extend(&lost);
            pieces.sort_unstable();
            for piece in pieces {
                if lost.contains(&piece) {
                    out.extend(self.lose(line, piece));
                    continue;
                }
                while let Some((head, body)) = found.next_if(|(head, _)| head.sequence <= piece.1) {
                    self.recovered_count += 1;
                    out.push(Entry::Message(Pending::new(&line.slot, head, &body)));
                }
                out.push(gap_of(&line.slot, line.epoch, piece, true, false));
            }
            if ended.1 < last {
                line.holes.push_front((ended.1 + 1, last));
                break;
            }
            self.hole_count -= 1;
        }
        out
    }
}

/// Read one body of an answer: one of those asked for, behind `position`, that can be decoded.
fn checked(request: &ReplayRequest, body: &Value, position: u64) -> Result<(Head, Vec<u8>)> {
    let bytes = body.to_bytes()?;
    let head = read_head(&bytes)?;
    let is_as_asked = (head.number, head.epoch) == (request.number, request.epoch)
        && head.flags & REPLAY != 0
        && position < head.sequence
        && head.sequence <= request.last;
    if !is_as_asked {
        return Err(Error::malformed("not what was asked for", &bytes));
    }
    let slot = &request.slot;
    build((&slot.kind, &slot.symbol), head, &bytes, false, Amendment::default())?;
    Ok((head, bytes))
}
