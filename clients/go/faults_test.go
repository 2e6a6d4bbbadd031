package gatewayclient

import (
	"testing"
	"time"
)

func TestALostWakeStopsNothing(t *testing.T) {
	g := startFake(t)
	client, _ := connected(t, g, Options{})
	e, done := client.running(), make(chan struct{})
	// Heartbeats end the reader's wait as well; here nothing does.
	g.do(func(func(string, ...any)) { g.isSilent = true })
	time.Sleep(50 * time.Millisecond)
	e.lock.Lock()
	e.commands = append(e.commands, command{func(int64) { close(done) }, func(error) {}})
	e.lock.Unlock()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("a command without a wake was never run")
	}
}
