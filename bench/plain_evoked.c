/* The kernels of dsp/_evoked.pyx as anybody would write them in C. See dsp_plain.py. */
#include <math.h>
#include <stdlib.h>

static int within(const double *sweep, long samples, double limit)
{
    for (long at = 0; at < samples; at++) {
        if (!(sweep[at] < limit && sweep[at] > -limit)) return 0;
    }
    return 1;
}

typedef struct {
    long samples, per_mean, summed;
    double limit, *sums;
} PlainMean;

static __attribute__((noinline)) double *mean(PlainMean *p, const double *sweep, long sweeps, double *out)
{
    for (long n = 0; n < sweeps; n++, sweep += p->samples) {
        if (!within(sweep, p->samples, p->limit)) continue;
        for (long at = 0; at < p->samples; at++) p->sums[at] += sweep[at];
        if (++p->summed < p->per_mean) continue;
        for (long at = 0; at < p->samples; at++) {
            *out++ = p->sums[at] / (double)p->per_mean;
            p->sums[at] = 0.0;
        }
        p->summed = 0;
    }
    return out;
}

long plain_mean_run(
    long samples, long per_mean, double limit, const double *sweeps, long number, long chunk, double *out)
{
    PlainMean p = {.samples = samples, .per_mean = per_mean, .limit = limit};
    p.sums = calloc(samples, sizeof(double));
    double *written = out;
    for (long at = 0; at < number; at += chunk) {
        written = mean(&p, sweeps + at * samples, number - at < chunk ? number - at : chunk, written);
    }
    free(p.sums);
    return written - out;
}

typedef struct {
    long artifact, begin, end, rest, least, floor, ceiling, since, seen, last, low, high, rise, fall, saturated, still, rested, calm_low, calm_high, calm;
} PlainResponses;

static __attribute__((noinline)) double *responses(
    PlainResponses *p, const short *frame, long frames, long channels, double *out)
{
    for (long n = 0; n < frames; n++, frame += channels) {
        const long x = *frame, step = labs(x - p->last);
        if (p->since >= 0) {
            const long at = ++p->since;
            if (at == p->begin) {
                p->low = p->high = x;
                p->rise = p->fall = p->saturated = 0;
            }
            if (at >= p->begin && at < p->end) {
                if (x - p->low > p->rise) p->rise = x - p->low;
                if (p->high - x > p->fall) p->fall = p->high - x;
                if (x < p->low) p->low = x;
                if (x > p->high) p->high = x;
                if (x <= p->floor || x >= p->ceiling) p->saturated = 1;
            }
            if (at == p->end - 1) {
                const int turns = p->rise >= p->least && p->fall >= p->least;
                *out++ = p->saturated ? -1.0 : turns ? p->high - p->low : 0.0;
            }
        }
        p->still = p->seen && x == p->last ? p->still + 1 : 0;
        const int free = p->since < 0 || p->since >= p->rest;
        if (p->seen && step >= p->artifact && free) {
            p->since = p->rested = 0;
        } else if (free) {
            if (p->rested == 0) p->calm_low = p->calm_high = x;
            if (x < p->calm_low) p->calm_low = x;
            if (x > p->calm_high) p->calm_high = x;
            if (++p->rested == p->end - p->begin) {
                p->calm = p->calm_high - p->calm_low;
                p->rested = 0;
            }
        }
        p->last = x;
        p->seen = 1;
    }
    return out;
}

long plain_responses_run(
    long channels, long artifact, long begin, long end, long rest, long least, long floor, long ceiling,
    const short *frames, long number, long chunk, double *out)
{
    PlainResponses p = {artifact, begin, end, rest, least, floor, ceiling, -1, 0};
    double *written = out;
    for (long at = 0; at < number; at += chunk) {
        written = responses(&p, frames + at * channels, number - at < chunk ? number - at : chunk, channels, written);
    }
    return written - out;
}

enum { MOST = 64 };

typedef struct {
    double left, onset, top, peak, back, area;
} Phase;

/* The onset, of a phase that never reached twice the threshold from its peak; never before it left. */
static double begun(double left, double risen, double onset, long top, double peak, double threshold)
{
    if (isnan(onset)) {
        onset = peak <= threshold || isnan(risen) ? risen : (risen * peak - top * threshold) / (peak - threshold);
    }
    return onset < left ? left : onset;
}

static long phases(const double *sweep, long begin, long end, double baseline, double sign, double threshold, Phase *made)
{
    double before = 0, area = 0, peak = 0, left = NAN, onset = NAN, risen = NAN;
    long number = 0, top = begin;
    for (long at = begin; at < end; at++) {
        const double value = sign * (sweep[at] - baseline);
        if (value > 0) {
            if (at == begin) {
                peak = value;
                area = 0;
            } else if (before <= 0) {
                const double share = before / (before - value);
                peak = value;
                top = at;
                left = at - 1 + share;
                onset = risen = NAN;
                area = 0.5 * value * (1 - share);
            } else {
                area += 0.5 * (before + value);
            }
            if (value > peak) {
                peak = value;
                top = at;
            }
            if (isnan(risen) && value >= threshold && at > begin && before < threshold) {
                risen = at - 1 + (threshold - before) / (value - before);
            }
            if (isnan(onset) && value >= 2 * threshold && at > begin && before < 2 * threshold) {
                onset = 2 * risen - (at - 1 + (2 * threshold - before) / (value - before));
            }
        } else if (at > begin && before > 0) {
            const double share = before / (before - value);
            area += 0.5 * before * share;
            if (peak >= threshold && number < MOST) {
                made[number++] = (Phase){left, begun(left, risen, onset, top, peak, threshold), (double)top, peak, at - 1 + share, area};
            }
            peak = 0;
        }
        before = value;
    }
    if (before > 0 && peak >= threshold && number < MOST) {
        made[number++] = (Phase){left, begun(left, risen, onset, top, peak, threshold), (double)top, peak, NAN, area};
    }
    return number;
}

/* The eight measures of one response; 0 where there is none. */
int plain_measure(
    const double *sweep, long samples, double rate_hz, long stimulus, long begin, double sign, double factor,
    double least_share, double *out)
{
    if (!within(sweep, samples, 1e6)) return 0;
    double low = sweep[begin], high = sweep[begin], total = 0, squares = 0;
    for (long at = begin; at < samples; at++) {
        low = sweep[at] < low ? sweep[at] : low;
        high = sweep[at] > high ? sweep[at] : high;
    }
    for (long at = 0; at < stimulus; at++) total += sweep[at];
    const double baseline = total / stimulus;
    for (long at = 0; at < stimulus; at++) squares += (sweep[at] - baseline) * (sweep[at] - baseline);
    const double threshold = factor * sqrt(squares / (stimulus - 1)), per_ms = rate_hz / 1000.0;
    Phase found[MOST], *main = found;
    const long number = phases(sweep, begin, samples, baseline, sign, threshold, found);
    double highest = 0.0, area = 0.0, open = 0.0;
    for (long at = 0; at < number; at++) highest = found[at].peak > highest ? found[at].peak : highest;
    long kept = 0;
    for (long at = 0; at < number; at++) {
        if (found[at].peak >= least_share * highest) found[kept++] = found[at];
    }
    if (kept == 0) return 0;
    for (long at = 0; at < kept; at++) {
        main = found[at].peak > main->peak ? &found[at] : main;
        area += found[at].area;
        open += found[at].left; /* not a number where the beginning of a phase was not seen */
    }
    const double onset = (found[0].onset - stimulus) / per_ms;
    out[0] = onset;
    out[1] = main->peak;
    out[2] = (main->top - stimulus) / per_ms;
    out[3] = high - low;
    out[4] = (main->back - stimulus) / per_ms - onset;
    out[5] = isnan(main->left) ? NAN : main->area / per_ms;
    out[6] = (found[kept - 1].back - stimulus) / per_ms - onset;
    out[7] = isnan(open) ? NAN : area / per_ms;
    return 1;
}

/* Every sweep of a series. */
long plain_measure_run(
    const double *sweeps, long number, long samples, double rate_hz, long stimulus, long begin, double *out)
{
    long made = 0;
    for (long at = 0; at < number; at++) {
        made += plain_measure(sweeps + at * samples, samples, rate_hz, stimulus, begin, 1.0, 5.0, 0.05, out + 8 * made);
    }
    return 8 * made;
}
