"""The protocol on a Cluster of three masters: metadata on one, entries on all."""

from collections.abc import Iterator

import pytest

from keepwarm.testing.conformance import Conformance, ReferenceRules
from keepwarm.testing.servers import Cluster
from stores.rigs import AsyncClusterRig, ClusterRig, RedisRig, excuse

pytestmark = pytest.mark.more


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


class OnCluster:
    @pytest.fixture(autouse=True)
    def at(self, request: pytest.FixtureRequest, cluster: Cluster) -> None:
        RedisRig.url = cluster.url
        excuse(request)


class TestBlockingOnCluster(OnCluster, Conformance):
    make = ClusterRig


class TestAsyncOnCluster(OnCluster, Conformance):
    make = AsyncClusterRig


class TestClusterAsTheReference(OnCluster, ReferenceRules):
    make = ClusterRig
