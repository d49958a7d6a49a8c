/**
 * What a host needs so that ovl runs as a service and nobody meddles with its interfaces: the unit, what systemd's network
 * manager, udev and NetworkManager are to leave alone, and a configuration file to begin with. Pure text.
 *
 * In the host's namespace ovl has the egress bridge and, for each workload that goes out, one port `ovl` and twelve digits of
 * the endpoint's id; everything else lies in namespaces of its own, where none of these programs looks. Patterns are as
 * narrow as each program's language lets them be, so that they catch no other device.
 */
import { EGRESS_BRIDGE_NAME, egressDevice } from "../../model/dataplane.ts"

export const UNIT_NAME = "ovl.service"
export const UNIT_PATH = `/etc/systemd/system/${UNIT_NAME}`
export const NETWORKD_PATH = "/etc/systemd/network/05-ovl.network"
export const LINK_PATH = "/etc/systemd/network/05-ovl.link"
export const NETWORK_MANAGER_PATH = "/etc/NetworkManager/conf.d/ovl.conf"
export const CONFIG_PATH = "/etc/ovl/config.yaml"
/** Holds the token of a first join until it has succeeded; never longer. */
export const JOIN_TOKEN_PATH = "/etc/ovl/join-token"

const HEAD = "# Written by `ovl install`, taken back by `ovl uninstall`. Once it is changed, both leave it alone."

/** `start` are the words after the program: `serve --advertise 192.168.1.51`. */
export function unitText(program: string, start: readonly string[]): string {
  const takesToken = start.some((word) => word === `--token-file=${JOIN_TOKEN_PATH}`)
  return `${HEAD}
[Unit]
Description=ovl overlay network node
Wants=network-online.target
# Firewalls that replace all rules when they start come first; ovl would put its own back, but two seconds later.
After=network-online.target nftables.service netfilter-persistent.service firewalld.service
# What Docker starts finds the node there.
Before=docker.service

[Service]
Type=notify
NotifyAccess=main
ExecStart=${[program, ...start].map(unitWord).join(" ")}
${takesToken ? `# The node is a member now and never needs a token again.\nExecStartPost=-/bin/rm -f ${JOIN_TOKEN_PATH}\n` : ""}\
# A host whose address comes late is waited for, for a minute; then the servers are tried.
TimeoutStartSec=180
TimeoutStopSec=30
Restart=on-failure
RestartSec=2
# A token that was refused, or is gone: trying again changes nothing.
RestartPreventExitStatus=3 5
# A loop that stalls gives no sign of life and is started again. The data plane goes on meanwhile.
WatchdogSec=180
WatchdogSignal=SIGKILL
# Detached workloads are in this unit's control group: they outlive the daemon, and one that runs out of memory must not
# take it down.
KillMode=process
OOMPolicy=continue
TasksMax=infinity
LimitNOFILE=1048576
# No ProtectSystem, PrivateTmp, PrivateMounts, ProtectKernelTunables, RestrictNamespaces: each of them gives the daemon a
# mount namespace of its own, in which /run/netns would be seen by nobody else, or keeps it from making namespaces and
# from switching forwarding on. No Delegate: ovl makes no control groups.

[Install]
WantedBy=multi-user.target
`
}

/**
 * One word of a command line in a unit (systemd.service(5), "Command lines"; specifiers, systemd.unit(5)). Exported for
 * tests.
 */
export function unitWord(word: string): string {
  const plain = word.replaceAll("%", "%%").replaceAll("$", "$$$$")
  if (/^[A-Za-z0-9_@%+=:,./$[\]-]+$/.test(plain)) return plain
  const escaped = plain.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\t", "\\t")
  return `"${escaped}"`
}

/** One digit of a name, where brackets are understood (glob(7)). */
const DIGIT = "[0-9a-f]"
const PORT_PREFIX = egressDevice("")
const PORT_DIGITS = egressDevice("0".repeat(64)).length - PORT_PREFIX.length
const GLOBS = `${EGRESS_BRIDGE_NAME} ${PORT_PREFIX}${DIGIT.repeat(PORT_DIGITS)}`

export function networkdText(): string {
  return `${HEAD}
# systemd-networkd gives these interfaces no addresses, takes none away, and does not wait for them.
[Match]
Name=${GLOBS}
Driver=bridge veth

[Link]
Unmanaged=yes
`
}

export function linkText(): string {
  return `${HEAD}
# udev keeps the MAC addresses that ovl chose, and gives no other names.
[Match]
OriginalName=${GLOBS}
Driver=bridge veth

[Link]
MACAddressPolicy=none
`
}

/** NetworkManager knows `*` and `?` only (NetworkManager.conf(5), "Device List Format"). */
export function networkManagerText(): string {
  const names = [`=${EGRESS_BRIDGE_NAME}`, `${PORT_PREFIX}${"?".repeat(PORT_DIGITS)}`]
  return `${HEAD}
[keyfile]
unmanaged-devices+=${names.map((name) => `interface-name:${name}`).join(";")}
`
}

export function configText(): string {
  return `# ovl's configuration. An option on the line beats a variable (OVL_NAME), a variable this file, this file the default.
# \`ovl config show --origin\` says what is in force, and where it comes from. What stands at the top concerns the node and
# is read when its daemon starts (systemctl restart ovl); keys are the long options of \`ovl serve --help\`.
#
# name: swarm-01                # the host's, unless said otherwise
# advertise: 192.168.1.51       # the underlay address; else that of the default route
# data-dir: /var/lib/ovl        # identity, and on a server the store
# http: 127.0.0.1:8500          # the API besides the socket; off for none
# bind: 0.0.0.0:8300            # where other nodes connect
# log-format: json              # one JSON object a line
# audit: all                    # also writes of keys and sessions
# audit-log: /var/log/ovl-audit.log
#
# What concerns one verb stands below its name.
#
# network:
#   create:
#     mtu: 1400
`
}
