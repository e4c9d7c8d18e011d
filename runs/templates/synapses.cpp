{# Lets the synapses of a pathway act at which spikes arrive, in place of Brian2's template of this name. #}
{% extends 'common_synapses.cpp' %}

{% block maincode %}
    // scalar code
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}

    const auto act = [&](const size_t _idx)
    {
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
    };
    const std::vector<SynapticPathway::Span> &due = {{pathway.name}}.due();
    const int32_t *listed = {{pathway.name}}.listed();
    if (listed == NULL)
        for (const auto &span : due)
            for (int32_t k = span.first; k < span.last; ++k)
                act(k);
    else
        for (const auto &span : due)
            for (int32_t k = span.first; k < span.last; ++k)
            {
                // these are far apart in memory
                const int32_t soon = listed[std::min(k + 16, span.last - 1)];
                {% for name, var in variables | dictsort %}
                {% if variable_indices[name] == '_idx' and var.array is defined and var.array and not var.scalar %}
                __builtin_prefetch(&{{get_array_name(var)}}[soon]);
                {% endif %}
                {% endfor %}
                act(listed[k]);
            }
{% endblock %}
