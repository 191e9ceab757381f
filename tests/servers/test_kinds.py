"""The kinds of server that long matrices run against: Debian's Redis and a Cluster."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from keepwarm.stores.redis.binary import NoServer
from keepwarm.testing.servers import Cluster, debian_redis, valkey


def test_valkey_is_the_wheels() -> None:
    with valkey() as server, redis.Redis.from_url(server.url) as client:
        assert client.info("server")["server_name"] == "valkey"


def test_no_debian_redis_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoServer, match="apt-get install redis-server"):
        debian_redis()


@pytest.mark.more
@pytest.mark.parametrize("tcp", [False, True])
def test_debians_redis_starts_under_the_same_launcher(tcp: bool) -> None:
    with debian_redis(tcp=tcp) as server:
        with redis.Redis.from_url(server.url) as client:
            assert "valkey_version" not in client.info("server")
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
            server.restart()
            assert client.ping() is True
        without = server.url.replace(server.password, "wrong")
        with redis.Redis.from_url(without) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


@pytest.mark.more
def test_a_cluster_shares_the_keys_and_survives_a_nodes_restart() -> None:
    with Cluster() as cluster:
        with redis.RedisCluster.from_url(cluster.url) as client:
            for number in range(200):
                client.set(f"k{number}", number)
        sizes = []
        for node in cluster.nodes:
            with redis.Redis.from_url(node.url, retry=Retry(NoBackoff(), 0)) as client:
                sizes.append(client.dbsize())
        assert sum(sizes) == 200
        assert min(sizes) > 30

        cluster.nodes[1].restart()

        with redis.RedisCluster.from_url(cluster.url) as client:
            client.set("again", 1)
            assert client.get("again") == b"1"
    assert not any(node.is_running for node in cluster.nodes)
