{# The end of objects.cpp: what a run leaves in its results, and its whole state in a file that a later process goes on
   from. `constants` are the arrays that do not change while the program runs: built again from the same seed they must
   have the same bits, so a checkpoint holds their hash only. #}
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <type_traits>
#include <unistd.h>

namespace {

struct Hash  // the same for the same bytes, in however many pieces they come
{
    uint64_t value = 0x243f6a8885a308d3ULL, n = 0;
    char rest[8];
    void operator()(const void *data, size_t size)
    {
        const char *at = static_cast<const char *>(data), *end = at + size;
        for (; n % 8 && at < end; ++at)
            add(*at);
        for (uint64_t word; end - at >= 8; at += 8, n += 8)
        {
            std::memcpy(&word, at, 8);
            mix(word);
        }
        for (; at < end; ++at)
            add(*at);
    }
    void add(char byte)
    {
        rest[n++ % 8] = byte;
        uint64_t word;
        std::memcpy(&word, rest, 8);
        if (n % 8 == 0)
            mix(word);
    }
    void mix(uint64_t word)
    {
        value = (value ^ word) * 0x9e3779b97f4a7c15ULL;
        value ^= value >> 29;
    }
    uint64_t whole() const
    {
        Hash last = *this;
        while (last.n % 8)
            last.add(0);
        last.mix(n);
        return last.value;
    }
};

struct Writer
{
    static const bool reads = false;
    std::FILE *file;
    Hash hash;
    uint64_t n_bytes = 0;
    bool well = true;
    explicit Writer(std::FILE *_file) : file(_file) {}
    void operator()(void *data, size_t n)
    {
        hash(data, n);
        n_bytes += n;
        well = well && std::fwrite(data, 1, n, file) == n;
    }
};

struct Reader
{
    static const bool reads = true;
    const char *at;
    explicit Reader(const char *_at) : at(_at) {}
    void operator()(void *data, size_t n)
    {
        std::memcpy(data, at, n);
        at += n;
    }
};

template <class IO, class Array> void of_any_size(IO &io, Array &array)
{
    uint64_t n = array.size();
    io(&n, sizeof n);
    if (IO::reads)
        array.resize(n);
    if (n)
        io(&array[0], n * sizeof array[0]);
}

template <class IO, class Array> void of_any_shape(IO &io, Array &array)
{
    int64_t n = array.n, m = array.m;
    io(&n, sizeof n);
    io(&m, sizeof m);
    if (IO::reads)
        array.resize((int)n, (int)m);
    for (int k = 0; m && k < (int)n; ++k)
        io(&array(k, 0), m * sizeof array(k, 0));
}

template <class IO> void of_queue(IO &io, int &offset, std::vector< std::vector<int32_t> > &queue)
{
    io(&offset, sizeof offset);
    uint64_t n = queue.size();
    io(&n, sizeof n);
    if (IO::reads)
        queue.resize(n);
    for (auto &spikes : queue)
        of_any_size(io, spikes);
}

/// All that changes in the course of a run.
template <class IO> void go_through(IO &io)
{
    using namespace brian;
    static_assert(std::is_trivially_copyable<RandomGenerator>::value, "its bytes are its state");
    for (auto &generator : _random_generators)
        io(&generator, sizeof generator);
    {% for name, size in arrays %}
    io({{name}}, {{size}} * sizeof {{name}}[0]);
    {% endfor %}
    {% for name in dynamic_arrays %}
    of_any_size(io, {{name}});
    {% endfor %}
    {% for name in dynamic_arrays_2d %}
    of_any_shape(io, {{name}});
    {% endfor %}
    {% for name in pathways %}
    of_queue(io, {{name}}.offset, {{name}}.waiting);
    of_queue(io, {{name}}.various.offset, {{name}}.various.queue);
    {% endfor %}
}

uint64_t hash_of_constants()
{
    using namespace brian;
    Hash hash;
    {% for name, size in constants %}
    hash({{name}}, {{size}} * sizeof {{name}}[0]);
    {% endfor %}
    {% for name in dynamic_constants %}
    if ({{name}}.size())
        hash(&{{name}}[0], {{name}}.size() * sizeof {{name}}[0]);
    {% endfor %}
    return hash.whole();
}

struct Head
{
    char magic[8], identity[64];
    uint64_t n_bytes, constants, hash;  // of what follows
};

std::string path;
Head own;
double every, next_time;  // s
volatile std::sig_atomic_t ended_by = 0;
pid_t parent;

double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void end_soon(int number)
{
    if (ended_by)
        std::signal(number, SIG_DFL);
    ended_by = number;
}

const char *read_checkpoint(const int file)
{
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_size < (off_t)sizeof(Head))
        return "it is too short";
    void *mapped = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED)
        return "it cannot be read";
    Head head;
    std::memcpy(&head, mapped, sizeof head);
    const char *content = static_cast<const char *>(mapped) + sizeof head, *wrong = NULL;
    if (std::memcmp(head.magic, own.magic, sizeof own.magic) != 0)
        wrong = "it is none";
    else if (std::memcmp(head.identity, own.identity, sizeof own.identity) != 0)
        wrong = "it belongs to another program or other values";
    else if (head.n_bytes != status.st_size - sizeof head)
        wrong = "its length is wrong";
    else
    {
        Hash hash;
        hash(content, head.n_bytes);
        if (hash.whole() != head.hash)
            wrong = "it is damaged";
        else if (head.constants != hash_of_constants())
            wrong = "its synapses or constants are others";
        else
        {
            Reader reader(content);
            go_through(reader);
        }
    }
    munmap(mapped, status.st_size);
    return wrong;
}

void write_checkpoint()
{
    const double begun = now();
    const std::string unfinished = path + "." + std::to_string(getpid());
    std::FILE *file = std::fopen(unfinished.c_str(), "wb");
    bool well = false;
    if (file)
    {
        Head head = own;
        Writer writer(file);
        well = std::fwrite(&head, sizeof head, 1, file) == 1;
        go_through(writer);
        head.n_bytes = writer.n_bytes;
        head.hash = writer.hash.whole();
        head.constants = hash_of_constants();
        well = well && writer.well && std::fseek(file, 0, SEEK_SET) == 0
            && std::fwrite(&head, sizeof head, 1, file) == 1 && std::fflush(file) == 0 && fsync(fileno(file)) == 0;
        well = std::fclose(file) == 0 && well && std::rename(unfinished.c_str(), path.c_str()) == 0;
    }
    const double took = now() - begun;
    if (well)
        std::printf("checkpoint written %.6f\n", took);
    else
    {
        std::printf("checkpoint failed %s\n", std::strerror(errno));
        unlink(unfinished.c_str());
    }
    next_time = now() + std::max(every, 50 * took);  // at most 2 % of the time
    std::fflush(stdout);
}

}  // namespace

/// What a record is made from, and nothing else.
void _write_arrays()
{
    using namespace brian;
    std::FILE *file;
    {% for name, file, content in results %}
    file = std::fopen((results_dir + "{{file}}").c_str(), "wb");
    if (file)
    {
        {% if content == "2d" %}
        for (int k = 0; {{name}}.m && k < (int){{name}}.n; ++k)
            std::fwrite(&{{name}}(k, 0), sizeof {{name}}(k, 0), {{name}}.m, file);
        {% elif content == "1d" %}
        if ({{name}}.size())
            std::fwrite(&{{name}}[0], sizeof {{name}}[0], {{name}}.size(), file);
        {% else %}
        std::fwrite({{name}}, sizeof {{name}}[0], {{content}}, file);
        {% endif %}
        std::fclose(file);
    }
    {% endfor %}
}

/// Before the first step of the network: go on from a checkpoint if there is one.
void brian2learn_begin()
{
    const char *text = std::getenv("{{variable}}");  // seconds, identity, path
    if (!text)
        return;
    char identity[65] = "";
    int length = 0;
    if (std::sscanf(text, "%lf %64s %n", &every, identity, &length) != 2)
        return;
    path = text + length;
    std::memcpy(own.magic, "B2L-CKPT", 8);
    std::memcpy(own.identity, identity, 64);
    parent = getppid();
    next_time = now() + every;
    std::signal(SIGTERM, end_soon);
    std::signal(SIGINT, end_soon);
    std::signal(SIGPIPE, SIG_IGN);  // whoever started this may die first
    const int file = open(path.c_str(), O_RDONLY);
    if (file < 0)
        return;
    const char *wrong = read_checkpoint(file);
    close(file);
    if (wrong)
        std::printf("checkpoint ignored %s\n", wrong);
    else
        std::printf("checkpoint resumed %.9f\n", brian::{{time}}[0]);
    std::fflush(stdout);
}

/// Between two steps of the network.
void brian2learn_between_steps()
{
    static unsigned n_steps = 0;
    if (path.empty() || (!ended_by && ++n_steps % 64))
        return;
    if (!ended_by && getppid() != parent)
        ended_by = SIGTERM;
    if (!ended_by && now() < next_time)
        return;
    write_checkpoint();
    if (ended_by)
    {
        std::signal(ended_by, SIG_DFL);
        std::raise(ended_by);
    }
}
