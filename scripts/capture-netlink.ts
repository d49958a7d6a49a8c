/**
 * Makes the fixtures of the netlink encoders' test: what the real `ip` and `bridge` send to the kernel, byte by byte,
 * for a list of commands. They run under strace in throw-away namespaces; run as root:
 * `bun scripts/capture-netlink.ts`. The result is src/netlink/testdata/iproute2.json.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { looseSandbox, run } from "../test/support/netns.ts"

/** RTM_GET* requests end in binary 10: `ip` asks for names and tables before it does what it is told. */
const isQuestion = (message: Uint8Array) => (new DataView(message.buffer).getUint16(4, true) & 3) === 2

interface Case {
  name: string
  /** Commands that make what must be there. */
  before?: string[]
  command: string
}

/** The requests that a command made, in hexadecimal, without those that only ask. */
interface Capture extends Case {
  requests: string[]
}

/** `PEER` stands for the second namespace, which `ip` opens by its path. */
const CASES: Case[] = [
  {
    name: "bridge",
    command:
      "ip link add br0 address 02:42:0a:41:0a:01 mtu 1450 up type bridge vlan_default_pvid 0 mcast_snooping 0 ageing_time 30000",
  },
  {
    name: "vxlan",
    command:
      "ip link add vxlan1 mtu 1450 type vxlan id 256 local 192.168.1.51 dstport 4789 nolearning proxy udpcsum ttl 64",
  },
  {
    name: "vxlan over IPv6, in another namespace",
    command:
      "ip link add name vxlan1 netns PEER type vxlan id 16777215 local fd00::51 dstport 4789 nolearning proxy l2miss l3miss",
  },
  {
    name: "veth",
    command:
      "ip link add name veth0 address 02:00:00:00:00:01 mtu 1450 up type veth peer name eth0 address 02:42:0a:41:0a:02 mtu 1450",
  },
  {
    name: "veth into another namespace",
    command: "ip link add name veth0 mtu 1450 type veth peer name eth0 address 02:42:0a:41:0a:02 mtu 1450 netns PEER",
  },
  { name: "link up", before: ["ip link add br0 type bridge"], command: "ip link set dev br0 up" },
  { name: "link down", before: ["ip link add br0 up type bridge"], command: "ip link set dev br0 down" },
  {
    name: "link changes",
    before: ["ip link add br0 type bridge", "ip link add veth0 type veth peer name veth1"],
    command: "ip link set dev veth0 mtu 1400 address 02:00:00:00:00:09 master br0",
  },
  {
    name: "link nomaster",
    before: ["ip link add br0 type bridge", "ip link add veth0 master br0 type veth peer name veth1"],
    command: "ip link set dev veth0 nomaster",
  },
  {
    name: "link moved and renamed",
    before: ["ip link add veth0 type veth peer name veth1"],
    command: "ip link set dev veth0 name eth7 netns PEER",
  },
  { name: "alias", before: ["ip link add br0 type bridge"], command: "ip link set dev br0 alias made-by-somebody" },
  {
    name: "altname",
    before: ["ip link add br0 type bridge"],
    command: "ip link property add dev br0 altname a-name-longer-than-fifteen",
  },
  {
    name: "altname del",
    before: ["ip link add br0 type bridge", "ip link property add dev br0 altname a-name-longer-than-fifteen"],
    command: "ip link property del dev br0 altname a-name-longer-than-fifteen",
  },
  { name: "link del", before: ["ip link add br0 type bridge"], command: "ip link del dev br0" },
  {
    name: "port flags",
    before: ["ip link add br0 type bridge", "ip link add veth0 master br0 type veth peer name veth1"],
    command: "bridge link set dev veth0 isolated on learning off locked on flood off",
  },
  { name: "addr add", command: "ip address add 10.65.10.1/24 dev lo" },
  { name: "addr add broadcast", command: "ip address add 10.65.10.1/24 broadcast 10.65.10.255 dev lo" },
  { name: "addr replace", command: "ip address replace 10.65.10.1/24 dev lo" },
  {
    name: "addr del",
    before: ["ip address add 10.65.10.1/24 dev lo"],
    command: "ip address del 10.65.10.1/24 dev lo",
  },
  { name: "addr add IPv6", command: "ip address add fd00:65::1/64 dev lo nodad" },
  {
    name: "route add",
    before: ["ip link set lo up", "ip address add 10.0.0.1/24 dev lo"],
    command: "ip route add 10.9.0.0/16 via 10.0.0.2 dev lo metric 7 src 10.0.0.1",
  },
  {
    name: "route add default",
    before: ["ip link set lo up", "ip address add 10.0.0.1/24 dev lo"],
    command: "ip route add default via 10.0.0.2",
  },
  { name: "route replace link", before: ["ip link set lo up"], command: "ip route replace 10.8.0.0/16 dev lo" },
  {
    name: "route in a high table",
    before: ["ip link set lo up"],
    command: "ip route add 10.8.0.0/16 dev lo table 1000",
  },
  {
    name: "route del",
    before: ["ip link set lo up", "ip route add 10.8.0.0/16 dev lo"],
    command: "ip route del 10.8.0.0/16 dev lo",
  },
  {
    name: "route add IPv6",
    before: ["ip link add br0 up type bridge", "ip address add fd00:65::1/64 dev br0 nodad"],
    command: "ip route add fd00:66::/64 via fd00:65::2 dev br0",
  },
  ...["10.65.10.3", "fd00:65::3"].flatMap((ip): Case[] => {
    const before = ["ip link add br0 up type bridge"]
    return [
      {
        name: `neigh replace ${ip}`,
        before,
        command: `ip neighbour replace ${ip} lladdr 02:42:0a:41:0a:03 dev br0 nud permanent`,
      },
      {
        name: `neigh del ${ip}`,
        before: [...before, `ip neighbour add ${ip} lladdr 02:42:0a:41:0a:03 dev br0 nud permanent`],
        command: `ip neighbour del ${ip} dev br0`,
      },
    ]
  }),
  {
    name: "neigh proxy",
    before: ["ip link add br0 up type bridge"],
    command: "ip neighbour replace proxy 10.65.10.9 dev br0",
  },
  {
    name: "neigh proxy del",
    before: ["ip link add br0 up type bridge", "ip neighbour add proxy 10.65.10.9 dev br0"],
    command: "ip neighbour del proxy 10.65.10.9 dev br0",
  },
  {
    name: "fdb replace self",
    before: ["ip link add vxlan1 type vxlan id 256 dstport 4789"],
    command: "bridge fdb replace 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self permanent",
  },
  {
    name: "fdb del self",
    before: [
      "ip link add vxlan1 type vxlan id 256 dstport 4789",
      "bridge fdb add 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self permanent",
    ],
    command: "bridge fdb del 02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 self",
  },
  {
    name: "fdb replace master",
    before: ["ip link add br0 type bridge", "ip link add veth0 master br0 type veth peer name veth1"],
    command: "bridge fdb replace 02:42:0a:41:0a:02 dev veth0 master static",
  },
  {
    name: "fdb del master",
    before: [
      "ip link add br0 type bridge",
      "ip link add veth0 master br0 type veth peer name veth1",
      "bridge fdb add 02:42:0a:41:0a:02 dev veth0 master static",
    ],
    command: "bridge fdb del 02:42:0a:41:0a:02 dev veth0 master",
  },
]

/**
 * The requests in strace's output, each a hexadecimal dump below the line of its sendmsg:
 * ` | 00010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  ................ |`.
 */
function requestsIn(trace: string): Uint8Array[] {
  const found: number[][] = []
  let reading = false
  for (const line of trace.split("\n")) {
    if (/^(\[pid +\d+\] )?send(msg|to)\(/.test(line)) {
      // iproute2 feels its way with a bare sendto first; what it is told to do goes out by sendmsg.
      reading = line.includes("sendmsg(")
      if (reading) found.push([])
    }
    const dump = /^ \| [0-9a-f]{5} {2}(.{49}) /.exec(line)
    if (dump === null || !reading) continue
    for (const byte of dump[1]!.trim().split(/ +/)) found.at(-1)!.push(Number.parseInt(byte, 16))
  }
  return found.map((bytes) => Uint8Array.from(bytes)).filter((bytes) => bytes.length > 0 && !isQuestion(bytes))
}

function capture(one: Case): Capture {
  const box = looseSandbox()
  try {
    const here = box.namespace("here")
    const peer = box.namespace("peer")
    for (const command of one.before ?? []) here.run(command)
    const trace = join(box.directory, "trace")
    const strace = ["strace", "-o", trace, "-e", "trace=sendmsg,sendto", "-e", "write=all", "-s", "16"]
    here.run([...strace, ...one.command.replaceAll("PEER", peer.path).split(" ")])
    const requests = requestsIn(readFileSync(trace, "latin1")).map((bytes) => Buffer.from(bytes).toString("hex"))
    return { ...one, requests }
  } finally {
    box.cleanup()
  }
}

const fixtures = { madeBy: run("ip -V").trim(), captures: CASES.map(capture) }
const target = join(import.meta.dir, "..", "src", "netlink", "testdata", "iproute2.json")
writeFileSync(target, `${JSON.stringify(fixtures, null, 2)}\n`)
process.stdout.write(`${target}: ${fixtures.captures.length} commands\n`)
