/** What is the same in every deployment's Airflow. */

/** The port of its UI and APIs: in the network of the services, and on the main host's own loopback. */
export const AIRFLOW_PORT = 8080;
/** The user that provisioning makes. */
export const ADMIN = "admin";
