/* The vector widths that a build offers, and the one that this processor is given.
 *
 * The baseline (two doubles: SSE2, NEON) runs on every x86-64 and every aarch64. On x86-64 wider code is
 * compiled beside it, for single functions, and chosen when the module is loaded. No fused multiply-add is
 * ever used, so all widths give the same bits.
 */
#ifndef DSP_WIDTHS_H
#define DSP_WIDTHS_H

#include <stdint.h>
#include <string.h>

#define BASELINE_LANES 2

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_WIDER 1
#define CODE_4 __attribute__((target("avx2")))
#define CODE_8 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#else
#define HAS_WIDER 0
#endif

/* Doubles in the widest vector that this processor has and this build offers. */
static int widest_lanes(void)
{
#if HAS_WIDER
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        return 8;
    }
    if (__builtin_cpu_supports("avx2")) {
        return 4;
    }
#endif
    return BASELINE_LANES;
}

#endif
