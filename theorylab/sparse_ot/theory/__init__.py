"""Predictions of the chapter: values, gradients and plans of sparse and of entropic transport."""

__all__: list[str] = []
