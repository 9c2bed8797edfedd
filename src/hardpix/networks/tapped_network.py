"""A model and what its tap catches: run as one, and turned into batches of pixels and into branches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hardpix.networks.branches import LightBranch, copy_branch
from hardpix.networks.capture import Capture, Caught, refuse_compiled
from hardpix.networks.known_networks import Classifier, ModulePaths, classifier_at, inputs_of, list_children, outputs_of
from hardpix.networks.logits_choice import LogitsChoice
from hardpix.networks.map_layouts import two_classes
from hardpix.networks.outputs import Returned, read_output, refuse_unnamed
from hardpix.pixels import PixelBatch, Queries, Taps, resize_bilinear
from hardpix.pixels.precision import at_least_float32


@dataclass
class TapOutput:
    """One forward of a tapped network; all tensors are on the graph.

    Attributes:
        logits: (B, C, H, W) at the image's size, or the size asked for; (0, z) of a binary network with one channel z.
        taps: tensors from inside the network.

    Example:
        >>> import torch
        >>> from hardpix import tap
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 5, 1)))
        >>> out = tap(model, decoder="1")(torch.rand(2, 3, 17, 33))
        >>> args, kwargs = out.taps.features
        >>> args[0].shape, kwargs, out.logits.shape
        (torch.Size([2, 8, 8, 16]), {}, torch.Size([2, 5, 17, 33]))
    """

    logits: Tensor
    taps: Taps


# Only modules can be hooked, not a matmul inside forward.
LAST_LAYER = "last layer before the logits, a module that is a Conv2d, a ConvTranspose2d or a Linear"


class TappedNetwork(nn.Module):
    """A model and what its tap catches; made by :func:`tap`.

    ``.model`` is the model as it was given. Compiling, copying, saving and wrapping (DDP) work as with any module.

    Example:
        >>> import torch
        >>> from hardpix import tap
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 5, 1)))
        >>> network = tap(model, decoder="1")
        >>> network.model is model, network.embedding_channels
        (True, 8)
        >>> network.pixels(torch.rand(2, 3, 17, 33), torch.zeros(2, 17, 33, dtype=torch.long)).loss.shape
        torch.Size([2, 17, 33])
    """

    def __init__(
        self, model: nn.Module, paths: ModulePaths, capture: Capture, stages: tuple[str, ...], ignore_index: int
    ) -> None:
        super().__init__()
        self.model = model
        self.paths = paths
        self.stages = stages
        self.ignore_index = ignore_index
        self._capture = capture
        self._choice = LogitsChoice()

    def forward(self, image: Tensor, size: tuple[int, int] | None = None) -> TapOutput:
        """Run the model on (B, 3, H, W) and return its logits with what was caught.

        Args:
            image: as the model takes it.
            size: height and width of the logits; the image's by default. Bilinear, pixel centers aligned.

        Raises:
            RuntimeError: a module that should have been caught did not run.
            TypeError, ValueError: an output without (B, C, h, w) logits, with several maps of which none is known to be
                the logits, or with others than the classifier's.
        """
        wanted = (image.shape[-2], image.shape[-1]) if size is None else (size[0], size[1])
        output, caught = self._run(self.model, image)
        self._check_caught(caught)
        logits, auxiliary, queries = self._read(output, caught, image, wanted)
        self._check_classifier(logits)
        if logits.shape[-2:] != wanted:
            # In a half type the gradient of a resize adds up hundreds of rounded numbers.
            logits = resize_bilinear(at_least_float32(logits), wanted)
        taps = Taps(
            features=None if caught.overwritten else caught.features,
            embedding=caught.embedding,
            auxiliary=tuple((two_classes(head), 1.0) for head in (*auxiliary, *caught.auxiliary)),
            stages=caught.stages,
            without_graph=frozenset(caught.without_graph),
            queries=queries,
        )
        return TapOutput(two_classes(logits), taps)

    def _run(self, model: Callable[..., Any], *args: Any) -> tuple[Any, Caught]:
        caught = self._capture.start()
        try:
            return model(*args), caught
        finally:
            self._capture.stop()

    def _read(
        self, output: Any, caught: Caught, image: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, list[Tensor], tuple[Queries, ...]]:
        """Logits in the output, those of auxiliary heads that came with them, and the queries they were made from."""
        returned = read_output(output, image.shape, size)
        if caught.classified is None or self.paths.class_predictor is not None:
            if not returned.named:
                refuse_unnamed(output)
            chosen = returned.maps[0 if len(returned.maps) == 1 else self._choice.by_order(returned.maps)]
            heads = returned.nested
        else:
            maps = self._of_classifier(returned)
            training, classifier = self.model.training, self.paths.classifiers[0]
            found = 0
            if len(maps) > 1:
                found = self._choice.by_classifier(
                    maps, caught.classified, classifier, training, lambda: self._maps_with_graph(image, size)
                )
            chosen, heads = maps[found], maps[:found] + maps[found + 1 :]
        heads = [each for each in heads if each.shape[1] == chosen.shape[1] and each is not caught.embedding]
        return chosen, [*heads, *returned.auxiliary], returned.queries

    def _of_classifier(self, returned: Returned) -> list[Tensor]:
        """Maps with as many channels as the classifier has outputs; all, if it has more, for smaller cells."""
        maps = [*returned.maps, *returned.nested]
        outputs = outputs_of(self._classifier())
        return [each for each in maps if each.shape[1] == outputs] or maps

    def _maps_with_graph(self, image: Tensor, size: tuple[int, int]) -> tuple[list[Tensor], Tensor]:
        """Maps and the classifier's result of one forward with gradients on, which changes no buffer."""
        with torch.inference_mode(False), torch.enable_grad():
            buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
            image = image.detach().clone().requires_grad_(image.is_floating_point())
            output, caught = self._run(lambda *args: functional_call(self.model, buffers, args), image)
            assert caught.classified is not None
            return self._of_classifier(read_output(output, image.shape, size)), caught.classified

    def pixels(
        self,
        image: Tensor,
        target: Tensor | None = None,
        *,
        progress: float | None = None,
        teacher: PixelBatch | None = None,
        **sample: Any,
    ) -> PixelBatch:
        """Run the model and put its logits, at the target's resolution, and its taps beside the target.

        Args:
            image: (B, 3, H, W), as the model takes it.
            target: (B, H', W') class ids, ``ignore_index`` where unlabeled; without one the logits have the image's
                size.
            progress: share of training done, 0 to 1.
            teacher: the same pixels as a teacher sees them.
            sample: further entries of the batch, such as depth= (B, H', W') in meters, NaN where unknown, or weight=.
        """
        out = self(image, size=None if target is None else target.shape[-2:])
        return PixelBatch(
            logits=out.logits,
            target=target,
            ignore_index=self.ignore_index,
            sample={"image": image, **{name: value for name, value in sample.items() if value is not None}},
            taps=out.taps,
            teacher=teacher,
            progress=progress,
        )

    def catch_stages(self) -> tuple[str, ...]:
        """The stages that are caught: those that were named or, if none were, from now on those known of the family.

        Raises:
            ValueError: none are known.
            RuntimeError: the model was compiled before.

        Example:
            >>> from hardpix import tap
            >>> from hardpix.networks import DDRNet23Slim
            >>> tap(DDRNet23Slim(num_classes=2)).catch_stages()
            ('third.0.context', 'fourth.context', 'fourth.detail')
        """
        if not self.stages:
            for stage in self.paths.stages:
                refuse_compiled(self.model, stage)
                self._capture.hook_stage(self.model.get_submodule(stage), stage)
            self.stages = self.paths.stages
        if not self.stages:
            raise ValueError(
                f"no stages of {type(self.model).__name__} are known: name the modules whose outputs are wanted, as in "
                f"hardpix.tap(model, stages=['…']); {list_children(self.model)}"
            )
        return self.stages

    @property
    def num_classes(self) -> int:
        """C: the outputs of the last classifier; 2 of a binary network with one; without "no object" of masks."""
        if self.paths.class_predictor is not None:
            return outputs_of(classifier_at(self.model, self.paths.class_predictor)) - 1
        return max(2, outputs_of(self._classifier()))

    @property
    def embedding_channels(self) -> int:
        """D of the embedding (B, D, h, w)."""
        return inputs_of(self._classifier())

    def new_branch(self, out_channels: int = 1, kind: Literal["copy", "light"] = "copy") -> nn.Module:
        """A module that makes a map of its own from what the tap caught: ``branch(features, embedding)``.

        Its result is (B, out_channels, h, w), raw values at the resolution of the model's own. It has fresh weights, on
        the model's device and in its type and mode, and knows nothing of the model: whoever must not train the model
        passes detached features (:func:`~hardpix.networks.detach_nested`).

        Args:
            out_channels: channels of the map.
            kind: "copy" is the decoder, and what turns its result into logits, once more, with other classifiers and
                without in-place layers; "light" two 1×1 convolutions on the embedding.

        Raises:
            ValueError: another kind; no decoder or classifier is known; weights that cannot be drawn anew.

        Example:
            >>> import torch
            >>> from hardpix import tap
            >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 5, 1)))
            >>> network = tap(model, decoder="1")
            >>> out = network(torch.rand(1, 3, 16, 16))
            >>> network.new_branch()(out.taps.features, out.taps.embedding).shape
            torch.Size([1, 1, 16, 16])
        """
        if kind not in ("copy", "light"):
            raise ValueError(f"expected kind 'copy' or 'light', found {kind!r}")
        if kind == "copy" and self.paths.class_predictor is not None:
            raise ValueError(
                f"{type(self.model).__name__} classifies masks of queries: no decoder of it turns features into a map, "
                "so there is nothing to copy. Use kind='light', two layers on the map that its masks are read from, as "
                "in HardnessLevel(kind='light')"
            )
        weight = self._classifier("decoder" if kind == "copy" else "embedding").weight
        if kind == "light":
            branch: nn.Module = LightBranch(self.embedding_channels, out_channels).to(weight.device, weight.dtype)
        elif self.paths.decoder is None:
            raise ValueError(self._unknown("decoder"))
        else:
            branch = copy_branch(self.model, self.paths, out_channels)
        return branch.train(self.model.training)

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Parameters of all that lies outside of the decoder, the classifiers and the auxiliary heads.

        Raises:
            ValueError: the decoder is not known.

        Example:
            >>> from hardpix import tap
            >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 5, 1)))
            >>> [tuple(p.shape) for p in tap(model, decoder="1").encoder_parameters()]
            [(8, 3, 3, 3), (8,)]
        """
        paths = self.paths
        if paths.decoder is None:
            raise ValueError(self._unknown("decoder"))
        heads = (paths.decoder, paths.tail, *paths.classifiers, *paths.auxiliary)
        others = {p for path in heads if path is not None for p in self.model.get_submodule(path).parameters()}
        return [p for p in self.model.parameters() if p not in others]

    def _classifier(self, wanted: str = "embedding") -> Classifier:
        if not self.paths.classifiers:
            raise ValueError(self._unknown(wanted if self.paths.decoder is None else "embedding"))
        return classifier_at(self.model, self.paths.classifiers[0])

    def _unknown(self, role: str) -> str:
        what = {"decoder": "module that turns features into logits", "embedding": LAST_LAYER}[role]
        return (
            f"the {role} of {type(self.model).__name__} is not known: name the {what}, as in "
            f"hardpix.tap(model, {role}='…'); {list_children(self.model)}"
        )

    def _check_caught(self, caught: Caught) -> None:
        expected: list[tuple[str | None, str, object]] = [(self.paths.decoder, "decoder", caught.features)]
        if self.paths.classifiers:
            expected.append((self.paths.classifiers[0], "embedding", caught.embedding))
        expected += [(stage, "stages", caught.stages.get(stage)) for stage in self.stages]
        for path, argument, value in expected:
            if path is not None and value is None:
                raise RuntimeError(
                    f"nothing was caught at {path!r}: it was not called in this forward, or the model was untapped or "
                    f"tapped anew. Tap it again, with {argument}= naming a module whose call the forward goes through; "
                    f"{list_children(self.model)}"
                )
        if caught.overwritten_stages:
            raise RuntimeError(
                f"the network overwrites what {', '.join(map(repr, caught.overwritten_stages))} returned (a layer with "
                "inplace=True, x += …), so that a stage there would hold something else; name the module that writes "
                "last as the stage, or let it make a new tensor"
            )

    def _check_classifier(self, logits: Tensor) -> None:
        if self.paths.classifiers and self.paths.class_predictor is None:
            outputs = outputs_of(self._classifier())
            if outputs % logits.shape[1]:
                raise ValueError(
                    f"{self.paths.classifiers[0]!r} was taken for the last classifier, yet has {outputs} outputs and "
                    f"the logits {logits.shape[1]} channels; name the classifier by tap(…, embedding='…')"
                )
