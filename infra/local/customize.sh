# Runs inside the image of a local host: makes Debian look like a fresh EC2 instance.
useradd --create-home --shell /bin/bash --uid 1000 ubuntu
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/90-cloud-init-users
chmod 0440 /etc/sudoers.d/90-cloud-init-users

cat >/etc/ssh/sshd_config.d/10-airflow.conf <<'SSHD'
PasswordAuthentication no
PermitRootLogin no
UseDNS no
SSHD

# Every host makes its own host keys and machine id at its first boot. Nobody can log in before the boot is over.
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
# The host shares the kernel of the machine around it, so it must not load modules.
systemctl --quiet mask systemd-modules-load.service
mkdir -p /srv/airflow
