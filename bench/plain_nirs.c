/* The kernels of dsp/_nirs.pyx and dsp/_fits.pyx as anybody would write them in C. See dsp_plain.py. */
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { CHANNELS = 8, WAVELENGTHS = 2 };

typedef struct {
    double weight[CHANNELS][2][WAVELENGTHS], reference[CHANNELS][WAVELENGTHS];
} PlainLight;

static __attribute__((noinline)) void beer_lambert(PlainLight *p, const double *light, long frames, double *out)
{
    for (long n = 0; n < frames; n++) {
        for (int c = 0; c < CHANNELS; c++, light += WAVELENGTHS, out += 2) {
            int valid = 1;
            for (int w = 0; w < WAVELENGTHS; w++) valid = valid && isfinite(light[w]) && light[w] > 0.0;
            if (!valid) {
                out[0] = out[1] = NAN;
                continue;
            }
            double oxy = 0.0, deoxy = 0.0;
            for (int w = 0; w < WAVELENGTHS; w++) {
                double *reference = &p->reference[c][w];
                if (isnan(*reference)) *reference = light[w];
                const double change = log(*reference / light[w]);
                oxy += p->weight[c][0][w] * change;
                deoxy += p->weight[c][1][w] * change;
            }
            out[0] = oxy;
            out[1] = deoxy;
        }
    }
}

long plain_beer_lambert_run(const double *weights, const double *light, long frames, long chunk, double *out)
{
    PlainLight p;
    memcpy(p.weight, weights, sizeof p.weight);
    for (int c = 0; c < CHANNELS; c++) {
        for (int w = 0; w < WAVELENGTHS; w++) p.reference[c][w] = NAN;
    }
    for (long at = 0; at < frames; at += chunk) {
        const long now = frames - at < chunk ? frames - at : chunk;
        beer_lambert(&p, light + at * CHANNELS * WAVELENGTHS, now, out + at * CHANNELS * 2);
    }
    return frames * CHANNELS * 2;
}

/* Blood volume: the last pair and two sums. */
static __attribute__((noinline)) void blood_volume(double *has, double offset, const double *pair, long frames, double *out)
{
    for (long n = 0; n < frames; n++, pair += 2, out += 2) {
        const double total = pair[0] + pair[1] + 2.0 * offset;
        if (!isfinite(pair[0]) || !isfinite(pair[1]) || !(total > 0.0)) {
            out[0] = out[1] = NAN;
            continue;
        }
        if (!isnan(has[0])) {
            const double share = (pair[0] + offset) / total;
            const double change = (pair[0] - has[0]) + (pair[1] - has[1]);
            has[2] += (pair[0] - has[0]) - share * change;
            has[3] += (pair[1] - has[1]) - (1.0 - share) * change;
        }
        has[0] = pair[0];
        has[1] = pair[1];
        out[0] = has[2];
        out[1] = has[3];
    }
}

long plain_blood_volume_run(double offset, const double *pairs, long frames, long chunk, double *out)
{
    double has[4] = {NAN, NAN, 0.0, 0.0};
    for (long at = 0; at < frames; at += chunk) {
        blood_volume(has, offset, pairs + 2 * at, frames - at < chunk ? frames - at : chunk, out + 2 * at);
    }
    return 2 * frames;
}

/* Lines. */
typedef struct {
    long count;
    double time, value, time_time, time_value, value_value;
} Sums;

static Sums sums(const double *times, const double *values, long begin, long end)
{
    Sums made = {0, 0, 0, 0, 0, 0};
    for (long at = begin; at < end; at++) {
        if (isfinite(values[at])) {
            made.count++;
            made.time += times[at];
            made.value += values[at];
        }
    }
    if (made.count == 0) return made;
    made.time /= made.count;
    made.value /= made.count;
    for (long at = begin; at < end; at++) {
        if (isfinite(values[at])) {
            const double time = times[at] - made.time, value = values[at] - made.value;
            made.time_time += time * time;
            made.time_value += time * value;
            made.value_value += value * value;
        }
    }
    return made;
}

/* The steepest rise over `span`: out gets slope, first and last sample. */
long plain_steepest(const double *times, const double *values, long number, double span, double *out)
{
    long last = 0, best_first = -1, best_last = -1;
    double best = 0.0;
    for (long first = 0; first < number; first++) {
        while (last < number && times[last] <= times[first] + span * (1.0 + 1e-6)) last++;
        if (times[first] + span > times[number - 1] + 1e-6 * span) break;
        const Sums made = sums(times, values, first, last);
        if (made.count < 3 || made.time_time <= 0.0) continue;
        const double slope = made.time_value / made.time_time;
        if (best_first < 0 || slope > best) {
            best = slope;
            best_first = first;
            best_last = last;
        }
    }
    const Sums made = sums(times, values, best_first, best_last);
    out[0] = made.time_value / made.time_time;
    out[1] = times[best_first];
    out[2] = times[best_last - 1];
    return 3;
}

/* The rate of a recovery: a grid, a golden section, and damped Gauss-Newton, as dsp/fits.py has them. */
typedef struct {
    double base, value, base_base, base_value, value_value;
} Decay;

static Decay decay(const double *times, const double *values, long count, double rate)
{
    Decay made = {0, 0, 0, 0, 0};
    for (long at = 0; at < count; at++) {
        made.base += exp(-rate * (times[at] - times[0]));
        made.value += values[at];
    }
    made.base /= count;
    made.value /= count;
    for (long at = 0; at < count; at++) {
        const double one = exp(-rate * (times[at] - times[0])) - made.base, other = values[at] - made.value;
        made.base_base += one * one;
        made.base_value += one * other;
        made.value_value += other * other;
    }
    return made;
}

static double rest_of(const double *times, const double *values, long count, double rate)
{
    const Decay d = decay(times, values, count, rate);
    return d.base_base > 0.0 ? d.value_value - d.base_value * d.base_value / d.base_base : d.value_value;
}

enum { GRID = 240, STEPS = 60 };

static double searched(const double *times, const double *values, long count)
{
    double step = times[1] - times[0];
    for (long at = 2; at < count; at++) {
        if (times[at] - times[at - 1] < step) step = times[at] - times[at - 1];
    }
    const double low = 0.02 / (times[count - 1] - times[0]), high = 5.0 / step;
    const double ratio = pow(high / low, 1.0 / (GRID - 1));
    double grid[GRID], least = INFINITY;
    int best = 0;
    for (int at = 0; at < GRID; at++) {
        grid[at] = low * pow(ratio, at);
        const double rest = rest_of(times, values, count, grid[at]);
        if (rest < least) {
            least = rest;
            best = at;
        }
    }
    if (best == 0 || best == GRID - 1) return NAN;
    const double share = (sqrt(5.0) - 1.0) / 2.0;
    double from = log(grid[best - 1]), to = log(grid[best + 1]);
    double inner = to - share * (to - from), outer = from + share * (to - from);
    double at_inner = rest_of(times, values, count, exp(inner));
    double at_outer = rest_of(times, values, count, exp(outer));
    for (int at = 0; at < STEPS; at++) {
        if (at_inner < at_outer) {
            to = outer;
            outer = inner;
            at_outer = at_inner;
            inner = to - share * (to - from);
            at_inner = rest_of(times, values, count, exp(inner));
        } else {
            from = inner;
            inner = outer;
            at_inner = at_outer;
            outer = from + share * (to - from);
            at_outer = rest_of(times, values, count, exp(outer));
        }
    }
    return exp(0.5 * (from + to));
}

/* Upper triangle of J'J, J'r and r'r. */
static double normal(const double *times, const double *values, long count, const double *at, double *a, double *g)
{
    double rest = 0.0;
    for (int i = 0; i < 6; i++) a[i] = 0.0;
    for (int i = 0; i < 3; i++) g[i] = 0.0;
    for (long n = 0; n < count; n++) {
        const double since = times[n] - times[0], fall = exp(-at[2] * since);
        const double off = values[n] - (at[0] - at[1] * fall);
        const double by_drop = -fall, by_rate = at[1] * since * fall;
        a[1] += by_drop;
        a[2] += by_rate;
        a[3] += by_drop * by_drop;
        a[4] += by_drop * by_rate;
        a[5] += by_rate * by_rate;
        g[0] += off;
        g[1] += by_drop * off;
        g[2] += by_rate * off;
        rest += off * off;
    }
    a[0] = (double)count;
    return rest;
}

static int inverted(const double *a, double *made)
{
    if (a[0] <= 0.0 || a[3] <= 0.0 || a[5] <= 0.0) return 0;
    const double p = sqrt(a[0]), q = sqrt(a[3]), r = sqrt(a[5]);
    const double b = a[1] / (p * q), c = a[2] / (p * r), e = a[4] / (q * r);
    const double whole = 1.0 - e * e - b * (b - c * e) + c * (b * e - c);
    if (whole <= 1e-14) return 0;
    made[0] = (1.0 - e * e) / whole / (p * p);
    made[1] = (c * e - b) / whole / (p * q);
    made[2] = (b * e - c) / whole / (p * r);
    made[3] = (1.0 - c * c) / whole / (q * q);
    made[4] = (b * c - e) / whole / (q * r);
    made[5] = (1.0 - b * b) / whole / (r * r);
    return 1;
}

static double profile(const double *times, const double *values, long count, double rate, double limit, double factor)
{
    double inside = rate, outside = rate * factor;
    int found = 0;
    for (int at = 0; at < 20 && !found; at++) {
        found = rest_of(times, values, count, outside) >= limit;
        if (!found) {
            inside = outside;
            outside = outside * factor;
        }
    }
    if (!found) return NAN;
    for (int at = 0; at < STEPS; at++) {
        const double middle = sqrt(inside * outside);
        if (rest_of(times, values, count, middle) < limit) inside = middle;
        else outside = middle;
    }
    return sqrt(inside * outside);
}

/* out: end, drop, rate, its bounds by curvature and by profile, for Student's t of count - 3. */
long plain_recovery(const double *times, const double *values, long count, double t, double *out)
{
    const double rate = searched(times, values, count);
    const Decay d = decay(times, values, count, rate);
    double at[3] = {0.0, -d.base_value / d.base_base, rate}, a[6], g[3], inverse[6];
    at[0] = d.value + at[1] * d.base;
    double rest = normal(times, values, count, at, a, g);
    for (int turn = 0; turn < 20 && inverted(a, inverse); turn++) {
        const double *i = inverse;
        const double trial[3] = {
            at[0] + (i[0] * g[0] + i[1] * g[1] + i[2] * g[2]),
            at[1] + (i[1] * g[0] + i[3] * g[1] + i[4] * g[2]),
            at[2] + (i[2] * g[0] + i[4] * g[1] + i[5] * g[2]),
        };
        double moved_a[6], moved_g[3];
        const double moved = normal(times, values, count, trial, moved_a, moved_g);
        if (!(trial[2] > 0.0) || !(moved < rest)) break;
        memcpy(at, trial, sizeof at);
        memcpy(a, moved_a, sizeof a);
        memcpy(g, moved_g, sizeof g);
        rest = moved;
    }
    inverted(a, inverse);
    const double half = t * sqrt(rest / (count - 3) * inverse[5]);
    const double limit = rest * (1.0 + t * t / (count - 3));
    memcpy(out, at, sizeof at);
    out[3] = at[2] - half;
    out[4] = at[2] + half;
    out[5] = profile(times, values, count, at[2], limit, 0.5);
    out[6] = profile(times, values, count, at[2], limit, 2.0);
    return 7;
}
