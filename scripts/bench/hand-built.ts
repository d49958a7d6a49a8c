/**
 * The overlay as a person builds it with `ip` and `bridge`: the same kernel objects that ovl makes on a node, for what
 * ovl is measured against.
 */
import type { TestNode } from "../../test/support/cluster.ts"

/** Of every network that is built by hand here; the daemons' own begin at 256, so both may share an underlay. */
const VNI = 42
export const HIDDEN = "hand"

export interface Peer {
  ip: string
  mac: string
  vtep: string
}

/** One remote endpoint or many are known to the node: nothing is learned and nothing is flooded. */
export function buildNetwork(node: TestNode, peers: readonly Peer[]): void {
  const rows = peers.flatMap(({ ip, mac, vtep }) => [
    `bridge -n ${HIDDEN} fdb replace ${mac} dev vxlan1 dst ${vtep} self permanent`,
    `ip -n ${HIDDEN} neigh replace ${ip} lladdr ${mac} dev vxlan1 nud permanent`,
  ])
  node.machine.sh(
    [
      "set -e",
      `ip netns add ${HIDDEN}`,
      `ip -n ${HIDDEN} link add br0 mtu 1450 type bridge`,
      `ip -n ${HIDDEN} addr add 10.65.10.1/24 dev br0`,
      `ip link add vxlan1 mtu 1450 type vxlan id ${VNI} local ${node.address} dstport 4789 nolearning proxy`,
      `ip link set vxlan1 netns ${HIDDEN}`,
      `ip -n ${HIDDEN} link set vxlan1 master br0 up`,
      `ip -n ${HIDDEN} link set br0 up`,
      ...rows,
    ].join("\n"),
  )
}

/** The bridge that leads outside. */
export function buildEgress(node: TestNode): void {
  node.machine.sh(
    "set -e\nip link add gw type bridge\nip addr add 172.18.0.1/16 dev gw\nip link set gw up\nsysctl -qw net.ipv4.ip_forward=1",
  )
}

/**
 * The script that makes an endpoint as ovl makes it, port flags, static rows and marks included; its words are a name, a
 * number under 255 and two MACs. Everything is made where it belongs, so that nothing has to be moved, and what one
 * command can do is one command.
 */
export const ATTACH_SCRIPT = `set -e
name=$1 number=$2 mac=$3 egress_mac=$4
ip netns add $name
ip -n $name link set lo up
ip -n ${HIDDEN} link add veth$number mtu 1450 master br0 type veth peer name eth0 netns $name address $mac mtu 1450
ip -n ${HIDDEN} link set veth$number alias hand:$name up
bridge -n ${HIDDEN} link set dev veth$number learning off flood off
bridge -n ${HIDDEN} fdb replace $mac dev veth$number master static
ip link add gwport$number mtu 1500 master gw type veth peer name eth1 netns $name address $egress_mac mtu 1500
ip link set gwport$number addrgenmode none alias hand:$name up
bridge link set dev gwport$number learning off flood off isolated on
bridge fdb replace $egress_mac dev gwport$number master static
ip -n $name link set eth0 addrgenmode none alias hand:$name up
ip -n $name addr add 10.65.10.$number/24 dev eth0
ip -n $name link set eth1 addrgenmode none alias hand:$name up
ip -n $name addr add 172.18.0.$number/16 dev eth1
ip -n $name route add default via 172.18.0.1
`

/** Only the overlay's part of an endpoint: a namespace with eth0. */
export function addWorkload(node: TestNode, name: string, { ip, mac }: { ip: string; mac: string }): void {
  node.machine.sh(
    [
      "set -e",
      `ip netns add ${name}`,
      `ip -n ${name} link set lo up`,
      `ip -n ${HIDDEN} link add veth0 mtu 1450 master br0 type veth peer name eth0 netns ${name} address ${mac} mtu 1450`,
      `ip -n ${HIDDEN} link set veth0 up`,
      `ip -n ${name} addr add ${ip}/24 dev eth0`,
      `ip -n ${name} link set eth0 up`,
    ].join("\n"),
  )
}
