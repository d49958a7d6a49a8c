/** The host's kernel, its firewall and its bridges. */
import type { CodeTable } from "./row.ts"

export const KERNEL_CODES = {
  not_permitted: {
    kinds: ["forbidden", "failed"],
    means: "The kernel did not permit it.",
    causes: "The daemon does not run as root, or in a container without the rights.",
    remedy: "Run it as root; it needs CAP_NET_ADMIN and CAP_SYS_ADMIN.",
  },
  kernel_refused: {
    kinds: ["failed"],
    means: "The kernel refused an operation; the message shows it as an `ip` or `bridge` line.",
    causes: "Something else changed the same device at that moment, or a limit of the kernel.",
    remedy: "ovl tries again by itself; `ovl doctor` looks for what is wrong.",
  },
  kernel_unsupported: {
    kinds: ["failed"],
    means: "This kernel lacks something that ovl needs.",
    causes: "A module that is not loaded or not built.",
    remedy: "`modprobe vxlan bridge veth`; `ovl doctor` names each missing option.",
  },
  device_not_found: {
    kinds: ["not_found"],
    means: "A network device is gone that should be there.",
    causes: "Another program removed it.",
    remedy: "ovl makes it again by itself.",
  },
  vxlan_port_taken: {
    kinds: ["conflict"],
    means: "Another program listens on the VXLAN port, UDP 4789.",
    causes: "Another overlay, in another mode.",
    remedy: "`ss -ulnp` shows who.",
  },
  egress_bridge_taken: {
    kinds: ["conflict"],
    means: "A bridge named ovl_gwbridge is there that is not ovl's.",
    causes: "It was made by hand, or by something else.",
    remedy: "Rename or remove it: `ip link del ovl_gwbridge`.",
  },
  egress_subnet_taken: {
    kinds: ["conflict"],
    means: "All subnets for the egress bridge overlap a route of this host.",
    causes: "172.18.0.0/16 to 172.31.0.0/16 are tried.",
    remedy: "Look at `ip -4 route`; or make the networks --internal.",
  },
  no_iptables: {
    kinds: ["failed"],
    means: "iptables is not installed.",
    causes: "A minimal system.",
    remedy: "`apt-get install iptables`.",
  },
  iptables_failed: {
    kinds: ["forbidden", "failed"],
    means: "iptables refused the rules.",
    causes: "A rule of somebody else that it cannot read, or a missing module.",
    remedy: "Run `iptables-save` as root and look for what is wrong; `ovl doctor` says which flavour is used.",
  },
  guard_refused: {
    kinds: ["failed"],
    means: "The guard of a network's bridge cannot be put into place.",
    causes: "The kernel has no nf_tables for bridges.",
    remedy: "`modprobe nf_tables`; CONFIG_NF_TABLES_BRIDGE.",
  },
  sysctl_failed: {
    kinds: ["failed"],
    means: "A setting of the kernel cannot be written.",
    causes: "/proc/sys is read-only, as in an unprivileged container.",
    remedy: "Run the container privileged.",
  },
  state_unreadable: {
    kinds: ["failed"],
    means: "The file that remembers the host's settings before ovl is damaged.",
    causes: "A crash of the host, or it was edited.",
    remedy: "Restore it, or remove it and set them by hand.",
  },
  netlink_malformed: {
    kinds: ["failed"],
    means: "An answer of the kernel was not understood.",
    causes: "A kernel that is newer or older than any that was tried.",
    remedy: "Please report it with the version of the kernel.",
  },
  "linux_*": {
    kinds: ["failed", "forbidden", "not_found", "conflict"],
    means: "A system call failed; the rest of the code is Linux's own name of the error, as in linux_enoent.",
    causes: "The message names the call and says what the error means there.",
    remedy: "See the message; `errno -l` lists all names.",
  },
} as const satisfies CodeTable
