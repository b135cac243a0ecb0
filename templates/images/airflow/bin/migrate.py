"""Migrates the database to this Airflow's schema and sets the administrator's password. A second run changes nothing."""

from pathlib import Path

from airflow import settings
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.utils import db
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from werkzeug.security import check_password_hash

USER = "admin"


@providers_configuration_loaded
def migrate() -> None:
    """Does what `airflow db migrate` does, without starting another interpreter."""
    settings.prepare_engine_args()
    db.upgradedb()


def set_password(password: str) -> None:
    with get_application_builder() as builder:
        manager = builder.sm
        user = manager.find_user(USER)
        if not user:
            manager.add_user(USER, "Airflow", "Administrator", "admin@localhost", manager.find_role("Admin"), password)
            print(f"user {USER} created")
        elif not check_password_hash(user.password, password):
            manager.reset_password(user.id, password)
            print(f"user {USER}: password changed")


migrate()
set_password(Path("/run/secrets/admin_password").read_text())
