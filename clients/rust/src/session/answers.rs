//! What becomes of the gateway's answers.

use super::{tell, Session, Ticket, Timer, GREETINGS_MAX, RETRY_NS_MAX, RETRY_NS_MIN};
use crate::errors::{Error, Result};
use crate::events::{Event, SubscriptionRefused};
use crate::results::SymbolResult;
use crate::routes::Entry;
use crate::value::Value;

impl Session {
    /// Act on how a request ended.
    pub(super) fn end(
        &mut self,
        ticket: Ticket,
        outcome: Result<Value>,
        now_ns: u64,
    ) -> zmq::Result<()> {
        match ticket {
            Ticket::Greet => self.greeted = Some(outcome),
            Ticket::GreetAgain(attempts) => {
                let is_away = match outcome {
                    Err(Error::RequestTimedOut(_) | Error::NotConnected(_)) => true,
                    Err(error) => error.retry_ms().is_some(),
                    Ok(_) => false,
                };
                if is_away && attempts < GREETINGS_MAX {
                    self.later(now_ns + RETRY_NS_MIN, Timer::GreetAgain(attempts + 1));
                }
            }
            Ticket::Subscribe { batch, symbols, kinds } => {
                let taken = self.take(&symbols, &kinds, true, outcome, now_ns)?;
                self.end_part(batch, taken);
            }
            Ticket::Unsubscribe { batch } => self.end_part(batch, outcome.map(|_| Vec::new())),
            Ticket::LeaseAgain { symbols, kinds, delay_ns } => match self
                .take(&symbols, &kinds, false, outcome, now_ns)?
            {
                Ok(results) => self.tell_refused(results),
                Err(error) => {
                    let retry_ns = error.retry_ms().map_or(0, |ms| ms.saturating_mul(1_000_000));
                    let at_ns = now_ns + delay_ns.max(retry_ns);
                    let delay_ns = (delay_ns * 2).min(RETRY_NS_MAX);
                    self.later(at_ns, Timer::LeaseAgain { symbols, delay_ns });
                }
            },
            Ticket::Renew { lease_id } => self.renewed(&lease_id, outcome, now_ns)?,
            Ticket::Replay(request) => {
                let out = self.intake.flow.replays.answered(&request, outcome, now_ns);
                self.intake.flow.out.extend(out);
            }
            Ticket::Call(answer) => tell(&answer, outcome),
        }
        Ok(())
    }

    fn tell_refused(&mut self, results: Vec<SymbolResult>) {
        for result in results {
            if let Some(code) = result.code {
                let event = SubscriptionRefused {
                    symbol: result.symbol,
                    code,
                    hint: result.hint.unwrap_or_default(),
                };
                let event = Event::SubscriptionRefused(event);
                self.intake.flow.out.push(Entry::Event(event));
            }
        }
    }

    fn renewed(&mut self, lease_id: &str, outcome: Result<Value>, now_ns: u64) -> zmq::Result<()> {
        let result = match outcome {
            Err(error) if error.code() == "lease_expired" => {
                let groups = self.leases.expire(lease_id);
                return self.lease_again(groups, now_ns, RETRY_NS_MIN);
            }
            Err(_) => {
                self.leases.retry(lease_id, now_ns);
                return Ok(());
            }
            Ok(result) => result,
        };
        let missing = result.get("missing_subscriptions").and_then(Value::as_array);
        let mut has_repaired = false;
        for topic in missing.unwrap_or(&[]).iter().filter_map(Value::as_str) {
            if self.subscriber.repair(topic)? {
                self.repaired_count += 1;
                has_repaired = true;
                self.intake.ask_again(topic);
            }
        }
        self.leases.renewed(lease_id, now_ns, has_repaired);
        Ok(())
    }
}
