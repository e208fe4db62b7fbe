"""What must hold before a version is given to others: ``nox -s release`` does all of it but the upload.

    python .ci/release/checks.py before   # the tree, the version, the changelog, the API, the links
    python .ci/release/checks.py files    # builds twice, compares, checks, and prints hashes and what is done by hand

What decides is a function of texts and names at the top; the bottom reads the repository. It changes nothing in it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime, timezone
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
BY_HAND = """What is left to be done by hand:

1. git tag -s v{version} -m "sesevent {version}", and push the tag.
2. twine upload {files}
3. Install it from the index in a fresh environment: pip install 'sesevent[local,cli]=={version}' && sesevent demo
4. Compare the hashes that the index tells with those above.
5. Publish the documentation that nox -s docs built, and the section of the changelog as the notes of the release.
6. The next change adds "## [Unreleased]" to the changelog again.{untried}"""

# ── what decides ─────────────────────────────────────────────────────────────────────────────


def sections(changelog: str) -> dict[str, tuple[str, str]]:
    """Version → what stands behind it in its heading, and its text."""
    parts = re.split(r"^## \[([^\]]+)\](.*)$", changelog, flags=re.MULTILINE)[1:]
    return {name: (rest.strip(" -–"), text.strip()) for name, rest, text in zip(*[iter(parts)] * 3, strict=True)}


def wrong_with_version(version: str, tags: Collection[str]) -> Iterator[str]:
    """It must be new, and follow the last one."""
    if not VERSION.fullmatch(version):
        yield f"{version} is no version: three numbers are."
    elif f"v{version}" in tags:
        yield f"v{version} is tagged already: raise sesevent/version.py."
    elif (last := last_of(tags)) and _numbers(last) > _numbers(version):
        yield f"{version} is less than {last}, which was released."


def last_of(tags: Iterable[str]) -> str | None:
    """The greatest version among tags."""
    versions = [tag[1:] for tag in tags if tag.startswith("v") and VERSION.fullmatch(tag[1:])]
    return max(versions, key=_numbers, default=None)


def wrong_with_changelog(changelog: str, version: str, today: date) -> Iterator[str]:
    """The version has a section, with a date that has come; nothing is said to be unreleased."""
    told = sections(changelog)
    if told.get("Unreleased", ("", ""))[1]:
        yield f"CHANGELOG.md says that something is unreleased: move it under {version}, or take it out."
    if version not in told:
        yield f'CHANGELOG.md has no section "## [{version}] - {today}".'
        return
    when, text = told[version]
    if not re.search(r"^[-*] ", text, re.MULTILINE):
        yield f"CHANGELOG.md says nothing of {version}."
    try:
        if date.fromisoformat(when) > today:
            yield f"CHANGELOG.md has {version} released on {when}, which is not yet."
    except ValueError:
        yield f"CHANGELOG.md does not say the day of {version} as YYYY-MM-DD."


def wrong_with_api(before: str, now: str, told: str, version: str, last: str) -> Iterator[str]:
    """What changed in the snapshot is told, name by name, and what went went with a version that may take away."""
    then, today = _entries(before), _entries(now)
    gone = sorted(then.keys() - today.keys())
    changed = sorted(name for name in then.keys() & today.keys() if then[name] != today[name])
    for name in [*gone, *changed]:
        word = name.split()[-1].rpartition(".")[2]
        if not re.search(rf"\b{re.escape(word)}\b", told):
            yield f"CHANGELOG.md does not say what became of {name}."
    if gone and not may_take_away(version, last):
        yield f"{version} may take nothing away, and {', '.join(gone)} went since {last}."


def may_take_away(version: str, last: str) -> bool:
    """A major version may; before 1.0 a minor one (docs/how-to/upgrade.md)."""
    new, old = _numbers(version), _numbers(last)
    return new[0] > old[0] or (new[0] == 0 and new[1] > old[1])


def _entries(snapshot: str) -> dict[str, str]:
    """What the snapshot says, by name or command."""
    told: dict[str, str] = {}
    name = ""
    for line in filter(None, snapshot.splitlines()):
        if line.startswith(" "):
            told[name] += line + "\n"
        else:
            name, _, rest = line.partition(":")
            told[name] = rest
    return told


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def broken_links(page: str, text: str, anchors: Callable[[str], Collection[str] | None]) -> Iterator[str]:
    """Links of a page to files that are not there, or to headings that they do not have.

    *anchors* tells the headings of a file, none for what is no page; None where there is no such file.
    """
    for target in re.findall(r"(?<!`)\]\(([^)\s]+)\)", _without_code(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = _joined(page, path) if path else page
        found = anchors(file)
        if found is None:
            yield f"{page} links to {target}, which is not there."
        elif anchor and file.endswith(".md") and anchor not in found:
            yield f"{page} links to {target}, and there is no such heading."


def headings(text: str) -> set[str]:
    """The anchors of a page: of its headings, and those it names itself."""
    titles = re.findall(r"^#+ (.+)$", _without_code(text), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    own = re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in plain} | set(own)


def _without_code(text: str) -> str:
    return re.sub(r"^(```+|~~~+).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)


def _joined(page: str, path: str) -> str:
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / path).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def wrong_with_wheel(names: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """Files of the package that are not in the wheel, and those in it that are not the package's."""
    held = {name for name in names if not re.match(r"[^/]+\.dist-info/", name)}
    return _different("the wheel", held, {name for name in tracked if name.startswith("sesevent/")})


def wrong_with_sdist(names: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """The same of a source distribution, which has everything but what is of git only."""
    held = {name.partition("/")[2] for name in names} - {"PKG-INFO"}
    return _different("the sdist", held, {*tracked} - {".gitattributes"})


def _different(what: str, held: set[str], wanted: set[str]) -> list[str]:
    more = [f"{what} has {name}, which is not in the repository." for name in sorted(held - wanted)]
    return more + [f"{what} lacks {name}." for name in sorted(wanted - held)]


# ── what reads the repository ────────────────────────────────────────────────────────────────


def git(*arguments: str) -> str:
    """What git says. Raises CalledProcessError."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tracked() -> list[str]:
    """The files of the repository, with those that are about to be committed."""
    names = git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return sorted({name for name in names if (ROOT / name).exists()})


def version() -> str:
    """The version that the source says."""
    found = re.search(r'__version__ = "(.+)"', (ROOT / "sesevent" / "version.py").read_text(encoding="utf-8"))
    return found[1] if found else ""


def _anchors(file: str) -> set[str] | None:
    path = ROOT / file
    if not path.exists():
        return set() if re.fullmatch(r"docs/reference/_table_\w+\.md|docs/_static/house\.svg", file) else None
    return headings(path.read_text(encoding="utf-8")) if file.endswith(".md") else set()


def links() -> list[str]:
    """Links that lead nowhere, of every page of the repository."""
    pages = [*ROOT.glob("*.md"), *(one for one in (ROOT / "docs").rglob("*.md") if one.name[0] != "_")]
    return [
        wrong
        for page in sorted(pages)
        if "_build" not in page.parts
        for wrong in broken_links(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8"), _anchors)
    ]


def before() -> Iterator[str]:
    """All that is wrong before anything is run."""
    if changed := git("status", "--porcelain"):
        yield f"The tree is not clean:\n{changed}"
    tags, now, today = git("tag").split(), version(), datetime.now(timezone.utc).date()
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    yield from wrong_with_version(now, tags)
    yield from wrong_with_changelog(changelog, now, today)
    last = last_of(tags)
    if last and last != now:
        kept = git("show", f"v{last}:tests/api/public.txt")
        snapshot = (ROOT / "tests" / "api" / "public.txt").read_text(encoding="utf-8")
        yield from wrong_with_api(kept, snapshot, sections(changelog).get(now, ("", ""))[1], now, last)
    yield from links()


def build(directory: Path, *more: str) -> dict[str, str]:
    """Wheel and sdist as of the last commit's time: name → SHA-256."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct").strip()}
    command = [sys.executable, "-m", "build", *more, "--outdir", str(directory), str(ROOT)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(directory.iterdir())}


def wrong_with_files(directory: Path) -> Iterator[str]:
    """What is wrong with the built files."""
    for file in directory.iterdir():
        if file.suffix == ".whl":
            with zipfile.ZipFile(file) as wheel:
                yield from wrong_with_wheel(wheel.namelist(), tracked())
        else:
            with tarfile.open(file) as sdist:
                yield from wrong_with_sdist(sdist.getnames(), tracked())


def files() -> Iterator[str]:
    """Build twice, and tell what is wrong."""
    place = ROOT / "dist"
    for old in place.glob("sesevent-*"):
        old.unlink()
    built = build(place)
    with tempfile.TemporaryDirectory() as again, tempfile.TemporaryDirectory() as direct:
        if build(Path(again)) != built:
            yield "A second build made other files: they cannot be proven to be made of this source."
        if not build(Path(direct), "--wheel").items() <= built.items():
            yield "The sdist makes another wheel than the repository does."
    yield from wrong_with_files(place)
    twine = [sys.executable, "-m", "twine", "check", "--strict", *(str(place / name) for name in built)]
    if subprocess.run(twine, check=False).returncode:
        yield "twine finds fault with the files."
    for name, digest in built.items():
        print(f"{digest}  dist/{name}")


def _untried() -> str:
    """A line about Pythons that are not on this machine."""
    import nox

    pythons = nox.project.python_versions(nox.project.load_toml(ROOT / "pyproject.toml"))
    command = ["uv", "python", "find", "--no-python-downloads", "--no-project"]
    missing = [one for one in pythons if subprocess.run([*command, one], check=False, capture_output=True).returncode]
    return f"\n\nNot tried, since they are not on this machine: Python {', '.join(missing)}." if missing else ""


def main(step: str) -> int:
    """Tell what is wrong with a step; the exit code is 1 where anything is."""
    wrong = list({"before": before, "files": files}[step]())
    for one in wrong:
        print(f"✗ {one}", file=sys.stderr)
    if step == "files" and not wrong:
        print("\n" + BY_HAND.format(version=version(), files=f"dist/sesevent-{version()}*", untried=_untried()))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
