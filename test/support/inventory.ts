/**
 * What a machine holds, as text that two moments can be compared by: links, namespaces, mounts, rules, routes, sysctls,
 * processes and files. What changes by itself (counters, indices, ages) is left out.
 */
import type { Machine } from "./machine.ts"

/** One line for each thing, in sections; `directories` are those whose files count. */
export function inventory(machine: Machine, directories: readonly string[]): string {
  const section = (title: string, script: string) => `== ${title}\n${machine.sh(script).trim()}`
  return [
    section("links", LINKS),
    section("addresses", "ip -o addr | sed -E 's/^[0-9]+: //; s/valid_lft.*//' | sort"),
    section("namespaces", "ip netns ls | cut -d' ' -f1; ls -1 /run/netns"),
    section("mounts", MOUNTS),
    section("rules", `for v in "" 6; do ip\${v}tables-save | grep -v '^#' | sed -E 's/\\[[0-9:]+\\]//'; done`),
    section("routes", "ip route show table all; ip rule"),
    section("neighbours", "ip neigh show nud permanent"),
    section("sysctls", SYSCTLS),
    section("sockets", "ss -Hlntu | awk '{print $1, $5}' | sort"),
    section("processes", PROCESSES),
    section("files", `find /run /etc ${directories.join(" ")} -printf '%p %y %m\\n' 2>/dev/null | sort`),
  ].join("\n")
}

/** The kernel cannot take back the number by which it knows another namespace's end of a cable. */
const LINKS = `ip -d -o link | sed -E 's/^[0-9]+: //; s/@if[0-9]+/@/; s/link-netnsid [0-9]+//; s/[a-z_]+_timer +[0-9.]+//g' | sort`
const SYSCTLS = `sysctl -a 2>/dev/null | grep -E '^net\\.(ipv4|ipv6|bridge|netfilter)\\.' \
  | grep -vE 'tcp_mem|udp_mem|nf_conntrack_(count|buckets)|random|stable_secret' | sort`
/** A namespace's number, and that of a mount's peers, say nothing. */
const MOUNTS = "cut -d' ' -f4- /proc/self/mountinfo | sed -E 's/net:\\[[0-9]+\\]/net/; s/shared:[0-9]+/shared/' | sort"
const PROCESSES = "all=$(ps -eo args --no-headers); echo \"$all\" | grep -v '^ps -eo\\|^bash -c all=' | sort"
