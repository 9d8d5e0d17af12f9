"""Messages stay short, whatever they quote."""

from bpnet.errors import ConfigError, counted, listed, quoted, shorten, some


def test_the_middle_of_a_long_text_is_left_out() -> None:
    assert shorten("a short one", 11) == "a short one"
    assert shorten("0123456789", 7) == "0123…89"
    assert len(shorten("x" * 10_000, 80)) == 80


def test_what_a_user_wrote_is_quoted_short() -> None:
    assert quoted("a b") == '"a b"'
    assert len(quoted("x" * 10_000)) == 82


def test_a_list_shows_its_first_entries_and_counts_the_others() -> None:
    found = listed([f"problem {number}" for number in range(2_000_000)])
    assert found[0] == "problem 0"
    assert found[-1] == "and 1,999,980 more"
    assert len(found) == 21
    assert listed(["one", "two"]) == ["one", "two"]


def test_one_thing_is_no_plural() -> None:
    assert [counted(n, "class", "classes") for n in (1, 2, 1000)] == [
        *("1 class", "2 classes", "1,000 classes")
    ]


def test_of_many_names_the_first_and_the_last_are_shown() -> None:
    assert some(["3", "a, b", "c"]) == '3, "a, b", c'
    assert some([str(number) for number in range(183)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …, 182"


def test_no_line_of_a_message_is_endless() -> None:
    long = "x" * 10**6
    lines = str(ConfigError(long, details=[long], where=long, found=[long])).splitlines()
    assert [len(line) for line in lines] == [1_000, 1_002, 1_009, 8, 1_004]
