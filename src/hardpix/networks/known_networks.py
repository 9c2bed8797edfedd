"""Paths of decoders, classifiers and auxiliary heads in the networks that are known."""

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import nn

from hardpix.networks.adapters import active_path, plain_layer, used_modules

Classifier = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


@dataclass(frozen=True)
class ModulePaths:
    """Module paths inside a network."""

    decoder: str | None = None
    tail: str | None = None
    """Layer that turns the decoder's result into logits, where the decoder does not do so itself."""
    classifiers: tuple[str, ...] = ()
    """The layers whose outputs are classes; the embedding is what enters the first. Empty: the last layer of the tail
    or decoder."""
    activation: str | None = None
    """Layer behind the classifier that turns logits into probabilities; a branch goes without."""
    auxiliary: tuple[str, ...] = ()
    class_predictor: str | None = None
    """Layer with an output for each class and one for "no object", in a network that classifies masks. There the first
    of ``classifiers`` is the last layer on the map that all masks are read from."""
    stages: tuple[str, ...] = ()
    """Stages that suit side outputs; in the table below * stands for the last of several."""


_TORCHVISION = ModulePaths(decoder="classifier")
# The classifiers of these are registered before the layers that feed them.
_UPERNET = ModulePaths(decoder="decode_head", classifiers=("decode_head.classifier",), auxiliary=("auxiliary_head",))
_MOBILEVIT = ModulePaths(decoder="segmentation_head")
_MASK_MAP = "model.pixel_level_module.decoder.mask_projection"
_EOMT = ModulePaths(classifiers=("upscale_block.block.*.conv2",), class_predictor="class_predictor")
_MASKS = ModulePaths(classifiers=(_MASK_MAP,), class_predictor="class_predictor")

# By the package that defines the class and the class's name; a subclass is found by its nearest ancestor.
FAMILIES = {
    # Context at 1/16 and 1/32, detail at 1/8. The detail of the third stage has the auxiliary head, and what comes
    # after the fourth goes into the head itself.
    ("hardpix", "DDRNet"): ModulePaths(
        decoder="head",
        auxiliary=("auxiliary_head",),
        stages=("third.*.context", "fourth.context", "fourth.detail"),
    ),
    ("hardpix", "OnLiteEncoder"): ModulePaths(decoder="decoder", tail="head", activation="head.2"),
    # 1/16, 1/8 and 1/4.
    ("hardpix", "LiteUNet"): ModulePaths(
        decoder="decoder",
        tail="head",
        activation="head.2",
        stages=("decoder.blocks.0", "decoder.blocks.1", "decoder.blocks.2"),
    ),
    ("torchvision", "DeepLabV3"): _TORCHVISION,
    ("torchvision", "FCN"): _TORCHVISION,
    # Two classifiers, whose outputs are added: the embedding is taken from the one that sees the context.
    ("torchvision", "LRASPP"): ModulePaths(
        decoder="classifier", classifiers=("classifier.high_classifier", "classifier.low_classifier")
    ),
    # Every architecture of this library derives from one class.
    ("segmentation_models_pytorch", "SegmentationModel"): ModulePaths(
        decoder="decoder", tail="segmentation_head", activation="segmentation_head.2"
    ),
    ("segmentation_models_pytorch", "DPT"): ModulePaths(
        decoder="decoder", tail="segmentation_head", activation="segmentation_head.activation"
    ),
    ("transformers", "SegformerForSemanticSegmentation"): ModulePaths(decoder="decode_head"),
    ("transformers", "UperNetForSemanticSegmentation"): _UPERNET,
    ("transformers", "BeitForSemanticSegmentation"): _UPERNET,
    ("transformers", "DPTForSemanticSegmentation"): ModulePaths(decoder="head", auxiliary=("auxiliary_head",)),
    ("transformers", "MobileViTForSemanticSegmentation"): _MOBILEVIT,
    ("transformers", "MobileViTV2ForSemanticSegmentation"): _MOBILEVIT,
    ("transformers", "MaskFormerForInstanceSegmentation"): _MASKS,
    ("transformers", "Mask2FormerForUniversalSegmentation"): _MASKS,
    ("transformers", "OneFormerForUniversalSegmentation"): ModulePaths(
        classifiers=(_MASK_MAP,), class_predictor="model.transformer_module.decoder.class_embed"
    ),
    ("transformers", "EomtForUniversalSegmentation"): _EOMT,
    ("transformers", "EomtDinov3ForUniversalSegmentation"): _EOMT,
}


def find_module_paths(model: nn.Module, decoder: str | None = None, embedding: str | None = None) -> ModulePaths:
    """Module paths that are known of a network, overruled by those that are named.

    Wrappers with a single module inside, and adapters (peft), are looked through.

    Raises:
        ValueError: a name that is no module of the model, or an embedding that is no layer.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    if decoder is not None:
        decoder = active_path(model, _own_path(modules, require_module(model, decoder, "decoder"), decoder))
    if embedding is not None:
        embedding = active_path(model, _own_path(modules, require_module(model, embedding, "embedding"), embedding))
        classifier_at(model, embedding)
    used = dict(used_modules(model))
    known = _known_paths(model, used)
    if decoder in (None, known.decoder):
        paths = known
    elif known.class_predictor is not None:
        paths = replace(known, decoder=decoder)
    else:
        paths = ModulePaths(decoder=decoder, auxiliary=known.auxiliary, stages=known.stages)
    if embedding is not None:
        others = tuple(path for path in paths.classifiers if path != embedding)
        outside = not any(root is not None and is_inside(embedding, root) for root in (paths.decoder, paths.tail))
        return replace(paths, classifiers=(embedding, *others), tail=embedding if outside else paths.tail)
    if not paths.classifiers:
        last = (_last_classifier(used, root) for root in (paths.tail, paths.decoder) if root is not None)
        found = next((path for path in last if path is not None), None)
        return replace(paths, classifiers=() if found is None else (found,))
    return paths


def _known_paths(model: nn.Module, used: dict[str, nn.Module]) -> ModulePaths:
    """Paths known of the model or of the one module that it wraps, from the model on."""
    inside, prefix = model, ""
    while not (keys := [key for key in _family_keys(type(inside)) if key in FAMILIES]):
        children = list(inside.named_children())
        if len(children) != 1 or any(True for _ in inside.parameters(recurse=False)):
            return ModulePaths()
        prefix, inside = f"{prefix}{children[0][0]}.", children[0][1]
    known = FAMILIES[keys[0]]

    def path(given: str) -> str:
        found = active_path(model, f"{prefix}{given}")
        return next(reversed(fnmatch.filter(used, found)), found) if "*" in found else found

    def optional(given: str | None) -> str | None:
        return None if given is None else path(given)

    paths = ModulePaths(
        decoder=optional(known.decoder),
        tail=optional(known.tail),
        classifiers=tuple(map(path, known.classifiers)),
        activation=optional(known.activation),
        auxiliary=tuple(found for found in map(path, known.auxiliary) if found in used),
        class_predictor=optional(known.class_predictor),
        stages=tuple(found for found in map(path, known.stages) if found in used),
    )
    needed = (paths.decoder, paths.tail, *paths.classifiers, paths.class_predictor)
    # Derived from a known network, and rebuilt.
    return ModulePaths() if any(each is not None and each not in used for each in needed) else paths


def require_module(model: nn.Module, path: str, argument: str) -> nn.Module:
    """The module at ``path``, or an error that lists what there is."""
    try:
        return model.get_submodule(path)
    except AttributeError:
        raise ValueError(
            f"{argument}={path!r} is no module of this {type(model).__name__}; {list_children(model)}"
        ) from None


def classifier_at(model: nn.Module, path: str) -> Classifier:
    """The layer at the path of a classifier; of one with adapters, the layer that they adapt."""
    layer = plain_layer(model.get_submodule(path))
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
    """True if ``path`` is ``root`` or below it."""
    return path == root or path.startswith(f"{root}.")


def _family_keys(cls: type) -> Iterator[tuple[str, str]]:
    return ((ancestor.__module__.partition(".")[0], ancestor.__name__) for ancestor in cls.__mro__)


def _last_classifier(used: dict[str, nn.Module], root: str) -> str | None:
    inside = [
        path for path, module in used.items() if is_inside(path, root) and isinstance(plain_layer(module), Classifier)
    ]
    return inside[-1] if inside else None


def _own_path(modules: dict[str, nn.Module], module: nn.Module, given: str) -> str:
    """The path that the module is registered at: wrappers (peft) also find modules of what they wrap."""
    return given if given in modules else next((path for path, each in modules.items() if each is module), given)
