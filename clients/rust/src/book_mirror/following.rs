//! How a mirror follows: events, states, images, updates, and the rows they change.

use super::{BookMirror, Update, WAITING_MAX};
use crate::book_rows::BookRow;
use crate::errors::{Error, Result, SequenceGap};
use crate::events::{Event, Gap, GatewayRestarted, Overrun};
use crate::messages::{flag, Action, Image, Side, State};
use crate::record::Rows;
use crate::topics::split_private;
use crate::tracker::RESENT;
use crate::value::Value;

impl BookMirror {
    pub(super) fn apply_event(&mut self, event: &Event) -> bool {
        match event {
            Event::GatewayRestarted(event) => return self.take_restart(event),
            Event::Gap(gap) => self.take_gap(gap),
            Event::Overrun(overrun) => self.take_overrun(overrun),
            Event::Disconnected(_) => {
                self.is_flagged_stale = true;
                self.lose("the gateway is not heard".into());
            }
            _ => {}
        }
        false
    }

    fn take_restart(&mut self, event: &GatewayRestarted) -> bool {
        // One that comes late, after messages of a newer run, tells nothing new.
        let is_news =
            self.epoch.map_or(true, |epoch| event.new_epoch > epoch || event.old_epoch == epoch);
        if is_news {
            self.restart(event.new_epoch);
        }
        is_news
    }

    fn take_overrun(&mut self, overrun: &Overrun) {
        // When several topics lost messages, the Gaps that follow say which, as far as they go.
        let is_ours = match &overrun.topic {
            Some(topic) => **topic == *self.topic,
            None => overrun.unnamed > 0,
        };
        if is_ours {
            self.lose(format!("{} messages were dropped unread", overrun.dropped));
        }
    }

    /// Stop being current until an image comes.
    fn lose(&mut self, reason: String) {
        if self.is_based {
            self.reason = Some(reason);
        }
    }

    /// Begin anew with another run of the gateway: what was known is of no use there.
    fn restart(&mut self, epoch: u64) {
        if self.epoch.is_some() {
            self.reason = Some("the gateway was restarted".into());
        }
        self.epoch = Some(epoch);
        self.sequence = 0;
        self.is_known = false;
        self.is_based = false;
        self.state = None;
        self.is_told_stale = false;
        self.is_flagged_stale = false;
        self.rows.clear();
        self.waiting.clear();
    }

    /// Follow the newest run; what comes from an earlier one, or is sent again, changes none.
    pub(super) fn is_of_this_run(&mut self, epoch: u64, flags: u64) -> bool {
        if self.epoch == Some(epoch) {
            return true;
        }
        if flags & RESENT != 0 || self.epoch.is_some_and(|known| epoch < known) {
            return false;
        }
        self.restart(epoch);
        true
    }

    pub(super) fn take_update(&mut self, update: Update) -> Result<bool> {
        let sequence = update.sequence;
        if self.is_current() && sequence == self.sequence + 1 {
            return Ok(self.change(update));
        }
        if sequence <= self.sequence {
            return Ok(false);
        }
        if !self.is_based && sequence == 1 {
            // The first message of a run finds the book empty.
            self.rows.clear();
            self.is_based = true;
            self.reason = None;
            let is_changed = self.change(update);
            return Ok(self.catch_up()? || is_changed);
        }
        if self.is_current() && update.flags & RESENT != 0 {
            return Ok(false);
        }
        self.waiting.insert(sequence, update);
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_first();
        }
        if self.is_current() {
            return Err(self.gap_before(sequence));
        }
        Ok(false)
    }

    /// Refuse to skip what is missing before a sequence.
    fn gap_before(&mut self, sequence: u64) -> Error {
        let gap = SequenceGap {
            topic: self.topic.clone(),
            first_missing: self.sequence + 1,
            last_missing: sequence.saturating_sub(1),
        };
        self.reason = Some(gap.reason());
        Error::SequenceGap(gap)
    }

    pub(super) fn take_image(&mut self, image: &Image) -> Result<bool> {
        if !self.is_of_this_run(image.epoch, image.flags) {
            return Ok(false);
        }
        if self.is_based && image.sequence < self.sequence {
            return Ok(false); // The rows are newer already, and never go back.
        }
        self.rows.clear();
        self.sequence = image.sequence;
        self.is_known = image.rows.is_some();
        self.is_based = true;
        self.reason = None;
        self.note(image.flags & !flag::SNAPSHOT);
        match &image.rows {
            Some(Rows::Depth(rows)) => {
                let _ = rows.iter().all(|row| self.put(BookRow::Depth(row.clone())));
            }
            Some(Rows::Order(rows)) => {
                let _ = rows.iter().all(|row| self.put(BookRow::Order(row.clone())));
            }
            None => {}
        }
        if self.is_current() {
            self.catch_up()?;
        }
        Ok(true)
    }

    /// Apply the updates that were kept, as far as they follow the rows without a hole.
    fn catch_up(&mut self) -> Result<bool> {
        let mut is_changed = false;
        while let Some((sequence, _)) = self.waiting.first_key_value() {
            let sequence = *sequence;
            if !self.is_current() {
                return Ok(is_changed);
            }
            if sequence > self.sequence + 1 {
                return Err(self.gap_before(sequence));
            }
            if let Some((_, update)) = self.waiting.pop_first() {
                if sequence > self.sequence {
                    is_changed |= self.change(update);
                }
            }
        }
        Ok(is_changed)
    }

    fn take_gap(&mut self, gap: &Gap) {
        let is_ours = *gap.topic == *self.topic && Some(gap.epoch) == self.epoch;
        if is_ours && !gap.healed && gap.last_missing > self.sequence {
            let missing = SequenceGap {
                topic: self.topic.clone(),
                first_missing: gap.first_missing,
                last_missing: gap.last_missing,
            };
            self.lose(missing.reason());
        }
    }

    pub(super) fn take_state(&mut self, state: &State) {
        if !self.is_of_this_run(state.epoch, state.flags) {
            return;
        }
        let is_public = split_private(&state.kind) == "state";
        // A gateway tells of Level 2 while somebody wants it: no word means that nobody does.
        let level2 = state.details.as_ref().and_then(|details| details.get("level2"));
        self.state = match level2.and_then(Value::as_str) {
            Some(told) => Some(told.to_owned()),
            None if is_public => Some("closed".to_owned()),
            None => state.state.as_ref().map(|told| told.as_str().to_owned()),
        };
        let is_stale = !matches!(self.state.as_deref(), Some("live" | "pending"));
        if is_public {
            self.is_told_stale = is_stale;
            self.is_flagged_stale &= is_stale;
        } else {
            // The answer on a private topic of the book: nothing takes it back but a message.
            self.is_flagged_stale = is_stale;
        }
    }

    // The rows.

    fn note(&mut self, flags: u64) {
        self.last_flags = flags;
        self.is_flagged_stale = flags & flag::STALE != 0;
    }

    /// Apply the update that is next.
    fn change(&mut self, update: Update) -> bool {
        self.sequence = update.sequence;
        self.is_known = true;
        self.note(update.flags);
        let is_bid = match update.row.side() {
            Side::Bid => true,
            Side::Ask => false,
            Side::Raw(_) => return self.spoil("a row has an unknown side".into()),
        };
        match update.action {
            Some(Action::Clear) => self.rows.clear_side(is_bid),
            Some(Action::Delete) => self.rows.remove(&update.row.key()),
            Some(Action::Add | Action::Update) => {
                self.put(update.row);
                true
            }
            _ => self.spoil("a row has an unknown action".into()),
        }
    }

    fn put(&mut self, row: BookRow) -> bool {
        let (is_bid, price) = match (row.side(), row.price()) {
            (Side::Bid, Some(price)) => (true, price),
            (Side::Ask, Some(price)) => (false, price),
            _ => return self.spoil("a row has no side or no price".into()),
        };
        if !self.rows.put(is_bid, row, price) {
            return self.spoil(format!("the book has more than {} rows", self.rows_max));
        }
        true
    }

    /// Give the rows up: what they say is not what the gateway's book says.
    fn spoil(&mut self, reason: String) -> bool {
        self.rows.clear();
        self.reason = Some(reason);
        false
    }
}
