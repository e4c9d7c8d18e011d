{# Keeps what every step leaves on the cells; at the end of a chunk, the transpose of its recursion. See _transposed.py. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{% block extra_headers %}
#include <algorithm>
#include <cstdint>
#include <vector>
{% endblock %}

{% block maincode %}
{% set cell_values %}
{% for name in rows %}
const double {{name}} = row_{{name}}[c];
{% endfor %}
{% for name in last %}
const double {{name}} = {{get_array_name(variables['of_cell_' ~ name])}}[c];
{% endfor %}
{% for q in qs %}
const double {{q.name}} = {{q.name}}_[c];
{% endfor %}
{% endset %}
    const int64_t n_chunk = {{n_chunk}}, n_cells = {{n_cells}}, n_source = {{n_source}};
    const int64_t n_synapses = {{constant_or_scalar('N', variables['N'])}};
    const int64_t over = {{constant_or_scalar('t_in_timesteps', variables['t_in_timesteps'])}} - 1;  // the step that is over
    if (over < 0)
        return;
    // what goes on from step to step are variables of Brian2, as part of the state of the program
    auto &steps = {{get_array_name(variables['_arrival_step'], access_data=False)}};
    auto &neurons = {{get_array_name(variables['_arrival_neuron'], access_data=False)}};
    auto &amounts = {{get_array_name(variables['_arrival_amount'], access_data=False)}};
    int64_t &n_seen = {{get_array_name(variables['_n_seen'])}}[0];
    double *rows = {{get_array_name(variables['_rows'])}};
    static std::vector<int64_t> first;  // synapses of neuron k: first[k] to first[k + 1]
    // as Brian2's queue rounds
    static const int64_t lag = (int64_t)({{get_array_name(variables['delay_of_pathway'])}}[0] / {{dt}} + 0.5) + {{late}};
    const int64_t row = over % n_chunk;
    const int32_t *pre = &{{get_array_name(variables['_synaptic_pre'])}}[0], *post = &{{get_array_name(variables['_synaptic_post'])}}[0];
    if (first.empty())
        for (int64_t k = 0, s = 0; k <= n_source; ++k)
        {
            while (s < n_synapses && pre[s] - {{start}} < k)
                ++s;
            first.push_back(s);
        }
    {% for name in rows %}
    std::copy_n({{get_array_name(variables['of_cell_' ~ name])}}, n_cells, &rows[({{loop.index0}} * n_chunk + row) * n_cells]);
    {% endfor %}
    const int64_t n_fired = {{get_array_name(variables['spikes_of_source'])}}[{{n_whole}}];
    for (int64_t k = 0; k < n_fired; ++k)
    {
        const int64_t neuron = {{get_array_name(variables['spikes_of_source'])}}[k] - {{start}};
        if (neuron >= 0 && neuron < n_source)
        {
            steps.push_back(over + lag);
            neurons.push_back(neuron);
            amounts.push_back(1.0);
        }
    }
    {% if has_release %}
    for (; n_seen < (int64_t)steps.size() && steps[n_seen] <= over; ++n_seen)
    {
        const int64_t from = first[neurons[n_seen]], to = first[neurons[n_seen] + 1];
        if (from < to)
            amounts[n_seen] = {{get_array_name(variables['arrived'])}}[from];
        std::fill({{get_array_name(variables['arrived'])}} + from, {{get_array_name(variables['arrived'])}} + to, 0.0);
    }
    {% endif %}
    if (row < n_chunk - 1)
        return;

    const int64_t begin = over - row;
    int64_t n_now = 0;
    while (n_now < (int64_t)steps.size() && steps[n_now] <= over)
        ++n_now;
    static std::vector<double> qs({{qs|length}} * n_cells), reads({{functionals|length}} * n_cells);
    {% for q in qs %}
    double *__restrict {{q.name}}_ = &qs[{{loop.index0}} * n_cells];
    std::fill_n({{q.name}}_, n_cells, {{q.first}}.0);
    {% endfor %}
    {% for name in functionals %}
    double *__restrict read_{{name}} = &reads[{{loop.index0}} * n_cells];
    static std::vector<double> sum_{{name}};
    sum_{{name}}.assign(n_synapses, 0.0);
    {% endfor %}
    {% for name in constants %}
    const double {{name}} = {{get_array_name(variables['of_cell_' ~ name])}}[0];
    {% endfor %}
    int64_t n_left = n_now;
    for (int64_t k = n_chunk - 1; k >= 0; --k)
    {
        {% for name in rows %}
        const double *__restrict row_{{name}} = &rows[({{loop.index0}} * n_chunk + k) * n_cells];
        {% endfor %}
        const bool is_read = n_left > 0 && steps[n_left - 1] == begin + k;
        if (is_read)
        {
            for (int64_t c = 0; c < n_cells; ++c)
            {
                {{cell_values}}
                {% for name in functionals %}
                read_{{name}}[c] = {{reads[name]}};
                {% endfor %}
            }
            for (; n_left > 0 && steps[n_left - 1] == begin + k; --n_left)
            {
                const int64_t from = first[neurons[n_left - 1]], to = first[neurons[n_left - 1] + 1];
                const double amount = amounts[n_left - 1];
                {% for name in functionals %}
                for (int64_t s = from; s < to; ++s)
                    sum_{{name}}[s] += amount * read_{{name}}[post[s]];
                {% endfor %}
            }
        }
        for (int64_t c = 0; c < n_cells; ++c)
        {
            {{cell_values}}
            {% for q in qs %}
            {{q.name}}_[c] = {{q.back}};
            {% endfor %}
        }
    }
    {% if carries %}
    steps.erase(steps.begin(), steps.begin() + n_now);
    neurons.erase(neurons.begin(), neurons.begin() + n_now);
    amounts.erase(amounts.begin(), amounts.begin() + n_now);
    n_seen -= std::min(n_seen, n_now);
    {% for q in qs %}
    for (int64_t s = 0; s < n_synapses; ++s)
        sum_{{q.functional}}[s] += {{q.name}}_[post[s]] * {{get_array_name(variables[q.state])}}[s];
    {% endfor %}
    {% for name in states %}
    std::copy_n(sum_{{name}}.begin(), n_synapses, &{{get_array_name(variables[name])}}[0]);
    {% endfor %}
    {% else %}
    steps.clear();  // a new trial
    neurons.clear();
    amounts.clear();
    n_seen = 0;
    {% endif %}
    for (int64_t s = 0; s < n_synapses; ++s)
        {{get_array_name(variables['gradient'])}}[s] += sum_gradient[s];
{% endblock %}
