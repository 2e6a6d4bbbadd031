package io.iqfeedgateway.client;

/** What the stream brings: a message of the gateway, or an event of the client's own. */
public sealed interface StreamItem permits Message, Event {
}
