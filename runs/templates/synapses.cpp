{# Lets the synapses of a pathway act at which spikes arrive, in place of Brian2's template of this name. #}
{% extends 'common_synapses.cpp' %}

{% block maincode %}
    // scalar code
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}

    {# where the code asks for the neuron whose spike this is, no memory is to be asked #}
    {% set own = get_array_name(pathway.synapse_sources) %}
    const auto act = [&](const size_t _idx, const int32_t _neuron)
    {
        const size_t _vectorisation_idx = _idx;
        {{vector_code|join('\n')|replace('_ptr' ~ own ~ '[_idx]', '_neuron')|autoindent}}
    };
    const int32_t *listed = {{pathway.name}}.listed();
    for (const auto &span : {{pathway.name}}.due())
        if (listed == NULL)
            for (int32_t k = span.first; k < span.last; ++k)
                act(k, span.neuron);
        else if (span.neuron < 0)
            for (int32_t k = span.first; k < span.last; ++k)
                act(listed[k], {{pathway.name}}.sources[listed[k]]);
        else
            for (int32_t k = span.first; k < span.last; ++k)
            {
                // these are far apart in memory
                const int32_t soon = listed[std::min(k + 16, span.last - 1)];
                {% for name, var in variables | dictsort if variable_indices[name] == '_idx' %}
                {% if var.array is defined and var.array and not var.scalar and get_array_name(var) != own %}
                __builtin_prefetch(&{{get_array_name(var)}}[soon]);
                {% endif %}
                {% endfor %}
                act(listed[k], span.neuron);
            }
{% endblock %}
