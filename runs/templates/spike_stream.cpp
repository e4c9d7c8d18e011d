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
        if (file < 0)
        {
            std::fprintf(stderr, "cannot open the input of {{owner.name}}: %s\n", path ? path : "{{environment_variable}} is not set");
            std::exit(1);
        }
        int64_t start[5];
        struct stat status;  // asked after the number of finished steps: a file that is finished by then has its whole size
        if (pread(file, start, sizeof start, 0) != sizeof start || start[0] != N || fstat(file, &status) != 0)
        {
            std::fprintf(stderr, "the input of {{owner.name}} does not fit: %s\n", path);
            std::exit(1);
        }
        // while the file is being written, its size is not yet known: room for every neuron in every step
        const int64_t beginning = (6 + start[1]) * sizeof(int64_t);
        const int64_t room = beginning + start[0] * start[1] * (int64_t)sizeof({{neuron_type}});
        void *mapped = mmap(NULL, room, PROT_READ, MAP_SHARED | MAP_NORESERVE, file, 0);
        close(file);
        header = static_cast<const int64_t *>(mapped);
        if (mapped == MAP_FAILED || status.st_size < beginning || (start[4] == start[1] &&
            status.st_size != beginning + header[5 + start[1]] * (int64_t)sizeof({{neuron_type}})))
        {
            std::fprintf(stderr, "the input of {{owner.name}} does not fit: %s\n", path);
            std::exit(1);
        }
        neurons = reinterpret_cast<const {{neuron_type}} *>(header + 6 + header[1]);
    }
    const int64_t _step = {{t_in_timesteps}};
    const int64_t _in_period = _step % header[1];
    static int64_t n_ready = 0;
    static const pid_t parent = getppid();
    while (_in_period >= n_ready)
    {
        n_ready = __atomic_load_n(header + 4, __ATOMIC_ACQUIRE);
        if (n_ready < 0 || getppid() != parent)
        {
            std::fprintf(stderr, "the input of {{owner.name}} came to no end\n");
            std::exit(1);
        }
        if (_in_period >= n_ready)
            usleep(200);
    }
    const int64_t *_offset = header + 5 + _in_period;
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
