# `docker buildx bake` builds both images at once. Each variable comes from the environment variable of the same name.
variable "BASE" {}
variable "POSTGRES_TAG" {}
variable "AIRFLOW_TAG" {}
variable "PIP_INDEX" { default = "" }
variable "PROXY" { default = "" }
variable "CA_BUNDLE" { default = "" }

group "default" { targets = ["postgres", "airflow"] }

target "common" {
  args    = { BASE = BASE, PIP_INDEX = PIP_INDEX, http_proxy = PROXY, https_proxy = PROXY }
  secret  = CA_BUNDLE == "" ? [] : ["id=ca,src=${CA_BUNDLE}"]
  network = "default"
}

target "postgres" {
  inherits = ["common"]
  target   = "postgres"
  tags     = [POSTGRES_TAG]
}

target "airflow" {
  inherits = ["common"]
  target   = "airflow"
  tags     = [AIRFLOW_TAG]
}
