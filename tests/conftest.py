"""What all tests share."""

from hypothesis import HealthCheck, settings

# A slow machine is no fault in nnlib. In CI, Hypothesis itself makes the examples the same in
# every run; that is kept.
settings.register_profile(
    "unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")
