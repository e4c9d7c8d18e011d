// The hot loops of hidden_pattern.py. Where there is no compiler the same is done there in NumPy, bit for bit.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {
constexpr int TILE = 64;  // afferents that walk together

uint64_t rotated(uint64_t bits, int by) { return bits << by | bits >> (64 - by); }
}  // namespace

// See _Walk.spikes; `one` and `two` are the state of the generators. Spikes come out tile after tile.
extern "C" int64_t walk(int64_t n_steps, int64_t n_afferents, uint64_t* all_one, uint64_t* all_two, float* all_rates,
                        float* all_slopes, int32_t* all_waits, float top, float slope_top, float slope_unit,
                        int32_t max_silence, const int64_t* lowest, int64_t start, int64_t step_length,
                        int32_t index_bits, int64_t* spikes) {
    int64_t n_spikes = 0;
    for (int64_t first = 0; first < n_afferents; first += TILE) {
        const int64_t size = std::min<int64_t>(TILE, n_afferents - first);
        uint64_t one[TILE] = {}, two[TILE] = {}, random[TILE];
        float rates[TILE] = {}, slopes[TILE] = {};
        int32_t waits[TILE] = {}, high[TILE], is_spike[TILE];
        uint8_t is_spike_byte[TILE];
        std::copy_n(all_one + first, size, one);
        std::copy_n(all_two + first, size, two);
        std::copy_n(all_rates + first, size, rates);
        std::copy_n(all_slopes + first, size, slopes);
        std::copy_n(all_waits + first, size, waits);
        for (int64_t step = 0; step < n_steps; ++step) {
            // every loop is of one width and without branches, so that the compiler vectorises it
            for (int i = 0; i < TILE; ++i) {
                const uint64_t mixed = one[i] ^ two[i];
                random[i] = rotated(one[i] + two[i], 17) + one[i];
                one[i] = rotated(one[i], 49) ^ mixed ^ mixed << 21;
                two[i] = rotated(mixed, 28);
            }
            for (int i = 0; i < TILE; ++i) high[i] = random[i] >> 40;
            for (int i = 0; i < TILE; ++i) {
                is_spike[i] = (waits[i] == 0) | ((high[i] >> 8) < rates[i]);
                waits[i] = (is_spike[i] ? max_silence : waits[i]) - 1;
                rates[i] = std::min(std::max(rates[i] + slopes[i], 0.0f), top);
                const float slope = slopes[i] + ((high[i] & 255) - 127.5f) * slope_unit;
                slopes[i] = std::min(std::max(slope, -slope_top), slope_top);
            }
            for (int i = 0; i < TILE; ++i) is_spike_byte[i] = is_spike[i];
            uint64_t bits = 0;  // one per afferent; the product gathers those of eight bytes in the highest byte
            for (int j = 0; j < TILE; j += 8) {
                uint64_t eight;
                std::memcpy(&eight, is_spike_byte + j, 8);
                bits |= (eight * 0x0102040810204080) >> 56 << j;
            }
            bits &= ~uint64_t(0) >> (TILE - size);
            const int64_t n_hidden = lowest[step] - first;
            if (n_hidden > 0) bits = n_hidden < TILE ? bits >> n_hidden << n_hidden : 0;
            for (; bits; bits &= bits - 1) {
                const int i = __builtin_ctzll(bits);
                const uint64_t late = (random[i] & ((uint64_t(1) << 40) - 1)) * step_length >> 40;
                spikes[n_spikes++] = (start + step * step_length + int64_t(late)) << index_bits | (first + i);
            }
        }
        std::copy_n(one, size, all_one + first);
        std::copy_n(two, size, all_two + first);
        std::copy_n(rates, size, all_rates + first);
        std::copy_n(slopes, size, all_slopes + first);
        std::copy_n(waits, size, all_waits + first);
    }
    return n_spikes;
}

// Indices and times (s) of packed spikes, sorted: into as many buckets as there are spikes, then within the buckets.
extern "C" void unpack(const int64_t* spikes, int64_t n, int32_t index_bits, int64_t second, int32_t* __restrict indices,
                       double* __restrict times) {
    if (n == 0) return;
    const int64_t low = *std::min_element(spikes, spikes + n), high = *std::max_element(spikes, spikes + n);
    int shift = 0;
    while ((high - low) >> shift > n) ++shift;
    std::vector<int64_t> sorted(n), ends(((high - low) >> shift) + 2);  // ends of the buckets, once they are filled
    for (int64_t i = 0; i < n; ++i) ++ends[((spikes[i] - low) >> shift) + 1];
    for (size_t bucket = 1; bucket < ends.size(); ++bucket) ends[bucket] += ends[bucket - 1];
    for (int64_t i = 0; i < n; ++i) sorted[ends[(spikes[i] - low) >> shift]++] = spikes[i];
    int64_t first = 0;
    for (const int64_t end : ends) {
        if (end - first > 32) std::sort(sorted.begin() + first, sorted.begin() + end);  // else insertion, below, is faster
        first = end;
    }
    for (int64_t i = 1; i < n; ++i) {
        const int64_t spike = sorted[i];
        int64_t place = i;
        for (; place > 0 && sorted[place - 1] > spike; --place) sorted[place] = sorted[place - 1];
        sorted[place] = spike;
    }
    for (int64_t i = 0; i < n; ++i) {
        indices[i] = sorted[i] & ((int64_t(1) << index_bits) - 1);
        times[i] = double(sorted[i] >> index_bits) / double(second);
    }
}
