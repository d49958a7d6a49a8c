/**
 * What the kernel must be able to do, one thing at a time, each with what is lost without it. As root everything is tried
 * out in an empty network namespace that is gone afterwards; else the kernel's own configuration is read.
 */
import { asOvlError } from "../base/errors.ts"
import { VXLAN_PORT } from "../base/limits.ts"
import { writeGuard } from "../kernel/firewall/guard.ts"
import { hasIptables, restoreRules } from "../kernel/firewall/iptables.ts"
import { withNewNamespace } from "../linux/namespaces.ts"
import { HOST_NAMESPACE } from "../model/dataplane.ts"
import { type LinkSpec, link, NetlinkSocket } from "../netlink/index.ts"
import { type Check, type Finding, failed, ok, skipped, warning } from "./check.ts"
import { readKernelConfig } from "./kernel-config.ts"

interface KernelOption {
  name: string
  /** What does not work without it. */
  costs: string
  /** Without it no overlay at all, rather than less of one. */
  vital: boolean
  /** Of the kernel's configuration; the first that is known counts. */
  config: readonly string[]
  /** In an empty namespace that this thread is in. Throws where the kernel cannot. */
  attempt(): void
}

const addLink = (spec: LinkSpec) => () => {
  const socket = NetlinkSocket.open()
  try {
    link.add(socket, spec)
  } finally {
    socket.close()
  }
}

const rule = (family: 4 | 6, table: string, text: string) => () =>
  restoreRules(family, `*${table}\n-A ${text}\nCOMMIT\n`)

const NEEDED: readonly KernelOption[] = [
  {
    name: "network namespaces",
    costs: "nothing works: each network and each workload has one",
    vital: true,
    config: ["NET_NS"],
    attempt: () => {},
  },
  {
    name: "vxlan",
    costs: "no network spans two hosts",
    vital: true,
    config: ["VXLAN"],
    attempt: addLink({ kind: "vxlan", name: "x", vni: 1, port: VXLAN_PORT, learning: false, proxy: true }),
  },
  {
    name: "bridge",
    costs: "no network can be made on this host",
    vital: true,
    config: ["BRIDGE"],
    attempt: addLink({ kind: "bridge", name: "b" }),
  },
  {
    name: "veth",
    costs: "no workload can be attached",
    vital: true,
    config: ["VETH"],
    attempt: addLink({ kind: "veth", name: "v0", peer: { name: "v1" } }),
  },
  {
    name: "nf_tables for bridges",
    costs: "workloads can send with each other's addresses: networks need --allow-spoof",
    vital: true,
    config: ["NF_TABLES_BRIDGE"],
    attempt: () => writeGuard(HOST_NAMESPACE, { place: "overlay", gateways: [], allowSpoof: false, ports: [] }),
  },
]

const NETFILTER: readonly KernelOption[] = [
  {
    name: "iptables filter",
    costs: "VXLAN from strangers is not refused, and networks other than --internal ones cannot be used",
    vital: true,
    config: ["IP_NF_FILTER", "NFT_COMPAT"],
    attempt: rule(4, "filter", `INPUT -p udp -m udp --dport ${VXLAN_PORT} -j DROP`),
  },
  {
    name: "iptables comments",
    costs: "no rule of ovl's can be made: all carry its mark in a comment",
    vital: true,
    config: ["NETFILTER_XT_MATCH_COMMENT"],
    attempt: rule(4, "filter", "INPUT -m comment --comment ovl -j ACCEPT"),
  },
  {
    name: "iptables conntrack",
    costs: "no answers from outside reach workloads: networks must be --internal",
    vital: true,
    config: ["NETFILTER_XT_MATCH_CONNTRACK"],
    attempt: rule(4, "filter", "INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
  },
  {
    name: "iptables nat",
    costs: "workloads do not reach the outside: networks must be --internal",
    vital: true,
    config: ["NETFILTER_XT_TARGET_MASQUERADE", "IP_NF_TARGET_MASQUERADE"],
    attempt: rule(4, "nat", "POSTROUTING -s 172.18.0.0/16 -j MASQUERADE"),
  },
  {
    name: "iptables raw",
    costs: "no egress, as this host's 127.0.0.1 could not be shielded",
    vital: true,
    config: ["IP_NF_RAW"],
    attempt: rule(4, "raw", "PREROUTING -d 127.0.0.0/8 ! -i lo -j DROP"),
  },
  {
    name: "iptables addrtype and DNAT",
    costs: "no port can be published with -p",
    vital: false,
    config: ["NETFILTER_XT_MATCH_ADDRTYPE"],
    attempt: rule(
      4,
      "nat",
      "PREROUTING -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.18.0.2:80",
    ),
  },
  {
    name: "ip6tables filter",
    costs: "nodes cannot have IPv6 addresses on the underlay",
    vital: false,
    config: ["IP6_NF_FILTER", "NFT_COMPAT"],
    attempt: rule(6, "filter", `INPUT -p udp -m udp --dport ${VXLAN_PORT} -j DROP`),
  },
  {
    name: "ip6tables nat",
    costs: "workloads do not reach the outside by IPv6",
    vital: false,
    config: ["IP6_NF_NAT", "NFT_COMPAT"],
    attempt: rule(6, "nat", "POSTROUTING -s fd00::/64 -j MASQUERADE"),
  },
]

export const kernelOptions: Check = {
  name: "kernel",
  look({ options }): Finding[] {
    if (!options.isRoot) return byConfig()
    const installed = hasIptables(4)
    const tried = withNewNamespace(() => [...NEEDED, ...(installed ? NETFILTER : [])].map(tryOne))
    return installed ? tried : [...tried, noIptables()]
  },
}

function tryOne(option: KernelOption): Finding {
  const name = `kernel: ${option.name}`
  try {
    option.attempt()
    return ok("tried: it works", name)
  } catch (thrown) {
    const why = asOvlError(thrown).message
    return missing(option, why)
  }
}

function missing({ name, costs, vital, config }: KernelOption, why: string): Finding {
  const hint = `without it ${costs}; load the module, or use a kernel with CONFIG_${config[0]}`
  return (vital ? failed : warning)(`missing: ${why}`, hint, `kernel: ${name}`)
}

function noIptables(): Finding {
  return failed(
    "the programs are not installed",
    "install them: apt-get install iptables (or your distribution's package of that name)",
    "kernel: iptables",
  )
}

/** Not tried, but read. */
function byConfig(): Finding[] {
  const built = readKernelConfig()
  return [...NEEDED, ...NETFILTER].map((option) => {
    const name = `kernel: ${option.name}`
    const as = option.config.map((key) => built?.get(key)).find((value) => value !== undefined)
    if (as === undefined) return skipped("not looked at: only root may try it", "run `ovl doctor` as root", name)
    return as === "n" ? missing(option, "the kernel was built without it") : ok("the kernel was built with it", name)
  })
}
