"""Results in the formats of other programs: tables, labelled arrays, Neo and NWB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brian2learn.core.errors import DeclarationError, RecordError
from brian2learn.core.extras import need

from .measures import Measure, measure_of, number_of
from .record import Record
from .store import Store
from .sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

TABLES, ARRAYS = (".csv", ".parquet"), (".nc", ".zarr")


def write(sweep: Sweep, store: Store, path: Path) -> None:
    """Write the results of a sweep in the format that the file's name ends in.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.parquet`` for the table, ``.nc`` (NetCDF) or ``.zarr`` for the labelled arrays.

    Raises
    ------
    DeclarationError
        If it ends in nothing of these.
    RunError
        If the library for it is not installed.
    """
    check_format(path, TABLES + ARRAYS)
    if path.suffix in TABLES:
        write_table(sweep.table(store), path)
    else:
        write_arrays(sweep.dataset(store), path)


def check_format(path: Path, formats: tuple[str, ...]) -> None:
    """Refuse a file name whose end is no known format, and say so if a library for it is missing."""
    if path.suffix not in formats:
        raise DeclarationError(
            str(path), expected=f"a name that ends in {' or '.join(formats)}", got=repr(path.suffix),
            choices=formats, typed=path.suffix,
        )  # fmt: skip
    library = {".parquet": "pyarrow", ".nc": "h5netcdf", ".zarr": "zarr"}.get(path.suffix)
    if library is not None:
        need(library, "store", f"{path.suffix} files")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet."""
    check_format(path, TABLES)
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, engine="pyarrow", index=False)


def write_arrays(dataset: Any, path: Path) -> None:
    """Write labelled arrays as NetCDF or Zarr."""
    check_format(path, ARRAYS)
    texts = {name: dataset[name].astype(str) for name in dataset.data_vars if dataset[name].dtype == object}
    dataset = dataset.assign(texts)
    if path.suffix == ".nc":
        dataset.to_netcdf(path, engine="h5netcdf")
    else:
        dataset.to_zarr(path, mode="w", zarr_format=2, consolidated=False)  # format 3 has no text yet


def store_table(store: Store, measures: Mapping[str, Measure | str] | None = None) -> pd.DataFrame:
    """One row for each record of a store: key, seed, parameters in which they differ (in SI units), measures.

    Damaged records are left out; `Store.verify` tells them.
    """
    import pandas as pd

    chosen = {name: measure_of(name, value) for name, value in (measures or {}).items()}
    rows = []
    for key in list(store.keys()):
        try:
            record = store.read(key)
        except RecordError:
            continue
        found = {"key": key, "seed": record.info.get("seed"), **_flat(record.info.get("experiment", {}))}
        found |= record.info.get("measures", {})
        if "measures" not in record.info:
            found |= {name: number_of(name, measure(record)) for name, measure in chosen.items()}
        rows.append(found)
    table = pd.DataFrame(rows)
    keep = {"key", "seed", *chosen}
    same = [name for name in table.columns if name not in keep and table[name].nunique(dropna=False) <= 1]
    return table.drop(columns=same)


def _flat(described: Any, path: str = "") -> dict[str, Any]:
    """Nested JSON of an experiment as one level: a number with its unit becomes the number in SI units."""
    if isinstance(described, Mapping):
        if {*described} == {"si", "as"}:
            return {f"{path} (SI)": described["si"]}
        inner = [_flat(value, f"{path}.{name}" if path else name) for name, value in described.items()]
        return {name: value for each in inner for name, value in each.items()}
    if isinstance(described, list):
        inner = [_flat(value, f"{path}.{number}") for number, value in enumerate(described)]
        return {name: value for each in inner for name, value in each.items()}
    return {path: described}


# ---------------------------------------------------------------------- spike trains


def _trains(record: Record) -> list[tuple[str, int, np.ndarray]]:
    """Group, neuron and spike times (s) of every neuron that fired."""
    return [
        (group, int(neuron), np.asarray(spikes.t[spikes.i == neuron]))
        for group, spikes in record.spikes.items()
        for neuron in np.unique(spikes.i)
    ]


def to_neo(record: Record) -> Any:
    """A record as a ``neo.Block``: a spike train for every neuron that fired, recorded states as signals."""
    neo, quantities = (need(name, "neo", "spike trains as Neo objects") for name in ("neo", "quantities"))
    second = quantities.second
    block = neo.Block(name=record.key, seed=record.info.get("seed"))
    segment = neo.Segment(name="run")
    block.segments.append(segment)
    for group, neuron, times in _trains(record):
        train = neo.SpikeTrain(
            times * second, t_stop=record.duration * second, name=f"{group} {neuron}", group=group, neuron=neuron
        )
        segment.spiketrains.append(train)
    for name, states in record.states.items():
        period = float(record.info["record"][name]) * second
        segment.analogsignals.append(
            neo.AnalogSignal(states.values, "dimensionless", sampling_period=period, name=name)
        )
    return block


def to_nwb(record: Record, path: Path) -> None:
    """Write a record as an NWB file: its neurons as units, its presentations (if the task has onsets) as trials."""
    pynwb = need("pynwb", "nwb", "NWB files")
    from datetime import datetime

    written = datetime.fromisoformat(record.info["written"])
    file = pynwb.NWBFile(
        session_description="A simulation", identifier=record.key, session_start_time=written,
        source_script=str(record.info.get("commit")), source_script_file_name="brian2learn",
    )  # fmt: skip
    file.add_unit_column("group", "the group of cells")
    file.add_unit_column("neuron", "its number in the group")
    for group, neuron, times in _trains(record):
        file.add_unit(spike_times=times, obs_intervals=[[0.0, record.duration]], group=group, neuron=neuron)
    onsets, length = record.truth.get("onset"), record.truth.get("pattern_length")
    if onsets is not None and length is not None:
        for onset in onsets:
            file.add_trial(start_time=float(onset), stop_time=float(onset) + float(length))
    for name, states in record.states.items():
        rate = 1 / float(record.info["record"][name])
        file.add_acquisition(pynwb.TimeSeries(name=name, data=states.values, unit="SI", rate=rate))
    with pynwb.NWBHDF5IO(path, "w") as out:
        out.write(file)
