"""Sparse optimal transport: plans with at most k entries in a column, and entropic plans by Newton's method."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
