//! What a client is told at construction, checked before anything is opened.

use std::time::Duration;

use crate::errors::{bounded, Error, Result};
use crate::keys::{check_keys, load_keys, CurveKeys};
use crate::messages::{LEASE_S_MAX, LEASE_S_MIN};
use crate::topics::hex;

/// Everything a client can be told; `Options::default()` fits a gateway on this machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the gateway publishes.
    pub data_endpoint: String,
    /// Where the gateway answers requests.
    pub control_endpoint: String,
    /// Name the leases belong to; clients with one name share them. Made up when empty.
    pub client_name: String,
    /// How long to wait for a reply.
    pub request_timeout: Duration,
    /// How long `connect` waits for a reply and a heartbeat (one comes a second).
    pub connect_timeout: Duration,
    /// Life of a lease in seconds; renewed at half of it, and every ten seconds at least.
    pub lease_s: u64,
    /// Time without a heartbeat after which the data connection counts as lost.
    pub heartbeat_silence: Duration,
    /// Messages that wait for the application at most; then they are skipped, and that is told.
    pub queue_capacity: usize,
    /// Waiting messages from which on state messages replace older ones of their topic.
    pub conflate_above: usize,
    /// Time after which what waits is skipped, too. `None`, for only when the queue is full: no
    /// trade is ever skipped for its age alone, unless asked for.
    pub skip_after: Option<Duration>,
    /// Frames that libzmq may hold for us (RCVHWM), above 0; the reader thread keeps it near empty.
    pub receive_messages_max: i32,
    /// Keys, when the gateway asks for them.
    pub curve: Option<CurveKeys>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data_endpoint: "tcp://127.0.0.1:7700".into(),
            control_endpoint: "tcp://127.0.0.1:7701".into(),
            client_name: String::new(),
            request_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            lease_s: 60,
            heartbeat_silence: Duration::from_secs(3),
            queue_capacity: 100_000,
            conflate_above: 10_000,
            skip_after: None,
            receive_messages_max: 200_000,
            curve: None,
        }
    }
}

impl Options {
    /// The defaults, but what the environment says otherwise: `IQFEED_GATEWAY_DATA` and
    /// `IQFEED_GATEWAY_CONTROL` are endpoints, `IQFEED_GATEWAY_KEYS` is the path of a key file.
    ///
    /// # Errors
    /// As [`load_keys`].
    pub fn from_environment() -> Result<Self> {
        let mut options = Self::default();
        if let Ok(endpoint) = std::env::var("IQFEED_GATEWAY_DATA") {
            options.data_endpoint = endpoint;
        }
        if let Ok(endpoint) = std::env::var("IQFEED_GATEWAY_CONTROL") {
            options.control_endpoint = endpoint;
        }
        if let Some(path) = std::env::var_os("IQFEED_GATEWAY_KEYS") {
            options.curve = Some(load_keys(path)?);
        }
        Ok(options)
    }

    /// Refuse what can never work, and make up a name where there is none.
    pub(crate) fn checked(mut self) -> Result<Self> {
        check_endpoint("data_endpoint", &self.data_endpoint)?;
        check_endpoint("control_endpoint", &self.control_endpoint)?;
        check_duration("request_timeout", self.request_timeout)?;
        check_duration("connect_timeout", self.connect_timeout)?;
        check_duration("heartbeat_silence", self.heartbeat_silence)?;
        if let Some(skip_after) = self.skip_after {
            check_duration("skip_after", skip_after)?;
        }
        if !(LEASE_S_MIN..=LEASE_S_MAX).contains(&self.lease_s) {
            let hint = format!("Keep it from {LEASE_S_MIN} to {LEASE_S_MAX}.");
            return Err(Error::invalid(format!("lease_s out of range: {}", self.lease_s), hint));
        }
        if self.conflate_above == 0 || self.conflate_above > self.queue_capacity {
            return Err(Error::invalid(
                format!(
                    "queue bounds do not fit: conflate_above={}, queue_capacity={}",
                    self.conflate_above, self.queue_capacity
                ),
                "Keep 0 < conflate_above <= queue_capacity.",
            ));
        }
        if self.receive_messages_max < 1 {
            let text = format!("receive_messages_max is {}", self.receive_messages_max);
            return Err(Error::invalid(text, "Keep it above 0: 0 would be without bound."));
        }
        if let Some(keys) = &self.curve {
            check_keys(keys)?;
        }
        if self.client_name.is_empty() {
            let mut bytes = [0_u8; 4];
            getrandom::getrandom(&mut bytes).map_err(|error| {
                Error::invalid(format!("no random bytes: {error}"), "Set client_name.")
            })?;
            self.client_name = format!("rust-{}-{}", std::process::id(), hex(&bytes));
        }
        let is_name = self.client_name.len() <= 64
            && self
                .client_name
                .chars()
                .all(|mark| mark.is_ascii_alphanumeric() || "._:@-".contains(mark));
        if !is_name {
            let text = format!("client_name refused: {}", bounded(self.client_name.as_bytes()));
            return Err(Error::invalid(text, "Use 1 to 64 letters, digits and ._:@- only."));
        }
        Ok(self)
    }
}

/// Refuse a time to wait that is none.
pub(crate) fn check_duration(name: &str, value: Duration) -> Result<()> {
    if value.is_zero() || value >= Duration::from_secs(86_400) {
        let text = format!("not a time to wait: {name}={value:?}");
        return Err(Error::invalid(text, "Keep it above 0 and below a day."));
    }
    Ok(())
}

fn check_endpoint(name: &str, endpoint: &str) -> Result<()> {
    let has_blank = endpoint.contains(char::is_whitespace);
    let is_good = match (endpoint.strip_prefix("tcp://"), endpoint.strip_prefix("ipc://")) {
        (Some(rest), _) => rest.rsplit_once(':').is_some_and(|(host, port)| {
            let is_host = match host.strip_prefix('[') {
                Some(inner) => inner.strip_suffix(']').is_some_and(|inner| !inner.is_empty()),
                None => !host.is_empty() && !host.contains([':', '/', '[', ']']),
            };
            is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
        }),
        (None, Some(path)) => !path.is_empty(),
        (None, None) => false,
    };
    if is_good && !has_blank {
        return Ok(());
    }
    let text = format!("not an endpoint: {name}={}", bounded(endpoint.as_bytes()));
    Err(Error::invalid(text, "Write tcp://host:port or ipc://path."))
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn defaults_are_fine_and_a_name_is_made_up() {
        let options = Options::default().checked().unwrap();
        assert!(options.client_name.starts_with("rust-"));
    }

    #[test]
    fn what_can_never_work_is_refused() {
        for endpoint in
            ["tcp://host", "tcp://host:0", "tcp://:1", "http://host:1", "ipc://", "tcp://a b:1"]
        {
            let options = Options { data_endpoint: endpoint.into(), ..Options::default() };
            assert_eq!(options.checked().unwrap_err().code(), "invalid_argument", "{endpoint}");
        }
        let options = Options { conflate_above: 5, queue_capacity: 4, ..Options::default() };
        assert!(options.checked().is_err());
        let options = Options { client_name: "a b".into(), ..Options::default() };
        assert!(options.checked().is_err());
        let good = Options { data_endpoint: "tcp://[::1]:7700".into(), ..Options::default() };
        assert!(good.checked().is_ok());
    }
}
