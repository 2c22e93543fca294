"""Derivatives that the user states: `custom_jvp`, `custom_vjp`, `stop_gradient`, `checkpoint`, with JAX's signatures; `primitive` is next door.

While a function is traced, the value of a custom function is recorded as always, and with it an `override` record that holds the
rule as a tape of its own (`passes/custom_rules.py`). One mode is stated, the other follows from it; rules are differentiated again
for higher orders. Outside of a trace a custom function is the plain function.
"""

from __future__ import annotations

import copy
import functools
import inspect
import threading

import numpy as np

from .errors import ArgumentError, OutputError
from .keys import static_key
from .ops import OPS
from .passes.custom_rules import AgainRule, Packing, PullRule, PushRule, SelfReference
from .recording import inline, name_of, record
from .request import is_floating
from .trace import Tracer, concrete, current_trace
from .trace.lowerings.common import asarray
from .trace.retarget import release, retarget
from .tree import StructureMismatch, flatten, mirrored, spans


def stop_gradient(x):
    """`x`, arrays in any containers, through which no derivative passes.

    >>> import numpy as np, tapejit as tj
    >>> tj.grad(lambda x: tj.stop_gradient(x) * x)(3.0)
    3.0
    """
    leaves, tree = flatten(x)
    return tree.build([_stopped(leaf) if type(leaf) is Tracer else leaf for leaf in leaves])


def _stopped(leaf):
    trace = leaf._trace
    return _traced_as(leaf, trace, trace.emit(OPS["stop_gradient"], (trace.lift(leaf),)))


def _traced_as(like, trace, id):
    """A new tracer of `trace` with the value of the tracer `like`, which may be of an outer one."""
    value = like.value
    return Tracer(trace, np.array(value) if isinstance(value, np.ndarray) else value, id)


class Custom:
    """A function with a derivative of its own; behaves as the function, also as a method."""

    with_defaults = True  # whether rules get arguments that the call leaves out

    def __init__(self, function, nondiff_argnums=()):
        if not callable(function):
            raise ArgumentError(f"{type(self).__name__}: expected a function, found {type(function).__name__}")
        functools.update_wrapper(self, function)
        self.function = function
        self.base = self  # by which calls are told apart
        self.fixed = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self):
        return f"<{type(self).__name__} {name_of(self.function)}>"

    def __call__(self, *args, **kwargs):
        if not any(type(leaf) is Tracer for leaf in flatten((args, kwargs))[0]):
            return self.function(*args, **kwargs)
        args, kwargs = self._positional(args, kwargs)
        if len(_rules_in_progress()) >= DEEPEST:  # rules in rules in rules: from here on the function's own records
            return self.called_deep(args, kwargs)
        return self.with_keywords(args, kwargs).traced(args, *flatten(args))

    def called_deep(self, args, kwargs):
        return called(self.function, *args, **kwargs)

    def _positional(self, args, kwargs):
        """The arguments by position, and those that can only be named. Defaults are filled in where arguments follow, or everywhere (JAX's way)."""
        try:
            signature = inspect.signature(self.function)
        except (ValueError, TypeError):  # a function without a signature
            return args, kwargs
        bound = signature.bind(*args, **kwargs)
        named = {name: value for name, value in bound.kwargs.items() if name in kwargs}
        given = [k for k, name in enumerate(signature.parameters) if name in bound.arguments and name not in named]
        for name, parameter in list(signature.parameters.items())[:None if self.with_defaults else max(given, default=0)]:
            if parameter.default is not parameter.empty:
                bound.arguments.setdefault(name, parameter.default)
        return bound.args, named

    def with_keywords(self, args, kwargs):
        """This function, for a call with arguments that can only be named."""
        if kwargs:
            raise ArgumentError(f"{self!r}: pass its arguments by position: {sorted(kwargs)} cannot be matched to its signature")
        return self

    def traced(self, args, leaves, tree):
        """The call while its arguments, with these leaves in containers like `tree`, are traced."""
        raise NotImplementedError

    # -- what the kinds share

    def chosen(self, leaves, tree):
        """Indices of the leaves that the function is differentiated by: the floating ones outside of nondiff_argnums."""
        return [j for k, own in enumerate(spans(tree.children)) if k not in self.fixed for j in own if is_floating(leaves[j])]

    def pushed(self, leaves, tree, result, rule):
        """The result with the derivative that rule(fixed arguments, primals, tangents) -> tangent of the result states."""
        outputs, out_tree = flatten(result)
        chosen = self.chosen(leaves, tree)
        places = [(k, x) for k, x in enumerate(outputs) if is_floating(x)]

        def of_rule(values, dots):
            full, tangents = list(leaves), [None] * len(leaves)
            for k, value, dot in zip(chosen, values, dots):
                full[k], tangents[k] = value, dot
            primals, tangents = tree.build(full), tree.build(tangents)
            fixed = [x for k, x in enumerate(primals) if k in self.fixed]
            free = [tuple([x for k, x in enumerate(given) if k not in self.fixed]) for given in (primals, tangents)]
            moved = _checked_parts(rule(fixed, *free), places, out_tree, f"the tangent of {self!r}")
            return [np.zeros_like(concrete(x)) if dot is None else dot for dot, (_, x) in zip(moved, places)]

        def make(packing, others):
            values = [leaves[k] for k in chosen]
            recording, sources = _on_its_own_tape(of_rule, [("value", values), ("dot", values)], others)
            return PushRule(name_of(self.function), recording.tape, len(chosen), sources, packing)

        return out_tree.build(self.overridden(outputs, [leaves[k] for k in chosen], make, self.key_of(leaves, tree, chosen)))

    def pulled(self, args, leaves, tree, result, rule):
        """The result with the derivative that rule(fixed arguments, cotangent, the result itself) -> one cotangent per free argument states."""
        outputs, out_tree = flatten(result)
        chosen = self.chosen(leaves, tree)
        places = [(k, x) for k, x in enumerate(outputs) if is_floating(x)]
        fixed = [a for k, a in enumerate(args) if k in self.fixed]
        free = tuple([a for k, a in enumerate(args) if k not in self.fixed])
        free_leaves, free_tree = flatten(free)
        wanted = [(k, x) for k, x in enumerate(free_leaves) if is_floating(x)]

        def of_rule(cts, values):
            full, own = [None] * len(outputs), list(outputs)
            for (k, _), ct, value in zip(places, cts, values):
                full[k], own[k] = ct, value
            answer = rule(fixed, out_tree.build(full), out_tree.build(own))
            if not isinstance(answer, (tuple, list)) or len(answer) != len(free):
                found = f"{len(answer)}" if isinstance(answer, (tuple, list)) else type(concrete(answer)).__name__
                raise OutputError(f"the rule of {self!r} returns a tuple of {len(free)} cotangents, one per argument, found {found}")
            filled = tuple([_nothing(a) if ct is None else ct for ct, a in zip(answer, free)])
            return _checked_parts(filled, wanted, free_tree, f"the cotangents of {self!r}")

        def make(packing, others):
            recording, sources = _on_its_own_tape(of_rule, [("ct", [x for _, x in places]), ("self", [x for _, x in places])], others)
            given = [place for place, child in enumerate(recording.out_tree.children) if child.leaves]
            return PullRule(name_of(self.function), recording.tape, len(chosen), sources, packing, given)

        return out_tree.build(self.overridden(outputs, [leaves[k] for k in chosen], make, self.key_of(leaves, tree, chosen)))

    def stated(self, name):
        """The rule that is set as the attribute `name`. Another one, set later, is another trace."""
        rule, reads = getattr(self, name), current_trace().reads
        if reads is not None:
            reads.value("attribute", self.base, name, rule, f"{name} of {self!r}")
        return rule

    def key_of(self, leaves, tree, chosen):
        """What tells two calls of the function apart besides the types of the chosen leaves."""
        return tree, tuple([static_key(leaf) for k, leaf in enumerate(leaves) if k not in chosen])

    def overridden(self, outputs, values, make, fixed=()):
        """The outputs, the floating ones with the derivative by the leaves `values` that the rule make(packing, others) states.

        make appends to `others` what else the rule's tape reads.
        """
        trace = current_trace()
        floating = [k for k, x in enumerate(outputs) if is_floating(x)]
        if not floating or not values:
            return outputs
        stack = _rules_in_progress()
        parts = [x if type(x) is Tracer else Tracer(trace, x, trace.lift(x)) for x in (outputs[k] for k in floating)]
        packing = Packing([trace.builder.type_of(trace.lift(x)) for x in parts])
        key = self.base, tuple([trace.builder.type_of(trace.lift(x)) for x in values]), fixed
        others = []
        if stack and stack[-1][0] == key:  # the function in its own rule: the same rule once more
            rule = stack[-1][1]
        else:
            reference = SelfReference()
            stack.append((key, reference))
            try:
                rule = reference.rule = make(packing, others)
            finally:
                stack.pop()
        packed = packing.pack(parts if len(parts) == 1 else [asarray(x) for x in parts])  # Python floats have no shape
        ids = [trace.lift(x) for x in (packed, *values, *others)]
        marked = _traced_as(packed, trace, trace.emit(OPS["override"], tuple(ids), (rule,)))
        outputs = list(outputs)
        for k, like, part in zip(floating, parts, packing.unpack(marked)):
            outputs[k] = _traced_as(like, trace, trace.lift(part))
        return outputs


_state = threading.local()
DEEPEST = 6  # rules that are recorded within each other


def _rules_in_progress():
    """The rules that this thread is recording, innermost last: (key of the call, its SelfReference)."""
    if not hasattr(_state, "rules"):
        _state.rules = []
    return _state.rules


def called(function, *args, **kwargs):
    """function(*args, **kwargs) as the current trace runs it."""
    reads = current_trace().reads
    return function(*args, **kwargs) if reads is None else release(retarget(function, reads)(*args, **kwargs), reads)


def _on_its_own_tape(function, groups, others):
    """(Recording of function(*groups); the sources of its inputs, those behind the leaves appended to `others`).

    groups   [(name of the source, [leaf, ...])]
    """
    args = tuple([[concrete(leaf) for leaf in leaves] for _, leaves in groups])
    leaves, tree = flatten((args, {}))
    recording = record(function, leaves, tree, list(range(len(leaves))), frozenset(range(len(leaves))), retargeted=None)
    sources = [(name, k) for name, group in groups for k in range(len(group))]
    for _, what in recording.inputs[len(leaves):]:
        sources.append(("other", len(others)))
        others.append(what)
    return recording, sources


def _checked_parts(found, like, tree, what):
    """The floating leaves of `found`, a container like `tree`, at the places of `like` [(place, example)]; a missing one is None."""
    try:
        leaves = [leaf for _, leaf in mirrored(found, tree, what)]
    except StructureMismatch as mismatch:
        raise OutputError(str(mismatch)) from None
    out = []
    for place, example in like:
        leaf = leaves[place]
        if leaf is not None and np.shape(concrete(leaf)) != np.shape(concrete(example)):
            raise OutputError(f"{what}: expected shape {np.shape(concrete(example))}, found {np.shape(concrete(leaf))}")
        out.append(None if leaf is None else np.asarray(leaf, dtype=np.result_type(concrete(example))) if type(leaf) is not Tracer else leaf)
    return out


class custom_jvp(Custom):
    """A function whose derivative is stated by a rule for tangents; reverse mode follows from it.

    >>> import numpy as np, tapejit as tj
    >>> @tj.custom_jvp
    ... def log1pexp(x):
    ...     return np.log(1.0 + np.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (dot,) = primals, tangents
    ...     return log1pexp(x), dot * (1.0 - 1.0 / (1.0 + np.exp(x)))
    >>> tj.grad(log1pexp)(100.0)
    1.0
    """

    rule = None

    def defjvp(self, rule):
        """Set the rule: rule(*fixed arguments, primals, tangents) -> (value, tangent of the value). Returns it."""
        self.rule = rule
        return rule

    def defjvps(self, *rules):
        """Set one rule per argument: rule(tangent, value, *arguments) -> its part of the value's tangent; None for no derivative."""
        function = self

        def rule(primals, tangents):
            value = function(*primals)
            parts = [called(part, dot, value, *primals) for part, dot in zip(rules, tangents) if part is not None]
            return value, functools.reduce(lambda a, b: a + b, parts) if parts else np.zeros_like(value)

        self.rule = rule

    def traced(self, args, leaves, tree):
        rule = self.stated("rule")
        if rule is None:
            raise ArgumentError(f"{self!r} has no rule: define one with defjvp")

        def moved(fixed, primals, tangents):
            answer = called(rule, *fixed, primals, tangents)
            if not isinstance(answer, (tuple, list)) or len(answer) != 2:
                raise OutputError(f"the rule of {self!r} returns (value, tangent of the value), found {type(concrete(answer)).__name__}")
            return answer[1]

        return self.pushed(leaves, tree, called(self.function, *stop_gradient(args)), moved)


class custom_vjp(Custom):
    """A function whose derivative is stated by a rule for cotangents; forward mode follows from it.

    >>> import numpy as np, tapejit as tj
    >>> @tj.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (clipped(x), None), lambda residuals, ct: (np.clip(ct, -1.0, 1.0),))
    >>> tj.grad(lambda x: 5.0 * clipped(x))(2.0)
    1.0
    """

    fwd = bwd = None

    def defvjp(self, fwd, bwd):
        """Set the rule: fwd(*arguments) -> (value, residuals), bwd(*fixed arguments, residuals, cotangent) -> a tuple, one cotangent per free argument."""
        self.fwd, self.bwd = fwd, bwd

    def traced(self, args, leaves, tree):
        fwd, bwd = self.stated("fwd"), self.stated("bwd")
        if bwd is None:
            raise ArgumentError(f"{self!r} has no rule: define one with defvjp")
        inside = current_trace()
        if getattr(inside, "forward_of", None) is self:  # fwd calls the function itself: that is the value
            return called(self.function, *args)
        before, inside.forward_of = getattr(inside, "forward_of", None), self
        try:
            answer = called(fwd, *args)
        finally:
            inside.forward_of = before
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise OutputError(f"fwd of {self!r} returns (value, residuals), found {type(concrete(answer)).__name__}")
        result, residuals = answer

        def pulled(fixed, ct, value):
            return called(bwd, *fixed, residuals, ct)

        return self.pulled(args, leaves, tree, result, pulled)


def _nothing(argument):
    """None in place of each leaf of an argument."""
    leaves, tree = flatten(argument)
    return tree.build([None] * len(leaves))


class checkpoint(Custom):
    """The function, of which a reverse sweep keeps the arguments alone: what lies between is computed again. Saves memory, costs time.

    A chain of n steps in blocks of sqrt(n) steps needs memory for about 2 sqrt(n) of them instead of n, in blocks within blocks for about log(n):
    in gradients, pullbacks and Jacobians by reverse mode. Second derivatives keep all values.

    >>> import numpy as np, tapejit as tj
    >>> step = tj.checkpoint(lambda x: np.sin(x) * x)
    >>> tj.grad(lambda x: np.sum(step(step(x))))(np.ones(2)).shape
    (2,)
    """

    def traced(self, args, leaves, tree):
        chosen = self.chosen(leaves, tree)

        def of_values(values):
            full = list(leaves)
            for k, value in zip(chosen, values):
                full[k] = value
            return called(self.function, *tree.build(full))

        values, others = [leaves[k] for k in chosen], []
        recording, sources = _on_its_own_tape(of_values, [("value", values)], others)
        kinds = [leaf.kind for leaf in recording.outputs if leaf.kind != "static"]
        found = iter(inline(recording.tape, [*values, *others], kinds))
        outputs = [leaf.value if leaf.kind == "static" else next(found) for leaf in recording.outputs]

        def make(packing, more):
            more += others
            tape = copy.copy(recording.tape)
            tape.outputs = [leaf.id for leaf, x in zip(recording.outputs, outputs) if is_floating(x)]
            return AgainRule(name_of(self.function), tape, len(chosen), sources, packing)

        return recording.out_tree.build(self.overridden(outputs, values, make))
