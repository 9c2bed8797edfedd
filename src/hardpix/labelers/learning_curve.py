"""Learning curve of a class, and the epoch by which it has slowed down (ADELE, CVPR 2022, arXiv 2110.03740)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Values of the exponent b and of log c between which the fit looks; each round looks nearer around the best so far.
_EXPONENTS, _LOG_SCALES = (0.02, 1.0), (-5.0, 9.0)
_FIRST, _LATER, _ROUNDS, _NARROWER = 25, 7, 16, 0.4
# A class is being learned once its IoU is above this share of its highest.
_BEGUN = 0.1


@dataclass(frozen=True)
class LearningCurve:
    """f(t) = a (1 − exp(−t^b / c)), the training IoU of a class after t epochs.

    Attributes:
        begin: epochs before the class began to be learned, which t does not count.
        a: IoU that it tends to, from 0 to 1.
        b: exponent, from 0 to 1.
        c: scale > 0; the larger, the slower.

    Example:
        >>> curve = LearningCurve(begin=0, a=0.8, b=1.0, c=2.0)
        >>> [round(curve.slowing(epoch), 4) for epoch in range(1, 7)]
        [0.0, 0.3935, 0.6321, 0.7769, 0.8647, 0.9179]
        >>> curve.slowed_at(0.9, last=15)
        6
    """

    begin: int
    a: float
    b: float
    c: float

    def slowing(self, epoch: int) -> float:
        """Share by which f′ has fallen since t = 1: 1 − f′(t) / f′(1), below 0 where it has grown.

        The quotient is t^(b − 1) exp((1 − t^b) / c), whose parts never become 0 / 0 as the slopes themselves do.
        """
        t = epoch - self.begin
        return 1 - float(t ** (self.b - 1) * np.exp((1 - t**self.b) / self.c))

    def slowed_at(self, share: float, last: int) -> int | None:
        """First epoch, up to the last, by which the slope has lost more than this share; None if there is none."""
        epochs = range(self.begin + 1, last + 1)
        return next((epoch for epoch in epochs if self.slowing(epoch) > share), None)


def fit_curve(iou: np.ndarray, least: int = 4) -> LearningCurve | None:
    """Curve through the IoU of epochs 1, 2, …, by least squares in which late epochs count up to 100 times as much.

    For given b and c the best a is a closed form, so that only these two are searched: on a grid, then on smaller ones
    around the best. Epochs before the IoU has reached a tenth of its highest are cut: rare classes begin late.

    Args:
        iou: (n,) one number an epoch; NaN where the class did not occur.
        least: epochs with an IoU that a fit needs.

    Returns:
        None where no curve can be fitted: too few epochs, or the class was never hit.

    Example:
        >>> curve = fit_curve(0.6 * (1 - np.exp(-(np.arange(1.0, 11.0) ** 0.5) / 1.5)))
        >>> round(curve.a, 2), round(curve.b, 2), round(curve.c, 2)
        (0.6, 0.5, 1.5)
        >>> fit_curve(np.zeros(10)) is None
        True
    """
    known = np.isfinite(iou)
    highest = iou[known].max(initial=0.0)
    if not highest > 0:
        return None
    begin = int(np.flatnonzero(known & (np.nan_to_num(iou) > _BEGUN * highest))[0])
    places = np.flatnonzero(known[begin:])
    if len(places) < least:
        return None
    values = iou[begin:][places]
    weights = np.geomspace(1, 100, len(values))
    b, log_c = _search(places + 1.0, values, weights)
    a, _ = _amplitude(places + 1.0, values, weights, np.array([b]), np.array([log_c]))
    return LearningCurve(begin, float(a[0]), b, float(np.exp(log_c)))


def _search(t: np.ndarray, values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The exponent b and log c of the least weighted error: for each b the best c, and the b of the best of these."""
    center, span, points = sum(_EXPONENTS) / 2, _EXPONENTS[1] - _EXPONENTS[0], _FIRST
    best = (np.inf, center, 0.0)
    for _ in range(_ROUNDS):
        b = (center + np.linspace(-0.5, 0.5, points) * span).clip(*_EXPONENTS)
        errors, log_c = _best_scales(t, values, weights, b)
        place = int(errors.argmin())
        best = min(best, (float(errors[place]), float(b[place]), float(log_c[place])))
        center, span, points = best[1], span * _NARROWER, _LATER
    return best[1:]


def _best_scales(t: np.ndarray, values: np.ndarray, weights: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    """For each exponent the least error, and log c of it."""
    center, span, points = np.full(len(b), sum(_LOG_SCALES) / 2), _LOG_SCALES[1] - _LOG_SCALES[0], _FIRST
    for _ in range(_ROUNDS):
        log_c = (center[:, None] + np.linspace(-0.5, 0.5, points) * span).clip(*_LOG_SCALES)
        _, errors = _amplitude(t, values, weights, np.repeat(b, points), log_c.ravel())
        errors = errors.reshape(log_c.shape)
        place = errors.argmin(1)[:, None]
        center = np.take_along_axis(log_c, place, 1)[:, 0]
        span, points = span * _NARROWER, _LATER
    return np.take_along_axis(errors, place, 1)[:, 0], center


def _amplitude(
    t: np.ndarray, values: np.ndarray, weights: np.ndarray, b: np.ndarray, log_c: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The best a of each pair (b, log c), and the weighted squared error with it."""
    shape = -np.expm1(-(t ** b[:, None]) * np.exp(-log_c)[:, None])
    norm = (weights * shape**2).sum(1)
    a = np.clip((weights * shape * values).sum(1) / np.where(norm > 0, norm, 1), 0, 1)
    return a, (weights * (a[:, None] * shape - values) ** 2).sum(1)
