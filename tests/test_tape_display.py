"""What a notebook shows for a tape."""

from html.parser import HTMLParser

from tapejit.jupyter.display import tape_html
from tapejit.ops import OPS
from tapejit.ops.table import Type
from tapejit.tape import Builder
from tapejit.tape.text import parse_tape


class Cells(HTMLParser):
    """Collects the text of the table's cells, row by row, and checks that tags are closed."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_a_tape_shows_as_a_table_of_value_operation_type_and_line():
    """One row per printed line, in the same words as the text form."""
    tape = parse_tape("tape f(x: f64[3])\n  %1 = sin x : f64[3]  # model.py:3\n  %2 = sum %1 axes=(0,) : f64[]\n  return %2")
    assert Cells(tape_html(tape)).rows == [
        ["value", "operation", "type", "line"], ["%1", "sin x", "f64[3]", "model.py:3"], ["%2", "sum %1 axes=(0,)", "f64[]", ""],
        ["", "return %2", "", ""]]
    assert "tape f" in tape_html(tape) and "3 records, 1 input, 1 output" in tape_html(tape)
    assert tape._repr_html_() == tape_html(tape)


def test_text_of_the_user_is_escaped():
    """Names and files cannot inject markup."""
    builder = Builder("<lambda>")
    builder.line = builder.line_index(("<script>.py", 1))
    x = builder.expr(builder.input(Type("f64", ()), "a<b>['&']"))
    builder.tape.outputs = [(x * 2).id]
    html = tape_html(builder.tape)
    assert "<script>" not in html and "<lambda>" not in html and "a&lt;b&gt;[&#x27;&amp;&#x27;]" in html


def test_a_long_tape_shows_both_ends_and_says_how_many_rows_it_leaves_out():
    """The table stays short enough for a browser, and says so."""
    builder = Builder("f")
    x = builder.expr(builder.input(Type("f64", ()), "x"))
    y = x
    for _ in range(1000):
        y = OPS["sin"](y)
    builder.tape.outputs = [y.id]
    rows = Cells(tape_html(builder.tape, limit=10)).rows
    assert len(rows) == 1 + 10 + 1
    assert rows[6] == ["… 991 rows not shown; print(tape) shows all"]
    assert rows[-1][1] == "return %1000" and rows[1][0] == "%1"
