# Airflow on a host of your own: one verb a step of its life. `make` lists them.
DEPLOYMENT ?= local
export DEPLOYMENT
.DEFAULT_GOAL := help
.SILENT:
run = node --import tsx provision

