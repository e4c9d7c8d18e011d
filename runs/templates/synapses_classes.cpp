{# Spikes on their way to the synapses of a pathway, in place of Brian2's class of this name. Where all synapses have one
   delay, the neurons wait and not their synapses, and the synapses of a neuron are a range where they were made neuron
   by neuron: no copies, and a third of the memory. Synapses act in the same order as with Brian2's queue. #}
{% macro cpp_file() %}
{% endmacro %}

{% macro h_file() %}
#ifndef _BRIAN_SYNAPSES_H
#define _BRIAN_SYNAPSES_H

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>
{{ openmp_pragma('include') }}

#include "brianlib/spikequeue.h"

class SynapticPathway
{
public:
    struct Span  // of `listed()`, or of the synapses themselves where there is no list
    {
        int32_t first, last, neuron;  // the neuron whose synapses these are, -1 if they are of several
    };

private:
    const int32_t start, stop;  // the neurons that spikes come from
    bool uniform = true, in_order = true;
    int delay = 0;  // in steps
    std::vector<int32_t> first, list;  // synapses of neuron start + k: from first[k] to first[k + 1]
    std::vector<Span> spans;
    {% if openmp_pragma('with_openmp') %}
    int64_t largest = -1;  // neuron at the other ends
    bool parted = false;
    {% endif %}

public:
    std::vector<int32_t> &sources;  // the neuron of every synapse
    std::vector< std::vector<int32_t> > waiting;  // neurons, by when their spikes arrive
    int offset = 0;  // of those that arrive now
    CSpikeQueue various;  // in place of these where delays differ

    SynapticPathway(std::vector<int32_t> &_sources, int _start, int _stop)
        : start(_start), stop(_stop), sources(_sources), waiting(1), various(_start, _stop)
    {
    }

    template <typename scalar> void prepare(int, int, scalar *delays, int n_delays, int32_t *, int n_synapses, double dt)
    {
        const auto steps = [&](int k) { return (int)(delays[k] / dt + 0.5); };
        delay = n_delays ? steps(0) : 0;
        uniform = true;
        for (int k = 1; k < n_delays; ++k)
            uniform = uniform && steps(k) == delay;
        if (!uniform)
        {
            various.prepare(delays, n_delays, sources.data(), n_synapses, dt);
            return;
        }
        waiting.resize(delay + 1);
        in_order = std::is_sorted(sources.begin(), sources.end());
        first.assign(stop - start + 1, 0);
        for (const int32_t source : sources)
            ++first[source - start + 1];
        std::partial_sum(first.begin(), first.end(), first.begin());
        if (in_order)
            return;
        std::vector<int32_t> next = first;
        list.resize(n_synapses);
        for (int32_t k = 0; k < n_synapses; ++k)
            list[next[sources[k] - start]++] = k;
    }

    void advance()
    {
        {% if openmp_pragma('with_openmp') %}
        if (omp_get_thread_num() > 0)
            return;
        {% endif %}
        if (!uniform)
            return various.advance();
        waiting[offset].clear();
        offset = (offset + 1) % waiting.size();
    }

    void push(int32_t *spikes, int n)
    {
        {% if openmp_pragma('with_openmp') %}
        if (omp_get_thread_num() > 0)
            return;
        {% endif %}
        if (!uniform)
            return various.push(spikes, n);
        std::vector<int32_t> &arriving = waiting[(offset + delay) % waiting.size()];
        arriving.insert(arriving.end(), std::lower_bound(spikes, spikes + n, start),
                        std::upper_bound(spikes, spikes + n, stop - 1));
    }

    /// The synapses at which spikes arrive now.
    const std::vector<Span> &due()
    {
        spans.clear();
        if (!uniform)
            spans.push_back({0, (int32_t)various.peek()->size(), -1});
        else
            for (const int32_t neuron : waiting[offset])
                spans.push_back({first[neuron - start], first[neuron - start + 1], neuron});
        return spans;
    }

    {% if openmp_pragma('with_openmp') %}
    /// Whether `part_of` gives parts that share none of the neurons `ends` at the other ends of their synapses.
    bool can_be_parted(const int32_t *ends)
    {
        if (ends == NULL || !in_order || sources.empty())
            return ends == NULL;
        if (largest < 0)
        {
            parted = true;
            for (size_t k = 1; k < sources.size(); ++k)
                parted = parted && (sources[k] != sources[k - 1] || ends[k] > ends[k - 1]);
            largest = *std::max_element(ends, ends + sources.size());
        }
        return parted;
    }

    Span part_of(const Span &span, int64_t part, int64_t n, const int32_t *ends) const
    {
        const auto border = [&](int64_t k)
        {
            return ends == NULL ? span.first + (int32_t)((span.last - span.first) * k / n)
                : (int32_t)(std::lower_bound(ends + span.first, ends + span.last, (largest + 1) * k / n) - ends);
        };
        return {border(part), border(part + 1), span.neuron};
    }
    {% endif %}

    /// What the spans are of; nothing if of the synapses themselves.
    const int32_t *listed()
    {
        return !uniform ? various.peek()->data() : in_order ? NULL : list.data();
    }
};

#endif
{% endmacro %}
