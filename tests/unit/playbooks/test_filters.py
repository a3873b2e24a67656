"""What a filter writes its reader reads back, and nothing adds a line."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.games.readers import as_java, as_systemd, as_systemd_file, quoted

FILTERS = Path(__file__).parents[3] / "playbooks" / "filter_plugins"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"filters_{name}", FILTERS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


systemd, files, downloads = map(loaded, ("systemd_words", "file_values", "downloads"))

HOSTILE = (
    "", " ", "a b", "%n %% %", "$HOME ${x} $$", '"; rm -rf /; "', "';'", ";", "\\", "\\n", "a\nb",
    "\r\nExecStart=/bin/sh", "{{ 1 }}", "{% x %}", "#", "=", "é 漢 😀", "\u2028", "\x85", "`id`",
    "$(id)", "\x1b[2J", "-", "--", "@", "a\\", '"', "'", " lead", "trail ", "\t",
)  # fmt: skip
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def hostile(test):
    for text in HOSTILE:
        test = example(text)(test)
    return given(TEXT)(test)


@hostile
def test_systemd_reads_back_each_word(text: str):
    line = systemd.systemd_words(["/usr/bin/game", text, "--", [text, []]])

    assert as_systemd(line) == ["/usr/bin/game", text, "--", text]
    assert len(line.splitlines()) == 1


def test_single_signs_never_stand_bare():
    # Bare, a semicolon would begin another command, a dollar a variable, a percent a specifier.
    assert [systemd.systemd_word(sign) for sign in ";$%"] == ['";"', '"$$"', '"%%"']


@hostile
def test_systemd_reads_back_an_environment(text: str):
    line = systemd.systemd_environment({"NAME": text})

    # In an assignment a dollar means itself, so it is not doubled.
    assert as_systemd(line.replace("$", "$$")) == [f"NAME={text}"]
    assert len(line.splitlines()) == 1


@given(TEXT.filter(lambda text: not set(text) & {"\n", "\r"}))
@example("$HOME `id` \\$ \\")
def test_systemd_reads_back_a_secret_from_its_file(text: str):
    assert as_systemd_file(systemd.environment_value(text)) == text


@pytest.mark.parametrize("text", ["a\nSECRET_x=b", "a\rb", "a\0b"])
def test_a_secret_of_more_than_a_line_is_refused(text: str):
    with pytest.raises(ValueError, match="one line"):
        systemd.environment_value(text)


def test_a_secret_word_is_a_variable_and_nothing_people_type_can_be_one():
    command = ["/bin/game", {"secret": "password"}, "${SECRET_password}", [{"secret": "pin"}]]

    line = systemd.systemd_words(command)

    assert line == '/bin/game ${SECRET_password} "$${SECRET_password}" ${SECRET_pin}'
    assert systemd.secret_names(command) == ["password", "pin"]


@pytest.mark.parametrize("program", ["game", "-/bin/game", "+/bin/sh", "/bin/a b", "/bin/$x", ""])
def test_a_program_is_a_plain_absolute_path(program: str):
    with pytest.raises(ValueError, match="absolute path"):
        systemd.systemd_words([program])


def test_a_nul_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        systemd.systemd_word("a\0b")


@hostile
def test_java_reads_back_a_property(text: str):
    written = files.properties_value(text)

    assert as_java(written) == text
    assert len(f"x={written}".splitlines()) == 1
    assert written.isascii()


@hostile
def test_a_line_of_an_ini_file_stays_a_line(text: str):
    try:
        written = files.ini_value(text)
    except ValueError:
        assert not text.isprintable()
    else:
        assert written == text.strip()
        assert len(f"x = {written}".splitlines()) == 1


@hostile
def test_a_quoted_value_is_read_back(text: str):
    try:
        written = files.quoted_value(text)
    except ValueError:
        assert not text.isprintable()
    else:
        assert quoted(f"name {written}") == {"name": text}
        assert not re.search(r'(?<!\\)(\\\\)*"', written[1:-1])


@pytest.mark.parametrize("write", [files.properties_value, files.ini_value])
def test_a_truth_is_written_in_small_letters(write):
    assert (write(True), write(False), write(7)) == ("true", "false", "7")


def test_a_mirror_holds_the_vendors_hosts_below_its_base():
    url = "https://vendor.example/a/b.jar"

    assert downloads.mirrored(url, "") == url
    assert downloads.mirrored(url, "http://m:80/x/") == "http://m:80/x/vendor.example/a/b.jar"
    with pytest.raises(ValueError, match="https"):
        downloads.mirrored("http://vendor.example/b.jar", "")


@pytest.mark.parametrize("checksum", [None, "", "md5:00", "sha1:00", "sha256:" + "g" * 64])
def test_what_cannot_be_verified_is_not_downloaded(checksum: str | None):
    with pytest.raises(ValueError, match="refused"):
        downloads.verified(checksum)
