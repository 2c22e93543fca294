"""What a notebook shows for a tape: a table of records with their types and the user's lines, as HTML.

In: a tape. Out: HTML text with every piece of user text escaped. `Tape._repr_html_` calls it. The plain-text form, which
also parses, is `tapejit/tape/text.py`.
"""

from html import escape

from ..tape.text import table_rows, type_text

ROWS_SHOWN = 200  # the first and last hundred records of a longer tape: a browser slows down at thousands of table rows

_STYLE = "text-align:left;font-family:monospace;white-space:pre;padding:1px 12px 1px 0"


def tape_html(tape, limit=ROWS_SHOWN):
    """A table of the tape's records: value, operation, type, line. Of a tape longer than `limit`, its two ends and a note."""
    rows = table_rows(tape)
    half = limit // 2
    if len(rows) > limit:
        shown = rows[:half] + [None] + rows[len(rows) - (limit - half):]
    else:
        shown = rows
    body = "".join(_gap(len(rows) - limit) if row is None else _row(row) for row in shown)
    inputs = ", ".join(f"{_input_name(tape, id)}: {type_text(tape.type_of(id))}" for id in tape.inputs)
    counted = f"{_count(len(tape), 'record')}, {_count(len(tape.inputs), 'input')}, {_count(len(tape.outputs), 'output')}"
    caption = f"<b>tape {escape(str(tape.name))}</b>({escape(inputs)}) &mdash; {counted}"
    head = "".join(f'<th style="{_STYLE}">{title}</th>' for title in ("value", "operation", "type", "line"))
    return f'<div>{caption}<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _input_name(tape, id):
    return tape.params_of(id)[1] or f"%{id}"


def _row(row):
    statement, type, line = row
    value, equals, operation = statement.partition(" = ")
    if not equals:
        value, operation = "", statement
    cells = (value, operation, type.removeprefix(": "), line.removeprefix("# "))
    return "<tr>" + "".join(f'<td style="{_STYLE}">{escape(cell)}</td>' for cell in cells) + "</tr>"


def _gap(hidden):
    return f'<tr><td colspan="4" style="{_STYLE}">&hellip; {hidden} rows not shown; print(tape) shows all</td></tr>'


def _count(n, noun):
    return f"{n} {noun}{'' if n == 1 else 's'}"
