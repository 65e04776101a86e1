"""Facts shared by KDD Cup 99 and NSL-KDD: the columns of a connection record and the families of attacks."""

import numpy as np
import numpy.typing as npt

from adbench.data.base import NORMAL
from adbench.data.reading.upstream import CATEGORY, NUMBER, WHOLE_NUMBER
from adbench.errors import DataError

CATEGORICAL = ("protocol_type", "service", "flag")
# Symbolic in kddcup.names as well, with the values 0 and 1; most publications treat them as numbers.
BINARY = ("land", "logged_in", "is_host_login", "is_guest_login")
# In file order, from kddcup.names; the files themselves have no header.
COLUMNS = tuple(
    """
    duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot num_failed_logins logged_in
    num_compromised root_shell su_attempted num_root num_file_creations num_shells num_access_files num_outbound_cmds
    is_host_login is_guest_login count srv_count serror_rate srv_serror_rate rerror_rate srv_rerror_rate same_srv_rate
    diff_srv_rate srv_diff_host_rate dst_host_count dst_host_srv_count dst_host_same_srv_rate dst_host_diff_srv_rate
    dst_host_same_src_port_rate dst_host_srv_diff_host_rate dst_host_serror_rate dst_host_srv_serror_rate
    dst_host_rerror_rate dst_host_srv_rerror_rate
    """.split()
)

# The other columns are counts or flags; parsing them as integers takes two thirds of the time.
TYPES = {
    name: CATEGORY if name in CATEGORICAL else NUMBER if name.endswith("_rate") else WHOLE_NUMBER for name in COLUMNS
}

# Attack types by family: KDD Cup 99's own list (training_attack_types) and, for types that occur only in the test file,
# the table of Tavallaee et al. 2009.
FAMILIES = {
    "dos": "back land neptune pod smurf teardrop apache2 mailbomb processtable udpstorm worm",
    "probe": "ipsweep nmap portsweep satan mscan saint",
    "r2l": "ftp_write guess_passwd imap multihop phf spy warezclient warezmaster httptunnel named sendmail"
    " snmpgetattack snmpguess xlock xsnoop",
    "u2r": "buffer_overflow loadmodule perl rootkit ps sqlattack xterm",
}
FAMILY_OF = {attack: family for family, attacks in FAMILIES.items() for attack in attacks.split()} | {NORMAL: NORMAL}


def family_of(attacks: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    """The family of each attack type. Raises DataError for a type in neither dataset."""
    unknown = [name for name in attacks if name not in FAMILY_OF]
    if unknown:
        raise DataError(f"expected the attack types of KDD Cup 99, got {unknown[0]!r}; is it another file?")
    return np.array([FAMILY_OF[name] for name in attacks])
