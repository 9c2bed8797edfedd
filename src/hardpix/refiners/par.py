"""Pixel-adaptive refinement (Ru et al., AFA, CVPR 2022, and ToCo, CVPR 2023)."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.refiners.local_affinity import LocalAffinity


class PAR(LocalAffinity):
    """PAR: as :class:`~hardpix.refiners.PAMR`, with squared distances of colors and a small weight for nearness.

        a_ij = softmax over j of  −mean over channels of (|I_i − I_j| / (s_i + 1e-8) / temperature)²
             + 0.01 · softmax over j of  −(d_ij / (s_d + 1e-8) / temperature)²,             divided by 1.01
        m_i ← Σ_j a_ij m_j

    s_i is the unbiased standard deviation of a channel over the neighbors without the pixel itself, d_ij the distance
    in pixels, and s_d the deviation of these distances. A channel's scale and offset cancel out.

    Args:
        dilations: distances of the neighbors in pixels; the largest times `steps` is how far a pixel reaches.
        steps: number of means; 0 leaves the map as it is.
        temperature: smaller values follow the image more closely.
        position_weight: weight of nearness.
        normalize: whether weights are divided by their sum, 1.01.

    The authors run it at half the image's resolution. [ours], where their code does otherwise:

    - Weights are divided by their sum, so that probabilities stay such; there the map grows by 1.01 in every step.
    - Gradients reach the probabilities; none there.
    - A map of another size than its image is an error; there it is resized without a word.

    Raises:
        ValueError: a map and an image of different sizes; settings outside their range.

    Example:
        >>> import torch
        >>> image = torch.tensor([0.0, 0.0, 0.0, 9.0, 9.0, 9.0]).expand(1, 3, 6, 6)  # dark beside bright
        >>> probabilities = torch.tensor([0.9, 0.9, 0.1, 0.1, 0.1, 0.1]).expand(1, 1, 6, 6)  # its edge too far left
        >>> PAR(dilations=(1,))(probabilities, image)[0, 0, 0].round(decimals=2)
        tensor([0.7100, 0.7100, 0.7000, 0.1000, 0.1000, 0.1000])
    """

    def __init__(
        self,
        dilations: Sequence[int] = (1, 2, 4, 8, 12, 24),
        steps: int = 10,
        temperature: float = 0.3,
        position_weight: float = 0.01,
        normalize: bool = True,
    ) -> None:
        super().__init__(dilations, steps, temperature, 2, False, position_weight, normalize)
