/* The second-order sections of every width, for dsp/_filters.pyx. */
#ifndef DSP_FILTERS_H
#define DSP_FILTERS_H

#include <math.h>
#include "_widths.h"

#define WIDE_(name, lanes) name##_##lanes
#define WIDE__(name, lanes) WIDE_(name, lanes)
#define WIDE(name) WIDE__(name, LANES)

#define LANES 2
#define WIDE_CODE
#include "_cascade_wide.h"
#undef LANES
#undef WIDE_CODE

#if HAS_WIDER
#define LANES 4
#define WIDE_CODE CODE_4
#include "_cascade_wide.h"
#undef LANES
#undef WIDE_CODE

#define LANES 8
#define WIDE_CODE CODE_8
#include "_cascade_wide.h"
#undef LANES
#undef WIDE_CODE
#endif

typedef void (*CascadeCode)(double *, long, long, long, const double *, double *);

static CascadeCode cascade_for(int lanes, long padded)
{
#if HAS_WIDER
    if (lanes >= 8 && padded % 8 == 0) return cascade_8;
    if (lanes >= 4) return cascade_4;
#endif
    return cascade_2;
}

/* Three little-endian bytes, the upper one with the sign. */
static inline int32_t int24(const unsigned char *bytes)
{
    return (int32_t)((uint32_t)bytes[0] << 8 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 24) >> 8;
}

static inline int16_t int16(const unsigned char *bytes)
{
    return (int16_t)((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8);
}

enum { OF_FLOAT64, OF_INT16 }; /* else int24 */

/* Frames of any input type to rows of doubles, times a gain. */
static void decode(
    const unsigned char *bytes, long frames, long channels, long padded, long input, double gain, double *rows)
{
    for (long n = 0; n < frames; n++, rows += padded) {
        if (input == OF_FLOAT64) {
            for (long c = 0; c < channels; c++, bytes += 8) {
                double value;
                memcpy(&value, bytes, 8);
                rows[c] = value * gain;
            }
        } else if (input == OF_INT16) {
            for (long c = 0; c < channels; c++, bytes += 2) rows[c] = (double)int16(bytes) * gain;
        } else {
            for (long c = 0; c < channels; c++, bytes += 3) rows[c] = (double)int24(bytes) * gain;
        }
    }
}

/* A window of rows weighted by taps. They are symmetric, so it is read from its oldest row on. */
static void weigh(const double *taps, long count, const double *window, long channels, long padded, double *written)
{
    double total[64] = {0.0};
    for (long t = 0; t < count; t++, window += padded) {
        const double tap = taps[t];
        for (long c = 0; c < padded; c++) total[c] += tap * window[c];
    }
    for (long c = 0; c < channels; c++) written[c] = isfinite(total[c]) ? total[c] : NAN;
}

#endif
