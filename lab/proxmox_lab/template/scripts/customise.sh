#!/bin/sh
# customise.sh TREE: turn a freshly installed Debian tree into a template that boots quickly, also
# without KVM, and that leaves each clone its own identity. Runs as root or under fakeroot.
set -eu
tree=$1
units=$tree/etc/systemd/system

write() { # write PATH: standard input becomes the file
    mkdir -p "$(dirname "$tree$1")"
    cat >"$tree$1"
}

mask() {
    for unit in "$@"; do
        ln -sf /dev/null "$units/$unit"
    done
}

# --- identity: nothing that two clones could share
rm -f "$tree"/etc/ssh/ssh_host_* "$tree/etc/hostname" "$tree/var/lib/dbus/machine-id"
: >"$tree/etc/machine-id"
echo template | write /etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' | write /etc/hosts
: | write /etc/fstab # the first stage mounts the root

# --- cloud-init: one data source, the modules we promise, no probing
printf 'policy: enabled,found=all,maybe=all,notfound=enabled\ndatasource: NoCloud\n' |
    write /etc/cloud/ds-identify.cfg
write /etc/cloud/cloud.cfg.d/90_lab.cfg <<'END'
datasource_list: [NoCloud, None]
datasource: {NoCloud: {fs_label: cidata}}
system_info: {network: {renderers: [networkd]}}
preserve_hostname: false
ssh_genkeytypes: [ed25519]
ssh_deletekeys: true
ssh_quiet_keygen: true
no_ssh_fingerprints: true
ssh: {emit_keys_to_console: false}
growpart: {mode: growpart, devices: [/], ignore_growroot_disabled: true}
resize_rootfs: true
cloud_init_modules: [bootcmd, write-files, growpart, resizefs, set_hostname, update_hostname, update_etc_hosts, users-groups, ssh]
cloud_config_modules: [set-passwords, runcmd]
cloud_final_modules: [package-update-upgrade-install, scripts-user, final-message, power-state-change]
END

# --- apt: as little and as quickly as possible: no questions before packages are unpacked, which
# nobody would answer and for which a large program starts. The lists it was built from stay, as
# most of them hold for weeks, but their folder must look old: to "cache_valid_time" a new image's
# are fresh
write /etc/apt/apt.conf.d/90lab <<'END'
APT::Install-Recommends "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Dpkg::Options { "--force-unsafe-io"; };
#clear DPkg::Pre-Install-Pkgs;
END
[ -z "${GUEST_PROXY:-}" ] || echo "Acquire::http::Proxy \"$GUEST_PROXY\";" | write /etc/apt/apt.conf.d/91proxy
rm -rf "$tree"/var/lib/apt/lists/lock "$tree"/var/lib/apt/lists/partial "$tree"/var/cache/apt/*.bin "$tree"/var/cache/apt/archives/*.deb
mkdir -p "$tree/var/lib/apt/lists/partial"
touch -d 2001-01-01 "$tree/var/lib/apt/lists"

# --- ssh: keys only; no post-quantum exchange and no session manager, both dear without KVM
write /etc/ssh/sshd_config.d/90-lab.conf <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
UseDNS no
PrintMotd no
PrintLastLog no
GSSAPIAuthentication no
KexAlgorithms curve25519-sha256
Ciphers chacha20-poly1305@openssh.com,aes128-ctr
END
sed -i '/^session.*pam_motd/s/^/#/; /^session.*pam_mail/s/^/#/' "$tree/etc/pam.d/sshd"
sed -i '/pam_systemd\.so/s/^/#/' "$tree/etc/pam.d/common-session"

# --- network: networkd and resolved; link-local name lookups would leave the host as multicast
mkdir -p "$units/multi-user.target.wants" "$units/sockets.target.wants"
ln -sf /usr/lib/systemd/system/systemd-networkd.service "$units/multi-user.target.wants/"
ln -sf /usr/lib/systemd/system/systemd-networkd.socket "$units/sockets.target.wants/"
ln -sf ../run/systemd/resolve/resolv.conf "$tree/etc/resolv.conf"
printf '[Resolve]\nLLMNR=no\nMulticastDNS=no\n' | write /etc/systemd/resolved.conf.d/lab.conf

# --- boot: only what a game server needs
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n' | write /etc/systemd/journald.conf.d/lab.conf
printf '[Manager]\nDefaultTimeoutStartSec=180s\nDefaultTimeoutStopSec=20s\nShowStatus=no\n' |
    write /etc/systemd/system.conf.d/lab.conf
mask apt-daily.timer apt-daily.service apt-daily-upgrade.timer apt-daily-upgrade.service \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
    systemd-timesyncd.service systemd-pstore.service systemd-networkd-wait-online.service \
    systemd-udev-settle.service systemd-remount-fs.service systemd-hwdb-update.service \
    systemd-journal-flush.service systemd-journal-catalog-update.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-update-done.service \
    systemd-firstboot.service systemd-boot-random-seed.service systemd-pcrphase.service \
    systemd-pcrphase-sysinit.service systemd-sysext.service systemd-confext.service \
    systemd-rfkill.service systemd-rfkill.socket systemd-binfmt.service ldconfig.service \
    proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount tpm2.target \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount dev-mqueue.mount getty@tty1.service \
    cloud-init-hotplugd.socket cloud-init-hotplugd.service \
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service modprobe@dm_mod.service modprobe@loop.service
# systemd asks its generators again at each reload; these have nothing to tell of such a machine
mkdir -p "$tree/etc/systemd/system-generators"
for generator in debug gpt-auto hibernate-resume run ssh system-update tpm2; do
    ln -sf /dev/null "$tree/etc/systemd/system-generators/systemd-$generator-generator"
done
touch "$tree/etc/.updated" "$tree/var/.updated" # a first boot has nothing to bring up to date

# --- devices: "input" and evdev carry the power button, without which no shutdown is heard
write /etc/systemd/system/systemd-udev-trigger.service.d/lab.conf <<'END'
[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add --subsystem-match=net --subsystem-match=block --subsystem-match=virtio-ports --subsystem-match=input
ExecStart=-udevadm trigger --action=add --subsystem-match=tty --sysname-match=ttyS0
END
printf '%s\n' virtio_net virtio_console virtio_rng button evdev isofs | write /etc/modules-load.d/lab.conf
{
    for module in kvm_amd kvm_intel kvm powernow_k8 acpi_cpufreq aesni_intel crc32_pclmul \
        crct10dif_pclmul ghash_clmulni_intel sha512_ssse3 sha256_ssse3 sha1_ssse3 psmouse pcspkr \
        i2c_i801 lpc_ich iTCO_wdt ahci ata_piix serio_raw qemu_fw_cfg intel_agp; do
        echo "blacklist $module"
    done
    for module in vsock vmw_vsock_vmci_transport vsock_loopback vmw_vmci configfs drm efi_pstore; do
        echo "install $module /bin/true"
    done
} | write /etc/modprobe.d/lab.conf

# --- golden states: the gate stops a boot on request, just before cloud-init takes a machine's own
# configuration; cloud-init's program, dear to start, is up by then
install -D -m 755 "$(dirname "$0")/gate" "$tree/usr/local/lib/lab/gate"
write /etc/systemd/system/lab-gate.service <<'END'
[Unit]
Description=Wait here while the golden state is saved
DefaultDependencies=no
ConditionKernelCommandLine=lab.gate
After=cloud-init-main.service systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service systemd-sysctl.service systemd-tmpfiles-setup.service systemd-random-seed.service systemd-journald.service
Before=cloud-init-local.service systemd-networkd.service systemd-resolved.service network-pre.target sysinit.target shutdown.target
Conflicts=shutdown.target
[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=/usr/local/lib/lab/gate
END
mkdir -p "$units/sysinit.target.wants"
ln -sf ../lab-gate.service "$units/sysinit.target.wants/lab-gate.service"

# --- size: the hypervisor boots kernel and first stage itself. Empty man folders must stay, or
# Java's packages fail to link their pages
rm -rf "$tree"/boot/* "$tree"/vmlinuz* "$tree"/initrd.img* "$tree"/var/log/*.log "$tree"/usr/share/info/*
rm -rf "$tree"/usr/share/man/*
for section in 1 2 3 4 5 6 7 8; do mkdir -p "$tree/usr/share/man/man$section"; done
