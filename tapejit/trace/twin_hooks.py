"""The Python hooks of twins: what runs when an attribute of a twin instance or twin class is read, a twin class is called, or asked
for its instances. Each hands over to `twins.py`, which notes the read and gives the retargeted value.
"""

from __future__ import annotations

from .layouts import IN_SLOTS

COMPUTED = object()  # an attribute that is made anew at each read: a bound method, a property's value


def instance_reader(twins):
    """`__getattribute__` of twins."""
    plain = object.__getattribute__
    instances, answers = twins.instances, twins.answers

    def __getattribute__(self, name):
        try:
            found = plain(self, name)
        except AttributeError:
            twins.no_attribute(self, name)
            raise
        answer = answers.get((id(self), name))
        if answer is not None:
            if answer[0] is found:
                return answer[1]
            if answer[0] is COMPUTED:
                return found
        if id(self) in instances:
            return twins.read_attribute(self, name, found)
        if name[:2] == "__":
            return found
        try:
            if name in plain(self, "__dict__"):
                return found
        except AttributeError:
            pass  # slots, a tuple
        return twins.read_inherited(type(self), name, found)

    return __getattribute__


def original_of(twin):
    """The class that a twin stands for, without its hooks."""
    return _dict_of(twin)["__original__"]


_dict_of = type.__dict__["__dict__"].__get__


def meta_members(twins, meta):
    """The members of the metaclass of twins whose originals have the metaclass `meta`."""
    def mro(cls):
        usual = meta.mro(cls)
        original = original_of(cls)
        if twins.layout(original) == IN_SLOTS:  # Python does not allow another class's slots here
            return usual
        return [*usual, *[base for base in original.__mro__ if all(base is not other for other in usual)]]  # `in` takes twins for originals

    def __getattribute__(cls, name):
        found = meta.__getattribute__(cls, name)
        return twins.read_class(cls, name, found) if id(cls) in twins.classes else found

    def __call__(cls, *args, **kwargs):
        if id(cls) in twins.classes:
            twins.enter_construction(cls)
        return meta.__call__(cls, *args, **kwargs)

    def __setattr__(cls, name, value):
        meta.__setattr__(cls, name, value)
        if id(cls) in twins.classes and not name.startswith("_abc"):
            original = original_of(cls)
            setattr(original, name, twins.world.settled(value))
            twins.world.reads.refuse(f"it assigns {original.__name__}.{name}")

    def __instancecheck__(cls, value):
        return type.__instancecheck__(cls, value) or isinstance(value, original_of(cls))

    def __subclasscheck__(cls, other):
        return type.__subclasscheck__(cls, other) or issubclass(other, original_of(cls))

    def __eq__(cls, other):
        return cls is other or other is original_of(cls)

    def __hash__(cls):
        return hash(original_of(cls))

    functions = (mro, __call__, __getattribute__, __setattr__, __instancecheck__, __subclasscheck__, __eq__, __hash__)
    return {function.__name__: function for function in functions}
