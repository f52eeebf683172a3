/* The kernel of dsp/_pulse.pyx as anybody would write it in C. See dsp_plain.py. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 64, LEAD = 20, WIDTH = 8 };

typedef struct {
    long smooth, slow, peak, beat, nearest, longest, size;
    double offset, forget, alike, grid;
    long at, run, block, last_peak, pending, pending_peak, learned, rejected;
    double smooth_sum, slow_sum, peak_sum, beat_sum, energy, rise, template[POINTS];
    double *raw, *squared, *out;
} PlainPulse;

static double raw_at(const PlainPulse *p, long number)
{
    return p->raw[number & (p->size - 1)];
}

static void slide(const PlainPulse *p, double *sum, const double *ring, long newest, long length, long run)
{
    const long mask = p->size - 1;
    if (run <= 0) return;
    if (run % length == 0) {
        *sum = 0.0;
        for (long at = 0; at < length; at++) *sum += ring[(newest - at) & mask];
        return;
    }
    *sum += ring[newest & mask];
    if (run > length) *sum -= ring[(newest - length) & mask];
}

static void normalise(double *shape)
{
    double mean = 0.0, size = 0.0;
    for (int at = 0; at < POINTS; at++) mean += shape[at];
    mean /= POINTS;
    for (int at = 0; at < POINTS; at++) {
        shape[at] -= mean;
        size += shape[at] * shape[at];
    }
    size = sqrt(size);
    for (int at = 0; at < POINTS; at++) shape[at] = size > 0.0 ? shape[at] / size : 0.0;
}

static double resemblance(PlainPulse *p, long peak)
{
    double shape[POINTS], alike = NAN;
    const long first = p->at - p->run + 1;
    for (int at = 0; at < POINTS; at++) {
        const double where = (at - LEAD) * p->grid;
        long below = (long)floor(where);
        const double share = where - below;
        below = first > peak + below ? first : peak + below;
        shape[at] = (1.0 - share) * raw_at(p, below) + share * raw_at(p, below + 1);
    }
    normalise(shape);
    if (p->learned > 0) {
        alike = 0.0;
        for (int at = 0; at < POINTS; at++) alike += shape[at] * p->template[at];
        if (alike < p->alike) {
            if (++p->rejected < 5) return alike;
            p->learned = 0;
        }
    }
    p->rejected = 0;
    p->learned = p->learned + 1 < 8 ? p->learned + 1 : 8;
    const double weight = 1.0 / p->learned;
    for (int at = 0; at < POINTS; at++) p->template[at] += (shape[at] - p->template[at]) * weight;
    normalise(p->template);
    return alike;
}

static void beat_between(PlainPulse *p, long foot, long peak, long next_foot)
{
    double *made = p->out, mean = 0.0;
    for (long at = foot; at < next_foot; at++) mean += raw_at(p, at);
    made[0] = foot;
    made[1] = peak;
    made[2] = next_foot;
    made[3] = raw_at(p, foot);
    made[4] = raw_at(p, peak);
    made[5] = mean / (next_foot - foot);
    made[6] = resemblance(p, peak);
    made[7] = p->learned;
    p->out += WIDTH;
}

static long foot_of(const PlainPulse *p, long peak)
{
    const long reach = p->smooth / 2 > 1 ? p->smooth / 2 : 1, begun = p->at - p->run + 1 + reach;
    const long earliest = peak - 2 * p->nearest > begun ? peak - 2 * p->nearest : begun;
    const long until = peak - p->nearest > earliest ? peak - p->nearest : earliest;
    long steepest = peak;
    double most = 0.0;
    for (long at = peak - reach; at >= until; at--) {
        const double rise = raw_at(p, at + reach) - raw_at(p, at - reach);
        if (rise > most) {
            most = rise;
            steepest = at;
        }
    }
    long at = steepest;
    while (at > earliest && raw_at(p, at + reach) - raw_at(p, at - reach) > 0.05 * most) at--;
    return at;
}

static void found(PlainPulse *p, long begin, long end)
{
    long peak = begin;
    for (long at = begin; at < end; at++) {
        if (raw_at(p, at) > raw_at(p, peak)) peak = at;
    }
    if (p->last_peak >= 0 && peak - p->last_peak < p->nearest) return;
    const long foot = foot_of(p, peak);
    const double rise = raw_at(p, peak) - raw_at(p, foot);
    if (p->last_peak >= 0 && peak - p->last_peak < 2 * p->nearest && rise < 0.5 * p->rise) return;
    p->rise = rise;
    p->last_peak = peak;
    if (p->pending >= 0 && foot - p->pending <= p->longest) beat_between(p, p->pending, p->pending_peak, foot);
    p->pending = foot;
    p->pending_peak = peak;
}

static void sample(PlainPulse *p, double value)
{
    const long now = p->at, mask = p->size - 1;
    p->raw[now & mask] = value;
    p->run++;
    const long late = p->smooth / 2 - p->slow / 2;
    slide(p, &p->smooth_sum, p->raw, now + late, p->smooth, p->run + late);
    slide(p, &p->slow_sum, p->raw, now, p->slow, p->run);
    if (p->run < p->slow) return;
    const long centre = now - p->slow / 2, run = p->run - (p->slow - 1);
    const double wave = p->smooth_sum / p->smooth - p->slow_sum / p->slow;
    const double energy = wave * wave * (wave > 0.0);
    p->squared[centre & mask] = energy;
    const double most = 4.0 * p->energy;
    p->energy += ((p->energy > 0.0 && most < energy ? most : energy) - p->energy) * p->forget;
    const long back = p->peak / 2 - p->beat / 2;
    slide(p, &p->peak_sum, p->squared, centre + back, p->peak, run + back);
    slide(p, &p->beat_sum, p->squared, centre, p->beat, run);
    if (run < p->beat) return;
    const long judged = now - p->slow / 2 - p->beat / 2;
    const int inside = p->peak_sum / p->peak > p->beat_sum / p->beat + p->offset * p->energy;
    if (inside && p->block < 0) {
        p->block = judged;
    } else if (!inside && p->block >= 0) {
        if (judged - p->block >= p->peak) found(p, p->block, judged);
        p->block = -1;
    }
}

static __attribute__((noinline)) void push(PlainPulse *p, const double *samples, long frames)
{
    for (long n = 0; n < frames; n++) {
        if (isfinite(samples[n])) {
            sample(p, samples[n]);
        } else {
            p->smooth_sum = p->slow_sum = p->peak_sum = p->beat_sum = p->energy = p->rise = 0.0;
            p->run = 0;
            p->block = p->last_peak = p->pending = p->pending_peak = -1;
        }
        p->at++;
    }
}

/* counts: smooth, slow, peak, beat, nearest, longest. numbers: offset, forget, alike, grid. */
long plain_pulse_run(
    const long *counts, const double *numbers, const double *samples, long frames, long chunk, double *out)
{
    PlainPulse p = {.block = -1, .last_peak = -1, .pending = -1, .pending_peak = -1, .size = 1, .out = out};
    memcpy(&p.smooth, counts, 6 * sizeof *counts);
    memcpy(&p.offset, numbers, 4 * sizeof *numbers);
    while (p.size < 2 * p.longest + p.slow + p.beat + p.peak + p.smooth + 2) p.size *= 2;
    p.raw = calloc(2 * p.size, sizeof(double));
    p.squared = p.raw + p.size;
    for (long at = 0; at < frames; at += chunk) {
        push(&p, samples + at, frames - at < chunk ? frames - at : chunk);
    }
    free(p.raw);
    return p.out - out;
}
