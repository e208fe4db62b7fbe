"""What follows from what MongoDB says of sizes: shares with their errors, savings, totals of shards."""

from __future__ import annotations

import random
from datetime import datetime, timezone

import pytest

from sesevent.retention import Retention
from sesevent.storage.sizes import CollectionSize, IndexSize, Row, collection_size, savings_of, shares_of

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
SIZE = CollectionSize("ses_event", 300, 30_000, 12_000, 2_000, "zstd", (IndexSize("_id_", 3_000),))


def row(at: str, kind: str = "Open", *, derived: bool = True, configuration_set: str = "") -> Row:
    return Row(kind, at, configuration_set, derived, 100, {"Message": 60, "derived": 40})


def test_each_step_frees_what_it_speaks_of_alone() -> None:
    """The first rule decides; what is deleted is not thinned too; older shapes are not thinned; indexes shrink too."""
    policy = Retention.loads("""
[[rule]]
why = "kept"
types = ["Complaint"]
keep = true
[[rule]]
why = "marketing"
configuration_sets = ["marketing"]
archive = "1 month"
[[rule]]
why = "season"
thin = "1 month"
delete = "3 months"
""")
    rows = [
        row("2024-01-01"), row("2024-11-15"), row("2024-11-15", derived=False), row("2024-12-31"),
        row("2024-01-01", "Complaint"), row("2024-01-01", configuration_set="marketing"),
    ]  # fmt: skip
    told = {(one.rule, one.kind): one for one in savings_of(rows, policy, SIZE, NOW)}

    assert {key: (one.events, one.size) for key, one in told.items()} == {
        (2, "archive"): (50, 5_000), (3, "delete"): (50, 5_000), (3, "thin"): (50, 3_000),
    }  # fmt: skip
    assert told[3, "delete"].on_disk == round(5_000 / 3) + 3_000 * 50 // 300
    assert told[3, "thin"].on_disk == 1_000


def test_an_error_holds_what_is_true() -> None:
    """95 times in 100: of many samples about so many; and it shrinks with the root of their number."""
    chance = random.Random(1)
    everything = [Row("Open" if chance.random() < 0.3 else "Send", "2024-05", "", True, chance.randint(50, 500), {})
                  for _ in range(20_000)]  # fmt: skip
    true = sum(one.whole for one in everything if one.type == "Open") / sum(one.whole for one in everything)
    held, errors = 0, []
    for size in [200] * 300 + [3200]:
        (share,) = [one for one in shares_of(chance.sample(everything, size), lambda one: {one.type: one.whole}, 1000)
                    if one.name == "Open"]  # fmt: skip
        held += abs(share.share - true) <= share.error
        errors.append(share.error)

    assert 0.9 * 300 < held < 0.99 * 301
    assert errors[-1] == pytest.approx(sum(errors[:-1]) / 300 / 4, rel=0.1)


def test_a_sharded_collection_is_told_as_one() -> None:
    """Counts and sizes added up; a compressor of each, where they differ."""

    def stats(compressor: str) -> dict[str, object]:
        creation = {"creationString": f"checksum=on,block_compressor={compressor},x=1"}
        return {"storageStats": {"count": 10, "size": 1000, "storageSize": 400, "freeStorageSize": 100,
                                 "indexSizes": {"_id_": 5, "time": 7}, "wiredTiger": creation}}  # fmt: skip

    told = collection_size("ses_event", [stats("snappy"), stats("")])
    assert (told.documents, told.size, told.on_disk, told.free, told.compressor) == (20, 2000, 800, 200, "none, snappy")
    assert told.indexes == (IndexSize("time", 14), IndexSize("_id_", 10))
    assert told.ratio == pytest.approx(2000 / 600)
    assert collection_size("x", [{"storageStats": {}}]).ratio is None
