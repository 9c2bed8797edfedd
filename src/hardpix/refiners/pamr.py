"""Pixel-adaptive mask refinement (Araslanov and Roth, CVPR 2020)."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.refiners.local_affinity import LocalAffinity


class PAMR(LocalAffinity):
    """PAMR: every pixel takes, `steps` times, the mean of its neighbors, weighted by how alike their colors are.

    Neighbors are the 8 pixels around it at each dilation; at the frame the image's edge is repeated. The weights come
    from the image I alone, are computed once, and sum to 1:

        a_ij = softmax over j of  −mean over channels of |I_i − I_j| / (1e-8 + temperature · s_i)
        m_i ← Σ_j a_ij m_j

    s_i is the unbiased standard deviation of a channel over the neighbors and, once per dilation, the pixel itself.
    A channel's scale and offset cancel out: a normalized image gives what the raw one gives.

    Args:
        dilations: distances of the neighbors in pixels; the largest times `steps` is how far a pixel reaches.
        steps: number of means; 0 leaves the map as it is.
        temperature: smaller values follow the image more closely.

    Neighbors are added up one by one, so that memory is that of 8 · len(dilations) · B · H · W weights (twice that
    while they are made), whatever the number of classes. Float32, or float64 where probabilities are.

    Gradients reach the probabilities, for which one map a step is kept, and never the image: s_i has no finite gradient
    where the image is flat.

    [ours], where the authors' code does otherwise:

    - There is a gradient; none there.
    - Neighbors are added one by one; there each has a copy of the map.
    - A map of another size than its image is an error; there it is resized without a word.

    Raises:
        ValueError: a map and an image of different sizes; settings outside their range.

    Example:
        >>> import torch
        >>> image = torch.tensor([0.0, 0.0, 0.0, 9.0, 9.0, 9.0]).expand(1, 3, 6, 6)  # dark beside bright
        >>> probabilities = torch.tensor([0.9, 0.9, 0.1, 0.1, 0.1, 0.1]).expand(1, 1, 6, 6)  # its edge too far left
        >>> PAMR(dilations=(1,))(probabilities, image)[0, 0, 0]
        tensor([0.7100, 0.7094, 0.7089, 0.1000, 0.1000, 0.1000])
    """

    def __init__(
        self, dilations: Sequence[int] = (1, 2, 4, 8, 12, 24), steps: int = 10, temperature: float = 0.1
    ) -> None:
        super().__init__(dilations, steps, temperature)
