"""Self-distillation in kernel ridge regression: what each step, and infinitely many, do to the fit."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
