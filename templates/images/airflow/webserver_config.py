"""Flask AppBuilder's settings: users with passwords, kept in Airflow's database."""

from flask_appbuilder.const import AUTH_DB

AUTH_TYPE = AUTH_DB
WTF_CSRF_ENABLED = True
