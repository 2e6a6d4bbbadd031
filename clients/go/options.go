package gatewayclient

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// Options is everything a client can be told. A field that is zero has its default.
type Options struct {
	// DataEndpoint is where the gateway publishes; tcp://127.0.0.1:7700 by default.
	DataEndpoint string
	// ControlEndpoint is where the gateway answers requests; tcp://127.0.0.1:7701 by default.
	ControlEndpoint string
	// ClientName is the name the leases belong to; clients with one name share them. Made up when empty.
	ClientName string
	// RequestTimeout is how long a call without a deadline of its own waits for a reply; 5 s.
	RequestTimeout time.Duration
	// ConnectTimeout is how long Connect waits for a reply and a heartbeat (one comes a second); 5 s.
	ConnectTimeout time.Duration
	// Lease is the life of a lease, in whole seconds; renewed at half of it, every ten seconds at least;
	// 60 s.
	Lease time.Duration
	// HeartbeatSilence is how long without a heartbeat until the data connection counts as lost; 3 s.
	HeartbeatSilence time.Duration
	// QueueCapacity is how many messages wait for the application at most; then they are skipped, and
	// that is told; 100,000.
	QueueCapacity int
	// ConflateAbove is how many messages wait until state messages replace older ones; 10,000, or
	// QueueCapacity where that is less.
	ConflateAbove int
	// SkipAfter is how long what waits may wait until it is skipped, too. Zero, for only when the queue is
	// full: no trade is ever skipped for its age alone, unless asked for.
	SkipAfter time.Duration
	// ReceiveMessagesMax is how many frames libzmq may hold for us (RCVHWM); the reader keeps it near
	// empty; 200,000. Less than 10,000 loses messages in a burst, which is told by Gaps.
	ReceiveMessagesMax int
	// Curve is the keys, when the gateway asks for them; nil otherwise.
	Curve *CurveKeys
}

// OptionsFromEnvironment reads where the gateway is: IQFEED_GATEWAY_DATA, IQFEED_GATEWAY_CONTROL and
// IQFEED_GATEWAY_KEYS (a key file); what is not set has its default.
//
// InvalidArgumentError: the key file, as LoadKeys.
func OptionsFromEnvironment() (Options, error) {
	options := Options{
		DataEndpoint:    os.Getenv("IQFEED_GATEWAY_DATA"),
		ControlEndpoint: os.Getenv("IQFEED_GATEWAY_CONTROL"),
	}
	path := os.Getenv("IQFEED_GATEWAY_KEYS")
	if path == "" {
		return options, nil
	}
	keys, err := LoadKeys(path)
	options.Curve = keys
	return options, err
}

var endpointPattern = regexp.MustCompile(`^(?:tcp://(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):([0-9]{1,5})|ipc://\S+)$`)

// completed fills in the defaults and refuses what can never work.
func (o Options) completed() (Options, error) {
	text := func(value *string, other string) {
		if *value == "" {
			*value = other
		}
	}
	duration := func(value *time.Duration, other time.Duration) {
		if *value == 0 {
			*value = other
		}
	}
	count := func(value *int, other int) {
		if *value == 0 {
			*value = other
		}
	}
	text(&o.DataEndpoint, "tcp://127.0.0.1:7700")
	text(&o.ControlEndpoint, "tcp://127.0.0.1:7701")
	text(&o.ClientName, fmt.Sprintf("go-%d-%s", os.Getpid(), randomHex()))
	duration(&o.RequestTimeout, 5*time.Second)
	duration(&o.ConnectTimeout, 5*time.Second)
	duration(&o.Lease, 60*time.Second)
	duration(&o.HeartbeatSilence, 3*time.Second)
	count(&o.QueueCapacity, 100_000)
	count(&o.ConflateAbove, least(10_000, o.QueueCapacity))
	count(&o.ReceiveMessagesMax, 200_000)
	if o.Curve != nil {
		keys := *o.Curve // The reader makes sockets with them as long as the client lives.
		o.Curve = &keys
	}
	return o, o.check()
}

func randomHex() string {
	drawn := make([]byte, 4)
	if _, err := rand.Read(drawn); err != nil {
		panic("the system has no random numbers: " + err.Error())
	}
	return hex.EncodeToString(drawn)
}

func (o *Options) check() error {
	for _, entry := range []struct{ name, value string }{
		{"DataEndpoint", o.DataEndpoint}, {"ControlEndpoint", o.ControlEndpoint},
	} {
		match := endpointPattern.FindStringSubmatch(entry.value)
		port := 1
		if match != nil && match[1] != "" {
			port, _ = strconv.Atoi(match[1])
		}
		if match == nil || port < 1 || port > 65_535 {
			return invalidArgument("not an endpoint", "Write tcp://host:port or ipc://path.",
				"name", entry.name, "value", entry.value)
		}
	}
	for _, entry := range []struct {
		name  string
		value time.Duration
	}{
		{"RequestTimeout", o.RequestTimeout}, {"ConnectTimeout", o.ConnectTimeout},
		{"HeartbeatSilence", o.HeartbeatSilence}, {"SkipAfter", o.SkipAfter + 1},
	} {
		if entry.value <= 0 || entry.value >= 24*time.Hour {
			return invalidArgument("not a duration", "", "name", entry.name, "value", entry.value)
		}
	}
	if o.Lease < LeaseSMin*time.Second || o.Lease > LeaseSMax*time.Second || o.Lease%time.Second != 0 {
		return invalidArgument("Lease out of range", "Use whole seconds.", "value", o.Lease)
	}
	if o.ConflateAbove <= 0 || o.ConflateAbove > o.QueueCapacity {
		return invalidArgument("queue bounds do not fit", "Keep 0 < ConflateAbove <= QueueCapacity.",
			"ConflateAbove", o.ConflateAbove, "QueueCapacity", o.QueueCapacity)
	}
	if o.ReceiveMessagesMax < 0 {
		return invalidArgument("ReceiveMessagesMax out of range", "", "value", o.ReceiveMessagesMax)
	}
	if !clientNamePattern.MatchString(o.ClientName) {
		return invalidArgument("ClientName refused", "Use 1 to 64 letters, digits and ._:@- only.",
			"ClientName", o.ClientName)
	}
	if o.Curve != nil {
		return checkKeys(o.Curve)
	}
	return nil
}
