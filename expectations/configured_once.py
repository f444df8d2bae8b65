"""Great Expectations builds an expectation's configuration anew for each of its arguments.

An expectation of ten arguments is turned into a dictionary, and its class name into words, ten
times for each metric it asks for: more than a third of the time of checking a small file. Here it
is built once for one such question and forgotten with the answer, so that nobody can change it for
another. The suites, the metrics and the results are those of Great Expectations as it is
(tests/unit/expectations/test_configured_once.py).
"""

from functools import wraps
from threading import local
from typing import Any


class _Held(local):
    """Configurations in use in this thread, by the identity of their expectation."""

    def __init__(self) -> None:
        self.by_id: dict[int, Any] = {}


def configure_once() -> None:
    """Change `Expectation` of this process; a second call changes nothing."""
    from great_expectations.expectations.expectation import Expectation

    if hasattr(Expectation._get_runtime_kwargs, "__wrapped__"):
        return
    held = _Held()
    stock: Any = Expectation
    build, get = stock.configuration.fget, stock._get_runtime_kwargs

    @wraps(build)
    def configuration(self: Any) -> Any:
        found = held.by_id.get(id(self))
        return build(self) if found is None else found

    @wraps(get)
    def get_runtime_kwargs(self: Any, runtime_configuration: Any = None) -> Any:
        if id(self) in held.by_id:
            return get(self, runtime_configuration)
        held.by_id[id(self)] = build(self)
        try:
            return get(self, runtime_configuration)
        finally:
            del held.by_id[id(self)]

    setattr(Expectation, "configuration", property(configuration))  # noqa: B010
    setattr(Expectation, "_get_runtime_kwargs", get_runtime_kwargs)  # noqa: B010
