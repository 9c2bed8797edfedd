"""The colors of maps of numbers."""

from __future__ import annotations

import numpy as np

from hardpix.data.heat import heat_colors


def test_heat_gets_lighter_in_even_steps() -> None:
    shares = heat_colors() / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)  # CIE L*
    assert (np.diff(lightness) > 0).all()
    # the colors are even in CAM02-UCS, of which L* is a cruder relative
    assert np.abs(lightness - np.linspace(lightness[0], lightness[-1], 256)).max() < 6
    assert len(np.unique(heat_colors(), axis=0)) == 256  # the viewer reads values off the colors
