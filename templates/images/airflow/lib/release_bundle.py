"""A DAG bundle whose versions are the folders releases/<version>; the link `current` names the newest one."""

from pathlib import Path

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion


class ReleaseDagBundle(BaseDagBundle):
    """Airflow asks for a run's release by its version, also for retries: so a run keeps the release that it started with."""

    supports_versioning = True

    def __init__(self, *, root: str, **kwargs):
        super().__init__(**kwargs)
        self._root = Path(root)
        self._current = self.version or self._read_current()

    def _read_current(self) -> str:
        return (self._root / "current").resolve().name

    @property
    def path(self) -> Path:
        return self._root / "releases" / self._current

    def get_current_version(self) -> BundleVersion:
        return BundleVersion(version=self._current)

    def refresh(self) -> None:
        """Reads `current` again. The path changes only here, never between two refreshes."""
        if not self.version:
            self._current = self._read_current()
