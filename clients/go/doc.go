// Package gatewayclient is the Go client of the IQFeed gateway: typed live prices over ZeroMQ, with
// every loss visible.
//
// A GatewayClient subscribes to symbols and brings messages (Quote, Trade, Book, ...) and events of
// its own (Gap, GatewayRestarted, ...) through Next. DecodeFrame and BookMirror do no I/O and work
// with any source of frames.
//
// License: Apache-2.0, as the project's.
package gatewayclient
