/* The kernels of dsp/_oscillometry.pyx as anybody would write them in C. See dsp_plain.py. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    long smooth, slow, every, taken, valid;
    int64_t sums[4], *raw, *slow_once, *waiting, *smooth_once;
} PlainSplit;

static __attribute__((noinline)) double *split(PlainSplit *p, const double *chunk, long frames, double *out)
{
    const double unit = 1048576.0;
    const double of_smooth = unit * p->smooth * p->smooth, of_slow = unit * p->slow * p->slow;
    for (long n = 0; n < frames; n++) {
        const long here = p->taken % p->slow, behind = (p->taken + p->slow - p->smooth) % p->slow;
        const long due = (p->taken + p->smooth) % p->slow, near = p->taken % p->smooth;
        int64_t frame = 0;
        if (isfinite(chunk[n]) && fabs(chunk[n]) <= 1000.0) {
            frame = (int64_t)floor(chunk[n] * unit + 0.5);
            p->valid++;
        } else {
            p->valid = 0;
        }
        p->sums[0] += frame - p->raw[behind];
        p->sums[1] += p->sums[0] - p->smooth_once[near];
        p->smooth_once[near] = p->sums[0];
        p->waiting[here] = p->sums[1];
        p->sums[2] += frame - p->raw[here];
        p->raw[here] = frame;
        p->sums[3] += p->sums[2] - p->slow_once[here];
        p->slow_once[here] = p->sums[2];
        p->taken++;
        if (p->taken % p->every) continue;
        const double level = p->sums[3] / of_slow;
        const int known = p->valid >= 2 * p->slow - 1;
        *out++ = known ? level : NAN;
        *out++ = known ? p->waiting[due] / of_smooth - level : NAN;
    }
    return out;
}

long plain_split_run(
    long smooth, long slow, long every, const double *pressures, long frames, long chunk, double *out)
{
    PlainSplit p = {.smooth = smooth, .slow = slow, .every = every};
    p.raw = calloc(3 * slow + smooth, sizeof(int64_t));
    p.slow_once = p.raw + slow;
    p.waiting = p.slow_once + slow;
    p.smooth_once = p.waiting + slow;
    double *written = out;
    for (long at = 0; at < frames; at += chunk) {
        written = split(&p, pressures + at, frames - at < chunk ? frames - at : chunk, written);
    }
    free(p.raw);
    return written - out;
}

static int is_peak(const double *split, long at, long reach, long frames)
{
    const double here = split[2 * at + 1];
    if (!isfinite(here)) return 0;
    for (long near = at > reach ? at - reach : 0; near < at; near++) {
        if (split[2 * near + 1] >= here) return 0;
    }
    for (long near = at + 1; near < frames && near <= at + reach; near++) {
        if (split[2 * near + 1] > here) return 0;
    }
    return 1;
}

static long foot(const double *split, long begin, long end)
{
    long lowest = begin;
    for (long at = begin; at < end; at++) {
        if (!isfinite(split[2 * at + 1])) return -1;
        if (split[2 * at + 1] <= split[2 * lowest + 1]) lowest = at;
    }
    return lowest;
}

/* Peaks, and of each its height over the line between its feet and how far the course moved. */
long plain_beats(const double *split, long frames, long reach, long widest, int64_t *found, double *out)
{
    long number = 0;
    for (long at = reach; at < frames - reach; at++) {
        if (is_peak(split, at, reach, frames)) {
            found[number++] = at;
            at += reach;
        }
    }
    for (long nth = 0; nth < number; nth++) {
        out[2 * nth] = out[2 * nth + 1] = NAN;
        if (nth == 0 || nth == number - 1) continue;
        const long at = found[nth];
        const long left = found[nth - 1] > at - widest ? found[nth - 1] : at - widest;
        const long right = found[nth + 1] < at + widest ? found[nth + 1] : at + widest;
        const long before = foot(split, left, at), after = foot(split, at + 1, right);
        if (before < 0 || after < 0) continue;
        const double share = (double)(at - before) / (double)(after - before);
        const double low = split[2 * before + 1], high = split[2 * after + 1];
        out[2 * nth] = split[2 * at + 1] - (low + share * (high - low));
        out[2 * nth + 1] = split[2 * after] - split[2 * before];
    }
    return 2 * number;
}
