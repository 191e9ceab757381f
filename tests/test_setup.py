"""What the environment says about the cache, and what it may not say."""

import pytest

from keepwarm import Bounded, Cache, ConfigurationError, read_environment
from keepwarm.stores.redis.settings import parse_address

SECRET = "s3cret/with:odd@characters?#%"


def test_an_empty_environment_says_nothing() -> None:
    assert read_environment({}) == {}
    assert read_environment({"PATH": "/bin", "REDIS_URL": "", "CACHE_ENABLED": " "}) == {}


def test_the_url_comes_before_the_parts() -> None:
    environ = {"REDIS_URL": "redis://one:1/0", "REDIS_HOST": "two", "REDIS_PASSWORD": SECRET}

    assert read_environment(environ) == {"url": "redis://one:1/0"}


@pytest.mark.parametrize("host", ["cache", "cache.internal", "10.0.0.1", "::1", "[::1]"])
def test_parts_make_the_address_they_name(host: str) -> None:
    environ = {
        "REDIS_HOST": host,
        "REDIS_PORT": "6380",
        "REDIS_USERNAME": "app:user",
        "REDIS_PASSWORD": SECRET,
        "REDIS_DB": "2",
    }

    address = parse_address(read_environment(environ)["url"])

    assert (address.host, address.port, address.db) == (host.strip("[]"), 6380, 2)
    assert (address.username, address.password, address.tls) == ("app:user", SECRET, False)


def test_a_password_needs_no_user_and_tls_is_a_word() -> None:
    environ = {"REDIS_HOST": "cache", "REDIS_PASSWORD": SECRET, "REDIS_TLS": "yes"}

    address = parse_address(read_environment(environ)["url"])

    assert (address.username, address.password, address.tls) == (None, SECRET, True)
    assert (address.port, address.db) == (6379, 0)


@pytest.mark.parametrize(
    "word, is_on",
    [("1", True), ("true", True), ("YES", True), ("on", True), ("0", False), ("Off ", False)],
)
def test_the_switch(word: str, is_on: bool) -> None:
    assert read_environment({"CACHE_ENABLED": word}) == {"enabled": is_on}


def test_the_rest() -> None:
    environ = {
        "CACHE_NAMESPACE": "gallery",
        "CACHE_NEAR": "32MiB",
        "CACHE_COHERENCE": "250ms",
        "CACHE_SECRETS": f"{'n' * 16}, {'o' * 16}",
    }

    assert read_environment(environ) == {
        "namespace": "gallery",
        "near": 32 * 2**20,
        "coherence": Bounded("250ms"),
        "secrets": ("n" * 16, "o" * 16),
    }
    assert read_environment({"CACHE_COHERENCE": "validate"}) == {"coherence": "validate"}


@pytest.mark.security("Admin: nothing confidential in reports")
@pytest.mark.parametrize(
    "environ, variable",
    [
        ({"REDIS_HOST": "hunter2@cache"}, "REDIS_HOST"),
        ({"REDIS_HOST": "cache/hunter2"}, "REDIS_HOST"),
        ({"REDIS_HOST": "cache", "REDIS_PORT": "tcp://hunter2:6379"}, "REDIS_PORT"),
        ({"REDIS_HOST": "cache", "REDIS_PORT": "65536"}, "REDIS_PORT"),
        ({"REDIS_HOST": "cache", "REDIS_DB": "-1"}, "REDIS_DB"),
        ({"REDIS_HOST": "cache", "REDIS_TLS": "hunter2"}, "REDIS_TLS"),
        ({"REDIS_PASSWORD": "hunter2"}, "REDIS_PASSWORD"),
        ({"CACHE_ENABLED": "hunter2"}, "CACHE_ENABLED"),
        ({"CACHE_NAMESPACE": "hunter2:a"}, "CACHE_NAMESPACE"),
        ({"CACHE_NEAR": "hunter2"}, "CACHE_NEAR"),
        ({"CACHE_COHERENCE": "hunter2"}, "CACHE_COHERENCE"),
        ({"CACHE_SECRETS": "hunter2"}, "CACHE_SECRETS"),
        ({"CACHE_SECRETS": "hunter2-hunter2-hunter2,"}, "CACHE_SECRETS"),
    ],
)
def test_errors_name_the_variable_and_never_its_value(
    environ: dict[str, str], variable: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_environment(environ)

    assert variable in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_what_kubernetes_sets_for_a_service_called_redis_is_not_ours() -> None:
    assert read_environment({"REDIS_PORT": "tcp://10.0.0.1:6379"}) == {}


@pytest.mark.security("Admin: nothing confidential in reports")
def test_a_cache_from_the_environment_shows_no_secret() -> None:
    cache = Cache.from_env({"REDIS_HOST": "127.0.0.1", "REDIS_PASSWORD": SECRET}, namespace="x")

    assert SECRET not in repr(cache) + repr(vars(cache))
    assert cache.namespace == "x"
    with cache.blocking() as blocking:
        blocking.close()
