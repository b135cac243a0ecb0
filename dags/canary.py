"""Sings once: `make test` triggers it to see that a run goes through every service."""

from airflow.sdk import dag, task


@dag(schedule=None, params={"note": "la"}, tags=["acceptance"])
def canary():
    @task
    def sing(params: dict | None = None) -> str:
        song = " ".join([params["note"]] * 3)
        print(f"the canary sings: {song}")
        return song

    sing()


canary()
