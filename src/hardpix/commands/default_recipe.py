"""Recipe of a training that is given images without labels, and no recipe."""

from __future__ import annotations

from typing import Any

from jsonargparse import Namespace

from hardpix.cli.arguments import Parser

SAID = (
    "Images without labels: mean teacher with CutMix labels what it is sure of, and learns that from mixed images; "
    "--model.recipe CLASS names another way. They must come from the same kind of camera as the labeled ones."
)

_BALANCED = {"class_path": "hardpix.signals.ClassBalance", "init_args": {"power": 0.5}}
_COUNTED = {"class_path": "hardpix.signals.Uniform", "init_args": {"normalizer": "count"}}
_ENTROPY = "hardpix.objectives.WeightedCrossEntropy"

# Settings of configs/camvid_lite_unet_cutmix.yaml, which docs/results/semi.md measures.
RECIPE: dict[str, Any] = {
    "class_path": "hardpix.recipes.SelfTraining",
    "init_args": {
        "objective": {"class_path": _ENTROPY, "init_args": {"signal": _BALANCED}},
        "teacher": {"class_path": "hardpix.teachers.MovingAverage", "init_args": {"momentum": 0.995}},
        "labeler": {"class_path": "hardpix.labelers.ConfidenceThreshold", "init_args": {"threshold": 0.9}},
        "augment": {
            "class_path": "hardpix.data.batch_transforms.Compose",
            "init_args": {
                "transforms": [
                    {"class_path": "hardpix.data.batch_transforms.StrongColor"},
                    {"class_path": "hardpix.data.batch_transforms.CutMix", "init_args": {"probability": 1.0}},
                ]
            },
        },
        "partner": "unlabeled",
        "unlabeled": {
            "class_path": _ENTROPY,
            "init_args": {
                "signal": {"class_path": "hardpix.signals.Product", "init_args": {"signals": [_COUNTED, _BALANCED]}}
            },
        },
        "ramp": 0.5,
        "deploy": "teacher",
    },
}


def wants_default_recipe(settings: Namespace) -> bool:
    """True if there are images without labels (``--data.unlabeled``), and no recipe that learns from them."""
    return settings.data.unlabeled is not None and settings.model.recipe is None


def with_default_recipe(parser: Parser, settings: Namespace) -> Namespace:
    """The settings with mean teacher and CutMix where they want it; an objective becomes that of labeled images."""
    if not wants_default_recipe(settings):
        return settings
    recipe = RECIPE
    if settings.model.objective is not None:
        own = settings.model.objective
        objective = own.as_dict() if isinstance(own, Namespace) else own
        recipe = {**RECIPE, "init_args": {**RECIPE["init_args"], "objective": objective}}
    return parser.parse_object({"model": {"objective": None, "recipe": recipe}}, cfg_base=settings, defaults=False)
