#!/usr/bin/perl
# Quotes and trades of an IQFeed gateway: watch.pl SYMBOL... prints a line a message, notices as #.
# Written from WIRE.md alone; the gateway's data socket is IQFEED_GATEWAY_DATA.
use v5.36;
use Data::MessagePack;
use ZMQ::FFI qw(ZMQ_SUB ZMQ_SNDHWM ZMQ_RCVTIMEO);
my @FLAGS = qw(SNAPSHOT REPLAY BACKFILL CONFLATED STALE SUSPECT LAST DELAYED);
my %CARRIED = (quote => qr/^1$/, trade => qr/^2$/, sys => qr/^2[01]$/);    # message numbers
my %NAMES = (9 => [qw(state cause since_us)],
    1 => [qw(bid bid_size ask ask_size bid_us ask_us bid_market_center ask_market_center merged)],
    2 => [qw(price size trade_id market_center conditions basis aggressor total_volume bid ask)]);
my @topics = map { ("quote,$_,", "trade,$_,") } @ARGV or die "watch.pl SYMBOL...\n";
my ($context, $heard, $epoch, $socket, %last, %private, %asked) = (ZMQ::FFI->new, 0, 0);
open my $random, '<:raw', '/dev/urandom' or die "urandom: $!";
sub join_topic ($topic, $why) {
    say "# $why: joins $topic";
    $socket->unsubscribe($private{$topic}) if $private{$topic};
    read $random, my $nonce, 12;
    ($private{$topic}, $asked{$topic}) = ('~' . unpack('H*', $nonce) . ".$topic", time);
    $socket->subscribe($private{$topic});
}
sub follow ($topic, $sequence, $step) {    # step 0: a snapshot or tail, which repeats the last one
    my $expected = ($last{$topic} // $sequence - $step) + $step;
    my @lost = $sequence <= $expected ? () : $topic eq 'sys,tails,' ? @topics : $topic;
    join_topic($_, "gap ($topic $sequence instead of $expected)") for @lost;
    return $sequence >= $expected && defined($last{$topic} = $sequence);    # whether it is news
}
sub exact ($price) { (grep { $_ == $price } map { sprintf "%.${_}g", $price } 15 .. 17)[0] }
sub handle ($kind, $symbol, $packed) {
    my $step = $kind =~ s/^~\w+\.// ? 0 : 1;    # a private topic answers with a snapshot
    my ($topic, @body) = ("$kind,$symbol,", eval { @{Data::MessagePack->unpack($packed)} });
    my ($type, $run, $sequence, $flags) = @body;
    return if @body < 6 or $run < $epoch or $type !~ $CARRIED{$kind} and $step || $type != 9;
    if ($epoch and $run > $epoch) { %last = (); join_topic($_, "new epoch $run") for @topics }
    ($heard, $epoch) = (time, $run);
    if ($kind eq 'sys') {
        follow($topic, $sequence, 1) if $type == 21;
        my $ends = $body[6]{topics} // {'sys,tails,' => $body[6]{tails_sequence}};
        return map { follow($_, $ends->{$_}, 0) } grep { exists $ends->{$_} } 'sys,tails,', @topics;
    }
    $socket->unsubscribe(delete $private{$topic}) if !$step and $private{$topic};
    my $names = follow($topic, $sequence, $step) ? $NAMES{$type} : return;
    $_ = exact($_) for grep { defined } @body[$type == 1 ? (6, 8) : $type == 2 ? (6, 14, 15) : ()];
    my $marks = join '|', map { $flags >> $_ & 1 ? $FLAGS[$_] : () } 0 .. $#FLAGS;
    say join ' ', $type == 9 ? 'state' : $kind, $symbol, $sequence, $marks || '-',
        map { defined $body[6 + $_] ? "$names->[$_]=$body[6 + $_]" : () } 0 .. $#$names;
}
$| = 1;
while (1) {
    my $frame = $socket && eval { $socket->recv };    # undefined: nothing in 250 ms
    handle(split /,/, $frame, 3) if defined $frame;
    join_topic($_, 'no answer') for grep { time - $asked{$_} > 3 } sort keys %private;
    next if defined $frame or time - $heard <= 3;
    $socket = $context->socket(ZMQ_SUB);
    $socket->set(@$_) for [ZMQ_SNDHWM, 'int', 0], [ZMQ_RCVTIMEO, 'int', 250];
    $socket->connect($ENV{IQFEED_GATEWAY_DATA} // 'tcp://127.0.0.1:7700');
    $socket->subscribe($_) for 'sys,heartbeat,', 'sys,tails,', @topics;
    ($heard, %private) = time;
    join_topic($_, 'new socket') for @topics;
}
