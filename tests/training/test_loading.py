"""Every held-out image once, in equally many batches for each process."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.training.loading import CountedOnce, EvaluationSampler


@given(st.integers(1, 30), st.integers(1, 40))
def test_parts_have_one_length_and_count_every_image_once(images: int, processes: int) -> None:
    parts = [list(EvaluationSampler(range(images), num_replicas=processes, rank=k)) for k in range(processes)]
    assert len({len(part) for part in parts}) == 1
    assert all(len(EvaluationSampler(range(images), num_replicas=processes, rank=k)) == len(parts[0]) for k in (0,))
    assert sorted(index for part in parts for index, counts in part if counts) == list(range(images))
    assert all(0 <= index < images for part in parts for index, _ in part)


def test_repeated_images_lose_their_labels_and_nothing_else() -> None:
    samples = [{"image": torch.ones(3, 2, 2), "target": torch.tensor([[0, 1], [1, 255]]), "stem": "a"}]
    counted = CountedOnce(samples, ignore_index=255)  # type: ignore[arg-type]
    assert counted[0, True]["target"].tolist() == [[0, 1], [1, 255]]
    repeated = counted[0, False]
    assert repeated["target"].tolist() == [[255, 255], [255, 255]]
    assert repeated["image"].equal(samples[0]["image"])
    assert samples[0]["target"].tolist() == [[0, 1], [1, 255]]
