"""What of a run is already in its folder, and how is more put there?"""

from datetime import UTC, datetime
from pathlib import Path

from codesign.engine.arrays import settled
from codesign.engine.ledger import Ledger, Row
from codesign.engine.shards import Kept, read_arrays, state_files, state_path, unit_files, unit_path, write_arrays
from codesign.engine.work import Done, Plan, Shard, State


def now() -> str:
    """The time as it is written in records."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Store:
    """The run folder while its lock is held."""

    def __init__(self, folder: Path, ledger: Ledger, run: dict[str, str]) -> None:
        self.folder, self.ledger, self.run = folder, ledger, run

    def latest(self) -> tuple[int, State] | None:
        """The last round begun and the state before it; damaged files are dropped."""
        for number, path in sorted(state_files(self.folder).items(), reverse=True):
            kept = self._sound(path)
            if kept and kept.record["round"] == number:
                return number, kept.arrays
            path.unlink()
        return None

    def _sound(self, path: Path) -> Kept | None:
        kept = read_arrays(path)
        return kept if kept and kept.record["run"]["key"] == self.run["key"] else None

    def shards(self, number: int) -> dict[int, Shard]:
        """Sound results of a round by unit; damaged ones are dropped and so done again."""
        found = {}
        for (of_round, unit), path in unit_files(self.folder).items():
            if of_round != number:
                continue
            kept = self._sound(path)
            if kept and self.ledger.checksum(number, unit) in (None, kept.record["checksum"]):
                found[unit] = kept.arrays
                self.ledger.finish(Row(**{name: kept.record[name] for name in Row._fields}))
            else:
                path.unlink()
                self.ledger.lose(number, unit)
        return found

    def begin(self, number: int, unit: int) -> None:
        """A unit was given out."""
        self.ledger.begin(number, unit)

    def put(self, number: int, done: Done) -> None:
        """Keep the result of a unit."""
        row = Row(number, done.unit, max(self.ledger.attempts(number, done.unit), 1), done.worker, done.seconds, "", now())
        what = f"the result of unit {done.unit} of round {number}"
        found = write_arrays(unit_path(self.folder, number, done.unit), done.shard, {"run": self.run, **row._asdict()}, what)
        self.ledger.finish(row._replace(checksum=found))

    def advance(self, number: int, state: State, units: int) -> None:
        """Keep the state before a round, and of the past only the round that led to it."""
        record = {"run": self.run, "round": number, "units": units, "written": now()}
        write_arrays(state_path(self.folder, number), state, record, f"the state before round {number}")
        old_units = [path for (of_round, _), path in unit_files(self.folder).items() if of_round < number - 1]
        old_states = [path for of_round, path in state_files(self.folder).items() if of_round < number - 1]
        for path in (*old_units, *old_states):
            path.unlink()


class Unkept:
    """In the place of a folder when nothing is kept."""

    def latest(self) -> None:
        """Nothing was done before."""

    def shards(self, number: int) -> dict[int, Shard]:
        """Nothing was done before."""
        return {}

    def begin(self, number: int, unit: int) -> None:
        """Not noted."""

    def put(self, number: int, done: Done) -> None:
        """Not kept."""

    def advance(self, number: int, state: State, units: int) -> None:
        """Not kept."""


def begun(store: Store | Unkept, plan: Plan) -> tuple[int, State]:
    """The round to go on with and the state before it."""
    found = store.latest()
    if found:
        return found
    state = settled(plan.start())
    store.advance(0, state, plan.units(state))
    return 0, state
