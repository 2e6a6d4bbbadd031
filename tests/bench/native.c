/* What the benchmark needs without an interpreter: the forwarder that is the limit, and a reader
   that is never in the way. libzmq's functions are handed in: it is the one that pyzmq brought,
   whose headers nobody has. POSIX only. */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DONT_WAIT 1
#define SEND_MORE 2
#define POLL_IN 1
#define BURST 512
#define SOCKETS_MAX 256

typedef int (*send_function)(void *socket, const void *data, size_t size, int flags);
typedef int (*receive_function)(void *socket, void *data, size_t size, int flags);
typedef struct {
    void *socket;
    int descriptor;
    short events, found;
} poll_item;
typedef int (*poll_function)(poll_item *items, int count, long timeout_ms);

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Where a line's topic ends: behind its second comma. */
static size_t topic_size(const char *line, size_t size)
{
    const char *first = memchr(line, ',', size);
    if (first == NULL)
        return size;
    const char *second = memchr(first + 1, ',', size - (size_t)(first + 1 - line));
    return second == NULL ? size : (size_t)(second + 1 - line);
}

/* Send every line as it is, in one frame or with its topic in a frame of its own, until the
   connection ends. Returns how many; -1 when something failed. */
int64_t forward(send_function send, void *socket, int descriptor, int frames)
{
    static char buffer[1 << 18];
    size_t held = 0;
    int64_t count = 0;
    for (;;) {
        ssize_t got = read(descriptor, buffer + held, sizeof buffer - held);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : count;
        held += (size_t)got;
        const char *line = buffer, *end = buffer + held, *stop;
        while ((stop = memchr(line, '\n', (size_t)(end - line))) != NULL) {
            size_t size = (size_t)(stop - line);
            if (size && line[size - 1] == '\r')
                size--;
            size_t topic = frames == 2 ? topic_size(line, size) : 0;
            if (topic && send(socket, line, topic, SEND_MORE) < 0)
                return -1;
            if (send(socket, line + topic, size - topic, 0) < 0)
                return -1;
            count++;
            line = stop + 1;
        }
        held = (size_t)(end - line);
        memmove(buffer, line, held);
        if (held == sizeof buffer)
            return -1;
    }
}

/* Instead of libzmq's function, for whoever asks what everything but sending costs. */
int drop(void *socket, const void *data, size_t size, int flags)
{
    (void)socket, (void)data, (void)flags;
    return (int)size;
}

struct reading {
    const char *start, *end;
    int start_size, end_size, frames;
    int64_t *counts, *last_ns, *stamps;
    int64_t stamps_max;
    int has_begun[SOCKETS_MAX], phase[SOCKETS_MAX], is_done[SOCKETS_MAX];
};

/* Take note of one frame; whether its socket has all. */
static int note(struct reading *all, int place, const char *frame, int size)
{
    int is_topic = all->phase[place] == 0;
    all->phase[place] = (all->phase[place] + 1) % all->frames;
    if (!is_topic)
        return 0;
    if (!all->has_begun[place]) {
        all->has_begun[place] = size >= all->start_size
                                && !memcmp(frame, all->start, (size_t)all->start_size);
        return 0;
    }
    if (all->stamps != NULL && place == 0 && all->counts[0] < all->stamps_max)
        all->stamps[all->counts[0]] = now_ns();
    all->counts[place]++;
    if (size < all->end_size || memcmp(frame, all->end, (size_t)all->end_size))
        return 0;
    *all->last_ns = now_ns();
    return 1;
}

/* Read sockets until each has had the message that begins with `end`. What comes after the
   first message that begins with `start` is counted. `last_ns` gets the moment of the
   last end, `stamps` those of the first socket's messages. Returns 0, or -1 when
   nothing came for too long. */
int drain(receive_function receive, poll_function poll, void **sockets, int socket_count,
          const char *start, int start_size, const char *end, int end_size,
          int frames, int64_t *counts, int64_t *last_ns, int64_t *stamps, int64_t stamps_max,
          long timeout_ms)
{
    static char buffer[1 << 16];
    static struct reading all;
    poll_item items[SOCKETS_MAX];
    int waiting = socket_count;
    if (socket_count > SOCKETS_MAX)
        return -1;
    memset(&all, 0, sizeof all);
    all = (struct reading){.start = start, .end = end, .start_size = start_size,
                           .end_size = end_size, .frames = frames,
                           .counts = counts, .last_ns = last_ns, .stamps = stamps,
                           .stamps_max = stamps_max};
    while (waiting) {
        int found = 0, polled = 0;
        for (int place = 0; place < socket_count; place++) {
            for (int taken = 0; taken < BURST && !all.is_done[place]; taken++) {
                int size = receive(sockets[place], buffer, sizeof buffer, DONT_WAIT);
                if (size < 0)
                    break;
                found = 1;
                all.is_done[place] = note(&all, place, buffer, size);
                waiting -= all.is_done[place];
            }
            if (!all.is_done[place])
                items[polled++] = (poll_item){sockets[place], 0, POLL_IN, 0};
        }
        if (!found && waiting && poll(items, polled, timeout_ms) <= 0)
            return -1;
    }
    return 0;
}
