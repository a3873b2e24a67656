"""What Proxmox's texts mean: the sentences are those a real Proxmox was heard to say."""

import pytest

from vm_service.domain.patience import UPWARDS, Patience
from vm_service.domain.trouble import Verdict, judge


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (500, "can't lock file '/var/lock/qemu-server/lock-9101.conf' - got timeout", "BUSY"),
        (500, "VM is locked (clone)", "BUSY"),
        (None, "clone failed: can't lock file '/var/lock/pve-manager/x' - got timeout", "BUSY"),
        (None, "cfs-lock 'storage-x' error: got lock request timeout", "BUSY"),
        (500, "checksum mismatch (file change by other user?)", "BUSY"),
        (500, "unable to create VM 9001: config file already exists", "TAKEN"),
        (400, "Parameter verification failed: vmid: VM 9000 already exists", "TAKEN"),
        (None, "close (rename) atomic file '/etc/pve/777.conf' failed: File exists", "TAKEN"),
        (500, "Configuration file 'nodes/pve/qemu-server/777.conf' does not exist", "ABSENT"),
        (None, "unable to find configuration file for VM 777 on node 'pve'", "ABSENT"),
        (None, "VM 201 already running", "ALREADY"),
        (500, "VM 200 is running - destroy failed", "RUNNING"),
        (500, "VM 201 is not running", "NOT_RUNNING"),
        (500, "VM 201 not running", "NOT_RUNNING"),
        (500, "QEMU guest agent is not running", "NOT_YET"),
        (500, "Agent error: failed to open file '/etc/ssh/x': No such file", "NOT_YET"),
        (500, "No QEMU guest agent configured", "REFUSED"),
        (401, "Authentication failed!", "DENIED"),
        (403, "Permission check failed (/vms/9000, VM.Clone)", "DENIED"),
        (None, "403 Permission check failed (/vms/101, VM.Backup)", "DENIED"),
        (400, "Parameter verification failed: cores: type check failed", "REFUSED"),
        (501, "Method 'GET /nosuch' not implemented", "REFUSED"),
        (None, "unexpected status", "UNKNOWN"),
        (None, "unable to get last line from task log - unable to read tail", "UNKNOWN"),
        (596, "Connection timed out", "UNKNOWN"),
        (595, "No route to host", "UNKNOWN"),
        (500, "cluster not ready - no quorum?", "UNKNOWN"),
        (None, "clone failed: copy failed: command 'x' failed: interrupted by signal", "UNKNOWN"),
        (None, "clone failed: qemu-img: No space left on device", "REFUSED"),
        (500, "Linked clone feature is not supported for 'x' (scsi0)", "REFUSED"),
        (None, "MAX 2 vcpus allowed per VM on this node", "REFUSED"),
        (None, "bridge 'vmbr77' does not exist", "REFUSED"),
        (None, "start failed: QEMU exited with code 1", "FAULT"),
        (500, "something never heard before", "FAULT"),
    ],
)
def test_a_text_means_one_thing(status: int | None, text: str, verdict: str):
    assert judge(text, status=status).verdict is Verdict[verdict]


def test_a_missing_privilege_is_named_with_its_path():
    trouble = judge("Permission check failed (/vms/9000, VM.Clone)", status=403)

    assert trouble.remedy == "grant VM.Clone on /vms/9000 to the user and to its token"


def test_what_can_never_succeed_is_tried_once():
    assert Patience(limits=UPWARDS).pause_after(Verdict.REFUSED, now=0) is None


def test_f20_an_unknown_text_is_tried_five_times_with_growing_pauses():
    patience = Patience(limits=UPWARDS, chance=lambda: 1.0)

    pauses = [patience.pause_after(Verdict.FAULT, now=0) for _ in range(5)]

    assert pauses == [0.5, 1.0, 2.0, 4.0, None]


def test_f20_of_two_that_try_again_none_keeps_step_with_the_other():
    one, other = Patience(limits=UPWARDS), Patience(limits=UPWARDS)

    pauses = [(one.pause_after(Verdict.FAULT, now=0), other.pause_after(Verdict.FAULT, now=0))]
    pauses += [(one.pause_after(Verdict.FAULT, now=0), other.pause_after(Verdict.FAULT, now=0))]

    assert all(mine != theirs for mine, theirs in pauses)


def test_f26_a_lock_is_put_up_with_for_ten_minutes():
    patience = Patience(limits=UPWARDS)

    assert patience.pause_after(Verdict.BUSY, now=0) is not None
    assert patience.pause_after(Verdict.BUSY, now=599) is not None
    assert patience.pause_after(Verdict.BUSY, now=601) is None
