"""The page that sets Mongoose's calls beside ours: both are run, on the same rows, and must find the same."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mongoose-calls.md"
BLOCK = re.compile(r"```(js|python)\n(.*?)```", re.DOTALL)


def test_both_columns_find_the_same_rows(node_home: Path) -> None:
    """Each pair on the page: a block of JavaScript, and the block of Python behind it."""
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    exec(blocks[0][1], names)
    try:
        pairs = [(one[1], other[1]) for one, other in itertools.pairwise(blocks) if one[0] == "js"]
        assert len(pairs) == 7
        ours = []
        for _, python in pairs:
            exec(python, names)
            ours.append(sorted(str(row.id) for row in names["found"]))
        uri = names["store"].client.address
        place = f"mongodb://{uri[0]}:{uri[1]}/side_by_side?directConnection=true"
        asked = json.dumps({"id": names["MESSAGE_ID"], "calls": [js for js, _ in pairs]})
        done = subprocess.run(
            ["node", "side_by_side.mjs", place], cwd=node_home, input=asked, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert [sorted(row) for row in json.loads(done.stdout)] == ours
        assert all(ours)
    finally:
        exec(blocks[-1][1], names)
