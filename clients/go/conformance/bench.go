package main

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"
	"github.com/vmihailenco/msgpack/v5"

	client "iqfeed-gateway/clients/go"
)

// silenceMax: a run ends when no frame came for so long.
const silenceMax = 3 * time.Second

// startWaitsMax bounds how often so long a time may pass before the flood begins.
const startWaitsMax = 20

var benchTopics = []string{"quote,", "trade,"}

// meter counts frames from the first to the last.
type meter struct {
	count       int
	first, last time.Time
}

func (m *meter) note() {
	m.last = time.Now()
	if m.count == 0 {
		m.first = m.last
	}
	m.count++
}

func bench(mode, endpoint, countText string) error {
	count, err := strconv.Atoi(countText)
	if err != nil {
		return err
	}
	m := &meter{}
	switch mode {
	case "plain":
		err = benchFrames(m, endpoint, count, decodePlain)
	case "typed":
		err = benchFrames(m, endpoint, count, func(frame []byte) error {
			_, err := client.DecodeFrame(frame)
			return err
		})
	case "client":
		err = benchClient(m, endpoint, count)
	default:
		err = errors.New("MODE is plain, typed or client")
	}
	if err != nil {
		return err
	}
	seconds := m.last.Sub(m.first).Seconds()
	perSecond := 0.0
	if seconds > 0 {
		perSecond = float64(m.count-1) / seconds
	}
	return say(map[string]any{"mode": mode, "messages": m.count, "seconds": seconds, "per_second": perSecond})
}

func decodePlain(frame []byte) error {
	first := bytes.IndexByte(frame, ',')
	second := bytes.IndexByte(frame[first+1:], ',')
	var body any
	return msgpack.Unmarshal(frame[first+second+2:], &body)
}

func benchFrames(m *meter, endpoint string, count int, decode func(frame []byte) error) error {
	socket, err := zmq.NewSocket(zmq.SUB)
	if err != nil {
		return err
	}
	defer socket.Close()
	steps := []error{socket.SetLinger(0), socket.SetSndhwm(0), socket.SetRcvhwm(0), socket.SetRcvtimeo(silenceMax)}
	for _, topic := range benchTopics {
		steps = append(steps, socket.SetSubscribe(topic))
	}
	for _, err := range append(steps, socket.Connect(endpoint), say(map[string]any{"ready": true})) {
		if err != nil {
			return err
		}
	}
	for waits := 0; m.count < count; {
		frame, err := socket.RecvBytes(0)
		if zmq.AsErrno(err) == zmq.Errno(syscall.EAGAIN) {
			if waits++; m.count > 0 || waits == startWaitsMax {
				return nil
			}
			continue // The flood has not begun.
		}
		if err != nil {
			return err
		}
		m.note()
		if err := decode(frame); err != nil {
			return err
		}
	}
	m.last = time.Now()
	return nil
}

func benchClient(m *meter, endpoint string, count int) error {
	subscriber, err := client.NewSubscriber(client.Options{
		DataEndpoint: endpoint,
		// Nothing is conflated, so that what is counted is what came.
		QueueCapacity: count + 10_000, ConflateAbove: count + 10_000,
	})
	if err != nil {
		return err
	}
	defer subscriber.Close()
	if err := subscriber.SubscribeTopics(context.Background(), benchTopics...); err != nil {
		return err
	}
	if err := say(map[string]any{"ready": true}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var seen atomic.Int64
	go cancelWhenSilent(ctx, cancel, &seen)
	for m.count < count {
		item, err := subscriber.Next(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := item.(client.Message); ok {
			m.note()
			seen.Store(int64(m.count))
		}
	}
	return nil
}

// cancelWhenSilent ends a run once nothing more comes: a deadline for each message would cost more than
// reading it.
func cancelWhenSilent(ctx context.Context, cancel func(), seen *atomic.Int64) {
	for last, waits := int64(0), 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(silenceMax):
		}
		now := seen.Load()
		if waits++; now > 0 && now == last || now == 0 && waits == startWaitsMax {
			cancel()
			return
		}
		last = now
	}
}
