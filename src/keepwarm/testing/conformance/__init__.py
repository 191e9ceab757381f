"""What every shared store must do, as tests that the author of another one can run.

    from keepwarm.testing.conformance import Conformance, Rig

    class MyRig(Rig): ...            # a fresh store, another client of it, ways to lose things

    class TestMyStore(Conformance):
        make = MyRig

Each rule is one test with its reason in the docstring. `docs/stores.md` tells the whole
story. The groups can be taken one by one: a store that lies in one process leaves out
`ProcessRules`, as nobody has to be told there.
"""

import pytest

# The rules assert as tests do; pytest explains their failures only if told before the import.
for _module in (
    "announcing",
    "client",
    "crowds",
    "entries",
    "epochs",
    "processes",
    "reference",
    "registry",
):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
for _module in ("rig", "rules", "stamps", "trials", "writers"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")

from keepwarm.testing.conformance.announcing import AnnouncingRules  # noqa: E402
from keepwarm.testing.conformance.client import Client  # noqa: E402
from keepwarm.testing.conformance.crowds import CrowdRules  # noqa: E402
from keepwarm.testing.conformance.entries import EntryRules  # noqa: E402
from keepwarm.testing.conformance.epochs import EpochRules, PatternRules  # noqa: E402
from keepwarm.testing.conformance.memory import MemoryRig  # noqa: E402
from keepwarm.testing.conformance.processes import ProcessRules  # noqa: E402
from keepwarm.testing.conformance.reference import ReferenceRules  # noqa: E402
from keepwarm.testing.conformance.registry import RegistryRules  # noqa: E402
from keepwarm.testing.conformance.rig import OnLoop, Part, Rig, until  # noqa: E402
from keepwarm.testing.conformance.rules import Rules  # noqa: E402
from keepwarm.testing.conformance.stamps import StampRules  # noqa: E402
from keepwarm.testing.conformance.trials import TrialRules  # noqa: E402
from keepwarm.testing.conformance.writers import WriterRules  # noqa: E402

__all__ = [
    "AnnouncingRules",
    "Client",
    "Conformance",
    "CrowdRules",
    "EntryRules",
    "EpochRules",
    "MemoryRig",
    "OnLoop",
    "Part",
    "PatternRules",
    "ProcessRules",
    "ReferenceRules",
    "RegistryRules",
    "Rig",
    "Rules",
    "StampRules",
    "StoreRules",
    "TrialRules",
    "WriterRules",
    "until",
]


class StoreRules(
    StampRules,
    EpochRules,
    PatternRules,
    WriterRules,
    TrialRules,
    EntryRules,
    RegistryRules,
    CrowdRules,
    AnnouncingRules,
):
    """Every rule about one store, whoever uses it."""


class Conformance(StoreRules, ProcessRules):
    """Every rule. `ReferenceRules` has times of its own and is a class beside it."""
