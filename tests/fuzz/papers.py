"""States, weights, recipes and presets, mutated: loaded as they were, or refused in one line."""

import numpy as np

from tests.fuzz.mutations import mutate

KINDS = ("state", "fast.state", "weights", "recipe", "preset")


class Papers:
    """One sound paper of each kind, and how each is read."""

    def __init__(self, folder):
        self.folder = folder
        self._sound = {}

    def judge(self, kind, seed):
        """Return told (refused in one line), same (loads, and is what it was) or untold."""
        from click import ClickException

        from segment.errors import SegmentError

        if kind not in self._sound:
            path = getattr(self, f"_make_{kind.replace('.', '_')}")()
            self._sound[kind] = path.read_bytes(), self._read(kind, path), path.name
        data, known, name = self._sound[kind]
        path = self.folder / f"changed-{name}"
        path.write_bytes(mutate(data, seed)[1])
        try:
            found = self._read(kind, path)
        except (SegmentError, ClickException) as error:
            message = error.format_message() if isinstance(error, ClickException) else str(error)
            assert "should not have happened" not in message
            return "told"
        # A text has no sum: another number in it is another recipe.
        same = found == known
        return "same" if same else "unknowable" if kind in ("recipe", "preset") else "untold"

    def _read(self, kind, path):
        return getattr(self, f"_read_{kind.rpartition('.')[2]}")(path)

    def _make_state(self, quality="best"):
        from segment.background import PosteriorSubtractor

        subtractor = PosteriorSubtractor(quality=quality)
        rng = np.random.default_rng(0)
        for _ in range(3):
            subtractor.apply(rng.integers(0, 255, (12, 16, 3)).astype(np.uint8))
        path = self.folder / f"{quality}.safetensors"
        subtractor.save(path)
        return path

    def _make_fast_state(self):
        return self._make_state("fast")

    def _read_state(self, path):
        from segment.background import PosteriorSubtractor

        return PosteriorSubtractor.load(path).background().tobytes()

    def _make_weights(self):
        import torch

        from segment.neural.em.config import NeuralEMConfig
        from segment.neural.em.model import NeuralEM
        from segment.neural.weights import save_weights

        torch.manual_seed(0)
        save_weights(NeuralEM(NeuralEMConfig(hidden=8)), self.folder / "w.safetensors")
        return self.folder / "w.safetensors"

    def _read_weights(self, path):
        from segment.neural.weights import load_weights

        model = load_weights(path)
        state = [value.numpy().tobytes() for value in model.state_dict().values()]
        return model.config, state

    def _make_recipe(self):
        path = self.folder / "recipe.toml"
        path.write_text(
            "[model]\nhidden = 16\nslots = 2\nsize = [14, 20]\n"
            "[scenes]\nobjects = 2\nnoise = 0.1\n[training]\nsteps = 3\nbatch = 4\nupdates = 6\n"
        )
        return path

    def _read_recipe(self, path):
        from segment.neural.recipe import read_recipe

        return read_recipe(path)

    def _make_preset(self):
        path = self.folder / "preset.toml"
        path.write_text(
            'chain = [\n  "subtract --rate 0.01",\n  "clean",\n  "export \\"my out\\"",\n]\n'
        )
        return path

    def _read_preset(self, path):
        from segment.cli.chain import read_preset

        return read_preset(path)
