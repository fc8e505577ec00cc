"""Neural tangent kernel: infinite width, training dynamics in function space, spectra, finite width, the deep limit."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
