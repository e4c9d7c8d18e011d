// The hot loops of hidden_pattern.py. Where there is no compiler the same is done there in NumPy, bit for bit.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

// See _Walk.walk_on.
extern "C" int64_t walk_on(int64_t n_steps, int64_t n_afferents, const uint16_t* __restrict levels,
                           const uint8_t* __restrict changes, float* __restrict rates, float* __restrict slopes,
                           int32_t* __restrict waits, float top, float slope_top, float slope_unit, int32_t max_silence,
                           int64_t step_length, int64_t* __restrict spikes) {
    std::vector<uint8_t> room((n_afferents + 63) / 64 * 64);
    uint8_t* __restrict has_spike = room.data();
    int64_t n_spikes = 0;
    for (int64_t step = 0; step < n_steps; ++step, levels += n_afferents, changes += n_afferents) {
        for (int64_t i = 0; i < n_afferents; ++i) {  // no branches, so that the compiler vectorises it
            has_spike[i] = (waits[i] == 0) | (levels[i] < rates[i]);
            waits[i] = (has_spike[i] ? max_silence : waits[i]) - 1;
            rates[i] = std::min(std::max(rates[i] + slopes[i], 0.0f), top);
            const float slope = slopes[i] + (changes[i] - 127.5f) * slope_unit;
            slopes[i] = std::min(std::max(slope, -slope_top), slope_top);
        }
        for (int64_t i = 0; i < n_afferents; i += 64) {
            uint64_t bits = 0;  // one per afferent; the product gathers those of eight bytes in the highest byte
            for (int j = 0; j < 64; j += 8) {
                uint64_t eight;
                std::memcpy(&eight, has_spike + i + j, 8);
                bits |= (eight * 0x0102040810204080) >> 56 << j;
            }
            for (; bits; bits &= bits - 1) spikes[n_spikes++] = step * step_length + i + __builtin_ctzll(bits);
        }
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
