"""Revenue by country, once a day: an example to replace by your own."""

import random
from datetime import datetime, timedelta

from airflow.sdk import dag, task


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    tags=["example"],
)
def example_etl():
    @task
    def extract(ds: str | None = None) -> list[dict]:
        """A day's orders, the same ones each time that day is asked for."""
        shop = random.Random(ds)
        return [{"country": shop.choice(["DE", "FR", "PL"]), "cents": shop.randrange(100, 10_000)} for _ in range(100)]

    @task
    def transform(orders: list[dict]) -> dict[str, int]:
        countries = sorted({order["country"] for order in orders})
        return {country: sum(o["cents"] for o in orders if o["country"] == country) for country in countries}

    @task
    def load(revenue: dict[str, int]) -> None:
        for country, cents in revenue.items():
            print(f"{country} {cents / 100:10.2f}")

    load(transform(extract()))


example_etl()
