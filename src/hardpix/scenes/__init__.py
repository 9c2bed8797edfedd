"""Generated road scenes: images, labels, depth and what is ambiguous in them, from a seed and without files."""

from hardpix.scenes.classes import CLASSES, PALETTE
from hardpix.scenes.dataset import VERSION, GeneratedScenes

__all__ = ["CLASSES", "PALETTE", "VERSION", "GeneratedScenes"]
