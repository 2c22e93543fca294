"""Text made of traced values, and numbers read from it.

Text for people is made as always, and the trace is not used again. But a number that is read back from such text has lost its
derivative: the numbers in the text are remembered, and `float`, `json.loads` and the like (`equivalents.py`) raise when they meet one.
"""

from __future__ import annotations

import re
import sys

from ..errors import TracingError
from .recorder import current_trace

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def noticed(x):
    """The concrete value of x, of which text is made: the trace is not used again, so that the text is made at each call."""
    trace = x._trace
    if trace.active and trace.reads is not None and trace.depends_on_input(x.id):
        trace.reads.refuse(f"it makes text of a traced value, at {trace.here()} (print, str, format): return the value instead and make "
                           "the text outside")
    return x.value


def text_of(x, text):
    """`text`, made of the tracer x; its numbers are remembered, unless it is made for a log."""
    trace = x._trace
    if trace.active and sys._getframe(2).f_globals.get("__name__") != "logging" and trace.carries_derivative(x.id):
        where = trace.here()
        trace.texts.update((number, where) for number in _NUMBER.findall(text))
    return text


def refuse_parsed(text, what):
    """Raise where `what` reads a number from text that was made of a traced value, and its derivative would be lost."""
    trace = current_trace()
    if trace is None or not isinstance(text, (str, bytes)):
        return
    if any(text is constant for constant in trace.find_line(sys._getframe(1))[2].f_code.co_consts):
        return  # a literal in the user's code
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    for outer in trace.stack:
        if outer.texts:
            for number in _NUMBER.findall(text):
                if number in outer.texts:
                    raise TracingError(
                        f"at {trace.here()}, {what} reads {number} from text that was made of a traced value at {outer.texts[number]}: the "
                        "result would lose the derivative. Compute with the value itself, and round it by numpy.round; text that comes from "
                        "elsewhere is best read outside of the function")
