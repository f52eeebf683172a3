/* The far ends of the wires of ``bench.latency``: writes sensor frames, stamps commands.
 *
 * ``latency_tap HUB STIMULATOR RELAY_IN RELAY_OUT DEVICES``: numbers of open descriptors; the first four
 * are masters of pseudo-terminals, DEVICES a socket of packets to the simulated devices.
 *
 * Every 2 ms by an absolute schedule (which it begins anew, a slip, where it was itself kept waiting for more
 * than 250 us: a hub does not send two packets at once) it makes a packet of the hub (8 EMG channels of 4
 * frames, 2 of force, 1 of PPG, in every tenth packet 1 of NIRS with 4 channels; ``firmware_bridge.hub``, ``firmware_bridge.ecp``) and writes it to the hub's port; 1 ms later it writes
 * the same frame to the plain relay.  An instant is taken just before ``write`` (the reader may have answered
 * when it returns, so this is never too short), and when the first bytes of an answer are there.
 *
 * Of a ScienceMode4 frame (``drivers.sciencemode4``) only command and current are looked at.  Force above and
 * below the target takes turns: an update to a lower current answers a packet of the first kind, one to a
 * higher current one of the second; what does not answer the last packet came late, for the one before.
 *
 * Updates are acknowledged here, in the instant: a device's answer is no part of what is measured, and another
 * process on two busy processors would often answer after the next packet.  Everything also goes to the
 * simulated device, whose own answer to an update is compared with ours and dropped.
 *
 * Words from the devices: H bytes for the hub's port, S bytes for the stimulator's, G the hub streams.  Words to
 * them: h and s.  Words on standard input: M measure from now on, E tell and end.  What it tells: one line for
 * each answer ("loop", "relay": ns; "late": ns, after the next packet), then the counts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { HUB, STIMULATOR, RELAY_OUT, DEVICES, WORDS, ENDS };
enum { UPDATE = 32, STOP = 34, MOST = 1 << 22, LONGEST = 256 };

#define PERIOD_NS 2000000LL
#define SETTLING 100 /* packets from the first update of a contraction on: the plan learns that it runs */
#define REST_COUNT 8192
#define TARGET_COUNT (REST_COUNT + 170940) /* 20 N */
#define STEP_COUNT 25641                   /* 3 N */

typedef struct { unsigned char bytes[LONGEST]; int length; } Frame;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* --- the hub's packet --- */

static uint16_t crc_table[256];

static void make_table(void) {
    for (int at = 0; at < 256; at++) {
        uint16_t crc = (uint16_t)(at << 8);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
        crc_table[at] = crc;
    }
}

static unsigned char *put(unsigned char *to, uint32_t value, int bytes) {
    for (int at = 0; at < bytes; at++) *to++ = (unsigned char)(value >> 8 * at);
    return to;
}

static Frame sample_frame(uint32_t counter, int32_t force) {
    static uint32_t noise = 1;
    unsigned char payload[LONGEST], *to = payload;
    to = put(to, 0xD0, 1);
    to = put(to, counter % 10 == 9 ? 104 : 90, 1);
    int lit = counter % 10 == 9;
    to = put(to, lit ? 15 : 7, 3);                            /* layout, flags, electrodes off */
    to = put(to, counter, 2);
    to = put(to, (uint32_t)((counter * 2000ULL) & ((1u << 30) - 1)), 4);
    to = put(to, counter * 4, 2);
    for (int at = 0; at < 32; at++) {
        noise = noise * 1664525u + 1013904223u;
        to = put(to, (uint32_t)((int32_t)(noise >> 22) - 512), 2);
    }
    to = put(to, counter * 2, 2);
    to = put(put(to, (uint32_t)force, 3), (uint32_t)force, 3);
    to = put(to, counter, 2);
    to = put(to, 100000 + (noise >> 24), 3);
    if (lit) {
        to = put(to, counter / 10, 2);
        for (int at = 0; at < 4; at++) to = put(to, 50000 + (noise >> 25) + (uint32_t)at, 3);
    }
    uint16_t crc = 0xFFFF;
    for (unsigned char *at = payload; at < to; at++)
        if (at != payload + 1) crc = (uint16_t)(crc << 8 ^ crc_table[crc >> 8 ^ *at]);
    to = put(to, crc, 2);
    Frame frame = {{0xFF, 0xF1}, 2};
    for (unsigned char *at = payload; at < to; at++) {
        frame.bytes[frame.length++] = *at;
        if (*at == 0xFF) frame.bytes[frame.length++] = 0xFF;
    }
    frame.bytes[frame.length++] = 0xFF;
    frame.bytes[frame.length++] = 0xF2;
    return frame;
}

/* --- what is waited for --- */

static int ends[ENDS], hub_in, relay_in;
static int streaming, measuring, flowing, since_flow;
static uint32_t counter;
static int64_t written_ns, before_ns, relay_ns;
static int level, due, counted, before_due;     /* of the packet that was written last; of the one before */
static int current;                             /* of the last update */
static long decisions, commands, missed, relay_decisions, relay_missed, slips, loops, relays, lates;
static uint32_t *loop_ns, *relay_all_ns, *late_ns;

static void miss_what_is_due(void) {
    if (due && counted) missed++;
    before_due = due && counted;
    before_ns = written_ns;
    due = 0;
}

/* The current of the first point of an update, in steps of the device; its body begins with the command. */
static int current_of(const unsigned char *body, int length) {
    unsigned char plain[16];
    int count = 0;
    for (int at = 0; at < length && count < 16; at++)
        plain[count++] = body[at] == 0x81 && at + 1 < length ? body[++at] ^ 0x55 : body[at];
    return count < 9 ? 0 : (plain[6] << 8 | plain[7]) >> 2 & 0x3FF;
}

static void update(const unsigned char *body, int length, int64_t at_ns) {
    int before = current, rises;
    current = current_of(body, length);
    rises = current > before;
    if (!flowing) {
        flowing = 1;
        since_flow = 0;
    } else if (due && rises == !level) {
        due = 0;
        if (!counted) return;
        commands++;
        if (loops < MOST) loop_ns[loops++] = (uint32_t)(at_ns - written_ns);
    } else if (before_due) {
        before_due = 0;
        if (lates < MOST) late_ns[lates++] = (uint32_t)(at_ns - before_ns);
    }
}

static void stop(void) {
    flowing = 0;
    if (due && counted) decisions--; /* the contraction has ended before this packet */
    due = before_due = 0;
}

/* The device's answer to an update, at once; the simulated device says later whether it would have been this. */
static void acknowledge(const unsigned char *frame) {
    unsigned char first = frame[9] == 0x81 ? frame[10] ^ 0x55 : frame[9];
    unsigned char body[8], said[24] = {0xF0};
    int length = 0;
    if (first == 0xF0) body[length++] = 0x81, body[length++] = first ^ 0x55;
    else body[length++] = first;
    body[length++] = UPDATE + 1;
    body[length++] = 0;
    uint16_t crc = 0;
    for (int at = 0; at < length; at++) crc = (uint16_t)(crc << 8 ^ crc_table[crc >> 8 ^ body[at]]);
    int size = length + 10, put_at = 1;
    unsigned char places[4] = {(unsigned char)(size >> 8), (unsigned char)size, (unsigned char)(crc >> 8),
                               (unsigned char)crc};
    for (int at = 0; at < 4; at++) said[put_at++] = 0x81, said[put_at++] = places[at] ^ 0x55;
    memcpy(said + put_at, body, (size_t)length);
    said[size - 1] = 0x0F;
    if (write(ends[STIMULATOR], said, (size_t)size) != size) exit(1);
}

static void commands_in(const unsigned char *got, int length, int64_t at_ns) {
    for (int at = 0; at + 12 <= length && got[at] == 0xF0;) {
        int size = (got[at + 2] ^ 0x55) << 8 | (got[at + 4] ^ 0x55);
        if (size < 12 || at + size > length) return;
        int command_at = got[at + 9] == 0x81 ? 11 : 10;
        if (got[at + command_at] == UPDATE) {
            update(got + at + command_at, size - command_at - 1, at_ns);
            acknowledge(got + at);
        }
        if (got[at + command_at] == STOP) stop();
        at += size;
    }
}

/* --- wires --- */

static void carry(int source, char word, int64_t at_ns) {
    unsigned char got[2048];
    ssize_t length = read(ends[source], got + 1, sizeof got - 1);
    if (length <= 0) return;
    if (source == STIMULATOR) commands_in(got + 1, (int)length, at_ns);
    got[0] = (unsigned char)word;
    if (write(ends[DEVICES], got, (size_t)length + 1) < 0) exit(1);
}

static void devices_said(void) {
    unsigned char got[2048];
    ssize_t length = read(ends[DEVICES], got, sizeof got);
    if (length <= 0) exit(0);
    if (got[0] == 'G') streaming = 1, counter = 0;
    int to = got[0] == 'H' ? ends[HUB] : got[0] == 'S' ? ends[STIMULATOR] : -1;
    if (to >= 0 && write(to, got + 1, (size_t)length - 1) < 0 && errno != EAGAIN) exit(1);
}

static void relay_said(int64_t at_ns) {
    unsigned char got[2048];
    if (read(ends[RELAY_OUT], got, sizeof got) <= 0) return;
    if (relay_ns && measuring && relays < MOST) relay_all_ns[relays++] = (uint32_t)(at_ns - relay_ns);
    relay_ns = 0;
}

static void tell(void) {
    for (long at = 0; at < loops; at++) printf("loop %u\n", loop_ns[at]);
    for (long at = 0; at < lates; at++) printf("late %u\n", late_ns[at]);
    for (long at = 0; at < relays; at++) printf("relay %u\n", relay_all_ns[at]);
    printf("decisions %ld commands %ld missed %ld ", decisions, commands, missed);
    printf("c_decisions %ld c_missed %ld slips %ld\n", relay_decisions, relay_missed, slips);
    exit(0);
}

static void word(void) {
    char got[16];
    ssize_t length = read(ends[WORDS], got, sizeof got);
    if (length <= 0) exit(0);
    if (memchr(got, 'M', (size_t)length)) measuring = 1;
    if (memchr(got, 'E', (size_t)length)) tell();
}

static Frame packet(void) {
    static Frame frame;
    if (!streaming) return frame;
    miss_what_is_due();
    int regulated = flowing && since_flow++ >= SETTLING;
    level = (int)(counter & 1);
    int force = regulated ? TARGET_COUNT + (level ? STEP_COUNT : -STEP_COUNT) : REST_COUNT;
    frame = sample_frame(counter++, force);
    counted = regulated && measuring && since_flow > SETTLING + 4;
    decisions += counted;
    written_ns = now_ns();
    ssize_t sent = write(hub_in, frame.bytes, (size_t)frame.length);
    due = regulated;
    if (sent != frame.length) fprintf(stderr, "latency_tap: the hub's port takes no more\n");
    return frame;
}

static void relay(const Frame *frame) {
    if (!frame->length) return;
    relay_decisions += measuring;
    relay_missed += measuring && relay_ns;
    relay_ns = now_ns();
    if (write(relay_in, frame->bytes, (size_t)frame->length) != frame->length) exit(1);
}

static void wait_until(int64_t until_ns) {
    struct pollfd polled[ENDS];
    for (int at = 0; at < ENDS; at++) polled[at] = (struct pollfd){ends[at], POLLIN, 0};
    for (;;) {
        int64_t left_ns = until_ns - now_ns();
        if (left_ns <= 0) return;
        struct timespec left = {left_ns / 1000000000, left_ns % 1000000000};
        int ready = ppoll(polled, ENDS, &left, NULL);
        int64_t at_ns = now_ns();
        if (ready <= 0) continue;
        if (polled[STIMULATOR].revents) carry(STIMULATOR, 's', at_ns);
        if (polled[RELAY_OUT].revents) relay_said(at_ns);
        if (polled[HUB].revents) carry(HUB, 'h', at_ns);
        if (polled[DEVICES].revents) devices_said();
        if (polled[WORDS].revents) word();
    }
}

int main(int count, char **words) {
    if (count != 6) return 2;
    hub_in = ends[HUB] = atoi(words[1]);
    ends[STIMULATOR] = atoi(words[2]);
    relay_in = atoi(words[3]);
    ends[RELAY_OUT] = atoi(words[4]);
    ends[DEVICES] = atoi(words[5]);
    ends[WORDS] = STDIN_FILENO;
    loop_ns = calloc(MOST, sizeof *loop_ns);
    relay_all_ns = calloc(MOST, sizeof *relay_all_ns);
    late_ns = calloc(MOST, sizeof *late_ns);
    if (!loop_ns || !relay_all_ns || !late_ns) return 1;
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    make_table();
    for (int64_t due_ns = now_ns();; due_ns += PERIOD_NS) {
        int64_t late_by_ns = now_ns() - due_ns;
        if (late_by_ns > PERIOD_NS / 8) {
            due_ns += late_by_ns;
            slips += measuring;
        }
        Frame frame = packet();
        wait_until(due_ns + PERIOD_NS / 2);
        relay(&frame);
        wait_until(due_ns + PERIOD_NS);
    }
}
