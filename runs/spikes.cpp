// The inner loop of spikes.py. Where there is no compiler the same is done there in NumPy, spike for spike.

#include <algorithm>
#include <cstdint>

// See GriddedSpikes.write. `last` holds, from one block to the next, the step in which each neuron fired last. Returns
// the number of spikes kept, or -1 if one lies outside the period or the population.
extern "C" int64_t grid(const double* times, const int32_t* indices, int64_t n_spikes, int64_t n, int64_t n_period,
                        double early, double per_second, int64_t* last, int32_t* neurons, int64_t* counts) {
    int64_t n_kept = 0;
    for (int64_t k = 0; k < n_spikes; ++k) {
        const double step_of = times[k] * per_second;
        const int32_t neuron = indices[k];
        if (step_of < 0 || step_of >= n_period || neuron < 0 || neuron >= n) return -1;
        const int64_t step = std::min((int64_t)((times[k] + early) * per_second), n_period - 1);
        if (last[neuron] == step) continue;
        last[neuron] = step;
        neurons[n_kept++] = neuron;
        ++counts[step];
    }
    return n_kept;
}
