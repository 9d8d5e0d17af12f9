"""Which server is asked first."""

import pytest

from bpnet.data.files.remote import mirrors_in_order
from bpnet.errors import ConfigError


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BPNET_MIRROR", raising=False)


class TestMirrors:
    KNOWN = ("https://one.invalid/", "https://two.invalid/")

    def test_the_users_choice_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert mirrors_in_order(None, self.KNOWN) == [*self.KNOWN]
        monkeypatch.setenv("BPNET_MIRROR", "http://env.invalid/")
        assert mirrors_in_order(None, self.KNOWN) == ["http://env.invalid/", *self.KNOWN]
        assert mirrors_in_order("http://flag.invalid/", self.KNOWN)[0] == "http://flag.invalid/"

    def test_no_mirror_is_asked_twice(self) -> None:
        assert mirrors_in_order(self.KNOWN[1], self.KNOWN) == [self.KNOWN[1], self.KNOWN[0]]

    @pytest.mark.parametrize("mirror", ["/srv/mnist", "ftp://host/", "host/mnist"])
    def test_what_is_no_web_address_is_wrong_usage(self, mirror: str) -> None:
        with pytest.raises(ConfigError, match="not a web address"):
            mirrors_in_order(mirror, self.KNOWN)
