"""The part of WIRE.md that says how to read the data socket: joining, loss, restarts, silence."""

from typing import Final

READING_TEXT: Final = """## Sockets

| socket | read it with | default address | for |
|---|---|---|---|
| data | SUB | `tcp://127.0.0.1:7700` | messages, one frame each |
| control | DEALER or REQ | `tcp://127.0.0.1:7701` | requests and replies, one map each |

A gateway with keys asks for CURVE on both. Set on a SUB socket:

* `SNDHWM` 0: libzmq queues subscriptions up to that mark and silently drops the rest, at the
  start and after every reconnect (in Node take `XSubscriber`; `Subscriber` has no such option);
* `RCVHWM` 10,000 or more, and always drain the socket;
* no `HEARTBEAT_*`: with a full receive queue libzmq aborts the process. Watch the gateway's own
  heartbeat instead (below).

## Reading the data socket

**Join** a topic in this order, on one socket: subscribe to the topic (`quote,AAPL,`), then to its
private topic `~<nonce>.quote,AAPL,`. The nonce is 14 to 32 characters of `[0-9a-zA-Z]`, drawn at
random (80 bits at least), fresh for each question. The gateway answers with one frame on that
very topic; it travels in order with the public messages. It is one of:

* the last value, flag SNAPSHOT, with the sequence of the last message published on the public
  topic: drop public messages up to that sequence, apply those after it. For `depth` and `order`
  it is an `image` of the whole book; for events (`trade`, `news`, `correction`) their last
  message, which is not a new one. Nothing known yet is an *empty snapshot*: every item after the
  header is nil, those that are otherwise never absent as well;
* a `state` (number 9), flags 0 and sequence 0: why there is no value. Its sequence says nothing.
  If it is `pending`, the first public message begins the topic, whatever its number: do not ask
  again.

Unsubscribe from the private topic once it has answered. Every subscription of a complete private
topic is answered, under load later; a malformed one never. So without an answer for 10 s (the
connection may have been lost) ask again with a fresh nonce. `sys,tails,` and other system topics
can be asked too. To join a variant (`quote@250,AAPL,`) ask for that variant: it has a sequence of
its own, and exists while somebody subscribes to it.

**Demand.** Where `hello` lists the capability `auto_watch`, a subscription to a symbol's public
topic also makes the gateway watch the symbol, as long as it lasts; a private topic or a kind
prefix does not. Elsewhere take a lease with `subscribe`. A symbol that nobody watches answers
`closed`, cause `not_subscribed`.

**Sequences** are judged for each public topic by (epoch, sequence) of its last message:

| next message | means | do |
|---|---|---|
| same epoch, +1 | all is well | apply |
| same epoch, more than +1 | messages were lost | join again; lost events: `replay` |
| same epoch, not greater | a repeat | drop it, unless it has REPLAY or BACKFILL |
| greater epoch | the gateway runs anew | forget all sequences, join every topic again |
| smaller epoch | from an earlier run | drop it |

On a *public* topic SNAPSHOT marks a value that is told again without a new event, such as at a
change of staleness: it counts like any other message. On a private topic it repeats the public
sequence.

**Tails.** `sys,tails,` names topics that were quiet for a second, each with the sequence of its
last message: all up to it were sent before. A greater one than yours is a loss of the last
messages. Its own sequence is `tails_sequence` in the heartbeat, so that a lost announcement
shows: join your topics again then. With keys, tails of your topics come on `~<token>.sys,client,`
instead (`subscribe` with `data_token`), and `tails_sequence` is 0.

**Silence.** `sys,heartbeat,` comes every second. After three seconds without one, close the
socket, make a new one, subscribe and join again. Keep epoch and sequences: they tell what was
lost. A program that was itself stopped should first read what waits.

**Staleness.** When a symbol's source is not live, `quote`, `summary` and `book` are told again at
once with STALE, and without it when it is live again. Events are not: whether the last trade is
fresh, and why anything is not, says `state,<symbol>,`; refusals (`refused`, `symbol_not_found`)
come there too.

**Encoding.** The body is exactly one msgpack array, with nothing behind it. Text is msgpack
`str`; requests with `bin` keys are refused. The shortest decimal text that reads back as the same
double is the vendor's price (up to 15 digits, and never more than 17 where your language prints
them). A vendor's symbol has 1 to 48 characters; the topic's second part at most 64.
"""
