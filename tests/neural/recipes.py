"""Small recipes to train by."""

from segment.neural.recipe import read_recipe

TINY = {
    "model": {"hidden": 16, "slots": 2, "size": [14, 20]},
    "scenes": {"objects": 2, "noise": 0.1},
    "training": {
        "steps": 3,
        "batch": 4,
        "updates": 6,
        "validate": 3,
        "held_out": 6,
        "optimiser": "muon",
        "rate": 0.003,
        "average": 0.9,
        "cooldown": 0.5,
        "clip": 50,
    },
}


def tiny(**changes):
    table = {key: dict(value) for key, value in TINY.items()}
    table["training"] |= changes
    return read_recipe(table)
