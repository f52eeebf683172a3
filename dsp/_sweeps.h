/* Sums and limits of whole sweeps, for every vector width, for dsp/_evoked.pyx.
 *
 * Every sum is of one sample over the sweeps, so no result depends on the width. Loads need no alignment.
 */
#ifndef DSP_SWEEPS_H
#define DSP_SWEEPS_H

#include "_widths.h"

#define SWEEPS_OF(LANES, CODE)                                                                             \
    typedef double loose_##LANES __attribute__((vector_size(8 * LANES), aligned(8), may_alias));           \
    typedef int64_t mask_##LANES __attribute__((vector_size(8 * LANES)));                                  \
                                                                                                           \
    /* Is every sample smaller than the limit in size? A NaN is not. */                                    \
    static CODE int within_##LANES(const double *values, long number, double limit)                        \
    {                                                                                                      \
        const loose_##LANES high = (loose_##LANES){0} + limit, low = (loose_##LANES){0} - limit;           \
        mask_##LANES one = (mask_##LANES){0} - 1, two = one;                                               \
        long at = 0;                                                                                       \
        for (; at + 2 * LANES <= number; at += 2 * LANES) {                                                \
            const loose_##LANES *here = (const loose_##LANES *)(values + at);                              \
            one &= (mask_##LANES)(here[0] < high) & (mask_##LANES)(here[0] > low);                         \
            two &= (mask_##LANES)(here[1] < high) & (mask_##LANES)(here[1] > low);                         \
        }                                                                                                  \
        int64_t all = -1;                                                                                  \
        for (int lane = 0; lane < LANES; lane++) all &= one[lane] & two[lane];                             \
        for (; at < number; at++) all &= -(int64_t)(values[at] < limit && values[at] > -limit);            \
        return all != 0;                                                                                   \
    }                                                                                                      \
                                                                                                           \
    static CODE void add_##LANES(double *restrict sums, const double *restrict values, long number)        \
    {                                                                                                      \
        long at = 0;                                                                                       \
        for (; at + 2 * LANES <= number; at += 2 * LANES) {                                                \
            loose_##LANES *sum = (loose_##LANES *)(sums + at);                                             \
            const loose_##LANES *here = (const loose_##LANES *)(values + at);                              \
            sum[0] += here[0];                                                                             \
            sum[1] += here[1];                                                                             \
        }                                                                                                  \
        for (; at < number; at++) sums[at] += values[at];                                                  \
    }

SWEEPS_OF(2, )
#if HAS_WIDER
SWEEPS_OF(4, CODE_4)
#endif

/* The smallest and the largest of one or more numbers, four at a time: each waits for the one before it. */
static void extremes_of(const double *values, long number, double *low, double *high)
{
    double least[4], most[4];
    for (int lane = 0; lane < 4; lane++) least[lane] = most[lane] = values[0];
    long at = 0;
    for (; at + 4 <= number; at += 4) {
        for (int lane = 0; lane < 4; lane++) {
            least[lane] = values[at + lane] < least[lane] ? values[at + lane] : least[lane];
            most[lane] = values[at + lane] > most[lane] ? values[at + lane] : most[lane];
        }
    }
    for (; at < number; at++) {
        least[0] = values[at] < least[0] ? values[at] : least[0];
        most[0] = values[at] > most[0] ? values[at] : most[0];
    }
    for (int lane = 1; lane < 4; lane++) {
        least[0] = least[lane] < least[0] ? least[lane] : least[0];
        most[0] = most[lane] > most[0] ? most[lane] : most[0];
    }
    *low = least[0];
    *high = most[0];
}

typedef int (*WithinCode)(const double *, long, double);
typedef void (*AddCode)(double *, const double *, long);

/* Eight lanes bring nothing here: memory is what is waited for. */
static WithinCode within_for(int lanes)
{
#if HAS_WIDER
    if (lanes >= 4) return within_4;
#endif
    return within_2;
}

static AddCode add_for(int lanes)
{
#if HAS_WIDER
    if (lanes >= 4) return add_4;
#endif
    return add_2;
}

#endif
