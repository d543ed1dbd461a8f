"""What every test shares."""

from hypothesis import HealthCheck, settings

# The same examples on every run and machine, so that a failure is a change's and not the day's.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# New examples each time and many of them: pytest --hypothesis-profile=search
settings.register_profile("search", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")
