/* The EMG chain: what it keeps, what happens once a block, and the choice of width. See dsp/emg.py. */
#ifndef DSP_EMG_CHAIN_H
#define DSP_EMG_CHAIN_H

#include <math.h>
#include "_widths.h"

enum { EMG_MOST_CHANNELS = 64, EMG_SEGMENT = 64, EMG_MARKS = 64, EMG_FLAT = 1, EMG_SATURATED = 2 };

#define EMG_MAGIC 0x31474d45 /* "EMG1" */
#define EMG_NOTHING 1e-150   /* smaller than this is zero: no denormal number ever slows a filter down */

/* Everything that is a number of its own; the first ten never change. */
typedef struct {
    int64_t magic, channels, sections, block_frames, window_blocks;
    int64_t hold_blocks, release_blocks, before_frames, after_frames;
    double gain;
    int64_t frame, in_block, clean, slot, blocks, settled, blank_until;
    int64_t late, marks, first_mark, mark[EMG_MARKS];
} EmgFields;

typedef struct {
    EmgFields is;
    long padded, padded16;
    /* [sections][4], [sections][2][padded]; the rest [padded] unless said */
    double *coefficients, *filters, *held, *one, *two, *energy, *teager, *threshold;
    double *ring, *ring_clean; /* [window_blocks][padded], [window_blocks] */
    int64_t *above, *below, *active;
    int16_t *low, *high; /* [padded16] */
    double *samples;     /* [EMG_SEGMENT][padded], not part of the state */
    double *out;
} EmgChain;

typedef int16_t Shorts __attribute__((vector_size(16), may_alias));
typedef int32_t Ints __attribute__((vector_size(16)));
typedef double Quad __attribute__((vector_size(32), may_alias));
typedef double LooseQuad __attribute__((vector_size(32), aligned(8), may_alias));

/* Four int16 of a vector as doubles: each is put into the upper half of an int32 and shifted down. */
#define QUAD_OF(raw, i, j, k, l)                                                                           \
    __builtin_convertvector((Ints)__builtin_shuffle(raw, (Shorts){i, i, j, j, k, k, l, l}) >> 16, Quad)

/* How many of the next frames are alike: all blanked or none, and inside one block. */
static inline long next_segment(EmgChain *chain, long frames, int *held)
{
    EmgFields *is = &chain->is;
    while (is->marks && is->mark[is->first_mark] - is->before_frames <= is->frame) {
        const int64_t until = is->mark[is->first_mark] + is->after_frames + 1;
        is->blank_until = until > is->blank_until ? until : is->blank_until;
        is->first_mark = (is->first_mark + 1) % EMG_MARKS;
        is->marks--;
    }
    long most = is->block_frames - is->in_block;
    most = most < EMG_SEGMENT ? most : EMG_SEGMENT;
    *held = is->frame < is->blank_until;
    if (*held) {
        most = is->blank_until - is->frame < most ? is->blank_until - is->frame : most;
    } else if (is->marks) {
        const int64_t until = is->mark[is->first_mark] - is->before_frames;
        most = until - is->frame < most ? until - is->frame : most;
    }
    return frames < most ? frames : most;
}

/* The filters as if the first sample had stood for ever: an offset makes no transient. */
static void settle(EmgChain *chain)
{
    for (long c = 0; c < chain->padded; c++) {
        double x = chain->samples[c];
        for (long s = 0; s < chain->is.sections; s++) {
            const double *k = chain->coefficients + 4 * s;
            const double y = x * ((1.0 + k[0] + k[1]) / (1.0 + k[2] + k[3]));
            chain->filters[2 * s * chain->padded + c] = y - x;
            chain->filters[(2 * s + 1) * chain->padded + c] = k[1] * x - k[3] * y;
            x = y;
        }
    }
    chain->is.settled = 1;
}

#define WIDE_(name, lanes) name##_##lanes
#define WIDE__(name, lanes) WIDE_(name, lanes)
#define WIDE(name) WIDE__(name, LANES)

#define LANES 2
#define WIDE_CODE
#include "_cascade_wide.h"
#include "_emg_wide.h"
#undef LANES
#undef WIDE_CODE

#if HAS_WIDER
#define LANES 4
#define WIDE_CODE CODE_4
#include "_cascade_wide.h"
#include "_emg_wide.h"
#undef LANES
#undef WIDE_CODE

#define LANES 8
#define WIDE_CODE CODE_8
#include "_cascade_wide.h"
#include "_emg_wide.h"
#undef LANES
#undef WIDE_CODE
#endif

typedef long (*EmgPush)(EmgChain *, const unsigned char *, long);

/* The code for so many lanes; for padded channels that are no multiple of 8 the widest is 4. */
static EmgPush emg_push_for(int lanes, long padded)
{
#if HAS_WIDER
    if (lanes >= 8 && padded % 8 == 0) {
        return emg_push_8;
    }
    if (lanes >= 4) {
        return emg_push_4;
    }
#endif
    return emg_push_2;
}

#endif
