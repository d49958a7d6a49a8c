/**
 * Our requests beside those of the real `ip` and `bridge`, captured with strace by scripts/capture-netlink.ts. Compared
 * as text (`testdata/tree.ts` says what is left out of the comparison and why). Indexes and descriptors are those that
 * the captured commands happened to have.
 */
import { describe, expect, test } from "bun:test"
import { formatLinkMessage, parseMessage } from "netlink/dist/rt/structs"
import { AttrStream, parseMessages } from "netlink/dist/structs"
import { addr, fdb, link, neigh, type RequestTarget, route } from "./index.ts"
import { MessageWriter } from "./message.ts"
import { Recorder } from "./testdata/recorder.ts"
import fixtures from "./testdata/iproute2.json"
import { requestTree } from "./testdata/tree.ts"

const MAC3 = "02:42:0a:41:0a:03"
const ALTNAME = "a-name-longer-than-fifteen"

const OURS: Record<string, (target: RequestTarget) => void> = {
  bridge: (target) =>
    link.add(target, {
      kind: "bridge",
      name: "br0",
      mac: "02:42:0a:41:0a:01",
      mtu: 1450,
      up: true,
      vlanDefaultPvid: 0,
      mcastSnooping: false,
      ageingSeconds: 300,
    }),
  vxlan: (target) =>
    link.add(target, {
      kind: "vxlan",
      name: "vxlan1",
      mtu: 1450,
      vni: 256,
      local: "192.168.1.51",
      port: 4789,
      learning: false,
      proxy: true,
      udpCsum: true,
      ttl: 64,
    }),
  "vxlan over IPv6, in another namespace": (target) =>
    link.add(target, {
      kind: "vxlan",
      name: "vxlan1",
      namespace: 4,
      vni: 16777215,
      local: "fd00::51",
      port: 4789,
      learning: false,
      proxy: true,
      l2miss: true,
      l3miss: true,
    }),
  veth: (target) =>
    link.add(target, {
      kind: "veth",
      name: "veth0",
      mac: "02:00:00:00:00:01",
      mtu: 1450,
      up: true,
      peer: { name: "eth0", mac: "02:42:0a:41:0a:02", mtu: 1450 },
    }),
  "veth into another namespace": (target) =>
    link.add(target, {
      kind: "veth",
      name: "veth0",
      mtu: 1450,
      peer: { name: "eth0", mac: "02:42:0a:41:0a:02", mtu: 1450, namespace: 4 },
    }),
  "link up": (target) => link.set(target, 2, { up: true }),
  "link down": (target) => link.set(target, 2, { up: false }),
  "link changes": (target) => link.set(target, 4, { mtu: 1400, mac: "02:00:00:00:00:09", master: 2 }),
  "link nomaster": (target) => link.set(target, 4, { master: 0 }),
  "link moved and renamed": (target) => link.set(target, 3, { name: "eth7", namespace: 4 }),
  alias: (target) => link.set(target, 2, { alias: "made-by-somebody" }),
  altname: (target) => link.addAltname(target, 2, ALTNAME),
  "altname del": (target) => link.delAltname(target, 2, ALTNAME),
  "link del": (target) => link.del(target, 2),
  "port flags": (target) => link.setPort(target, 4, { isolated: true, learning: false, locked: true, flood: false }),
  "addr add": (target) => addr.add(target, { index: 1, address: "10.65.10.1/24" }),
  "addr add broadcast": (target) => addr.add(target, { index: 1, address: "10.65.10.1/24", broadcast: "10.65.10.255" }),
  "addr replace": (target) => addr.replace(target, { index: 1, address: "10.65.10.1/24" }),
  "addr del": (target) => addr.del(target, { index: 1, address: "10.65.10.1/24" }),
  "addr add IPv6": (target) => addr.add(target, { index: 1, address: "fd00:65::1/64", nodad: true }),
  "route add": (target) =>
    route.add(target, { dst: "10.9.0.0/16", via: "10.0.0.2", index: 1, metric: 7, source: "10.0.0.1" }),
  "route add default": (target) => route.add(target, { dst: "default", via: "10.0.0.2" }),
  "route replace link": (target) => route.replace(target, { dst: "10.8.0.0/16", index: 1 }),
  "route in a high table": (target) => route.add(target, { dst: "10.8.0.0/16", index: 1, table: 1000 }),
  "route del": (target) => route.del(target, { dst: "10.8.0.0/16", index: 1 }),
  "route add IPv6": (target) => route.add(target, { dst: "fd00:66::/64", via: "fd00:65::2", index: 2 }),
  "neigh replace 10.65.10.3": (target) => neigh.replace(target, { index: 2, ip: "10.65.10.3", mac: MAC3 }),
  "neigh del 10.65.10.3": (target) => neigh.del(target, { index: 2, ip: "10.65.10.3" }),
  "neigh replace fd00:65::3": (target) => neigh.replace(target, { index: 2, ip: "fd00:65::3", mac: MAC3 }),
  "neigh del fd00:65::3": (target) => neigh.del(target, { index: 2, ip: "fd00:65::3" }),
  "neigh proxy": (target) => neigh.replaceProxy(target, { index: 2, ip: "10.65.10.9" }),
  "neigh proxy del": (target) => neigh.del(target, { index: 2, ip: "10.65.10.9", proxy: true }),
  "fdb replace self": (target) => fdb.replace(target, { index: 2, mac: MAC3, dst: "192.168.1.52" }),
  "fdb del self": (target) => fdb.del(target, { index: 2, mac: MAC3, dst: "192.168.1.52" }),
  "fdb replace master": (target) => fdb.replace(target, { index: 4, mac: "02:42:0a:41:0a:02", on: "master" }),
  "fdb del master": (target) => fdb.del(target, { index: 4, mac: "02:42:0a:41:0a:02", on: "master" }),
}

describe(`requests as ${fixtures.madeBy} makes them`, () => {
  for (const { name, command, requests } of fixtures.captures) {
    test(`${name}: ${command}`, () => {
      const recorder = new Recorder()
      OURS[name]!(recorder)
      expect(requests).toHaveLength(1)
      expect(requestTree(recorder.only())).toBe(requestTree(Buffer.from(requests[0]!, "hex")))
    })
  }

  test("every encoder case has a captured command", () => {
    expect(Object.keys(OURS).sort()).toEqual(fixtures.captures.map((one) => one.name).sort())
  })
})

describe("the writer", () => {
  test("drops a request whose encoder threw, and leaves no old bytes in padding", () => {
    const recorder = new Recorder()
    recorder.writer.bytes.fill(255)
    expect(() => neigh.replace(recorder, { index: 2, ip: "10.65.10.3", mac: "not a MAC at all!" })).toThrow("not a MAC")
    neigh.replace(recorder, { index: 2, ip: "10.65.10.3", mac: MAC3 })
    const alone = new Recorder()
    neigh.replace(alone, { index: 2, ip: "10.65.10.3", mac: MAC3 })
    expect(Buffer.from(recorder.only()).toString("hex")).toBe(Buffer.from(alone.only()).toString("hex"))
  })

  test("grows, and a message stays what it was", () => {
    const writer = new MessageWriter(0)
    for (let i = 0; i < 1000; i++) {
      writer.begin(16, 1, i)
      writer.u32(i)
      writer.end()
    }
    const messages = parseMessages(Buffer.from(writer.bytes.subarray(0, writer.position)))
    expect(messages.map((one) => one.data.readUInt32LE(0))).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  test("npm's decoder reads the same link out of our bytes", () => {
    const recorder = new Recorder()
    OURS.bridge!(recorder)
    const [message] = parseMessages(Buffer.from(recorder.only()))
    const parsed = parseMessage(message!.type, message!.data)
    if (parsed.kind !== "link") throw new Error(parsed.kind)
    expect(parsed.attrs.ifname).toBe("br0")
    expect(parsed.attrs.mtu).toBe(1450)
    const again = new AttrStream()
    formatLinkMessage(parsed, again)
    const size = again.bufs.reduce((sum, bytes) => sum + bytes.length, 0)
    expect(size).toBe(message!.data.length)
  })
})
