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


def fresh_environment(home: Path, *projects: Path) -> Path:
    """Build projects as wheels and install them in `home`, beside Trunkline; return the Python.

    No package index is asked.
    """
    built = run(*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", home, *projects)
    assert built.returncode == 0, built.stderr
    venv.create(home / "venv", symlinks=True)
    python = home / "venv" / "bin" / "python"
    packages = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    )
    # the test environment's packages, Trunkline among them, behind what is installed here
    lines = [*site.getsitepackages(), str(ROOT / "core"), str(ROOT / "plugins")]
    (packages / "beside.pth").write_text("\n".join(lines) + "\n")
    wheels = sorted(home.glob("*.whl"))
    installed = run(*PIP, "install", "-q", "--no-deps", "--no-index", "--target", packages, *wheels)
    assert installed.returncode == 0, installed.stderr
    return python
