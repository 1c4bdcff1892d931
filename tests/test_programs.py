"""Is a kept program the one that would be compiled, is it found again, and is another one never taken for it?"""

import pickle
import subprocess
import sys
import time

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import ROOT

from codesign.cells import open_point
from codesign.engine import programs
from codesign.engine.programs import Kept, keep_in
from codesign.study import parts_of

AS_USERS_COMPILE = True
X = np.linspace(0.1, 3.0, 7)


@pytest.fixture
def folder(tmp_path):
    keep_in(tmp_path / "programs")
    yield tmp_path / "programs"
    keep_in(None)


def _scaled(factor):
    def model(x, tables):
        return {"sum": x + tables["a"], "none": None}, (jnp.sin(x) * factor,)

    return model


def _arguments(x=X):
    return x, {"a": 2 * x}


def _kept(factor=3.0):
    return Kept(_scaled(factor), factor)


def _count(folder):
    return len(list(folder.glob("*.program")))


def _same(found, wanted):
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    assert all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(*map(jax.tree.leaves, (found, wanted)), strict=True))


def test_made_read_and_plain_give_the_same(folder):
    wanted = jax.jit(_scaled(3.0))(*_arguments())
    for _ in range(2):  # made, then read
        _same(_kept()(*_arguments()), wanted)
        assert _count(folder) == 1


def test_a_program_that_is_there_is_not_traced(folder):
    _kept()(*_arguments())

    def model(x, tables):
        raise AssertionError("traced")

    model.__qualname__ = _scaled(3.0).__qualname__
    again = Kept(model, 3.0)
    _same(again(*_arguments()), jax.jit(_scaled(3.0))(*_arguments()))
    with pytest.raises(AssertionError, match="traced"):
        again(*_arguments(X[:3]))


def test_nothing_is_kept_without_a_folder(tmp_path):
    _kept()(*_arguments())
    assert not list(tmp_path.iterdir())


def _other_part():
    return _kept(4.0)(*_arguments())


def _other_shape():
    return _kept()(*_arguments(X[:3]))


def _other_type():
    return _kept()(*_arguments(X.astype(np.float32)))


def _other_structure():
    return Kept(lambda x, tables: x + tables[0], 3.0)(X, [X])


def _other_setting():
    with jax.enable_x64(False):
        return _kept()(*_arguments())


def _other_source():
    keep_in(programs._Place.folder)
    return _kept()(*_arguments())


def _other_cores():
    return _kept()(*_arguments())


@pytest.mark.parametrize("other", [_other_part, _other_shape, _other_type, _other_structure, _other_setting, _other_source, _other_cores])
def test_what_differs_is_another_program(folder, monkeypatch, other):
    _kept()(*_arguments())
    if other is _other_source:
        monkeypatch.setattr(programs, "source_hash", lambda: "edited")
    if other is _other_cores:
        monkeypatch.setenv("NPROC", "1")
    other()
    assert _count(folder) == 2


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b[:2000] + bytes(40) + b[2040:], lambda b: b"other"]
)
def test_a_damaged_program_is_made_again(folder, damage):
    wanted = _kept()(*_arguments())
    (file,) = folder.glob("*.program")
    file.write_bytes(damage(file.read_bytes()))
    _same(_kept()(*_arguments()), wanted)
    assert programs._read(file)


@pytest.fixture
def jax_keeps_all():
    old = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    yield
    jax.config.update("jax_persistent_cache_min_compile_time_secs", old)


def test_a_lost_program_is_kept_again(folder, jax_keeps_all):
    """What JAX has in its own cache could not be written a second time."""
    for _ in range(2):
        _kept()(*_arguments())
        assert _count(folder) == 1
        next(folder.glob("*.program")).unlink()


def test_what_was_edited_meanwhile_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(programs, "source_hash", lambda: "edited")
    _kept()(*_arguments())
    assert not _count(folder)


def test_the_used_stay(folder, monkeypatch):
    monkeypatch.setattr(programs, "KEPT", 2)
    for factor in (1.0, 2.0, 1.0, 3.0):
        _kept(factor)(*_arguments())
        time.sleep(0.02)
    assert _count(folder) == 2
    monkeypatch.setattr(programs, "_made", None)
    _kept(1.0)(*_arguments())


def _reversed_fabrics(file):
    turned = [free._replace(options=free.options[::-1]) if free.options else free for free in file.discrete]
    return file._replace(discrete=tuple(turned))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda file: file, True),
        (lambda file: file._replace(title="", note="", references=(), search={}), True),
        (lambda file: file._replace(objectives=file.objectives[:1]), False),
        (lambda file: file._replace(objectives=file.objectives[::-1]), False),
        (lambda file: file._replace(limits={"step_time": 1.0}), False),
        (lambda file: file._replace(continuous=file.continuous[1:]), False),
        (_reversed_fabrics, False),
    ],
)
def test_a_study_is_known_by_what_its_evaluation_depends_on(change, same):
    """Fabrics to choose from, too, although they are not in the base design."""
    study = cases.study("mixnet")

    def packed(file):
        return pickle.dumps(parts_of(file, open_point(file, study.design, study.workload)))

    assert (packed(study.file) == packed(change(study.file))) == same


def test_another_process_finds_what_a_study_needs(tmp_path):
    """One of them makes the two programs of a search, the next traces nothing of the model and finds the same."""
    code = (
        "import sys, jax; from pathlib import Path; from codesign.engine.programs import keep_in; keep_in(Path(sys.argv[1]))\n"
        "jax.config.update('jax_enable_x64', True); jax.config.update('jax_disable_most_optimizations', True)\n"
        "import codesign as cd, codesign.study as study, numpy as np\n"
        "if len(sys.argv) > 2: study.evaluate = None  # whoever traces fails\n"
        "made = cd.load('configs/studies/passage.toml')\n"
        "x, cell = np.sqrt(made.space.low * made.space.high)[:, None], np.zeros(1, dtype=int)\n"
        "from codesign.search.sample import make_batch_evaluation\n"
        "model = study.make_model(made.file, made.design, made.workload, jax.numpy.float32)\n"
        "print(*study.make_exact_evaluation(made)(x, cell)[1][:, 0], *make_batch_evaluation(model, made.space)(x, cell)[0][:, 0])"
    )
    out = [
        subprocess.run([sys.executable, "-c", code, tmp_path, *more], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for more in ([], ["again"])
    ]
    assert out[0] == out[1]
    assert len(out[0].split()) == 6
    assert _count(tmp_path) == 2
