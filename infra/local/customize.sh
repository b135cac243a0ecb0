# Runs inside the image of a local host: makes Debian look like a fresh EC2 instance.
useradd --create-home --shell /bin/bash --uid 1000 ubuntu
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/90-cloud-init-users
chmod 0440 /etc/sudoers.d/90-cloud-init-users

cat >/etc/ssh/sshd_config.d/10-airflow.conf <<'SSHD'
PasswordAuthentication no
PermitRootLogin no
UseDNS no
SSHD

# Every host makes its own identity at its first boot; nobody logs in before systemd says that the boot is over.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
mkdir -p /etc/systemd/system/ssh.service.d
cat >/etc/systemd/system/ssh.service.d/host-keys.conf <<'UNIT'
[Unit]
After=systemd-user-sessions.service
[Service]
ExecStartPre=
ExecStartPre=/usr/bin/ssh-keygen -A
ExecStartPre=/usr/sbin/sshd -t
UNIT

systemctl --quiet enable ssh.service
# The kernel is this machine's: a host loads no modules.
systemctl --quiet mask systemd-modules-load.service
mkdir -p /srv/airflow
