"""A busy machine is slow and not wrong: hypothesis judges what the code does, not how long it took."""

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.load_profile("core")
