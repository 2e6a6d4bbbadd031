package gatewayclient

import (
	"context"
	"errors"
)

// The gateway's methods. All return NotConnectedError, RequestTimedOutError or RequestRefusedError (with
// the gateway's code and hint) besides what they say of themselves, and DecodeError for a result that is
// not what the contract says.

// Call calls any method of the gateway and returns its result as sent: nil, bool, int64, uint64 (above
// 2^63-1), float64, string, []any or map[string]any. Parameters may hold the same and slices of text.
func (c *GatewayClient) Call(ctx context.Context, method string, params map[string]any) (any, error) {
	result, err := c.callRaw(ctx, method, params)
	if err != nil || len(result) == 0 {
		return nil, err
	}
	packed := openCursor(result)
	defer packed.close()
	value, err := packed.value(1, replyLevelsMax)
	if err != nil {
		return nil, decodeError("result cannot be read", "method", method, "cause", err)
	}
	return value, nil
}

// callRaw returns the result still packed.
func (c *GatewayClient) callRaw(ctx context.Context, method string, params map[string]any) ([]byte, error) {
	running, err := c.require()
	if err != nil {
		return nil, err
	}
	packed, err := packParams(method, params)
	if err != nil {
		return nil, err
	}
	return wait(ctx, running, c.options.RequestTimeout, func(nowNs, timeoutNs int64, done func([]byte, error)) {
		running.session.call(method, packed, timeoutNs, nowNs, func(end outcome) { done(end.result, end.err) })
	})
}

func (c *GatewayClient) callMap(ctx context.Context, method string, params map[string]any) (map[string]any, error) {
	result, err := c.Call(ctx, method, params)
	if err != nil {
		return nil, err
	}
	return asMap(result)
}

// Snapshot reads last values by request, in the order asked.
func (c *GatewayClient) Snapshot(ctx context.Context, topics ...string) ([]Message, error) {
	if err := checkTopics(topics); err != nil {
		return nil, err
	}
	var messages []Message
	for _, part := range chunks(topics) {
		result, err := c.callRaw(ctx, "snapshot", map[string]any{"topics": part})
		if err != nil {
			return nil, err
		}
		found, err := readSnapshots(result)
		if err != nil {
			return nil, err
		}
		messages = append(messages, found...)
	}
	return messages, nil
}

// Replay fetches lost events again: the messages, oldest first, and whether none is missing.
func (c *GatewayClient) Replay(ctx context.Context, topic string, first, last, epoch int64) (messages []Message, isComplete bool, err error) {
	params := map[string]any{"topic": topic, "from_sequence": first, "to_sequence": last, "epoch": epoch}
	result, err := c.callRaw(ctx, "replay", params)
	if err != nil {
		return nil, false, err
	}
	found, err := readReplay(result)
	if err != nil {
		return nil, false, err
	}
	for _, body := range found.bodies {
		message, err := readBody(topic, body)
		if err != nil {
			return nil, false, err
		}
		messages = append(messages, message)
	}
	return messages, found.isComplete, nil
}

// GetHealthStatus asks whether all is well; that the gateway cannot be asked is an answer too. The only
// errors are that of a context that was canceled, and a DecodeError.
func (c *GatewayClient) GetHealthStatus(ctx context.Context) (HealthStatus, error) {
	result, err := c.Call(ctx, "health", nil)
	if err == nil {
		return healthOf(result, c.localIssues())
	}
	var known ClientError
	if errors.As(err, &known) && known.Code() != "malformed" {
		return healthWithout(known), nil
	}
	return HealthStatus{}, err
}

// localIssues is what this client sees for itself, in the form of the gateway's issues.
func (c *GatewayClient) localIssues() []map[string]any {
	if running := c.running(); running == nil || !running.is(linkSilent) {
		return nil
	}
	return []map[string]any{{
		"code": "data_silent", "level": "critical", "message": "no heartbeat on the data connection",
		"since_us": nil,
		"hint":     "The client reconnects by itself; check the gateway and the network between.",
	}}
}

// GetMetrics asks for figures of clients, connections, topics and the process.
func (c *GatewayClient) GetMetrics(ctx context.Context) (map[string]any, error) {
	return c.callMap(ctx, "metrics", nil)
}

// GetDiagnosticInfo asks for everything an operator needs; this client adds itself as `consumer`.
func (c *GatewayClient) GetDiagnosticInfo(ctx context.Context) (map[string]any, error) {
	diagnostics, err := c.callMap(ctx, "diagnostics", nil)
	if err != nil {
		return nil, err
	}
	statistics, err := c.Statistics()
	if err != nil {
		return nil, err
	}
	diagnostics["consumer"] = statistics.Figures()
	if queues, ok := diagnostics["queue_status"].(map[string]any); ok {
		queues["consumer_queue_size"] = statistics.QueueSize
		queues["consumer_queue_capacity"] = statistics.QueueCapacity
		queues["consumer_requests_size"] = statistics.RequestsSize
		queues["consumer_requests_capacity"] = statistics.RequestsCapacity
	}
	return diagnostics, nil
}

// GetActiveAlerts lists the alerts that stand.
func (c *GatewayClient) GetActiveAlerts(ctx context.Context) ([]map[string]any, error) {
	result, err := c.Call(ctx, "alerts", nil)
	if err != nil {
		return nil, err
	}
	return rowsOf(result, "active", "alerts")
}

// GetPerformanceTrends tells per metric mean, max, min, p95, slope and samples over a time in minutes.
func (c *GatewayClient) GetPerformanceTrends(ctx context.Context, windowMinutes int) (map[string]any, error) {
	result, err := c.callMap(ctx, "trends", map[string]any{"window_minutes": windowMinutes})
	if err != nil {
		return nil, err
	}
	if metrics, ok := result["metrics"]; ok {
		return asMap(metrics)
	}
	return result, nil
}

// GetErrorHistory lists the gateway's errors, at most limit of them, oldest first.
func (c *GatewayClient) GetErrorHistory(ctx context.Context, limit int) ([]map[string]any, error) {
	result, err := c.Call(ctx, "errors", map[string]any{"limit": limit})
	if err != nil {
		return nil, err
	}
	return errorsOf(result)
}

// GetSubscriptions asks who is connected and what is held, of one client, or of all when the name is
// empty: `leases`, `watches`, `demand` by source, and `peers`, one map a data connection.
func (c *GatewayClient) GetSubscriptions(ctx context.Context, client string) (map[string]any, error) {
	params := map[string]any{}
	if client != "" {
		params["client"] = client
	}
	return c.callMap(ctx, "subscriptions", params)
}

// Evict cuts the data connections of a peer (`peer` of GetSubscriptions, or a client's name), which may
// come back at once; returns how many. The reason is written to the gateway's log.
func (c *GatewayClient) Evict(ctx context.Context, peer, reason string) (int64, error) {
	result, err := c.callMap(ctx, "admin.evict", map[string]any{"peer": peer, "reason": reason})
	if err != nil {
		return 0, err
	}
	count, ok := result["evicted"].(int64)
	if !ok {
		return 0, decodeError("result lacks a number", "name", "evicted")
	}
	return count, nil
}

// Why asks why a symbol is in its state, in plain words. SecurityValidationError: not a symbol.
func (c *GatewayClient) Why(ctx context.Context, symbol string) (SymbolLineage, error) {
	if err := CheckSymbol(symbol); err != nil {
		return SymbolLineage{}, err
	}
	result, err := c.Call(ctx, "why", map[string]any{"symbol": symbol})
	if err != nil {
		return SymbolLineage{}, err
	}
	return lineageOf(result)
}

// Resync lets the gateway ask the vendor for fresh values of a topic's symbol: true when it was asked,
// and the values come on the topic. Beyond a budget it is refused as `rate_limited`.
func (c *GatewayClient) Resync(ctx context.Context, topic string) (bool, error) {
	if err := checkTopic(topic); err != nil {
		return false, err
	}
	result, err := c.callMap(ctx, "resync", map[string]any{"topic": topic})
	if err != nil {
		return false, err
	}
	return result["requested"] == true, nil
}
