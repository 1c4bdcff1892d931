"""What can be asked at the command line? Commands import what they need, so that help is instant."""

import contextlib
import gc
import json
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import click

FAILED, BAD_INPUT, INFEASIBLE, INTERRUPTED = 1, 2, 3, 130
SETTING = "Change a design path (cluster.devices=16384) or a key of the study (search.seed=3)."
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
DRAW = click.option("--draw", type=click.Path(path_type=Path), metavar="FILE", help="Draw the package to FILE, .svg or .png.")
SET = click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help=SETTING)
SEED = click.option("--seed", type=click.IntRange(min=0), help="Seed of the search.")
LIMIT = click.option("--limit", "limits", multiple=True, metavar="METRIC=BOUND", help='Keep a limit, such as time_to_train="10 day".')


class _Positive(click.FloatRange):
    """A number above zero that is finite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a message."""
        number: float = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value} is not a finite number", param, ctx)


POSITIVE = _Positive(min=0, min_open=True)
COLOURS = click.Choice(["kind", "power", "temperature"])
COLOUR = click.option("--colour", type=COLOURS, default="kind", show_default=True, help="What --draw colours blocks by.")
PLACE = click.option("--place", is_flag=True, help="With --draw: place the blocks freely, wires short, instead of plainly.")


def say(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(text, err=True)


def emit(data: Any) -> None:
    """The one JSON object of a command; numbers that are not finite become null, since JSON has none."""
    click.echo(json.dumps(_finite(data), default=str, allow_nan=False))


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def interrupt(number: int, frame: FrameType | None) -> None:
    """Ends the command; a little later where a callback of the garbage collector would swallow it."""
    if frame is not None and frame.f_code.co_name.endswith("gc_callback"):
        later = threading.Timer(0.02, os.kill, (os.getpid(), number))
        later.daemon = True
        later.start()
        return
    raise KeyboardInterrupt


@contextlib.contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Turns a user's mistake into messages and an exit code, and an interrupt into 130."""
    from codesign.config.problems import ConfigError
    from codesign.engine.trouble import EngineError

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            say(f"error: {problem}")
        if as_json:
            emit({"error": "bad input", "problems": [problem._asdict() for problem in error.problems]})
        sys.exit(BAD_INPUT)
    except EngineError as error:
        say(f"error: {error}")
        if as_json:
            emit({"error": "engine", "reason": str(error)})
        sys.exit(FAILED)
    except KeyboardInterrupt:
        say("interrupted")
        if as_json:
            emit({"error": "interrupted"})
        sys.exit(INTERRUPTED)


def start_jax() -> None:
    """float64 on, compiled programs kept between runs; what was imported is no garbage, and looking for it slows tracing by a fifth."""
    import jax

    from codesign.engine.programs import keep_in

    gc.freeze()
    jax.config.update("jax_enable_x64", True)
    with contextlib.suppress(OSError, RuntimeError):
        folder = Path.home() / ".cache" / "codesign" / "jax"
        folder.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        keep_in(folder / "programs")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="codesign")
def main() -> None:
    """Co-design of clusters for Mixture-of-Experts models.

    Start with: codesign optimize configs/studies/passage.toml
    """


@main.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/ and the name of the study]")
@SET
@SEED
@click.option("--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True, help="Where its units run.")
@click.option("--scheduler", metavar="ADDRESS", help="With --engine dask: a cluster that runs.  [default: own workers]")
@click.option("--workers", type=click.IntRange(min=1), help="With --engine dask: own workers.  [default: one per core]")
@click.option("--resume", is_flag=True, help="Keep units in the run folder; go on where a killed run in it ended.")
@JSON
def optimize(
    study: Path, out: Path | None, settings: tuple[str, ...], seed: int | None,
    engine: str, scheduler: str | None, workers: int | None, resume: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find the Pareto-optimal designs of STUDY.toml and write a run folder.

    Exit codes: 0 ok, 1 disk or worker failed (what --resume or dask kept can be resumed), 2 bad input, 3 infeasible, 130 interrupted.
    """
    with told(as_json):
        from codesign.commands.optimize import Means, run_study

        start_jax()
        means = Means(engine, scheduler, workers, resume)
        sys.exit(run_study(study, out or Path("runs") / study.stem, settings, seed, means, as_json))


@main.command()
@click.argument("design", type=click.Path(path_type=Path))
@DRAW
@COLOUR
@PLACE
@JSON
def evaluate(design: Path, draw: Path | None, colour: str, place: bool, as_json: bool) -> None:
    """Metrics, breakdown, limits and sensitivities of DESIGN.toml. Exit code 3 when it breaks a limit."""
    with told(as_json):
        from codesign.commands.draw import Drawing
        from codesign.commands.evaluate import run_evaluate

        start_jax()
        sys.exit(run_evaluate(design, Drawing(draw, colour, place), as_json))


@main.command()
@click.argument("tables", nargs=-1, metavar="[CSV]...", type=click.Path(path_type=Path))
@click.option("--fit", is_flag=True, help="Fit the efficiencies of --system to the tables and write a system file.")
@click.option("--system", metavar="NAME", help="With --fit: the system whose machine class is fitted.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="HTML page to write. With --fit: the system file (under calibrations/ the calibration alone).  [default: NAME_fitted.toml]",
)
@JSON
def validate(tables: tuple[Path, ...], fit: bool, system: str | None, out: Path | None, as_json: bool) -> None:
    """Predicted against measured: the tables the project ships, or any CSV of runs.

    The columns of a CSV are those of the shipped tables (configs/validation).
    """
    with told(as_json):
        from codesign.commands.validate import run_fit, run_validate

        start_jax()
        sys.exit(run_fit(list(tables), system, out, as_json) if fit else run_validate(list(tables), out, as_json))


@main.command("list")
@click.argument("kind", required=False)
@JSON
def list_kind(kind: str | None, as_json: bool) -> None:
    """What can be named: links, memories, workloads, systems, studies, objectives, ..."""
    with told(as_json):
        from codesign.commands.catalogue import run_list

        run_list(kind, as_json)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(["study", "design", "workload"]), default="study", show_default=True)
@JSON
def new(file: Path, kind: str, as_json: bool) -> None:
    """Write a commented FILE to start from; never overwrites."""
    with told(as_json):
        from codesign.commands.catalogue import run_new

        run_new(file, kind, as_json)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change a study before checking it.")
@JSON
def check(file: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Say what FILE describes, or everything that is wrong with it (exit code 2; 3 when nothing in it is legal)."""
    with told(as_json):
        from codesign.commands.catalogue import run_check

        start_jax()
        sys.exit(run_check(file, settings, as_json))


@main.command()
@click.argument("target", metavar="RUN#ID")
@DRAW
@COLOUR
@PLACE
@JSON
def explain(target: str, draw: Path | None, colour: str, place: bool, as_json: bool) -> None:
    """Why a design is on the front, what binds it, what would move it."""
    with told(as_json):
        from codesign.commands.draw import Drawing
        from codesign.commands.explain import run_explain

        start_jax()
        run_explain(target, Drawing(draw, colour, place), as_json)


@main.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--min", "smaller", metavar="OBJECTIVE", help="What is to be smallest (codesign list objectives).")
@click.option("--max", "larger", metavar="OBJECTIVE", help="What is to be largest.")
@LIMIT
@SET
@SEED
@JSON
def answer(
    study: Path,
    smaller: str | None,
    larger: str | None,
    limits: tuple[str, ...],
    settings: tuple[str, ...],
    seed: int | None,
    as_json: bool,
) -> None:
    """The best design of STUDY.toml at one aim within limits, what binds, and how far from optimal it can be.

    Exit codes: 0 ok, 2 bad input, 3 infeasible, 130 interrupted.
    """
    with told(as_json):
        from codesign.commands.answer import run_answer

        start_jax()
        aims = {option: name for option, name in (("--min", smaller), ("--max", larger)) if name}
        sys.exit(run_answer(study, aims, limits, settings, seed, as_json))


@main.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--constant", required=True, metavar="PATH", help="The constant that moves.")
@click.option("--low", required=True, help="Smallest value, with unit.")
@click.option("--high", required=True, help="Largest value, with unit.")
@click.option("--aim", required=True, metavar="OBJECTIVE", help="What has the target (codesign list objectives).")
@click.option("--reach", required=True, help="The target, with unit.")
@LIMIT
@SET
@SEED
@JSON
def target(
    study: Path, constant: str, low: str, high: str, aim: str, reach: str,
    limits: tuple[str, ...], settings: tuple[str, ...], seed: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Which value of a technology constant lets the best design of STUDY.toml reach a target.

    Exit codes: 0 ok, 2 bad input, 3 out of reach, 130 interrupted.
    """
    with told(as_json):
        from codesign.commands.target import Question, run_target

        start_jax()
        sys.exit(run_target(study, Question(constant, low, high, aim, reach, limits), settings, seed, as_json))


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--eps", type=POSITIVE, default=5.0, show_default=True, help="Target in per cent.")
@click.option("--seconds", type=POSITIVE, default=120.0, show_default=True, help="Time for the proof.")
@JSON
def certify(run: Path, eps: float, seconds: float, as_json: bool) -> None:
    """Prove how far from optimal the front of RUN can be at most.

    The study file is read again, from where it was. Stopped at any moment (Ctrl-C) it keeps the factor that holds by then.
    Exit codes: 0 ok, 2 bad input or another study or version than that of RUN, 130 interrupted.
    """
    with told(as_json):
        from codesign.commands.certify import run_certify

        start_jax()
        sys.exit(run_certify(run, eps, seconds, as_json))


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--draws", type=int, default=256, show_default=True, help="How often all constants are drawn.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draws.")
@JSON
def uncertainty(run: Path, draws: int, seed: int, as_json: bool) -> None:
    """How sure the front of RUN is: bands, chances to stay on it, which constant to measure next."""
    with told(as_json):
        from codesign.commands.uncertainty import run_uncertainty

        start_jax()
        run_uncertainty(run, draws, seed, as_json)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--rivals", type=click.Path(path_type=Path), metavar="FILE", help="Races kept by experiments/search_vs_peers.py.")
@JSON
def report(run: Path, rivals: Path | None, as_json: bool) -> None:
    """Render report.html of a run folder again."""
    with told(as_json):
        from codesign.report.folder import rewrite_page

        path = rewrite_page(run, rivals)
        emit({"report": str(path)}) if as_json else click.echo(str(path))


if __name__ == "__main__":
    main()
