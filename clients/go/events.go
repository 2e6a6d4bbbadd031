package gatewayclient

import "time"

// Gap: messages of one topic are missing, have come after all, or are lost for good.
//
// The client heals by itself, and says what became of it:
//
//   - neither Healed nor IsFinal: these messages are missing at this place of the stream, and are being
//     fetched. It is followed by others about the same range, or parts of it.
//   - Healed: for state kinds, depth and order a snapshot newer than the hole was delivered just
//     before. For trades, corrections and news each of these messages was delivered just before, with
//     FlagReplay and its own sequence. After a restart of the gateway it may come without an earlier
//     Gap: what the new run published before we were back was fetched.
//   - IsFinal: these messages are lost for good: they never come. It may be the first that is said of
//     them, if there is nothing to fetch them with.
//
// So every trade, correction and story is either delivered, once, or named by exactly one Gap that is
// final, as long as one run of the gateway lasts.
type Gap struct {
	// Topic is the base topic, for example `quote,AAPL,`.
	Topic string
	// FirstMissing is the sequence of the first message it is about.
	FirstMissing int64
	// LastMissing is the sequence of the last message it is about; not below FirstMissing.
	LastMissing int64
	// Healed is true once what was lost, or what replaces it, has been delivered.
	Healed bool
	// Epoch is the gateway run the sequences belong to, Unix milliseconds, as Replay wants it.
	Epoch int64
	// IsFinal is true when the messages are lost for good. Never with Healed.
	IsFinal bool
}

// GatewayRestarted: the gateway runs anew: sequences start over, and what it sent meanwhile is unknown.
// The client subscribes again and fetches fresh snapshots by itself. What was being fetched of the
// earlier run is lost for good, and was told so just before.
type GatewayRestarted struct {
	// OldEpoch is when the earlier run began, Unix milliseconds.
	OldEpoch int64
	// NewEpoch is when the present run began, Unix milliseconds.
	NewEpoch int64
}

// Disconnected: no heartbeat for too long. Values on hand must be taken for stale until Reconnected.
type Disconnected struct {
	// Cause is why the connection counts as lost: `silence`.
	Cause string
	// Silent is the time since the last heartbeat.
	Silent time.Duration
}

// Reconnected: a heartbeat was heard again; snapshots of everything subscribed are on their way.
type Reconnected struct {
	// Silent is the time between the two heartbeats around the outage.
	Silent time.Duration
}

// Overrun: the application read too slowly: what waited was skipped, and what comes next is current.
//
// One Gap for each range of sequences that was skipped follows at once: final for trades and other
// events, while books (order and depth) get a fresh image. Of state messages the newest value follows.
type Overrun struct {
	// Topic they all belong to; empty when they belong to several.
	Topic string
	// Dropped is how many messages were skipped at this place of the stream, 1 or more.
	Dropped int64
	// Unnamed is how many of them are not named by the Gaps that follow: answers to snapshot requests,
	// values and events of the client that found no room, and what is beyond 1,000 ranges.
	Unnamed int64
}

// SubscriptionRefused: a symbol that was held before is refused when subscribed again.
type SubscriptionRefused struct {
	// Symbol is the symbol, verbatim.
	Symbol string
	// Code is the gateway's error code, for example `symbol_limit`.
	Code string
	// Hint is what the gateway advises.
	Hint string
}

func (*Gap) isItem()                 {}
func (*GatewayRestarted) isItem()    {}
func (*Disconnected) isItem()        {}
func (*Reconnected) isItem()         {}
func (*Overrun) isItem()             {}
func (*SubscriptionRefused) isItem() {}
