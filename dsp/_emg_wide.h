/* The EMG chain for one vector width: see dsp/emg.py for what it computes. Included once per width. */

/* int16 frames -> scaled doubles in `samples`, the last of them kept, the extremes of the block noted. */
static inline WIDE_CODE void WIDE(decode)(EmgChain *chain, const unsigned char *bytes, long frames)
{
    const long channels = chain->is.channels, padded = chain->padded;
    const double gain = chain->is.gain;
    for (long at = 0; at < channels; at += 8) {
        const long width = channels - at < 8 ? channels - at : 8;
        const unsigned char *frame = bytes + 2 * at;
        double *row = chain->samples + at;
        Shorts low = *(Shorts *)(chain->low + at), high = *(Shorts *)(chain->high + at);
        Shorts raw = {0};
        for (long n = 0; n < frames; n++, row += padded, frame += 2 * channels) {
            if (width == 8) {
                memcpy(&raw, frame, 16);
            } else {
                memcpy(&raw, frame, 2 * width);
            }
            *(Quad *)row = QUAD_OF(raw, 0, 1, 2, 3) * gain;
            if (width > 4) *(Quad *)(row + 4) = QUAD_OF(raw, 4, 5, 6, 7) * gain;
            const Shorts less = raw < low, more = raw > high;
            low = (raw & less) | (low & ~less);
            high = (raw & more) | (high & ~more);
        }
        *(Shorts *)(chain->low + at) = low;
        *(Shorts *)(chain->high + at) = high;
    }
    const double *last = chain->samples + (frames - 1) * padded;
    for (long at = 0; at < padded; at += 4) *(Quad *)(chain->held + at) = *(const Quad *)(last + at);
}

static inline WIDE_CODE void WIDE(hold)(EmgChain *chain, long frames)
{
    for (long n = 0; n < frames; n++) {
        memcpy(chain->samples + n * chain->padded, chain->held, 8 * chain->padded);
    }
}

/* Energy and Teager-Kaiser energy of the filtered frames, added to the sums of the block. */
static inline WIDE_CODE void WIDE(detect)(EmgChain *chain, long frames)
{
    typedef WIDE(vector) vector;
    const long padded = chain->padded;
    for (long at = 0; at < padded; at += LANES) {
        const double *samples = chain->samples + at;
        vector one = *(const vector *)(chain->one + at), two = *(const vector *)(chain->two + at);
        vector energy = *(const vector *)(chain->energy + at), teager = *(const vector *)(chain->teager + at);
        vector square = one * one;
        for (long n = 0; n < frames; n++, samples += padded) {
            const vector y = *(const vector *)samples;
            const vector psi = square - y * two;
            teager += (vector)((WIDE(mask))psi & INT64_MAX);
            square = y * y;
            energy += square;
            two = one;
            one = y;
        }
        *(vector *)(chain->one + at) = one;
        *(vector *)(chain->two + at) = two;
        *(vector *)(chain->energy + at) = energy;
        *(vector *)(chain->teager + at) = teager;
    }
}

/* Frames that are blanked go through the filters and into no sum. */
static inline WIDE_CODE void WIDE(pass)(EmgChain *chain, long frames)
{
    const long padded = chain->padded;
    for (long n = frames < 2 ? 0 : frames - 2; n < frames; n++) {
        memcpy(chain->two, chain->one, 8 * padded);
        memcpy(chain->one, chain->samples + n * padded, 8 * padded);
    }
}

/* RMS over the window, from the sums of its blocks, added anew each time: nothing drifts. */
static inline WIDE_CODE void WIDE(root_mean_square)(const EmgChain *chain, double *row)
{
    const long padded = chain->padded, blocks = chain->is.window_blocks;
    double clean = 0.0;
    for (long b = 0; b < blocks; b++) clean += chain->ring_clean[b];
    const int known = chain->is.blocks == blocks && clean > 0.0;
    for (long at = 0; at < padded; at += LANES) {
        WIDE(vector) total = {0};
        for (long b = 0; b < blocks; b++) total += *(const WIDE(vector) *)(chain->ring + b * padded + at);
        total /= clean;
        for (int c = 0; c < LANES; c++) total[c] = known ? sqrt(total[c]) : NAN;
        *(WIDE(loose) *)(row + at) = total;
    }
}

/* Active once `hold_blocks` blocks in a row lie above the threshold, until `release_blocks` do not. */
static inline WIDE_CODE void WIDE(onset)(EmgChain *chain, double *mean, double *active)
{
    const EmgFields *is = &chain->is;
    const WIDE(vector) one = (WIDE(vector)){0} + 1.0;
    WIDE(vector) means[EMG_MOST_CHANNELS / LANES], actives[EMG_MOST_CHANNELS / LANES];
    for (long v = 0; v < chain->padded / LANES; v++) {
        WIDE(mask) *run = (WIDE(mask) *)chain->above + v, *rest = (WIDE(mask) *)chain->below + v;
        WIDE(mask) *on = (WIDE(mask) *)chain->active + v;
        means[v] = ((WIDE(vector) *)chain->teager)[v] / (double)is->clean;
        if (!is->clean) means[v] = (WIDE(vector)){0} + NAN;
        const WIDE(mask) above = means[v] > ((WIDE(vector) *)chain->threshold)[v];
        *run = (*run + 1) & above;
        *rest = (*rest + 1) & ~above;
        *on = (*on | (*run >= is->hold_blocks)) & (*rest < is->release_blocks);
        actives[v] = (WIDE(vector))((WIDE(mask))one & *on);
    }
    for (long v = 0; v < chain->padded / LANES; v++) ((WIDE(loose) *)mean)[v] = means[v];
    for (long v = 0; v < chain->padded / LANES; v++) ((WIDE(loose) *)active)[v] = actives[v];
}

/* Flat and saturated channels among the frames that were not blanked, and the extremes start anew. */
static inline WIDE_CODE void WIDE(quality)(EmgChain *chain, double *row)
{
    const int16_t flat_counts = chain->is.clean > 1 ? EMG_FLAT : 0;
    const int16_t saturated_counts = chain->is.clean > 0 ? EMG_SATURATED : 0;
    for (long at = 0; at < chain->padded; at += 8) {
        Shorts *low = (Shorts *)(chain->low + at), *high = (Shorts *)(chain->high + at);
        const Shorts saturated = (*low == INT16_MIN) | (*high == INT16_MAX);
        const Shorts marks = ((*low == *high) & flat_counts) | (saturated & saturated_counts);
        *(LooseQuad *)(row + at) = QUAD_OF(marks, 0, 1, 2, 3);
        if (chain->padded - at > 4) *(LooseQuad *)(row + at + 4) = QUAD_OF(marks, 4, 5, 6, 7);
        *low = (Shorts){0} + INT16_MAX;
        *high = (Shorts){0} + INT16_MIN;
    }
}

/* The sums start anew; what is too small to be a signal becomes zero. */
static inline WIDE_CODE void WIDE(start_block)(EmgChain *chain)
{
    WIDE(vector) *filters = (WIDE(vector) *)chain->filters;
    for (long v = 0; v < 2 * chain->is.sections * chain->padded / LANES; v++) {
        const WIDE(vector) size = (WIDE(vector))((WIDE(mask))filters[v] & INT64_MAX);
        filters[v] = (WIDE(vector))((WIDE(mask))filters[v] & (size >= EMG_NOTHING));
    }
    memset(chain->energy, 0, 8 * chain->padded);
    memset(chain->teager, 0, 8 * chain->padded);
    chain->is.in_block = chain->is.clean = 0;
}

/* A row: RMS, mean Teager-Kaiser energy, active, quality of each channel, and how many frames were clean. */
static inline WIDE_CODE double *WIDE(finish_block)(EmgChain *chain, double *row)
{
    EmgFields *is = &chain->is;
    const long channels = is->channels;
    memcpy(chain->ring + is->slot * chain->padded, chain->energy, 8 * chain->padded);
    chain->ring_clean[is->slot] = (double)is->clean;
    is->slot = is->slot + 1 == is->window_blocks ? 0 : is->slot + 1;
    is->blocks += is->blocks < is->window_blocks;
    WIDE(root_mean_square)(chain, row);
    WIDE(onset)(chain, row + channels, row + 2 * channels);
    WIDE(quality)(chain, row + 3 * channels);
    row[4 * channels] = (double)is->clean;
    WIDE(start_block)(chain);
    return row + 4 * channels + 1;
}

static WIDE_CODE long WIDE(emg_push)(EmgChain *chain, const unsigned char *bytes, long frames)
{
    EmgFields *is = &chain->is;
    double *row = chain->out;
    while (frames) {
        int held;
        const long segment = next_segment(chain, frames, &held);
        if (held) {
            WIDE(hold)(chain, segment);
        } else {
            WIDE(decode)(chain, bytes, segment);
            if (!is->settled) settle(chain);
        }
        WIDE(cascade)(chain->samples, segment, chain->padded, is->sections, chain->coefficients, chain->filters);
        if (held) {
            WIDE(pass)(chain, segment);
        } else {
            WIDE(detect)(chain, segment);
            is->clean += segment;
        }
        bytes += 2 * is->channels * segment;
        frames -= segment;
        is->frame += segment;
        is->in_block += segment;
        if (is->in_block == is->block_frames) row = WIDE(finish_block)(chain, row);
    }
    return row - chain->out;
}
