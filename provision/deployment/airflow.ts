/** Values that are the same in every deployment's Airflow. */

/** The port of Airflow's UI and APIs, in the network of the services and on the main host's loopback. */
export const AIRFLOW_PORT = 8080;
/** The Airflow user that provisioning makes. */
export const ADMIN = "admin";
