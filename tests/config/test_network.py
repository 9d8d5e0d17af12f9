"""Config files: layers, tables, overrides, presets, and the way back to text."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bpnet.config.data_settings import AugmentConfig
from bpnet.config.layer_lines import read_layer
from bpnet.config.loading import load_config, load_overrides
from bpnet.config.presets import describe, find_config, preset_paths
from bpnet.config.settings import SECTIONS, Config
from bpnet.config.writer import format_config
from bpnet.errors import ConfigError
from bpnet.nn.registry import layer_types
from tests.helpers.config_texts import CONFIGS, file_error, only_problem, problems
from tests.helpers.tiny import NET, TABLE, read_config

# Layers


def test_every_layer_is_read_with_its_options() -> None:
    assert set(layer_types()) == {
        *("linear", "conv", "maxpool", "avgpool", "flatten", "dropout", "batchnorm", "scale"),
        *("relu", "leaky_relu", "elu", "gelu", "softplus", "sigmoid", "tanh", "softmax"),
        *("globalavgpool", "residual", "end"),
    }
    assert read_layer("conv 8 kernel=3 stride=2 padding=1 bias=no").options == {
        "out": 8,
        "kernel": 3,
        "stride": 2,
        "padding": 1,
        "bias": False,
    }
    assert read_layer("scale -2.5").options == {"factor": -2.5}


@pytest.mark.parametrize(
    "line",
    [
        "linear",
        "linear 0",
        "linear -3",
        "linear 3.5",
        "linear 3 4",
        "linear 3 out=4",
        "linear 3 bias=",
        "linear 3 bais=no",
        "relu 3",
        "conv kernel=3",
        "conv 3 kernel=0",
        "conv 3 kernel=3 padding=-1",
        "maxpool",
        "dropout 1",
        "dropout -0.1",
        "leaky_relu slope=1",
        "scale nan",
        "scale -inf",
        "scale inf",
        "Linear 3",
    ],
)
def test_a_wrong_layer_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=line.split()[0]):
        read_layer(line)


def test_no_layers_are_an_error() -> None:
    assert only_problem("[model]\nlayers =\n").endswith("name one layer per line")


def test_a_layer_that_does_not_fit_names_its_line_and_both_shapes(tmp_path: Path) -> None:
    text = "[model]\nlayers =\n    conv 4 kernel=3\n    conv 4 kernel=27\n    linear 10\n"
    message = file_error(tmp_path, text)
    assert "a.ini:4: `conv 4 kernel=27` does not fit (4, 26, 26): " in message
    assert "27" in message.rpartition("(4, 26, 26): ")[2]


RESIDUAL = """[model]
layers =
    conv 4 kernel=3
    residual
        conv 4 kernel=3 padding=1
        relu
    end
    globalavgpool
    linear 10
"""


def test_a_residual_block_is_read_however_it_is_indented_or_given(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    path.write_text(RESIDUAL, encoding="utf-8")
    config = load_config(str(path))
    kinds = [spec.kind for spec in config.model.layers]
    assert kinds == ["conv", "residual", "conv", "relu", "end", "globalavgpool", "linear"]
    flat = ",".join(spec.text for spec in config.model.layers)
    assert load_config("mlp", (f"model.layers={flat}",)).model.layers == config.model.layers
    assert "\n    residual\n        conv 4 kernel=3 padding=1\n" in format_config(config)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    end\n", "", "a.ini:4: [model] layers: `residual` has no `end`"),
        ("    residual\n", "", "a.ini:6: [model] layers: `end` has no `residual` before it"),
        (
            "        conv 4 kernel=3 padding=1\n        relu\n",
            "",
            "a.ini:5: [model] layers: `residual` needs layers between it and its `end`",
        ),
        (
            "padding=1",
            "",
            "a.ini:7: `end` does not fit (4, 24, 24): `residual` in a.ini:4 adds (4, 26, 26) to it",
        ),
    ],
)
def test_a_block_that_is_wrong_names_its_lines(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    message = file_error(tmp_path, RESIDUAL.replace(old, new))
    assert expected in message


def test_blocks_may_be_nested_as_deeply_as_there_are_lines() -> None:
    depth = 499
    layers = ["flatten", *["residual"] * depth, "relu", *["end"] * depth]
    assert not problems("[model]\nlayers =" + "".join(f"\n    {line}" for line in layers))


def test_a_network_beyond_all_memory_names_its_largest_layer(tmp_path: Path) -> None:
    text = "[model]\nlayers =\n    flatten\n    linear 999999\n    linear 10\n"
    message = file_error(tmp_path, text)
    assert "a.ini:4: `linear 999999` has 784,999,215 parameters" in message


def test_a_picture_needs_flatten_before_linear(tmp_path: Path) -> None:
    message = file_error(tmp_path, "[model]\nlayers =\n    linear 10\n")
    assert "a.ini:3: `linear 10` does not fit (1, 28, 28): " in message
    assert "flatten" in message


def test_the_last_layer_must_answer_every_class(tmp_path: Path) -> None:
    message = file_error(tmp_path, "[model]\nlayers =\n    flatten\n    linear 9\n")
    assert "a.ini:4: the last layer, `linear 9`, must give (10,), found (9,)" in message


def test_shapes_are_reported_together_with_wrong_keys(tmp_path: Path) -> None:
    text = "[train]\nepoch = 3\n[model]\nlayers =\n    flatten\n    linear 9\n"
    message = file_error(tmp_path, text)
    assert message.startswith("2 errors in the configuration")
    assert "a.ini:2: [train] epoch is unknown" in message
    assert "a.ini:6: the last layer" in message


@pytest.mark.parametrize(
    ("layer", "loss"), [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")]
)
def test_a_layer_that_the_loss_applies_itself_is_refused(
    tmp_path: Path, layer: str, loss: str
) -> None:
    text = f"[model]\nlayers =\n    flatten\n    linear 10\n    {layer}\n[train]\nloss = "
    message = file_error(tmp_path, text + loss)
    assert f"a.ini:5: `{layer}` would be applied twice" in message
    assert "remove the layer" in message
    (tmp_path / "b.ini").write_text(text + "mse")
    load_config(str(tmp_path / "b.ini"))


# Tables and starting weights


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        ("", "1", "needs `inputs`, one sample per line"),
        ("1", "", "needs `targets`, one sample per line"),
        ("1 2\n  3", "1\n  2", "the rows of `inputs` differ in length: [1, 2]"),
        ("1\n  2", "1", "every input needs a target, found 2 inputs but 1 targets"),
        ("1 x", "1", '[data] inputs expects a finite number, found "x"'),
        ("1 nan", "1", '[data] inputs expects a finite number, found "nan"'),
    ],
)
def test_a_table_that_does_not_fit_is_an_error(inputs: str, targets: str, message: str) -> None:
    text = f"[data]\ndataset = table\ninputs = {inputs}\ntargets = {targets}\n"
    assert any(message in problem for problem in problems(text))


def test_digits_are_drawn_by_the_seed_of_training_unless_they_have_their_own() -> None:
    assert read_config("[train]\nseed = 7\n").data.synthetic_seed == 7
    assert read_config("", "train.seed=7").data.synthetic_seed == 7
    assert read_config("[train]\nseed = 7\n[data]\nsynthetic_seed = 1\n").data.synthetic_seed == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("T-shirt/top, Ankle boot", ("T-shirt/top", "Ankle boot")),
        ("C#", ("C#",)),
        ("\n    one, or two\n    three = 3", ("one, or two", "three = 3")),
    ],
)
def test_class_names_are_read_and_written(text: str, names: tuple[str, ...]) -> None:
    config = read_config(f"[data]\nclass_names = {text}\n")
    assert config.data.class_names == names
    assert read_config(format_config(config)) == config


def test_a_table_has_its_own_defaults() -> None:
    data = read_config(TABLE).data
    assert (data.validation, data.normalize) == (0, "none")
    assert data.inputs == ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
    explicit = read_config(TABLE, "data.normalize=standard", "data.validation=1").data
    assert (explicit.validation, explicit.normalize) == (1, "standard")


def test_commas_may_separate_the_rows_of_a_sample() -> None:
    text = "[data]\ndataset = table\ninput_shape = 1 2 2\ninputs = 1 2, 3 4\ntargets = 5\n"
    text += "[train]\nloss = mse\n"
    assert read_config(text).data.inputs == ((1, 2, 3, 4),)
    assert "input_shape needs 9 numbers a line, found [4]" in only_problem(
        text.replace("1 2 2", "1 3 3")
    )


def test_a_table_cannot_be_distorted(tmp_path: Path) -> None:
    message = file_error(tmp_path, TABLE + "[augment]\nshift = 1\n")
    assert "[augment] distorts pictures" in message


def test_an_idx_data_set_needs_a_folder() -> None:
    assert "a.ini:2: [data] dataset = idx needs `path`" in only_problem("[data]\ndataset = idx\n")


def test_a_path_starts_at_the_config_file_but_with_set_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configs"
    assert read_config(NET, folder=folder).data.path == str(folder / "pictures")
    overridden = read_config(NET, "data.path=mine", folder=folder)
    assert overridden.data.path == str(tmp_path / "mine")


def test_starting_weights_are_checked_against_the_parameters(tmp_path: Path) -> None:
    text = TABLE + "[weights]\n1.weight = 1 2 3\n1.bais = 0\n3.bias = 5\n"
    message = file_error(tmp_path, text)
    line = text.splitlines().index("[weights]") + 2
    assert f"a.ini:{line}: [weights] 1.weight has shape (4, 2) and takes 8 numbers" in message
    assert f"a.ini:{line + 1}: [weights] 1.bais is not a parameter; there are 1.weight" in message
    assert "3.bias" not in message.partition("there are")[0]


# Overrides


def test_overrides_are_stronger_than_the_file() -> None:
    config = read_config("[train]\nepochs = 3\n", "train.epochs = 5", "weights.1.bias=0 1")
    assert config.train.epochs == 5
    assert config.weights == {"1.bias": (0, 1)}
    assert config.given["train.epochs"] == "--set"


@pytest.mark.parametrize("override", ["epochs=3", "train.epochs", "train.=3", "=", ""])
def test_an_override_that_is_none_is_an_error(override: str) -> None:
    assert "expected SECTION.KEY=VALUE" in only_problem("", override)


def test_overrides_go_through_the_same_checks(tmp_path: Path) -> None:
    overrides = ("train.epoch=3", "zzz.epochs=3", "model.layers=flatten, linear 9")
    message = file_error(tmp_path, "", *overrides)
    assert "--set: [train] epoch is unknown; did you mean --set train.epochs=3?" in message
    assert "--set: [zzz] is unknown" in message
    assert "--set: the last layer, `linear 9`, must give (10,)" in message
    assert "write `linear 10`" in message
    assert message.startswith("3 errors")


def test_commas_separate_layers_in_an_override() -> None:
    config = read_config("", "model.layers=flatten,, linear 10,")
    assert [spec.text for spec in config.model.layers] == ["flatten", "linear 10"]


def test_overrides_without_a_config_are_checked_too() -> None:
    assert load_overrides(("train.epochs=3",)).given == {"train.epochs": "--set"}
    with pytest.raises(ConfigError, match="did you mean"):
        load_overrides(("train.epoch=3",))


# The way back


def values(config: Config) -> dict[str, Any]:
    return dataclasses.asdict(dataclasses.replace(config, given={}))


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_the_effective_config_of_every_file_reads_back_to_the_same(path: Path) -> None:
    config = load_config(str(path))
    again = read_config(format_config(config), folder=Path("/elsewhere"))
    assert again == config
    assert format_config(again) == format_config(config)


def test_the_effective_config_keeps_tables_weights_and_changed_values() -> None:
    config = read_config(
        TABLE + "[weights]\n1.bias = 0.1 -2e-30, 3 4\n",
        "optimizer.nesterov=no",
        "optimizer.weight_decay=1e-7",
        "data.input_shape=2",
    )
    again = read_config(format_config(config))
    assert again == config
    assert again.weights["1.bias"] == (0.1, -2e-30, 3.0, 4.0)
    assert again.optimizer.nesterov is False
    assert again != read_config(TABLE)


def test_the_effective_config_names_every_key() -> None:
    given = read_config(format_config(Config())).given
    fields = {
        f"{name}.{field.name}"
        for name, section in SECTIONS.items()
        for field in dataclasses.fields(section)
    }
    assert set(given) == fields


# Files and presets


def test_presets_are_found_by_name_and_described() -> None:
    presets = preset_paths()
    assert {"mlp", "mlp800", "lenet5", "fast", "convnet", "nielsen", "quickstart"} <= set(presets)
    assert find_config("mlp") == presets["mlp"]
    assert all(describe(path) for path in presets.values())


def test_an_unknown_config_gets_the_nearest_preset() -> None:
    with pytest.raises(ConfigError, match="did you mean lenet5") as caught:
        load_config("lenet")
    assert caught.value.exit_code == 2


def test_a_directory_or_binary_file_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a directory"):
        load_config(str(tmp_path))
    (tmp_path / "a.ini").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(str(tmp_path / "a.ini"))


def test_only_settings_that_distort_count_as_distortion() -> None:
    assert AugmentConfig(elastic_sigma=9).is_identity
    names = ("shift", "rotate", "scale", "shear", "elastic_alpha", "thickness", "cutout", "flip")
    for name in names:
        setting: dict[str, Any] = {name: 1}
        assert not AugmentConfig(**setting).is_identity


def test_early_stopping_needs_samples_to_watch() -> None:
    problem = only_problem(
        NET.replace("validation = 20", "validation = 0") + "[train]\nearly_stopping = 2\n"
    )
    assert problem.startswith("a.ini:")
    assert "needs samples to watch" in problem
