import { AirflowApi, unhealthy } from "../api/airflow-api";

/** What Airflow says about itself. */
export interface AirflowStatus {
  readonly version: string;
  /** Components without a recent heartbeat, and the database if it is not healthy. */
  readonly unhealthy: readonly string[];
  readonly active: number;
  readonly paused: number;
  /** The first ten at most. */
  readonly importErrors: readonly { readonly filename: string; readonly stack_trace: string }[];
  /** DAGs whose last run failed, the first ten at most. */
  readonly failed: readonly string[];
}

type Count = { readonly total_entries: number };

export async function readAirflowStatus(airflow: AirflowApi): Promise<AirflowStatus> {
  const [health, { version }, active, paused, errors, failed] = await Promise.all([
    airflow.health(),
    airflow.get<{ version: string }>("/version"),
    airflow.get<Count>("/dags?limit=1&paused=false"),
    airflow.get<Count>("/dags?limit=1&paused=true"),
    airflow.get<{ import_errors: AirflowStatus["importErrors"] }>("/importErrors?limit=10"),
    airflow.get<{ dags: { dag_id: string }[] }>("/dags?limit=10&last_dag_run_state=failed"),
  ]);
  return {
    version,
    unhealthy: unhealthy(health),
    active: active.total_entries,
    paused: paused.total_entries,
    importErrors: errors.import_errors,
    failed: failed.dags.map(({ dag_id }) => dag_id),
  };
}
