"""Tools in the manner of scikit-learn: a regressor that is trained, and learning curves predicted without training.

The two share no code: `regressor` rests on the chapter's experiment, `learning_curve` on its theory, so that a claim
may hold one against the other (docs/decisions/0002).  This package imports neither for the same reason.
"""
