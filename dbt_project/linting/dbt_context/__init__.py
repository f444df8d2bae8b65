"""What sqlfluff lacks of dbt's context, so that linting needs neither dbt nor a database.

`adapter.dispatch` would pick an engine's version of a macro. Here the macro's own name stands in as
a function call: the SQL around it is what is linted.
"""

from collections.abc import Callable


class Adapter:
    """Stands in for dbt's adapter."""

    @staticmethod
    def dispatch(macro: str, macro_namespace: str | None = None) -> Callable[..., str]:
        """A macro that renders as a call of the function `macro`."""

        def rendered(*arguments: object) -> str:
            return f"{macro}({', '.join(map(str, arguments))})"

        return rendered


adapter = Adapter()
# `return` is no name in Python, but it is one in Jinja.
globals()["return"] = lambda value: value
