"""Settings: read from the environment in one place, refused in words, masked when shown."""

import pytest

from gallery.settings import Settings, SettingsError


def test_defaults_need_no_environment(tmp_path):
    settings = Settings.from_env({"GALLERY_DATA": str(tmp_path)})
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/gallery.db"
    assert settings.cache["url"] == "embedded://"


def test_redis_by_parts():
    settings = Settings.from_env(
        {"REDIS_HOST": "cache", "REDIS_PORT": "6380", "REDIS_PASSWORD": "p@ss/word"}
    )
    assert settings.cache["url"] == "redis://:p%40ss%2Fword@cache:6380/0"


@pytest.mark.parametrize(
    "name, value",
    [
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "８000"),
        ("REDIS_PORT", "x"),
        ("CACHE_ENABLED", "maybe"),
        ("CACHE_ADMIN_TOKEN", "short"),
    ],
)
def test_value_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({"REDIS_HOST": "cache", name: value})


def test_secrets_are_not_shown():
    settings = Settings.from_env(
        {
            "DATABASE_URL": "postgresql://gallery:hunter2@db/gallery?password=hunter3",
            "REDIS_URL": "redis://:hunter4@cache:6379/0",
            "CACHE_SECRETS": "hunter5hunter5hunter5hunter5hunter5",
            "CACHE_ADMIN_TOKEN": "hunter6hunter6hunter6",
        }
    )
    assert "hunter" not in repr(settings)
    assert "cache:6379" in repr(settings)
    assert "hunter4" in settings.cache["url"]


def test_empty_variables_count_as_unset():
    settings = Settings.from_env({"PORT": "", "REDIS_URL": "", "DATABASE_URL": ""})
    assert settings.port == 8000
    assert settings.cache["url"] == "embedded://"
