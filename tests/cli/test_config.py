"""`bpnet config`: a config to begin with, and explanations."""

import codecs
import io
import json
import sys
from pathlib import Path

import pytest

from bpnet.config.loading import load_config
from bpnet.config.other_names import setting_readers
from bpnet.config.settings import Config
from bpnet.nn.registry import layer_types
from tests.helpers.streams import call_in
from tests.helpers.tiny import fail, succeed


@pytest.mark.parametrize("name", ["mlp", "chain", "residual", "nielsen"])
def test_what_is_printed_is_the_same_config(name: str, tmp_path: Path) -> None:
    path = tmp_path / "my.ini"
    path.write_text(succeed("config", name).out, encoding="utf-8")
    assert load_config(str(path)) == load_config(name)


def test_the_comment_of_the_preset_stands_on_top() -> None:
    lines = succeed("config", "mlp").out.splitlines()
    assert lines[0] == "; two-layer perceptron 784–128–10 on MNIST"
    assert lines[1].startswith("; 98.55 %")
    assert "epochs = 10" in lines
    assert ";seed = 1" in lines


def test_without_a_name_all_defaults_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "my.ini"
    path.write_text(succeed("config").out, encoding="utf-8")
    assert load_config(str(path)) == Config()


def test_a_dash_stands_for_standard_output(here: Path) -> None:
    assert succeed("config", "mlp", "-o", "-").out == succeed("config", "mlp").out
    assert not Path("-").exists()


def test_a_file_is_written_and_nothing_replaced(here: Path) -> None:
    answer = succeed("config", "mlp", "-o", "my.ini")
    assert answer.out == ""
    assert "/opt/bpnet train my.ini" in answer.err
    assert load_config("my.ini") == load_config("mlp")
    assert "would replace something" in fail(2, "config", "mlp", "-o", "my.ini")
    assert "no such file or directory" in fail(2, "config", "-o", "none/my.ini")


def test_a_config_of_ones_own_is_explained_too(here: Path) -> None:
    text = succeed("config", "tiny.ini").out
    Path("again.ini").write_text(text, encoding="utf-8")
    assert load_config("again.ini") == load_config("tiny.ini")


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_what_a_console_writes_in_its_own_encoding_is_read(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bpnet.cli.main import run

    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert run(["config", "mlp"], debug=False) == 0
    assert b"784-128-10" in written.getvalue()  # no sign became a question mark
    path = tmp_path / "my.ini"
    path.write_bytes(written.getvalue())
    assert load_config(str(path)) == load_config("mlp")


def test_names_that_another_encoding_loses_are_told(here: Path) -> None:
    Path("kana.ini").write_text(
        "[data]\nclass_names = ア, イ, 2, 3, 4, 5, 6, 7, 8, 9\n", encoding="utf-8"
    )
    assert "-o keeps them" in call_in("cp437", "config", "kana.ini").err
    assert call_in("utf-8", "config", "kana.ini").err == ""
    assert call_in("cp437", "config", "mlp").err == ""


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF8])
def test_files_of_windows_are_read(mark: bytes, tmp_path: Path) -> None:
    names = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
    text = succeed("config", "lenet5").out.replace("\n", "\r\n")
    path = tmp_path / "my.ini"
    path.write_bytes(mark + text.encode(names.get(mark, "utf-8")))
    assert load_config(str(path)) == load_config("lenet5")


def test_other_encodings_are_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "my.ini"
    path.write_bytes("; größe\n".encode("cp1252"))
    assert "save the file as UTF-8 in your editor" in fail(2, "train", path)


def test_one_setting_is_explained() -> None:
    assert succeed("config", "--explain", "train.epochs").out == (
        "epochs in [train]: passes over the training samples\n"
        "  takes    a whole number, at least 1 and at most 100,000\n"
        "  default  10\n"
        "  write    epochs = 10, or --set train.epochs=10\n"
    )
    assert "epochs in [train]" in succeed("config", "--explain", "n_epochs").out


def test_a_layer_is_explained() -> None:
    out = succeed("config", "--explain", "conv").out
    assert out.startswith("conv OUT kernel=… [stride=…] [padding=…] [bias=…]: ")
    assert "stride   a whole number, at least 1 and at most 10,000      1\n" in out


def test_everything_is_listed() -> None:
    out = succeed("config", "--explain").out
    first = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert set(setting_readers()) | set(layer_types()) <= first
    found = json.loads(succeed("config", "--explain", "--json").out)
    assert list(found) == ["settings", "layers"]
    assert [one["name"] for one in found["settings"]] == list(setting_readers())
    one = found["settings"][0]
    assert list(one) == [
        *("name", "type", "choices", "bounds", "default", "meaning", "goes_with", "used_by"),
        "takes",
    ]


def test_mistakes_are_told() -> None:
    assert "did you mean train.epochs?" in fail(2, "config", "--explain", "train.epoks")
    assert "--json goes with --explain" in fail(2, "config", "mlp", "--json")
    assert "no config" in fail(2, "config", "mlp", "--explain", "lr")
    assert "did you mean mlp?" in fail(2, "config", "mpl")
