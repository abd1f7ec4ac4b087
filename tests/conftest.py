"""What all tests share."""

from importlib.util import find_spec

from hypothesis import HealthCheck, settings

# A slow machine is no fault in nnlib. In CI, Hypothesis itself makes the examples the same in
# every run; that is kept.
settings.register_profile(
    "unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

# Where nnlib is tested alone, the packages of the book are absent.
OF_THE_BOOK = (
    "assignments",
    "book",
    "glossary",
    "questions",
    "release",
    "search",
    "slides",
    "work",
)
collect_ignore = [] if find_spec("sphinx") else [f"test_{name}.py" for name in OF_THE_BOOK]
