"""Recipes: what is understood, and one clear line for what is not."""

import re

import pytest

from segment.neural.recipe import RecipeError, read_recipe, with_scenes

GOOD = """
[model]
cell = "rnn-em"
size = [28, 28]
[scenes]
kind = "flying-shapes"
objects = 3
[training]
rate = 1
"""


def test_a_recipe_is_read_whole(tmp_path):
    (tmp_path / "recipe.toml").write_text(GOOD)
    recipe = read_recipe(tmp_path / "recipe.toml")
    assert recipe.model.size == recipe.scenes.size == (28, 28)
    assert recipe.scenes.kind == "flying-shapes"
    assert recipe.training.rate == 1.0
    assert type(recipe.training.rate) is float


def test_stages_follow_each_other_and_inherit():
    recipe = read_recipe(
        {
            "model": {"pixels": "gaussian", "size": [24, 24]},
            "scenes": {"kind": "flying-digits", "objects": 2, "noise": 0.2},
            "training": {"rate": 0.001},
            "stages": [
                {"updates": 5, "digits": 20},
                {"updates": 7, "digits": 500, "rate": 0.0005},
                {"updates": 9, "steps": 4, "speed": [0, 1]},
            ],
        }
    )
    assert recipe.training.updates == 21
    digits = [recipe.stage_of(u).scenes.digits for u in (0, 4, 5, 11, 12, 20)]
    assert digits == [20, 20, 500, 500, 0, 0]
    assert recipe.stage_of(6).rate == 0.0005
    assert recipe.stage_of(0).rate == 0.001
    assert [recipe.stage_of(u).steps for u in (0, 12)] == [15, 4]
    assert recipe.stage_of(12).scenes.speed == (0.0, 1.0)
    assert {s.scenes.noise for s in recipe.stages} == {0.2}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"modle": {}}, "[modle] is unknown, wanted model, scenes, training, stages"),
        ({"model": 3}, "model is 3, wanted a table"),
        ({"model": {"slot": 3}}, "[model]: slot is unknown"),
        ({"model": {"slots": "3"}}, "slots is '3', wanted int"),
        ({"model": {"slots": True}}, "slots is True, wanted int"),
        ({"model": {"slots": 0}}, "slots is 0, wanted at least 1"),
        ({"model": {"begin": "luck"}}, "begin is 'luck', wanted one of random, seeds"),
        ({"training": {"own": 15}}, "own is 15 of 15 steps"),
        ({"stages": [{"updates": 3, "steps": 2, "own": 2}]}, "own is 2 of 2 steps"),
        ({"model": {"cell": "gru"}}, "cell is 'gru', wanted one of n-em, rnn-em, r-nem"),
        ({"model": {"size": [28]}}, "size is [28], wanted a list of 2 integers"),
        ({"model": {"conv": [8, 8], "dense": [9], "size": [30, 28]}}, "divisible by 4"),
        ({"model": {"conv": [8]}}, "dense is empty"),
        ({"model": {"cell": "n-em", "norm": True}}, "n-em has tied weights"),
        ({"model": {"channels": 3}}, "channels must be 1"),
        ({"scenes": {"kind": "cars"}}, "kind is 'cars', wanted one of static-shapes"),
        (
            {"scenes": {"size": [20, 20]}},
            "(20, 20), but the model's frames (28, 28)",
        ),
        ({"scenes": {"noise": 0.7}}, "noise is 0.7, wanted in [0, 0.5]"),
        ({"scenes": {"kind": "flying-digits"}}, "pixels must be"),
        (
            {"model": {"pixels": "gaussian"}, "training": {"objective": "noisy-or"}},
            "noisy-or is not for gaussian pixels",
        ),
        ({"scenes": {"speed": [2, 1]}}, "speed is (2.0, 1.0), wanted slowest, fastest"),
        ({"scenes": {"speed": ["a", 1]}}, "wanted a list of 2 numbers"),
        ({"training": {"batch": 0}}, "batch is 0, wanted at least 1"),
        ({"training": {"rate": 0.0}}, "rate is 0.0, wanted above 0"),
        ({"training": {"average": 1.0}}, "average is 1.0, wanted in [0, 1)"),
        ({"stages": [{"digits": 3}]}, "[[stages]] 1 wants a table with updates"),
        ({"stages": [{"updates": 3, "digit": 3}]}, "[[stages]] 1: digit is unknown"),
    ],
)
def test_what_is_wrong_is_named(table, message):
    with pytest.raises(RecipeError, match=re.escape(message)):
        read_recipe(table)


def test_files_that_are_no_recipes_are_named(tmp_path):
    path = tmp_path / "recipe.toml"
    with pytest.raises(RecipeError, match=r"recipe\.toml cannot be read: No such file"):
        read_recipe(path)
    path.write_text("[model")
    with pytest.raises(RecipeError, match="is not TOML"):
        read_recipe(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="it is no text"):
        read_recipe(path)


def test_scenes_can_be_changed_for_scoring():
    recipe = read_recipe({})
    assert with_scenes(recipe, {"objects": 5}).objects == 5
    with pytest.raises(RecipeError, match="kind is 'cars'"):
        with_scenes(recipe, {"kind": "cars"})
