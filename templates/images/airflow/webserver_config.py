"""Flask AppBuilder's settings: users log in with passwords, which Airflow's database keeps."""

from flask_appbuilder.const import AUTH_DB

AUTH_TYPE = AUTH_DB
WTF_CSRF_ENABLED = True
