{# Copies the spikes of this time step from a memory-mapped file; the run ends where the file says. #}
{# USES_VARIABLES { _spikespace, t_in_timesteps, N } #}
{% extends 'common_group.cpp' %}

{% block extra_headers %}
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
{% endblock %}

{% block maincode %}
    // see GriddedSpikes
    static const int64_t *header = NULL;
    static const {{neuron_type}} *neurons = NULL;
    if (header == NULL)
    {
        const char *path = std::getenv("{{environment_variable}}");
        const int file = path ? open(path, O_RDONLY) : -1;
        struct stat status;
        if (file < 0 || fstat(file, &status) != 0)
        {
            std::fprintf(stderr, "cannot open the input of {{owner.name}}: %s\n", path ? path : "{{environment_variable}} is not set");
            std::exit(1);
        }
        void *mapped = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        close(file);
        header = static_cast<const int64_t *>(mapped);
        if (mapped == MAP_FAILED || header[0] != N ||
            status.st_size != (int64_t)((5 + header[1]) * sizeof(int64_t) + header[4 + header[1]] * sizeof({{neuron_type}})))
        {
            std::fprintf(stderr, "the input of {{owner.name}} does not fit: %s\n", path);
            std::exit(1);
        }
        neurons = reinterpret_cast<const {{neuron_type}} *>(header + 5 + header[1]);
    }
    const int64_t _step = {{t_in_timesteps}};
    const int64_t *_offset = header + 4 + _step % header[1];
    const int64_t _n_spikes = _offset[1] - _offset[0];
    std::copy_n(neurons + _offset[0], _n_spikes, {{_spikespace}});
    {{_spikespace}}[N] = _n_spikes;

    if (_step % header[3] == 0)
    {
        std::printf("step %lld\n", (long long)_step);
        std::fflush(stdout);
    }
    if (_step + 1 >= header[2])
        Network::_globally_stopped = true;
{% endblock %}
