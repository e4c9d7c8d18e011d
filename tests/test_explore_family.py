"""One setting compared over a slider: it holds what each value gives by itself, in pictures, files and scripts."""

from __future__ import annotations

import time

import numpy as np
import pytest
from test_explore import printed

from brian2learn.core.errors import UnknownNameError
from brian2learn.explore import family, paper
from brian2learn.explore.draw import Drawn
from brian2learn.explore.page import Explorer
from brian2learn.explore.settings import axes, read_address, usual
from brian2learn.explore.views.triplets import Triplets

CASES = [
    ("show=pair_stdp&view=window&over=tau_plus", True),
    ("show=pair_stdp&view=window&over=view.span", True),
    ("show=pair_stdp&view=frequency&over=a_minus", False),
    ("show=tsodyks_markram&over=U", True),
    ("show=triplet_stdp,heterosynaptic&view=spikes&over=beta", False),
]


def compared(query):
    """A setting and its pictures with the family behind them."""
    setting = read_address(query)
    return setting, family.Comparison(lambda: None, None).behind(setting, setting.view.pictures(setting.shown))


@pytest.mark.parametrize(("query", "log"), CASES)
def test_a_family_holds_what_each_value_gives_by_itself(query, log):
    setting, pictures = compared(query)
    assert read_address(setting.address) == setting
    assert setting.address.count("over=") == 1
    found = [each for each in pictures if each.family is not None]
    assert found
    slider = family.slider_of(setting)
    values = [slider.value(place) for place in np.linspace(*slider.ends, family.N)]
    name = setting.over.removeprefix("view.")
    for picture in found:
        assert picture.family.log == log
        np.testing.assert_allclose(picture.family.values * slider.factor, values, rtol=1e-12)
        for k in (0, 7, family.N - 1):
            member = (setting.change_view if setting.over.startswith("view.") else setting.change)({name: values[k]})
            (alone,) = (each for each in member.view.pictures(member.shown) if each.name == picture.name)
            curves = {each.name: each for each in alone.curves}
            for forms in picture.family.curves:
                if forms[k].name in curves:
                    np.testing.assert_array_equal(forms[k].y, curves[forms[k].name].y)
                else:
                    assert forms[k].x.size == 0
        rows = picture.table()
        assert rows[picture.family.label].nunique() == len({*picture.family.values})


def test_colours_say_the_value_and_curves_keep_their_pattern():
    setting, (picture,) = compared("show=pair_stdp&view=frequency&over=a_minus")
    drawn = Drawn(picture)
    for source, forms in zip(drawn.of_family, picture.family.curves, strict=True):
        np.testing.assert_array_equal(source.data["value"], picture.family.values)
        for k, form in enumerate(forms):
            np.testing.assert_array_equal(source.data["y"][k], form.y)
    assert paper.saved([picture], "pdf").startswith(b"%PDF")
    names = {(): "solid", (6,): "dashed"}
    patterns = {}
    for each in drawn.figure.renderers:
        dash = each.glyph.line_dash
        patterns[each.name] = names.get(tuple(dash)) or "".join(dash)
    assert patterns == {
        f"frequency:{side} first, 10 ms{end}": pattern
        for side, pattern in (("pre", "solid"), ("post", "dashed"))
        for end in ("", ":family")
    }
    assert (drawn.mapper.low, drawn.mapper.high) == (picture.family.values[0], picture.family.values[-1])
    # lightness rises along the colours, so that they can be told apart without hue
    colours = [[int(each[k : k + 2], 16) for k in (1, 3, 5)] for each in paper.RAMP[False]]
    light = np.array(colours) @ (0.2126, 0.7152, 0.0722)
    assert np.all(np.diff(light) > -1)
    assert light[-1] > light[0] + 80


def test_a_family_is_worked_out_in_pieces_and_never_for_nothing():
    setting, now = (made := read_address("show=pair_stdp&view=window&over=tau_plus")), made.view.pictures(made.shown)
    waiting, redrawn = [], []
    comparison = family.Comparison(lambda: redrawn.append(1), waiting.append)
    (first,) = comparison.behind(setting, now)
    assert first.family is None
    assert "worked out" in first.note
    comparison.behind(setting.change({"tau_plus": 0.03}), now)  # the value that is varied makes no difference
    assert len(waiting) == 1
    n_pieces, longest = 0, 0.0
    while waiting:
        start = time.process_time()
        waiting.pop()()
        n_pieces, longest = n_pieces + 1, max(longest, time.process_time() - start)
    assert n_pieces > 1
    print(f"\n{n_pieces} pieces, the longest {longest * 1e3:.0f} ms")
    assert len(redrawn) == 1
    assert comparison.behind(setting, now)[0].family is not None
    assert not waiting
    comparison.behind(setting.change({"a_plus": 0.02}), now)
    assert len(waiting) == 1
    assert comparison.behind(read_address("show=pair_stdp&view=window"), now)[0].family is None
    waiting.pop()()  # is no longer asked for
    assert len(redrawn) == 1
    assert not waiting


def test_only_parameters_that_count_can_be_compared_over():
    setting = read_address("show=pair_stdp&view=window")
    assert {"tau_plus", "a_minus", "view.span", "view.n_pairs"} <= {*axes(setting)}
    assert not {"pairing", "view.v_rest", "view.pre"} & {*axes(setting)}
    for bad in ("tau", "view.", "__class__", "pairing", "x" * 5000):
        with pytest.raises(UnknownNameError, match="explore.over: expected a parameter of it"):
            read_address(f"show=pair_stdp&view=window&over={bad}")
    soft = read_address("show=pair_stdp&view=window&over=w_max")
    assert soft.change({"a_plus": 0.01}).over == "w_max"
    assert soft.change({"bounds": "van_rossum"}).over == ""  # there is no ceiling then


def test_a_surface_is_left_alone():
    setting = read_address("show=triplet_stdp&view=triplets&over=a3_plus")
    assert isinstance(setting.view, Triplets)
    pictures = family.Comparison(lambda: None, None).behind(setting, setting.view.pictures(setting.shown))
    assert all(each.family is None for each in pictures)
    assert "not compared" in pictures[0].note


def test_the_script_prints_every_member():
    setting = read_address("show=tsodyks_markram&over=U")
    out = printed(setting.view.python(setting.shown) + family.python(setting))
    members = family.Members(setting)
    tables = []
    for value in members.values:
        shown = setting.change({"U": value}).shown
        tables += [f"{value} {each.table()}\n" for each in setting.view.pictures(shown)]
    assert out.endswith("".join(tables))


def test_the_page_takes_a_family_up_and_back():
    explorer = Explorer(usual(read_address("show=pair_stdp").shown))
    explorer.over.value = "tau_plus"
    assert explorer.setting.over == "tau_plus"
    assert any(each.of_family for each in explorer.gallery.drawn)
    explorer.undo()
    assert explorer.over.value == ""
    assert not any(each.of_family for each in explorer.gallery.drawn)
    explorer.redo()
    assert b"tau_plus" in explorer._data().getvalue().encode()
    explorer.declaration.value = "oja"
    assert explorer.setting.over == ""
