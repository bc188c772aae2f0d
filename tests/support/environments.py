"""Fresh environments: what is installed there, with the packages of the test environment behind."""

import site
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def run(
    *arguments: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; the caller judges its exit code."""
    return subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env=env,
    )


def fresh_environment(home: Path) -> Path:
    """Make an environment in `home` that finds Trunkline and all it needs; return its Python."""
    venv.create(home / "venv", symlinks=True)
    python = home / "venv" / "bin" / "python"
    # the test environment's packages, Trunkline among them, behind what is installed here
    lines = [*site.getsitepackages(), str(ROOT / "core"), str(ROOT / "plugins")]
    (_packages(python) / "beside.pth").write_text("\n".join(lines) + "\n")
    return python


def install(python: Path, home: Path, *projects: Path) -> None:
    """Build projects as wheels in `home` and install them; no package index is asked."""
    built = run(*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", home, *projects)
    assert built.returncode == 0, built.stderr
    wheels, target = sorted(home.glob("*.whl")), _packages(python)
    done = run(*PIP, "install", "-q", "--no-deps", "--no-index", "--target", target, *wheels)
    assert done.returncode == 0, done.stderr


def _packages(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(run(python, "-c", code).stdout.strip())
