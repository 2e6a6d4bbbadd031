//! Methods of the gateway, one function each.

use std::sync::mpsc::{sync_channel, RecvTimeoutError};
use std::time::Duration;

use super::GatewayClient;
use crate::errors::{Error, Result};
use crate::messages::{Message, TOPICS_MAX};
use crate::options::check_duration;
use crate::replies::{read_replay, read_snapshots};
use crate::results::{
    as_map, errors_of, health_of, health_without, issue, lineage_of, rows_of, HealthStatus,
    SymbolLineage,
};
use crate::session::{nanoseconds, Answer};
use crate::shared::{Command, Link};
use crate::topics;
use crate::value::{Map, Value};

/// The reader thread ends every call at its deadline; waiting this much longer never happens.
const GRACE: Duration = Duration::from_secs(2);

impl GatewayClient {
    /// Call any method of the gateway; `timeout` is `request_timeout` when `None`.
    ///
    /// # Errors
    /// [`Error::NotConnected`] when not connected, or the connection was given up meanwhile;
    /// [`Error::RequestTimedOut`] for no reply in time; [`Error::RequestRefused`] for the gateway's
    /// own errors; [`Error::InvalidArgument`] for parameters that cannot be sent.
    pub fn call(&self, method: &str, params: Value, timeout: Option<Duration>) -> Result<Value> {
        let timeout = timeout.unwrap_or(self.options.request_timeout);
        check_duration("timeout", timeout)?;
        self.ask(timeout, |answer| Command::Call {
            method: method.to_owned(),
            params,
            timeout_ns: nanoseconds(timeout),
            answer,
        })
    }

    pub(super) fn ask<T>(
        &self,
        timeout: Duration,
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T> {
        let (answer, outcome) = sync_channel(1);
        self.shared()?.post(command(answer), true)?;
        match outcome.recv_timeout(timeout + GRACE) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Disconnected) => Err(Error::not_connected("disconnected")),
            Err(RecvTimeoutError::Timeout) => {
                Err(Error::timed_out("the reader thread does not answer"))
            }
        }
    }

    fn call_map(&self, method: &str, params: Value) -> Result<Map> {
        as_map(self.call(method, params, None)?)
    }

    /// Read last values by request, in the order of the topics; errors as in `call`.
    pub fn snapshot<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<Message>> {
        names.iter().try_for_each(|name| topics::check_topic(name.as_ref()))?;
        let mut found = Vec::new();
        for part in names.chunks(TOPICS_MAX as usize) {
            let params = Value::map([("topics", Value::texts(part))]);
            found.extend(read_snapshots(self.call("snapshot", params, None)?)?);
        }
        Ok(found)
    }

    /// Fetch lost events again: the messages, oldest first, and whether none is missing; errors as
    /// in `call`.
    pub fn replay(
        &self,
        topic: &str,
        first: u64,
        last: u64,
        epoch: u64,
    ) -> Result<(Vec<Message>, bool)> {
        let params = Value::map([
            ("topic", topic.into()),
            ("from_sequence", first.into()),
            ("to_sequence", last.into()),
            ("epoch", epoch.into()),
        ]);
        read_replay(topic, &self.call("replay", params, None)?)
    }

    /// Ask whether all is well; that the gateway cannot be asked is an answer too.
    ///
    /// # Errors
    /// [`Error::Decode`] for an answer that is none.
    pub fn get_health_status(&self) -> Result<HealthStatus> {
        match self.call("health", Value::map([]), None) {
            Ok(result) => health_of(result, self.local_issues()),
            Err(error) => Ok(health_without(&error)),
        }
    }

    /// What this client sees for itself, in the form of the gateway's issues.
    fn local_issues(&self) -> Vec<Map> {
        if !self.shared().is_ok_and(|shared| shared.link() == Link::Silent) {
            return Vec::new();
        }
        let hint = "The client reconnects by itself; check the gateway and the network between.";
        vec![issue("data_silent", "no heartbeat on the data connection", hint)]
    }

    /// Figures of clients, connections, topics and the process; errors as in `call`.
    pub fn get_metrics(&self) -> Result<Map> {
        self.call_map("metrics", Value::map([]))
    }

    /// Ask for everything an operator needs; this client adds its own figures as `consumer`. Errors
    /// as in `call`.
    pub fn get_diagnostic_info(&self) -> Result<Map> {
        let mut diagnostics = self.call_map("diagnostics", Value::map([]))?;
        let statistics = self.statistics()?;
        let queues = diagnostics.entry("queue_status".into()).or_insert_with(|| Value::map([]));
        if let Value::Map(queues) = queues {
            for (name, figure) in [
                ("consumer_queue_size", statistics.queue_size),
                ("consumer_queue_capacity", statistics.queue_capacity),
                ("consumer_requests_size", statistics.requests_size),
                ("consumer_requests_capacity", statistics.requests_capacity),
            ] {
                queues.insert(name.into(), figure.into());
            }
        }
        diagnostics.insert("consumer".into(), statistics.to_map().into());
        Ok(diagnostics)
    }

    /// List the alerts that stand; errors as in `call`.
    pub fn get_active_alerts(&self) -> Result<Vec<Map>> {
        rows_of(self.call("alerts", Value::map([]), None)?, &["active", "alerts"])
    }

    /// Per metric mean, max, min, p95, slope and samples; errors as in `call`.
    pub fn get_performance_trends(&self, window_minutes: u64) -> Result<Map> {
        let mut result =
            self.call_map("trends", Value::map([("window_minutes", window_minutes.into())]))?;
        match result.remove("metrics") {
            Some(metrics) => as_map(metrics),
            None => Ok(result),
        }
    }

    /// List the gateway's errors, oldest first; errors as in `call`.
    pub fn get_error_history(&self, limit: u64) -> Result<Vec<Map>> {
        errors_of(self.call("errors", Value::map([("limit", limit.into())]), None)?)
    }

    /// Ask who is connected and what is held, of one client or of all; errors as in `call`.
    pub fn get_subscriptions(&self, client: Option<&str>) -> Result<Map> {
        let params =
            client.map_or_else(|| Value::map([]), |name| Value::map([("client", name.into())]));
        self.call_map("subscriptions", params)
    }

    /// Cut the data connections of a peer, or of a client by its name; they may come back at once.
    ///
    /// # Errors
    /// [`Error::RequestRefused`] with `unauthorized`, as long as the gateway does not allow it.
    pub fn evict(&self, peer: &str, reason: &str) -> Result<u64> {
        let params = Value::map([("peer", peer.into()), ("reason", reason.into())]);
        let result = self.call("admin.evict", params, None)?;
        let evicted = result.get("evicted").and_then(Value::as_u64);
        evicted.ok_or_else(|| Error::malformed("evict did not say how many", b""))
    }

    /// Ask why a symbol is in its state, in plain words.
    ///
    /// # Errors
    /// [`Error::SecurityValidation`] when it is no symbol; as in `call`.
    pub fn why(&self, symbol: &str) -> Result<SymbolLineage> {
        topics::check_symbol(symbol)?;
        lineage_of(self.call("why", Value::map([("symbol", symbol.into())]), None)?)
    }

    /// Let the gateway ask the vendor for fresh values of a topic's symbol; they come on the topic.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for what is no topic; [`Error::RequestRefused`]: `rate_limited`
    /// with `retry_ms`, `upstream_down`, or nobody wants it.
    pub fn resync(&self, topic: &str) -> Result<bool> {
        topics::check_topic(topic)?;
        let result = self.call("resync", Value::map([("topic", topic.into())]), None)?;
        Ok(result.get("requested").and_then(Value::as_bool) == Some(true))
    }
}
