"""Robust regression: a straight line that a few wrong points cannot bend, with its covariance."""

from typing import Literal, NamedTuple, cast

import numpy as np

from narrows.core.arrays import Float1D, Float2D

Loss = Literal["squares", "huber", "tukey"]
_TUNING = {"huber": 1.345, "tukey": 4.685}  # 95 % as efficient as least squares if errors are normal
_NORMAL_MAD = 0.6744897501960817  # median |error| of a standard normal
_ROUNDS, _TOLERANCE = 200, 1e-10


class Fit(NamedTuple):
    """What a regression found.

    Attributes
    ----------
    parameters : ndarray (p,)
    covariance : ndarray (p, p)
        NaN if there are no more points than parameters.
    weights : ndarray (n,)
        What the loss left of each point: 1 = all, 0 = nothing.
    freedom : int
        Points less parameters.
    """

    parameters: Float1D
    covariance: Float2D
    weights: Float1D
    freedom: int


def _weights(standard: Float1D, loss: Loss) -> Float1D:
    """What a loss leaves of points with these standardised residuals."""
    if loss == "huber":
        return np.minimum(1.0, _TUNING["huber"] / np.maximum(np.abs(standard), 1e-300))
    if loss == "tukey":
        inside = np.maximum(1.0 - (standard / _TUNING["tukey"]) ** 2, 0.0)
        return inside**2
    return np.ones(len(standard))


def _slopes(standard: Float1D, loss: Loss) -> Float1D:
    """Derivative of residual × weight."""
    if loss == "huber":
        return (np.abs(standard) <= _TUNING["huber"]).astype(np.float64)
    if loss == "tukey":
        squared = (standard / _TUNING["tukey"]) ** 2
        return np.where(squared <= 1.0, (1.0 - squared) * (1.0 - 5.0 * squared), 0.0)
    return np.ones(len(standard))


def _scale(residuals: Float1D, loss: Loss, freedom: int) -> float:
    if loss == "squares":
        return float(np.sqrt(residuals @ residuals / max(freedom, 1)))
    return float(np.median(np.abs(residuals))) / _NORMAL_MAD


def _solve(design: Float2D, target: Float1D, weights: Float1D) -> Float1D:
    root = np.sqrt(weights)
    return cast(Float1D, np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0])


def _covariance(design: Float2D, residuals: Float1D, scale: float, loss: Loss) -> Float2D:
    """Huber's first estimator; that of least squares where the loss is squares."""
    count, size = design.shape
    if scale == 0.0:
        return np.zeros((size, size))
    standard = residuals / scale
    slopes = _slopes(standard, loss)
    slope = float(slopes.mean())
    if not slope > 0.0:
        return np.full((size, size), np.nan)
    correction = 1.0 + size / count * float(slopes.var()) / slope**2
    scores = standard * _weights(standard, loss) * scale
    factor = correction**2 * float(scores @ scores) / (count - size) / slope**2
    return cast(Float2D, factor * np.linalg.inv(design.T @ design))


def robust_fit(design: Float2D, target: Float1D, sigma: Float1D, loss: Loss = "huber") -> Fit:
    """Regress `target` on `design`, each point measured in its own standard error.

    Parameters
    ----------
    design : ndarray (n, p)
        Of full rank, n >= p; finite, as are the others.
    target : ndarray (n,)
    sigma : ndarray (n,)
        How far each point may be off, > 0, up to a common factor.
    loss : {"huber", "tukey", "squares"}
        Huber bounds the pull of a point; Tukey, started from Huber's fit, lets it go altogether beyond 4.7
        standard errors; squares is weighted least squares.

    Returns
    -------
    Fit

    References
    ----------
    Huber (1981), Robust Statistics, ch. 7; covariance 7.6.12. Scale by the median absolute residual.
    """
    scaled, wanted = design / sigma[:, None], target / sigma
    count, size = scaled.shape
    parameters = _solve(scaled, wanted, np.ones(count))
    weights = np.ones(count)
    scale = _scale(wanted - scaled @ parameters, loss, count - size)
    stages: tuple[Loss, ...] = ("huber", "tukey") if loss == "tukey" else (loss,)
    for stage in stages:
        for _ in range(_ROUNDS):
            residuals = wanted - scaled @ parameters
            scale = _scale(residuals, stage, count - size)
            if scale == 0.0 or stage == "squares":
                break
            weights = _weights(residuals / scale, stage)
            before, parameters = parameters, _solve(scaled, wanted, weights)
            if np.all(np.abs(parameters - before) <= _TOLERANCE * np.abs(parameters)):
                break
    if count == size:
        return Fit(parameters, np.full((size, size), np.nan), weights, 0)
    residuals = wanted - scaled @ parameters
    return Fit(parameters, _covariance(scaled, residuals, scale, loss), weights, count - size)
