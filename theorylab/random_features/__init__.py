"""Random-feature ridge regression: risk of n samples and k features, predicted from a kernel's spectrum."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
