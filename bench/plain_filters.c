/* The kernels of dsp/_filters.pyx as anybody would write them in C. See dsp_plain.py.
 *
 * Eight channels and four sections are constants: the compiler may use them. Same arithmetic, same bits.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { CHANNELS = 8, SECTIONS = 4, FLUSH = 64, MOST_TAPS = 1024, MOST_WINDOW = 1001 };

typedef struct {
    double k[SECTIONS][4]; /* b1, b2, a1, a2 */
    double gain;
    long frame;
    int settled[CHANNELS];
    double s1[SECTIONS][CHANNELS], s2[SECTIONS][CHANNELS], held[CHANNELS];
} PlainSos;

static void settle(PlainSos *p, int c, double x)
{
    for (int s = 0; s < SECTIONS; s++) {
        const double *k = p->k[s];
        const double y = x * ((1.0 + k[0] + k[1]) / (1.0 + k[2] + k[3]));
        p->s1[s][c] = y - x;
        p->s2[s][c] = k[1] * x - k[3] * y;
        x = y;
    }
    p->settled[c] = 1;
}

static void sections(PlainSos *p, double *x)
{
    for (int s = 0; s < SECTIONS; s++) {
        const double *k = p->k[s];
        for (int c = 0; c < CHANNELS; c++) {
            const double y = x[c] + p->s1[s][c];
            p->s1[s][c] = (k[0] * x[c] + p->s2[s][c]) - k[2] * y;
            p->s2[s][c] = k[1] * x[c] - k[3] * y;
            x[c] = y;
        }
    }
    if (++p->frame % FLUSH == 0) {
        for (int s = 0; s < SECTIONS; s++) {
            for (int c = 0; c < CHANNELS; c++) {
                if (fabs(p->s1[s][c]) < 1e-150) p->s1[s][c] = 0.0;
                if (fabs(p->s2[s][c]) < 1e-150) p->s2[s][c] = 0.0;
            }
        }
    }
}

#define SOS_PUSH(name, Number)                                                                             \
    __attribute__((noinline)) void name(PlainSos *p, const Number *raw, long frames, double *out)          \
    {                                                                                                      \
        for (long n = 0; n < frames; n++, raw += CHANNELS, out += CHANNELS) {                              \
            double x[CHANNELS];                                                                            \
            int gap = 0;                                                                                   \
            for (int c = 0; c < CHANNELS; c++) {                                                           \
                x[c] = (double)raw[c] * p->gain;                                                           \
                if (!isfinite(x[c])) {                                                                     \
                    gap |= 1 << c;                                                                         \
                    x[c] = p->held[c];                                                                     \
                } else if (!p->settled[c]) {                                                               \
                    settle(p, c, x[c]);                                                                    \
                }                                                                                          \
                p->held[c] = x[c];                                                                         \
            }                                                                                              \
            sections(p, x);                                                                                \
            for (int c = 0; c < CHANNELS; c++) out[c] = gap >> c & 1 ? NAN : x[c];                         \
        }                                                                                                  \
    }

SOS_PUSH(plain_sos_push_double, double)
SOS_PUSH(plain_sos_push_int16, int16_t)

#define SOS_RUN(name, push, Number)                                                                        \
    long name(const double *numbers, const Number *raw, long frames, long chunk, double *out)              \
    {                                                                                                      \
        PlainSos p;                                                                                        \
        memset(&p, 0, sizeof p);                                                                           \
        memcpy(p.k, numbers, sizeof p.k);                                                                  \
        p.gain = numbers[4 * SECTIONS];                                                                    \
        for (long at = 0; at < frames; at += chunk) {                                                      \
            push(&p, raw + at * CHANNELS, frames - at < chunk ? frames - at : chunk, out + at * CHANNELS); \
        }                                                                                                  \
        return frames * CHANNELS;                                                                          \
    }

/* numbers: the sections, the gain. */
SOS_RUN(plain_sos_run_double, plain_sos_push_double, double)
SOS_RUN(plain_sos_run_int16, plain_sos_push_int16, int16_t)

/* Decimation: eight channels of float64. */
typedef struct {
    long taps, factor, slot, frame;
    const double *tap;
    double ring[2 * MOST_TAPS][CHANNELS];
} PlainDecimator;

static __attribute__((noinline)) double *decimate(PlainDecimator *p, const double *raw, long frames, double *out)
{
    for (long n = 0; n < frames; n++, raw += CHANNELS) {
        memcpy(p->ring[p->slot], raw, sizeof p->ring[0]);
        memcpy(p->ring[p->slot + p->taps], raw, sizeof p->ring[0]);
        p->slot = p->slot + 1 < p->taps ? p->slot + 1 : 0;
        p->frame++;
        if (p->frame < p->taps || (p->frame - p->taps) % p->factor) continue;
        double total[CHANNELS] = {0};
        for (long t = 0; t < p->taps; t++) {
            for (int c = 0; c < CHANNELS; c++) total[c] += p->tap[t] * p->ring[p->slot + t][c];
        }
        for (int c = 0; c < CHANNELS; c++) *out++ = isfinite(total[c]) ? total[c] : NAN;
    }
    return out;
}

long plain_decimator_run(
    const double *tap, long taps, long factor, const double *raw, long frames, long chunk, double *out)
{
    static PlainDecimator p;
    memset(&p, 0, sizeof p);
    p.tap = tap;
    p.taps = taps;
    p.factor = factor;
    double *written = out;
    for (long at = 0; at < frames; at += chunk) {
        written = decimate(&p, raw + at * CHANNELS, frames - at < chunk ? frames - at : chunk, written);
    }
    return written - out;
}

/* The median of the last `window` numbers of one channel: a sorted list that is kept. */
typedef struct {
    long window, slot, filled, count;
    double last[MOST_WINDOW], sorted[MOST_WINDOW];
} PlainMedian;

static long place(const double *values, long count, double value)
{
    long low = 0, high = count;
    while (low < high) {
        const long middle = (low + high) / 2;
        if (values[middle] < value) low = middle + 1;
        else high = middle;
    }
    return low;
}

static __attribute__((noinline)) double *median(PlainMedian *p, const double *raw, long frames, double *out)
{
    for (long n = 0; n < frames; n++) {
        double *oldest = &p->last[p->slot];
        if (p->filled == p->window && isfinite(*oldest)) {
            const long at = place(p->sorted, p->count, *oldest);
            memmove(p->sorted + at, p->sorted + at + 1, 8 * (p->count - at - 1));
            p->count--;
        }
        if (isfinite(raw[n])) {
            const long at = place(p->sorted, p->count, raw[n]);
            memmove(p->sorted + at + 1, p->sorted + at, 8 * (p->count - at));
            p->sorted[at] = raw[n];
            p->count++;
        }
        *oldest = raw[n];
        p->slot = p->slot + 1 < p->window ? p->slot + 1 : 0;
        if (p->filled < p->window) p->filled++;
        if (p->filled < p->window) continue;
        const long half = p->count / 2;
        if (p->count == 0) *out++ = NAN;
        else if (p->count % 2) *out++ = p->sorted[half];
        else *out++ = p->sorted[half - 1] / 2 + p->sorted[half] / 2;
    }
    return out;
}

long plain_median_run(long window, const double *raw, long frames, long chunk, double *out)
{
    PlainMedian p;
    memset(&p, 0, sizeof p);
    p.window = window;
    double *written = out;
    for (long at = 0; at < frames; at += chunk) {
        written = median(&p, raw + at, frames - at < chunk ? frames - at : chunk, written);
    }
    return written - out;
}
