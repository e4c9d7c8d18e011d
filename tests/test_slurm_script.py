"""What a SLURM job asks for, and the script of a job array; carried out by bash, without any SLURM."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brian2learn.cli.main import app
from brian2learn.cli.slurm import parse_array
from brian2learn.core.errors import DeclarationError, UnknownNameError
from brian2learn.runs.slurm import SlurmJob
from brian2learn.runs.store import Store
from brian2learn.runs.sweep_file import read_sweep

SWEEP = """\
dt = "0.1 ms"
seeds = "0:4"
task = { class = "HiddenPattern", n_afferents = 40, n_pattern = 20, period = "0.4 second", n_repeats = 1 }
circuit = { class = "Detector", rule = "PairSTDP", cell = { class = "SRM0", theta = 10 } }
over = { "circuit.w_init" = [0.3, 0.4] }
slurm = { walltime = "02:00:00", prologue = ["export PROLOGUE=yes", "test ! -e stop"] }
"""


def slurm_script(*arguments, cwd, **environment):
    with contextlib.chdir(cwd):
        done = CliRunner(env=environment).invoke(app, ["slurm-script", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def directives(script):
    """The options of sbatch that a script holds."""
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]


# ---------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("walltime", "seconds"),
    [
        ("90", 5400),
        (90, 5400),
        ("90:30", 5430),
        ("02:00:30", 7230),
        ("1-2", 93600),
        ("1-2:30", 95400),
        ("0-0:1:40", 100),
    ],
)
def test_wall_times_as_slurm_writes_them(walltime, seconds):
    assert SlurmJob(walltime=walltime).seconds == seconds


@pytest.mark.parametrize("walltime", ["1", "5", "01:00:00", "2-0"])
def test_workers_end_before_the_wall_time_and_not_at_once(walltime):
    job = SlurmJob(walltime=walltime)
    lifetime, stagger = job.lifetime
    assert 0 < lifetime - stagger < lifetime + stagger < job.seconds
    assert job.seconds - (lifetime + stagger) >= min(60, job.seconds / 4) - 1e-9  # to start in, and to end in


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"walltime": "1 hour"}, "minutes or [days-]hours:minutes:seconds, got '1 hour'"),
        ({"walltime": "00:00:30"}, "at least one minute"),
        ({"walltime": 1.5}, "text, or a number of minutes"),
        ({"memory": "2 GB"}, "a size such as 2G"),
        ({"memory": "0G"}, "a size such as 2G"),
        ({"partition": "a\n#SBATCH --uid=0"}, "expected a name"),
        ({"account": 3}, "expected a name"),
        ({"directives": ["qos=short"]}, "options of sbatch such as --qos=short"),
        ({"prologue": [1]}, "a list of lines"),
        ({"prologue": [""]}, "a list of lines"),
        ({"logs": ""}, "expected a folder"),
    ],
)
def test_options_of_the_wrong_form_are_refused(options, words):
    with pytest.raises(DeclarationError) as refused:
        SlurmJob.of(options)
    assert words in str(refused.value)


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean walltime"):
        SlurmJob.of({"waltime": "10"})


def test_every_option_reaches_the_job():
    job = SlurmJob("short", "lab", "30", "1500M", ["--qos=high"], ["module load gcc"], "ib0", "out")
    script = job.array(["true"], 7, name="mine", at_a_time=3, n_cpus=2)
    assert directives(script) == [
        "--array=1-7%3", "--requeue", "--job-name=mine", f'--output="{Path.cwd()}/out/%x-%A-%a.out"',
        "--open-mode=append", "--partition=short", "--account=lab", "--ntasks=1", "--cpus-per-task=2", "--mem=3000M",
        "--time=30", "--qos=high",
    ]  # fmt: skip
    assert "\nmodule load gcc\n" in script


@pytest.mark.parametrize(("text", "found"), [("20", (20, None)), ("500%50", (500, 50))])
def test_size_of_an_array(text, found):
    assert parse_array(text) == found


@pytest.mark.parametrize("text", ["", "0", "-3", "1-20", "20%", "20%0", "ten", "²", "10000000000"])
def test_a_wrong_size_of_an_array_is_refused(text):
    with pytest.raises(DeclarationError, match="expected N or N%M"):
        parse_array(text)


# ---------------------------------------------------------------------- scripts


@pytest.mark.slow
def test_the_shares_of_a_script_make_the_sweep(tmp_path):
    home = tmp_path / "with space and 'quote'"
    home.mkdir()
    (home / "my sweep.toml").write_text(SWEEP)
    done = slurm_script("my sweep.toml", "--array", "2", "--where", "a store", "--to", "job.sh", cwd=home)
    assert done.returncode == 0, done.stderr
    script = (home / "job.sh").read_text()
    assert "--job-name=my-sweep" in directives(script)
    assert "--time=02:00:00" in directives(script)
    assert (home / "slurm-logs").is_dir()
    sizes = []
    for share in (2, 1):
        job = subprocess.run(
            ["bash", str(home / "job.sh")], cwd="/", capture_output=True, text=True, check=False,
            env={**os.environ, "SLURM_ARRAY_TASK_ID": str(share)},
        )  # fmt: skip
        assert job.returncode == 0, job.stderr
        sizes.append(len(Store(home / "a store")))
    assert 0 < sizes[0] < sizes[1] == 8
    sweep = read_sweep(home / "my sweep.toml").sweep
    sweep.execute(Store(tmp_path / "local"), n_workers=1)
    one, other = Store(home / "a store"), Store(tmp_path / "local")
    assert {key: one.content(key) for key in list(one.keys())} == {
        key: other.content(key) for key in list(other.keys())
    }


def test_a_prologue_that_fails_ends_the_job(tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    (tmp_path / "stop").touch()
    script = slurm_script("sweep.toml", "--array", "2", cwd=tmp_path).stdout
    job = subprocess.run(["bash", "-c", script], env={**os.environ, "SLURM_ARRAY_TASK_ID": "1"}, check=False)
    assert job.returncode != 0
    assert not (tmp_path / "results").exists()


def test_own_declarations_are_found_by_the_jobs(tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    script = slurm_script("sweep.toml", "--array", "2", cwd=tmp_path, BRIAN2LEARN_PATH="/lab/our rules").stdout
    assert "\nexport BRIAN2LEARN_PATH='/lab/our rules'\n" in script


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep.toml", "--array", "9"], "at most a job for each of 8 points, got 9"),
        (["other.toml", "--array", "2"], "No such file"),
        (["sweep.toml", "--array", "2", "--slurm-option", "qos=short"], "slurm.qos: expected an option"),
        (["sweep.toml", "--array", "2", "--slurm-option", "qos"], "NAME=VALUE"),
    ],
    ids=["too-many-jobs", "no-file", "unknown-option", "no-value"],
)
def test_mistakes_are_said_before_anything_is_queued(tmp_path, arguments, words):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    done = slurm_script(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_a_script_that_cannot_be_written(tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    done = slurm_script("sweep.toml", "--array", "2", "--to", "nowhere/job.sh", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere/job.sh: expected a writable place" in done.stderr
