"""Rows that the passes know by name: where values come from (input, constant), what is assumed of them (guard), and
the way out to NumPy for whatever has no row of its own (host)."""

from .table import Op

input = Op("special", arity=0, params=("index", "name"),
           doc="A value that the caller gives: an argument, or a captured array read by reference.")
constant = Op("special", arity=0, params=("value",), doc="A NumPy array fixed when the tape was made; compared by dtype, shape and bits.")
guard = Op("special", arity=1, params=("expected",),
           doc="The assumption that the operand equals `expected`: a bool or int for scalars, an array else.")
host = Op("special", arity=None, params=("function", "type"),
          doc="A NumPy function called by the host on the operands: `function` is a `HostFunction`, `type` the result's."
              " Not differentiable.")
