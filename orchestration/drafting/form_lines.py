"""The contract's lines of a file's questionnaires."""

from collections.abc import Callable, Sequence

from orchestration.drafting.columns import Profile
from orchestration.drafting.forms import Block, Forms, LinkedBlock
from orchestration.drafting.instruments import Candidate
from orchestration.drafting.lines import flow, scalar, sequence
from orchestration.drafting.matching import Match
from orchestration.drafting.rows import rule_lines

ColumnLine = Callable[[Match], str]
_WORDS = '# open: answers are words; give each its number: `recode: {theirs: "0", ...}`'


def form_lines(forms: Forms, form_ids: Sequence[Profile], column_line: ColumnLine) -> list[str]:
    """A mapping's lines of its questionnaires, in whichever layout."""
    if forms.linked:
        return _linked_lines(forms)
    if forms.layout == "long":
        return _long_lines(forms, form_ids)
    lines = ["            forms:"]
    for block in forms.blocks:
        lines += _block_lines(block, column_line)
    return lines


def _block_lines(block: Block, column_line: ColumnLine) -> list[str]:
    if not block.candidates:
        return [
            f"              # open: columns {scalar(block.word)}1 to {len(block.items)} are "
            "items of no instrument that is declared; declare it, then map them"
        ]
    if not block.is_known_word:
        return ["              # open: rows of another questionnaire: which?"]
    first = block.candidates[0]
    lines = [
        f"              # {_reason(block, first)}",
        f"              - instrument_code: {first.instrument.instrument_code}",
        f"                version: {scalar(first.instrument.version)}",
        f"                language: {scalar(first.language)}  # open: is it that language?",
        f"                informant: {first.informant(block.around)}",
    ]
    items = ", ".join(f"{n}: {scalar(c)}" for n, c in sorted(block.items.items()))
    if items:
        lines.append(f"                items: {{{items}}}")
    if block.total is not None:
        lines.append(f"                total: {scalar(block.total)}  # why: named so")
    if first.shift:
        lines.append(f"                shift: {first.shift:g}  # why: only so the answers fit")
    if first.scale_by != 1:
        lines.append(f"                scale_by: {first.scale_by:g}  # why: only so they fit")
    if first.in_words:
        lines.append(f"                {_WORDS}")
    if block.matches:
        lines.append("                columns:")
        lines += [f"                  {column_line(match)}" for match in block.matches]
    return lines + rule_lines("only", block.only, indent=16)


def _long_lines(forms: Forms, form_ids: Sequence[Profile]) -> list[str]:
    keys = [p.header for p in form_ids] or forms.row_keys
    lines = [
        "            long:",
        f"              instrument_column: {scalar(forms.instrument)}  # why: named so",
        f"              item_column: {scalar(forms.item)}  # why: named so",
    ]
    if forms.prefix:
        lines.append(f"              item_prefix: {scalar(forms.prefix)}")
    lines += [
        f"              value_column: {scalar(forms.value)}  # why: named so",
        f"              form_columns: [{', '.join(map(scalar, keys))}]",
        "              identity:",
    ]
    for block in forms.blocks:
        if not (block.candidates and block.is_known_word):
            continue
        first = block.candidates[0]
        who = first.informant(block.around)
        lines.append(
            f"                {scalar(block.word)}: "
            f"{{instrument_code: {first.instrument.instrument_code}, "
            f"version: {scalar(first.instrument.version)}, language: {scalar(first.language)}, "
            f"informant: {who}{first.options}}}  # {_reason(block, first)}"
        )
        if first.in_words:
            lines.append(f"                {_WORDS}")
    unknown = sum(not (block.candidates and block.is_known_word) for block in forms.blocks)
    if unknown:
        lines.append(f"                # open: which questionnaires are {unknown} other words?")
    return lines


def _linked_lines(forms: Forms) -> list[str]:
    lines = [
        "            long:",
        "              instrument_column: questionnaire",
        "              item_column: item_code",
        "              value_column: answer",
        "              ordinal_column: ordinal",
        "              form_columns: [form_no]",
        "              identity:",
    ]
    for block in forms.linked:
        lines += _linked_block_lines(block)
    return lines


def _linked_block_lines(block: LinkedBlock) -> list[str]:
    if not block.candidates or not block.items:
        return [
            f"                # open: {block.word} has {len(block.items)} numbered items, and is no"
            " instrument that is declared; declare it, or map its link ids"
        ]
    first = block.candidates[0]
    spoken = [each for each in block.languages if each in first.instrument.languages]
    why = "why: its LOINC codes" if first.instrument.loinc_items else _why(len(block.items), first)
    items = ", ".join(f"{n}: [{scalar(link)}]" for n, link in block.items.items())
    space = " " * 18
    lines = [
        f"                {scalar(block.word)}:  # {why}{_doubt(block.candidates)}",
        f"{space}instrument_code: {first.instrument.instrument_code}",
        f"{space}version: {scalar(first.instrument.version)}",
        f"{space}language: {scalar(spoken[0])}  # why: the responses say so"
        if len(spoken) == 1
        else f"{space}language: {scalar(first.language)}  # open: is it that language?",
        f"{space}informant: {block.informant}",
        f"{space}items: {{{items}}}",
    ]
    if block.total:
        lines.append(f"{space}total: {sequence(block.total)}  # why: named so")
    if block.ignored:
        lines.append(f"{space}ignored: {sequence(block.ignored)}  # open: no items of it?")
    if first.shift:
        lines.append(f"{space}shift: {first.shift:g}  # why: only so the answers fit")
    if first.scale_by != 1:
        lines.append(f"{space}scale_by: {first.scale_by:g}  # why: only so they fit")
    if block.recode:
        lines.append(f"{space}recode: {flow(block.recode)}  # why: the weights of its codes")
    if block.n_unknown_answers:
        lines.append(
            f"{space}# open: {block.n_unknown_answers} codes of answers have no number; recode them"
        )
    return lines


def _reason(block: Block, first: Candidate) -> str:
    n = len(block.items) or first.instrument.n_items
    if not block.items and block.total is not None:
        return "why: named so, and totals in its range" + _doubt(block.candidates)
    return _why(n, first) + _doubt(block.candidates)


def _why(n_items: int, first: Candidate) -> str:
    why = f"why: {n_items} items" + ("" if first.in_words else " and their range")
    return why + (", named so" if first.n_named else "")


def _doubt(found: Sequence[Candidate]) -> str:
    first, others = found[0], [_named_with_coding(other) for other in found[1:]]
    doubt = f"; open: or {', '.join(others)}?" if others else ""
    if first.is_doubtful:
        doubt += "; open: do its answers count from there? another start would fit too"
    return doubt + ("" if first.n_named or others else "; open: is it that one?")


def _named_with_coding(other: Candidate) -> str:
    """What else it may be, with the options it would need: its code alone would be read wrongly."""
    options = other.options.removeprefix(", ")
    return other.instrument.instrument_code + (f" with {options}" if options else "")
