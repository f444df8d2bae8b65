"""A campaign that can be cut in slices, tells each outcome as it comes, and is taken up again.

With `--campaign-log FILE` every outcome is a line of that file, and a later run over the same file
leaves out what passed. With `--slice 1/2` a run takes every second of the campaign's parts, so that
several can run beside each other, each with a log of its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PASSED, FAILED = "passed", "FAILED"


@dataclass
class Campaign:
    """What of a campaign is run here. `place` counts from 0."""

    is_full: bool
    place: int = 0
    n_slices: int = 1
    log: Path | None = None
    problems: list[str] = field(default_factory=list)
    n_passed: int = 0

    def mine(self, parts: Sequence[str]) -> list[str]:
        """Names of the parts of this slice that have not passed yet."""
        passed = set()
        if self.log is not None and self.log.exists():
            lines = self.log.read_text(encoding="utf-8").splitlines()
            passed = {line.split("\t")[1] for line in lines if line.startswith(f"{PASSED}\t")}
        wanted = parts[self.place :: self.n_slices]
        left = [part for part in wanted if part not in passed]
        self.say(f"{len(left)} of {len(parts)} to do here, {len(wanted) - len(left)} done before")
        return left

    @contextmanager
    def judged(self, part: str) -> Iterator[None]:
        """Note how a part ends; a problem is kept for the end, so that the others still run."""
        try:
            yield
        except Exception as error:
            if not self.is_full:
                raise
            notes = "\n".join(getattr(error, "__notes__", ()))
            self.note(part, [f"{type(error).__name__}: {error}\n{notes}"])
        else:
            self.note(part, [])

    def note(self, part: str, problems: Sequence[str]) -> None:
        """Write an outcome."""
        self.problems += [f"{part}: {problem}" for problem in problems]
        self.n_passed += not problems
        said = " | ".join(problems).replace("\n", " / ")
        self._write(f"{FAILED if problems else PASSED}\t{part}\t{said}")

    def say(self, text: str) -> None:
        """Write a line that is no outcome."""
        self._write(f"#\t{text}")

    def _write(self, line: str) -> None:
        print(line, flush=True)
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")

    def end(self, name: str) -> None:
        """Say how it went. Raises AssertionError with every problem."""
        self.say(f"{name}: {self.n_passed} passed, {len(self.problems)} problems")
        assert not self.problems, "\n".join(self.problems)
