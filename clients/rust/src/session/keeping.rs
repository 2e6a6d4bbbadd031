//! How what is held is kept: renewed, asked for again, restored.

use super::{lag_us, Session, Ticket, Timer, RETRY_NS_MIN};
use crate::leases::Group;
use crate::value::Value;

impl Session {
    /// Follow up on what the frames just read brought.
    pub(crate) fn after_batch(&mut self, now_ns: u64) -> zmq::Result<()> {
        for private in std::mem::take(&mut self.intake.flow.answered) {
            self.subscriber.unsubscribe(&private)?;
        }
        if std::mem::take(&mut self.intake.flow.has_restarted) {
            self.restore(now_ns)?;
        }
        self.end_requests(now_ns)?;
        self.start_joins(now_ns)?;
        self.start_replays(now_ns)?;
        self.end_requests(now_ns)
    }

    /// Act on every request that has ended.
    fn end_requests(&mut self, now_ns: u64) -> zmq::Result<()> {
        while !self.rpc.done.is_empty() {
            for (ticket, outcome) in std::mem::take(&mut self.rpc.done) {
                self.end(ticket, outcome, now_ns)?;
            }
        }
        Ok(())
    }

    /// Begin anew on a fresh data socket.
    pub(crate) fn reopened(&mut self) {
        self.intake.flow.joins.restart();
    }

    /// Fetch what may have been missed while nothing was heard, by a connection with a name.
    pub(crate) fn reconnected(&mut self, now_ns: u64) -> zmq::Result<()> {
        self.intake.flow.replays.is_paused = false;
        self.greet(now_ns, self.timeout_ns, Ticket::GreetAgain(1))?;
        self.intake.ask_all_again(|_| true);
        Ok(())
    }

    /// Do what is due: retries, renewals, overdue snapshots.
    pub(crate) fn tick(&mut self, now_ns: u64) -> zmq::Result<()> {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now_ns {
                break;
            }
            match entry.remove() {
                Timer::GreetAgain(attempts) => {
                    self.greet(now_ns, self.timeout_ns, Ticket::GreetAgain(attempts))?;
                }
                Timer::LeaseAgain { symbols, delay_ns } => {
                    let groups = self.leases.groups(&symbols);
                    self.lease_again(groups, now_ns, delay_ns)?;
                }
            }
        }
        for private in self.intake.flow.joins.overdue(now_ns) {
            self.subscriber.unsubscribe(&private)?;
        }
        let due = self.leases.due(now_ns);
        if !due.is_empty() && self.leases.has_too_many() {
            let groups = self.leases.start_over();
            return self.lease_again(groups, now_ns, RETRY_NS_MIN);
        }
        due.into_iter().try_for_each(|lease_id| self.renew(lease_id, now_ns))
    }

    /// Monotonic time at which `tick` has something to do.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        let timer = self.timers.first_key_value().map(|((at_ns, _), _)| *at_ns);
        let flow = &self.intake.flow;
        [timer, flow.joins.deadline_ns(), flow.replays.deadline_ns(), self.leases.deadline_ns()]
            .into_iter()
            .flatten()
            .min()
    }

    fn start_joins(&mut self, now_ns: u64) -> zmq::Result<()> {
        let started = self.intake.flow.joins.start(now_ns);
        started.iter().try_for_each(|private| self.subscriber.subscribe(private))
    }

    /// Ask for lost events, while the application keeps up: else what came would push out what is
    /// current.
    fn start_replays(&mut self, now_ns: u64) -> zmq::Result<()> {
        if self.intake.flow.replays.hole_count == 0 || !self.queue.has_room() {
            return Ok(());
        }
        for request in self.intake.flow.replays.start(now_ns) {
            let params = request.params();
            let ticket = Ticket::Replay(request);
            self.rpc.request("replay", params, self.timeout_ns, now_ns, ticket)?;
        }
        Ok(())
    }

    /// Subscribe again at a gateway that was restarted.
    fn restore(&mut self, now_ns: u64) -> zmq::Result<()> {
        self.greet(now_ns, self.timeout_ns, Ticket::GreetAgain(1))?;
        let leases = &self.leases;
        self.intake.ask_all_again(|symbol| !leases.is_wanted(symbol));
        let groups = self.leases.start_over();
        self.lease_again(groups, now_ns, RETRY_NS_MIN)
    }

    fn renew(&mut self, lease_id: String, now_ns: u64) -> zmq::Result<()> {
        let (received, missing) = (self.intake.flow.received_count, self.intake.flow.missing_count);
        let mut params = vec![
            ("client", self.options.client_name.as_str().into()),
            ("lease_id", lease_id.as_str().into()),
            ("received", Value::from(received - self.reported_received)),
            ("gaps", Value::from(missing - self.reported_missing)),
            ("data_token", self.token.as_str().into()),
        ];
        if let Some(lag_us) = self.lag_us(now_ns) {
            params.push(("lag_us", lag_us.into()));
        }
        (self.reported_received, self.reported_missing) = (received, missing);
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let ticket = Ticket::Renew { lease_id };
        self.rpc.request("renew", Value::Map(params), self.timeout_ns, now_ns, ticket)
    }

    fn lag_us(&self, now_ns: u64) -> Option<u64> {
        lag_us(self.heartbeat_lag_us, self.queue.age_ns(now_ns))
    }

    /// Subscribe in the background, again and again until the gateway has answered.
    pub(super) fn lease_again(
        &mut self,
        groups: Vec<Group>,
        now_ns: u64,
        delay_ns: u64,
    ) -> zmq::Result<()> {
        for (symbols, kinds) in groups {
            let params = self.lease_params(&symbols, &kinds);
            let ticket = Ticket::LeaseAgain { symbols, kinds, delay_ns };
            self.rpc.request("subscribe", params, self.timeout_ns, now_ns, ticket)?;
        }
        Ok(())
    }

    pub(super) fn later(&mut self, at_ns: u64, timer: Timer) {
        let id = self.id();
        self.timers.insert((at_ns, id), timer);
    }
}
