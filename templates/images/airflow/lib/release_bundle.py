"""The DAG bundle of releases/<version> folders, with `current` naming the one to run."""

from pathlib import Path

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion


class ReleaseDagBundle(BaseDagBundle):
    """A run keeps the release it started with: Airflow asks for it by its version, retries included."""

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
        """Takes up a switch of `current`; the path stays the same between two refreshes."""
        if not self.version:
            self._current = self._read_current()
