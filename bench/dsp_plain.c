/* The kernels of dsp/ as anybody would write them in C: one loop over frames, one over channels.
 *
 * The same arithmetic in the same order per channel, so the results must be the same bits. Compiled by
 * bench/dsp_plain.py with -O3 (and -march=x86-64-v2 on x86-64) and called inside C, a chunk at a time.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { CHANNELS = 8, SECTIONS = 4, MOST_BLOCKS = 64 };

typedef struct {
    double b1, b2, a1, a2;
} Section;

typedef struct {
    long block_frames, window_blocks, hold_blocks, release_blocks, before, after;
    double gain, threshold;
    Section section[SECTIONS];
    long stimuli;
    const int64_t *stimulus;
    /* what changes */
    long frame, in_block, clean, slot, blocks, blank_until, next_stimulus, settled;
    double s1[SECTIONS][CHANNELS], s2[SECTIONS][CHANNELS];
    double held[CHANNELS], one[CHANNELS], two[CHANNELS], energy[CHANNELS], teager[CHANNELS];
    double ring[MOST_BLOCKS][CHANNELS], ring_clean[MOST_BLOCKS];
    long above[CHANNELS], below[CHANNELS], active[CHANNELS];
    int16_t low[CHANNELS], high[CHANNELS];
} PlainEmg;

const long plain_emg_bytes = sizeof(PlainEmg);

/* counts: block, window, hold, release, before, after. numbers: the sections, gain, threshold. */
void plain_emg_start(PlainEmg *p, const long *counts, const double *numbers, long stimuli, const int64_t *stimulus)
{
    memset(p, 0, sizeof *p);
    memcpy(&p->block_frames, counts, 6 * sizeof *counts);
    memcpy(p->section, numbers, sizeof p->section);
    p->gain = numbers[4 * SECTIONS];
    p->threshold = numbers[4 * SECTIONS + 1];
    p->stimuli = stimuli;
    p->stimulus = stimulus;
    for (int c = 0; c < CHANNELS; c++) {
        p->low[c] = INT16_MAX;
        p->high[c] = INT16_MIN;
    }
}

static void settle(PlainEmg *p, const int16_t *raw)
{
    for (int c = 0; c < CHANNELS; c++) {
        double x = (double)raw[c] * p->gain;
        for (int s = 0; s < SECTIONS; s++) {
            const Section *k = &p->section[s];
            const double y = x * ((1.0 + k->b1 + k->b2) / (1.0 + k->a1 + k->a2));
            p->s1[s][c] = y - x;
            p->s2[s][c] = k->b2 * x - k->a2 * y;
            x = y;
        }
    }
    p->settled = 1;
}

static double *finish_block(PlainEmg *p, double *row)
{
    double clean = 0.0;
    p->ring_clean[p->slot] = (double)p->clean;
    memcpy(p->ring[p->slot], p->energy, sizeof p->energy);
    p->slot = (p->slot + 1) % p->window_blocks;
    p->blocks += p->blocks < p->window_blocks;
    for (long b = 0; b < p->window_blocks; b++) clean += p->ring_clean[b];
    for (int c = 0; c < CHANNELS; c++) {
        double total = 0.0;
        for (long b = 0; b < p->window_blocks; b++) total += p->ring[b][c];
        const double mean = p->clean ? p->teager[c] / (double)p->clean : NAN;
        const int above = mean > p->threshold;
        p->above[c] = above ? p->above[c] + 1 : 0;
        p->below[c] = above ? 0 : p->below[c] + 1;
        p->active[c] = (p->active[c] || p->above[c] >= p->hold_blocks) && p->below[c] < p->release_blocks;
        const int flat = p->clean > 1 && p->low[c] == p->high[c];
        const int saturated = p->clean && (p->low[c] == INT16_MIN || p->high[c] == INT16_MAX);
        row[c] = p->blocks == p->window_blocks && clean > 0.0 ? sqrt(total / clean) : NAN;
        row[CHANNELS + c] = mean;
        row[2 * CHANNELS + c] = (double)p->active[c];
        row[3 * CHANNELS + c] = (double)(flat + 2 * saturated);
        p->energy[c] = p->teager[c] = 0.0;
        p->low[c] = INT16_MAX;
        p->high[c] = INT16_MIN;
        for (int s = 0; s < SECTIONS; s++) {
            if (fabs(p->s1[s][c]) < 1e-150) p->s1[s][c] = 0.0;
            if (fabs(p->s2[s][c]) < 1e-150) p->s2[s][c] = 0.0;
        }
    }
    row[4 * CHANNELS] = (double)p->clean;
    p->in_block = p->clean = 0;
    return row + 4 * CHANNELS + 1;
}

static int blanked(PlainEmg *p)
{
    while (p->next_stimulus < p->stimuli && p->stimulus[p->next_stimulus] - p->before <= p->frame) {
        const long until = p->stimulus[p->next_stimulus++] + p->after + 1;
        if (until > p->blank_until) p->blank_until = until;
    }
    return p->frame < p->blank_until;
}

__attribute__((noinline)) long plain_emg_push(PlainEmg *p, const int16_t *raw, long frames, double *out)
{
    double *row = out;
    for (long n = 0; n < frames; n++, raw += CHANNELS) {
        const int held = blanked(p);
        if (!held && !p->settled) settle(p, raw);
        double x[CHANNELS];
        for (int c = 0; c < CHANNELS && !held; c++) {
            p->held[c] = (double)raw[c] * p->gain;
            p->low[c] = raw[c] < p->low[c] ? raw[c] : p->low[c];
            p->high[c] = raw[c] > p->high[c] ? raw[c] : p->high[c];
        }
        memcpy(x, p->held, sizeof x);
        for (int s = 0; s < SECTIONS; s++) {
            const Section k = p->section[s];
            for (int c = 0; c < CHANNELS; c++) {
                const double y = x[c] + p->s1[s][c];
                p->s1[s][c] = (k.b1 * x[c] + p->s2[s][c]) - k.a1 * y;
                p->s2[s][c] = k.b2 * x[c] - k.a2 * y;
                x[c] = y;
            }
        }
        for (int c = 0; c < CHANNELS && !held; c++) {
            p->teager[c] += fabs(p->one[c] * p->one[c] - x[c] * p->two[c]);
            p->energy[c] += x[c] * x[c];
        }
        for (int c = 0; c < CHANNELS; c++) {
            p->two[c] = p->one[c];
            p->one[c] = x[c];
        }
        p->clean += !held;
        p->frame++;
        if (++p->in_block == p->block_frames) row = finish_block(p, row);
    }
    return row - out;
}

/* The whole recording in chunks; everything written goes to `out`, how much is returned. */
long plain_emg_run(PlainEmg *p, const int16_t *raw, long frames, long chunk, double *out)
{
    long written = 0;
    for (long at = 0; at < frames; at += chunk) {
        const long now = frames - at < chunk ? frames - at : chunk;
        written += plain_emg_push(p, raw + at * CHANNELS, now, out + written);
    }
    return written;
}
