"""Where decoders, classifiers and auxiliary heads are, in the networks that need no naming."""

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import nn

Classifier = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


@dataclass(frozen=True)
class Places:
    """Module paths inside a network."""

    decoder: str | None = None
    tail: str | None = None
    """What turns the decoder's result into logits, where the decoder does not do so itself."""
    classifiers: tuple[str, ...] = ()
    """The layers whose outputs are classes; the embedding is what enters the first. Empty: the last layer of the tail
    or decoder."""
    activation: str | None = None
    """What follows the classifier and turns logits into probabilities; a branch goes without."""
    auxiliary: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    """What is worth a side output; in the table below * stands for the last of several."""


_TORCHVISION = Places(decoder="classifier")
# The classifiers of these are registered before the layers that feed them.
_UPERNET = Places(decoder="decode_head", classifiers=("decode_head.classifier",), auxiliary=("auxiliary_head",))
_MOBILEVIT = Places(decoder="segmentation_head")

# By the package that defines the class and the class's name; a subclass is found by its nearest ancestor.
FAMILIES = {
    # Context at 1/16 and 1/32, detail at 1/8. The detail of the third stage has the auxiliary head, and what comes
    # after the fourth goes into the head itself.
    ("hardpix", "DDRNet"): Places(
        decoder="head",
        auxiliary=("auxiliary_head",),
        stages=("third.*.context", "fourth.context", "fourth.detail"),
    ),
    ("hardpix", "LiteUNet"): Places(decoder="decoder", tail="head", activation="head.2"),
    ("torchvision", "DeepLabV3"): _TORCHVISION,
    ("torchvision", "FCN"): _TORCHVISION,
    # Two classifiers, whose outputs are added: the embedding is taken from the one that sees the context.
    ("torchvision", "LRASPP"): Places(
        decoder="classifier", classifiers=("classifier.high_classifier", "classifier.low_classifier")
    ),
    # Every architecture of this library derives from one class.
    ("segmentation_models_pytorch", "SegmentationModel"): Places(
        decoder="decoder", tail="segmentation_head", activation="segmentation_head.2"
    ),
    ("segmentation_models_pytorch", "DPT"): Places(
        decoder="decoder", tail="segmentation_head", activation="segmentation_head.activation"
    ),
    ("transformers", "SegformerForSemanticSegmentation"): Places(decoder="decode_head"),
    ("transformers", "UperNetForSemanticSegmentation"): _UPERNET,
    ("transformers", "BeitForSemanticSegmentation"): _UPERNET,
    ("transformers", "DPTForSemanticSegmentation"): Places(decoder="head", auxiliary=("auxiliary_head",)),
    ("transformers", "MobileViTForSemanticSegmentation"): _MOBILEVIT,
    ("transformers", "MobileViTV2ForSemanticSegmentation"): _MOBILEVIT,
}


def find_places(model: nn.Module, decoder: str | None = None, embedding: str | None = None) -> Places:
    """What is known of the model's family, overruled by what is named.

    Raises:
        ValueError: a name that is no module of the model, or an embedding that is no layer.
    """
    if decoder is not None:
        require_module(model, decoder, "decoder")
    if embedding is not None:
        require_module(model, embedding, "embedding")
        classifier_at(model, embedding)
    modules = dict(model.named_modules(remove_duplicate=False))
    known = next((FAMILIES[key] for key in _family_keys(type(model)) if key in FAMILIES), Places())
    known = replace(
        known,
        auxiliary=tuple(path for path in known.auxiliary if path in modules),
        stages=tuple(path for pattern in known.stages for path in fnmatch.filter(modules, pattern)[-1:]),
    )
    if any(path is not None and path not in modules for path in (known.decoder, known.tail, *known.classifiers)):
        # Derived from a known network, and rebuilt.
        known = Places()

    places = known if decoder is None else Places(decoder=decoder, auxiliary=known.auxiliary, stages=known.stages)
    if embedding is not None:
        others = tuple(path for path in places.classifiers if path != embedding)
        outside = not any(root is not None and is_inside(embedding, root) for root in (places.decoder, places.tail))
        return replace(places, classifiers=(embedding, *others), tail=embedding if outside else places.tail)
    if not places.classifiers:
        last = (_last_classifier(modules, root) for root in (places.tail, places.decoder) if root is not None)
        found = next((path for path in last if path is not None), None)
        return replace(places, classifiers=() if found is None else (found,))
    return places


def require_module(model: nn.Module, path: str, argument: str) -> nn.Module:
    """The module at ``path``, or an error that lists what there is."""
    try:
        return model.get_submodule(path)
    except AttributeError:
        raise ValueError(
            f"{argument}={path!r} is no module of this {type(model).__name__}; {list_children(model)}"
        ) from None


def classifier_at(model: nn.Module, path: str) -> Classifier:
    """The layer at the path of a classifier."""
    layer = model.get_submodule(path)
    if not isinstance(layer, Classifier):
        raise ValueError(
            f"expected a Conv2d, ConvTranspose2d or Linear at {path!r}, found {type(layer).__name__}; name the last "
            "layer before the logits by hardpix.tap(model, embedding='…')"
        )
    return layer


def inputs_of(classifier: Classifier) -> int:
    """Channels that enter the layer."""
    return classifier.in_features if isinstance(classifier, nn.Linear) else classifier.in_channels


def outputs_of(classifier: Classifier) -> int:
    """Channels that leave the layer."""
    return classifier.out_features if isinstance(classifier, nn.Linear) else classifier.out_channels


def list_children(model: nn.Module) -> str:
    """The model's top-level modules, for an error message."""
    children = ", ".join(f"{name!r} ({type(child).__name__})" for name, child in model.named_children())
    return f"its top-level modules are {children}" if children else "it has no modules inside"


def is_inside(path: str, root: str) -> bool:
    """Whether ``path`` is ``root`` or below it."""
    return path == root or path.startswith(f"{root}.")


def _family_keys(cls: type) -> Iterator[tuple[str, str]]:
    return ((ancestor.__module__.partition(".")[0], ancestor.__name__) for ancestor in cls.__mro__)


def _last_classifier(modules: dict[str, nn.Module], root: str) -> str | None:
    inside = [path for path, module in modules.items() if is_inside(path, root) and isinstance(module, Classifier)]
    return inside[-1] if inside else None
