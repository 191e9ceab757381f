"""The public surface is what `keepwarm.__all__` lists, and all of it is documented."""

import inspect

import keepwarm


def test_all_is_what_a_user_may_use() -> None:
    assert sorted(keepwarm.__all__) == keepwarm.__all__
    for name in keepwarm.__all__:
        assert getattr(keepwarm, name) is not None


def test_every_public_name_says_what_it_is() -> None:
    bare = [
        name
        for name in keepwarm.__all__
        if (inspect.isclass(found := getattr(keepwarm, name)) or inspect.isroutine(found))
        and not inspect.getdoc(found)
    ]
    assert bare == []


def test_every_public_operation_of_the_cache_says_what_it_does() -> None:
    for kind in (keepwarm.Cache, keepwarm.BlockingCache):
        bare = [
            name
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_") and not inspect.getdoc(member)
        ]
        assert set(bare) <= {"release"}, kind
