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
    const std::vector<SynapticPathway::Span> &due = {{pathway.name}}.due();
    const auto act_on = [&](const SynapticPathway::Span &span)
    {
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
    };
    {% set _other = '_postsynaptic_idx' if pathway.prepost == 'pre' else '_presynaptic_idx' %}
    {% set _changed = changed_by(vector_code) %}
    {% if openmp_pragma('with_openmp') and not _changed|reject('in', ['_idx', _other])|list %}
    // every thread takes a part of each neuron's synapses; no two change the same, and each keeps to the order of one
    {% set _ends = '&' ~ get_array_name(variables[_other]) ~ '[0]' if _other in _changed else 'NULL' %}
    const int32_t *ends = {{_ends}};
    int64_t n_due = 0;
    for (const auto &span : due)
        n_due += span.neuron >= 0 ? span.last - span.first : 0;
    if (n_due >= 1000 && {{pathway.name}}.can_be_parted(ends))
    {
        const int n_threads = {{openmp_pragma('get_num_threads')}};
        #pragma omp parallel for schedule(static, 1)
        for (int part = 0; part < n_threads; ++part)
            for (const auto &span : due)
                act_on({{pathway.name}}.part_of(span, part, n_threads, ends));
        return;
    }
    {% endif %}
    for (const auto &span : due)
        act_on(span);
{% endblock %}
