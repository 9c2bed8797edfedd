"""Seeds by numpy's SeedSequence: draws of earlier runs stay as they were."""

import numpy as np
import torch

from hardpix.data.sampling import seeded
from hardpix.data.seeds import mixed_seed


def test_the_mixing_is_numpys() -> None:
    for numbers in ((0,), (1, 2, 3), (2**31, 5, 0, 7)):
        expected = int(np.random.SeedSequence(list(numbers)).generate_state(1, np.uint64)[0]) // 2
        assert mixed_seed(*numbers) == expected < 2**63
        with seeded(*numbers):
            drawn = torch.rand(3)
        assert drawn.equal(torch.rand(3, generator=torch.Generator().manual_seed(expected)))
