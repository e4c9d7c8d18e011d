{# Advances every element of a group, in place of Brian2's template of this name: several elements at once where none
   looks at another, which the compiler cannot know by itself, and with the vector form of exp where there is one. #}
{# USES_VARIABLES { N } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cpp' %}

{% set _others = [] %}
{% for name in variables %}
{% if variable_indices[name] not in ('_idx', '0') %}
{% set _ignored = _others.append(name) %}
{% endif %}
{% endfor %}

{% block extra_headers %}
#if defined __x86_64__ && defined __GLIBC__ && defined __GNUC__ && !defined __clang__
extern "C" __attribute__((__simd__("notinbranch"))) double exp(double) noexcept;
#endif
{% endblock %}

{% block maincode %}
    // scalar code
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}

    const int _n_elements = {{constant_or_scalar('N', variables['N'])}};
    {% if _others %}
    {{openmp_pragma('parallel-static')}}
    {% elif openmp_pragma('with_openmp') %}
    #pragma omp parallel for simd schedule(static) if(parallel: _n_elements >= 1000)
    {% else %}
    #pragma GCC ivdep
    {% endif %}
    for (int _idx = 0; _idx < _n_elements; ++_idx)
    {
        // vector code
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
    }
{% endblock %}
