package gatewayclient

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"
)

// What the client answers: typed, and lenient about what a gateway leaves out.

// TopicState is one topic of a subscription.
type TopicState struct {
	// Topic, for example `quote,AAPL,`.
	Topic string
	// State: `pending`, `live`, `stale`, `recovering`, `closed` or `refused`.
	State string
	// Sequence of the last message published on it; absent when the gateway did not say.
	Sequence Optional[int64]
}

// SymbolResult is what became of one symbol of a subscription.
type SymbolResult struct {
	// Symbol, verbatim.
	Symbol string
	// Topics it brings; empty when rejected.
	Topics []TopicState
	// Code is why it was rejected, for example `symbol_limit`; empty when it was accepted.
	Code string
	// Hint is what to do about a rejection.
	Hint string
}

// IsAccepted tells whether messages will come.
func (r SymbolResult) IsAccepted() bool { return r.Code == "" }

// HealthStatus is whether the gateway, and this client's way to it, are well.
type HealthStatus struct {
	// HealthLevel: `healthy`, `warning` or `critical`.
	HealthLevel string
	// IsHealthy tells whether the level is `healthy`.
	IsHealthy bool
	// Issues are maps with code, level, message, since_us and hint.
	Issues []map[string]any
	// ErrorMessage is the gravest issue in plain words; empty when there is none.
	ErrorMessage string
	// Live tells whether the gateway's process works.
	Live bool
	// Ready tells whether it can serve data.
	Ready bool
	// Upstream is port to the state of its connection.
	Upstream map[string]any
}

// SymbolLineage is why a symbol is in its state.
type SymbolLineage struct {
	// Symbol, verbatim.
	Symbol string
	// State as in TopicState.
	State string
	// Cause is why; empty when nothing is wrong.
	Cause string
	// Lines: demand, watch, last line, link, cause and last messages, one sentence each.
	Lines []string
}

// String puts the sentences below each other.
func (l SymbolLineage) String() string { return strings.Join(l.Lines, "\n") }

// Statistics is what one client has counted since Connect.
type Statistics struct {
	// Received: frames read from the data socket, heartbeats included.
	Received int64 `figure:"received"`
	// Delivered: messages and events handed to the application.
	Delivered int64 `figure:"delivered"`
	// Gaps: holes found.
	Gaps int64 `figure:"gaps"`
	// Missing: messages those holes stand for.
	Missing int64 `figure:"missing"`
	// Repeats: messages dropped because they were seen before.
	Repeats int64 `figure:"repeats"`
	// Dropped: messages skipped because the application was too slow; each is told by an Overrun.
	Dropped int64 `figure:"dropped"`
	// Conflated: state messages replaced by newer ones while they waited for the application.
	Conflated int64 `figure:"conflated"`
	// BadFrames: frames that break the contract.
	BadFrames int64 `figure:"bad_frames"`
	// UnknownMessages: frames of a type this version does not know.
	UnknownMessages int64 `figure:"unknown_messages"`
	// Unrouted: frames on topics not subscribed (any more).
	Unrouted int64 `figure:"unrouted"`
	// Restarts: times the gateway came back with a new epoch.
	Restarts int64 `figure:"restarts"`
	// Reconnects: times the data socket was made anew after silence.
	Reconnects int64 `figure:"reconnects"`
	// SnapshotsRequested: private topics subscribed.
	SnapshotsRequested int64 `figure:"snapshots_requested"`
	// SnapshotsUnanswered: private topics given up.
	SnapshotsUnanswered int64 `figure:"snapshots_unanswered"`
	// Requests: control requests sent.
	Requests int64 `figure:"requests"`
	// RequestTimeouts: control requests that ran into their deadline.
	RequestTimeouts int64 `figure:"request_timeouts"`
	// LateReplies: replies dropped because their request had ended.
	LateReplies int64 `figure:"late_replies"`
	// BadReplies: replies that cannot be read.
	BadReplies int64 `figure:"bad_replies"`
	// ControlReconnects: times the control socket was made anew.
	ControlReconnects int64 `figure:"control_reconnects"`
	// Renewals: leases renewed.
	Renewals int64 `figure:"renewals"`
	// LeasesExpired: leases the gateway no longer knew.
	LeasesExpired int64 `figure:"leases_expired"`
	// SubscriptionsRepaired: topics the gateway had not seen on the data socket, subscribed again.
	SubscriptionsRepaired int64 `figure:"subscriptions_repaired"`
	// ReplaysRequested: requests for lost events.
	ReplaysRequested int64 `figure:"replays_requested"`
	// ReplaysRetried: such requests sent again, because the gateway was busy or did not answer.
	ReplaysRetried int64 `figure:"replays_retried"`
	// ReplaysRefused: holes for which there was no room; what is in them is lost for good.
	ReplaysRefused int64 `figure:"replays_refused"`
	// ReplaysLate: answers to such requests that nobody waited for any more.
	ReplaysLate int64 `figure:"replays_late"`
	// Replayed: lost events that came by replay.
	Replayed int64 `figure:"replayed"`
	// ReplayedBad: messages in such answers that were not what was asked for.
	ReplayedBad int64 `figure:"replayed_bad"`
	// Lost: messages lost for good; each is named by a Gap that is final.
	Lost int64 `figure:"lost"`
	// Holes being fetched.
	Holes int64 `figure:"holes"`
	// Skips: times that everything waiting for a slow application was skipped.
	Skips int64 `figure:"skips"`
	// LagUs is how far behind this client is, microseconds: the age of the last heartbeat when it was
	// read, by this machine's clock, or the time the oldest message has waited for the application.
	LagUs Optional[int64] `figure:"lag_us"`
	// QueueSize: messages waiting for the application.
	QueueSize int64 `figure:"queue_size"`
	// QueueCapacity: messages that may wait.
	QueueCapacity int64 `figure:"queue_capacity"`
	// RequestsSize: control requests outstanding.
	RequestsSize int64 `figure:"requests_size"`
	// RequestsCapacity: control requests that may be outstanding.
	RequestsCapacity int64 `figure:"requests_capacity"`
}

// Figures lists every counter by the name it has in all languages; nil where there is none.
func (s Statistics) Figures() map[string]any {
	figures := map[string]any{}
	values := reflect.ValueOf(s)
	for i := 0; i < values.NumField(); i++ {
		value := values.Field(i).Interface()
		if lag, ok := value.(Optional[int64]); ok {
			value = lag.any()
		}
		figures[values.Type().Field(i).Tag.Get("figure")] = value
	}
	return figures
}

func asMap(result any) (map[string]any, error) {
	fields, ok := result.(map[string]any)
	if !ok {
		return nil, decodeError("result is not a map", "result", result)
	}
	return fields, nil
}

// rowsOf takes the list of maps out of a result: the result itself, or the first name it has.
func rowsOf(result any, names ...string) ([]map[string]any, error) {
	if fields, ok := result.(map[string]any); ok {
		result = []any{}
		for _, name := range names {
			if found, ok := fields[name]; ok {
				result = found
				break
			}
		}
	}
	list, ok := result.([]any)
	if !ok {
		return nil, decodeError("result is not a list", "result", result)
	}
	rows := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if row, ok := item.(map[string]any); ok {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// healthOf reads the gateway's verdict and adds what this client sees for itself.
func healthOf(result any, localIssues []map[string]any) (HealthStatus, error) {
	fields, err := asMap(result)
	if err != nil {
		return HealthStatus{}, err
	}
	reported, err := rowsOf(fields, "issues")
	if err != nil {
		return HealthStatus{}, err
	}
	status := HealthStatus{HealthLevel: "critical", Issues: append(localIssues, reported...)}
	if level, ok := fields["level"].(string); ok && len(localIssues) == 0 {
		status.HealthLevel = level
	}
	status.ErrorMessage, _ = fields["error_message"].(string)
	if len(localIssues) > 0 {
		status.ErrorMessage = localIssues[0]["message"].(string)
	}
	status.IsHealthy = status.HealthLevel == "healthy"
	status.Live, _ = fields["live"].(bool)
	status.Ready, _ = fields["ready"].(bool)
	status.Upstream, _ = fields["upstream"].(map[string]any)
	return status, nil
}

// healthWithout says that the gateway could not be asked: that is an answer too.
func healthWithout(err ClientError) HealthStatus {
	issue := map[string]any{"code": err.Code(), "level": "critical", "message": err.Error(),
		"since_us": nil, "hint": err.Hint()}
	return HealthStatus{HealthLevel: "critical", Issues: []map[string]any{issue}, ErrorMessage: err.Error()}
}

// readSubscribed reads what `subscribe` answered: the lease, if one was granted, and each symbol's fate.
func readSubscribed(result any, symbols []string) (leaseID string, results map[string]SymbolResult, err error) {
	fields, err := asMap(result)
	if err != nil {
		return "", nil, err
	}
	rows, err := rowsOf(fields, "topics")
	if err != nil {
		return "", nil, err
	}
	topics := map[string][]TopicState{}
	for _, row := range rows {
		topic, _ := row["topic"].(string)
		if strings.Count(topic, ",") != 2 {
			continue
		}
		state := TopicState{Topic: topic, State: SymbolStatePending}
		if told, ok := row["state"].(string); ok {
			state.State = told
		}
		if sequence, ok := row["sequence"].(int64); ok {
			state.Sequence = Some(sequence)
		}
		symbol := strings.Split(topic, ",")[1]
		topics[symbol] = append(topics[symbol], state)
	}
	rejected, err := rowsOf(fields, "rejected")
	if err != nil {
		return "", nil, err
	}
	results = map[string]SymbolResult{}
	for _, symbol := range symbols {
		results[symbol] = SymbolResult{Symbol: symbol, Topics: topics[symbol]}
	}
	for _, row := range rejected {
		symbol, _ := row["symbol"].(string)
		if found, isOurs := results[symbol]; isOurs && len(found.Topics) == 0 {
			results[symbol] = SymbolResult{Symbol: symbol, Code: fmt.Sprint(row["code"]), Hint: fmt.Sprint(row["hint"])}
		}
	}
	leaseID, _ = fields["lease_id"].(string)
	return leaseID, results, nil
}

// errorsOf reads what `errors` answered: oldest first, each with a `timestamp` that people can read.
func errorsOf(result any) ([]map[string]any, error) {
	rows, err := rowsOf(result, "errors")
	for _, row := range rows {
		if atUs, ok := row["at_us"].(int64); ok && row["timestamp"] == nil {
			row["timestamp"] = time.UnixMicro(atUs).UTC().Format("2006-01-02T15:04:05+00:00")
		}
	}
	sort.SliceStable(rows, func(i, j int) bool {
		one, _ := rows[i]["at_us"].(int64)
		other, _ := rows[j]["at_us"].(int64)
		return one < other
	})
	return rows, err
}

// lineageOf reads what `why` answered.
func lineageOf(result any) (SymbolLineage, error) {
	fields, err := asMap(result)
	if err != nil {
		return SymbolLineage{}, err
	}
	lineage := SymbolLineage{}
	lineage.Symbol, _ = fields["symbol"].(string)
	lineage.State, _ = fields["state"].(string)
	lineage.Cause, _ = fields["cause"].(string)
	lines, _ := fields["lines"].([]any)
	for _, line := range lines {
		lineage.Lines = append(lineage.Lines, fmt.Sprint(line))
	}
	return lineage, nil
}

// readSnapshots reads what `snapshot` answered, in the order asked.
func readSnapshots(result []byte) ([]Message, error) {
	rows, err := rawArray(result)
	if err != nil {
		return nil, decodeError("result is not a list", "result", result, "cause", err)
	}
	messages := make([]Message, 0, len(rows))
	for _, row := range rows {
		fields, err := rawMap(row)
		if err != nil {
			return nil, decodeError("snapshot is not a map", "row", row, "cause", err)
		}
		topic, _ := unpacked(fields["topic"]).(string)
		message, err := readBody(topic, fields["body"])
		if err != nil {
			return nil, err
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// readBody reads a message body out of a reply.
func readBody(topic string, body []byte) (Message, error) {
	if strings.Count(topic, ",") != 2 {
		return nil, decodeError("body without a topic", "topic", topic)
	}
	on := newRoute(topic)
	return decodeBody(on.kind, on.base, on.symbol, body)
}
