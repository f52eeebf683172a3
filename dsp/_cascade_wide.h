/* Second-order sections on several channels at once, for one vector width. Included once per width.
 *
 * Before inclusion: LANES (doubles in a vector), WIDE(name) (the name for this width) and WIDE_CODE (the
 * attributes that let a function use it). Channels are interleaved and padded to a multiple of 4, so that a
 * state does not depend on the width that made it. Every lane sees the same operations in the same order
 * whatever the width: no result depends on the processor.
 */

typedef double WIDE(vector) __attribute__((vector_size(8 * LANES), may_alias));
typedef double WIDE(loose) __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
typedef int64_t WIDE(mask) __attribute__((vector_size(8 * LANES), may_alias));

/* `DEEP` sections over `frames` frames in place, `BROAD` vectors of channels side by side.
 *
 * Direct form II transposed with b0 = 1: the gain of the cascade is applied where its input is made. A sample
 * waits for the one before it in each section; sections and vectors side by side fill that time.
 */
#define SECTIONS_OF(DEEP, BROAD)                                                                           \
    static inline WIDE_CODE void WIDE(sections_##DEEP##_##BROAD)(                                          \
        double *samples, long frames, long padded, const double *coefficients, double *state)              \
    {                                                                                                      \
        WIDE(vector) k[DEEP][4], s1[DEEP][BROAD], s2[DEEP][BROAD];                                         \
        for (int s = 0; s < DEEP; s++) {                                                                   \
            for (int i = 0; i < 4; i++) k[s][i] = (WIDE(vector)){0} + coefficients[4 * s + i];             \
            for (int v = 0; v < BROAD; v++) {                                                              \
                s1[s][v] = ((const WIDE(vector) *)(state + 2 * s * padded))[v];                            \
                s2[s][v] = ((const WIDE(vector) *)(state + (2 * s + 1) * padded))[v];                      \
            }                                                                                              \
        }                                                                                                  \
        for (long n = 0; n < frames; n++, samples += padded) {                                             \
            for (int v = 0; v < BROAD; v++) {                                                              \
                WIDE(vector) x = ((const WIDE(vector) *)samples)[v];                                       \
                for (int s = 0; s < DEEP; s++) {                                                           \
                    const WIDE(vector) y = x + s1[s][v];                                                   \
                    s1[s][v] = (k[s][0] * x + s2[s][v]) - k[s][2] * y;                                     \
                    s2[s][v] = k[s][1] * x - k[s][3] * y;                                                  \
                    x = y;                                                                                 \
                }                                                                                          \
                ((WIDE(vector) *)samples)[v] = x;                                                          \
            }                                                                                              \
        }                                                                                                  \
        for (int s = 0; s < DEEP; s++) {                                                                   \
            for (int v = 0; v < BROAD; v++) {                                                              \
                ((WIDE(vector) *)(state + 2 * s * padded))[v] = s1[s][v];                                  \
                ((WIDE(vector) *)(state + (2 * s + 1) * padded))[v] = s2[s][v];                            \
            }                                                                                              \
        }                                                                                                  \
    }

#if LANES == 8
SECTIONS_OF(2, 1)
SECTIONS_OF(1, 1)
#elif LANES == 4
SECTIONS_OF(1, 2)
SECTIONS_OF(1, 1)
#else
SECTIONS_OF(1, 4)
SECTIONS_OF(1, 2)
#endif
#undef SECTIONS_OF

/* A few frames: one after the other, each through all sections without being put down. */
static inline WIDE_CODE void WIDE(cascade_short)(
    double *samples, long frames, long padded, long sections, const double *coefficients, double *state)
{
    for (; frames; frames--) {
        for (long at = 0; at < padded; at += LANES, samples += LANES) {
            WIDE(vector) x = *(const WIDE(vector) *)samples;
            double *here = state + at;
            for (long s = 0; s < sections; s++, here += 2 * padded) {
                const double *k = coefficients + 4 * s;
                WIDE(vector) *s1 = (WIDE(vector) *)here, *s2 = (WIDE(vector) *)(here + padded);
                const WIDE(vector) y = x + *s1;
                *s1 = (k[0] * x + *s2) - k[2] * y;
                *s2 = k[1] * x - k[3] * y;
                x = y;
            }
            *(WIDE(vector) *)samples = x;
        }
    }
}

/* All sections over `samples` [frames][padded] in place.
 *
 * coefficients [sections][4]: b1, b2, a1, a2. state [sections][2][padded].
 */
static inline WIDE_CODE void WIDE(cascade)(
    double *samples, long frames, long padded, long sections, const double *coefficients, double *state)
{
    if (frames < 3) {
        WIDE(cascade_short)(samples, frames, padded, sections, coefficients, state);
        return;
    }
#if LANES == 8
    if (sections % 2) {
        for (long at = 0; at < padded; at += 8) {
            WIDE(sections_1_1)(samples + at, frames, padded, coefficients, state + at);
        }
        coefficients += 4;
        state += 2 * padded;
    }
    for (long s = sections % 2; s < sections; s += 2, coefficients += 8, state += 4 * padded) {
        for (long at = 0; at < padded; at += 8) {
            WIDE(sections_2_1)(samples + at, frames, padded, coefficients, state + at);
        }
    }
#else
    for (long s = 0; s < sections; s++, coefficients += 4, state += 2 * padded) {
        long at = 0;
        for (; at + 8 <= padded; at += 8) {
#if LANES == 4
            WIDE(sections_1_2)(samples + at, frames, padded, coefficients, state + at);
#else
            WIDE(sections_1_4)(samples + at, frames, padded, coefficients, state + at);
#endif
        }
        if (at < padded) {
#if LANES == 4
            WIDE(sections_1_1)(samples + at, frames, padded, coefficients, state + at);
#else
            WIDE(sections_1_2)(samples + at, frames, padded, coefficients, state + at);
#endif
        }
    }
#endif
}
