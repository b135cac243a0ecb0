# Airflow on a host of your own: one verb for each step of a deployment's life, in the order in which you need them.
#   make demo                              everything on this machine
#   DEPLOYMENT=production make provision   the same verbs for deployments/production.yaml
DEPLOYMENT ?= local
# The parameters of verbs.
PARAMETERS := DEPLOYMENT CONF CMD ALL OPEN DAG DAGS TASK RUN TRY PAUSED SERVICE FOLLOW LINES CONFIRM KEEP_DATA NO_BACKUP TERRAFORM EJECT_TO RECOVERY_RECIPIENT VERBOSE FAST LONG
# A mistyped parameter would be ignored. Those that are not listed above belong to the environment, or are make's own.
typed := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
unknown := $(filter-out $(PARAMETERS) AIRFLOW_% AWS_% SSL_% %_proxy DEBUG EDITOR VISUAL NO_COLOR FORCE_COLOR SHELL MAKE% -%,$(typed))
$(if $(unknown),$(error there is no parameter $(unknown); make help lists the parameters of each verb))
# They are passed on as they were typed: make would run what stands in $(shell …), also in a hint that was pasted.
given := $(foreach name,$(PARAMETERS),$(if $(filter command environment file,$(firstword $(origin $(name)))),$(name)))
$(foreach name,$(given) $(filter AIRFLOW_% AWS_% SSL_% EDITOR VISUAL,$(typed)),$(eval override export $(name) := $$(value $(name))))
.DEFAULT_GOAL := help
.SILENT:
# Compiles the verbs once for each state of the sources; this is also what cron and CI use.
run := node run
# An unknown verb: it says which one may be meant.
.DEFAULT:
	$(run) $@

help: ## lists the verbs and says which deployment is selected
	awk -F ':.*## ' '/^#: / {print "\n" substr($$0, 4)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile; printf '\ndeployment: %s\n' "$$DEPLOYMENT"
#: begin
demo: setup ## everything below on this machine: free, needs no cloud account
	$(run) demo

setup: ## installs what is missing on this machine: npm packages, Docker, mmdebstrap, ssh
	sh provision/setup.sh
keypair: packages ## makes the SSH key and the age identity; never overwrites: [RECOVERY_RECIPIENT=age1…]
	$(run) keypair
state-bucket: packages ## makes the bucket for Terraform's state, once for all who share it (AWS)
	$(run) state-bucket
#: make a host, and change it
plan: packages ## shows what would change: infrastructure and host; changes nothing
	$(run) plan
infrastructure: packages ## makes the host, by Terraform, and pins its SSH key
	$(run) infrastructure
provision: packages ## makes the host run Airflow as the deployment file says
	$(run) provision
#: use Airflow
dags: packages ## checks the DAGs in the deployed Airflow, then switches to them: [DAGS=folder]
	$(run) dags
trigger: packages ## runs a DAG and waits for it: DAG=id [CONF=json|@file] [PAUSED=ok]
	$(run) trigger
airflow: packages ## runs Airflow's own command line: CMD="dags list"
	$(run) airflow
test: packages ## tests the running deployment from outside
	$(run) test
#: look into it
status: packages ## shows one page of state; fails if something is not healthy: [ALL=1] a line for each deployment
	$(run) status
logs: packages ## shows services' logs: [SERVICE=scheduler] [FOLLOW=1] [LINES=500]; or a DAG's: DAG=id [TASK=id] [RUN=id] [TRY=1]
	$(run) logs
ui: packages ## opens a tunnel to the web UI, and a browser, until Ctrl-C: [OPEN=0]
	$(run) ui
password: packages ## shows the login of the web UI, on a terminal only
	$(run) password
ssh: packages ## opens a shell on the host, or runs one command: [CMD="uptime"]
	$(run) ssh
#: look after it
secrets: packages ## edits the encrypted secrets in $EDITOR
	$(run) secrets
backup: packages ## makes a backup on the host, proves it readable, pulls it here
	$(run) backup
reboot: packages ## reboots the host and waits until Airflow is healthy again
	$(run) reboot
#: leave it
eject: packages ## writes Terraform's files and the release as a folder that works without this tool (AWS): [EJECT_TO=folder]
	$(run) eject
teardown: packages ## destroys the deployment after asking: [KEEP_DATA=1] [CONFIRM=name] [NO_BACKUP=1]
	$(run) teardown

#: this project itself
check: packages $(if $(FAST),,python) ## runs the project's own tests: [FAST=1] [LONG=1]
	node --require tsx/cjs tests/check.ts
bench: packages ## measures the project, and the same work done by hand
	node --require tsx/cjs tests/bench.ts
docs: packages ## writes the parts of docs/ that are made from the code
	$(run) docs
lock: packages ## renews the lock files of images and packages
	$(run) lock

packages: node_modules/.installed-package-lock.json
node_modules/.installed-package-lock.json: package-lock.json
	sh provision/setup.sh packages
# The Python tools that tests of AWS need: moto, which imitates AWS, and checkov.
python: packages node_modules/.python/installed.lock
node_modules/.python/installed.lock: tests/python/requirements.lock
	sh tests/python/venv.sh $(CURDIR)/node_modules/.python
.PHONY: python help demo setup keypair state-bucket plan infrastructure provision dags trigger airflow test status logs ui password ssh secrets backup reboot eject teardown check bench docs lock packages
