/**
 * The netlink library against the real kernel: what it makes is read back by `ip` and `bridge`, and what they make is
 * listed by it. Everything happens in namespaces of the test's own.
 */
import { beforeAll, expect, test } from "bun:test"
import { addr, fdb, type Link, link, NetlinkError, NetlinkSocket, neigh, nsid, route } from "../../src/netlink/index.ts"
import { describeAsRoot, sandbox, type TestNamespace } from "../support/netns.ts"

interface IpLink {
  ifname: string
  ifindex: number
  mtu: number
  address: string
  flags: string[]
  master?: string
  ifalias?: string
  altnames?: string[]
  linkinfo?: { info_kind: string; info_data: Record<string, unknown>; info_slave_data?: Record<string, unknown> }
}

function ipLink(namespace: TestNamespace, name: string): IpLink {
  return namespace.json<IpLink[]>(`ip -j -d link show dev ${name}`)[0]!
}

function refusal(body: () => void): NetlinkError {
  try {
    body()
  } catch (error) {
    if (error instanceof NetlinkError) return error
    throw error
  }
  throw new Error("the kernel did not refuse")
}

/** The overlay's shape, made by us: a host, the hidden namespace, a workload. */
describeAsRoot("what we make, as ip and bridge see it", () => {
  const box = sandbox()
  let host: TestNamespace
  let hidden: TestNamespace
  let workload: TestNamespace
  let br0: number
  let vxlan1: number
  let veth0: number
  let eth0: Link

  beforeAll(() => {
    host = box.namespace("host")
    hidden = box.namespace("hidden")
    workload = box.namespace("workload")
    link.add(hidden.socket, {
      kind: "bridge",
      name: "br0",
      mac: "02:42:0a:41:0a:01",
      mtu: 1450,
      vlanDefaultPvid: 0,
      mcastSnooping: false,
      ageingSeconds: 120,
      up: true,
    })
    br0 = link.indexOf(hidden.socket, "br0")!
    link.add(host.socket, {
      kind: "vxlan",
      name: "vxlan1",
      vni: 256,
      local: "192.168.1.51",
      port: 4789,
      learning: false,
      proxy: true,
      mtu: 1450,
      namespace: hidden.fd,
      master: br0,
      up: true,
    })
    vxlan1 = link.indexOf(hidden.socket, "vxlan1")!
    link.add(host.socket, {
      kind: "veth",
      name: "veth0",
      mac: "02:00:00:00:00:77",
      mtu: 1450,
      namespace: hidden.fd,
      master: br0,
      up: true,
      peer: { name: "eth0", mac: "02:42:0a:41:0a:02", mtu: 1450, namespace: workload.fd },
    })
    veth0 = link.indexOf(hidden.socket, "veth0")!
    const batch = workload.socket.batch()
    link.set(batch, "lo", { up: true })
    link.set(batch, "eth0", { up: true, alias: "ovl endpoint namespace_01" })
    link.addAltname(batch, "eth0", "ovl-0123456789abcdef0123456789abcdef")
    batch.commit()
    eth0 = link.get(workload.socket, "eth0")!
  })

  test("bridge", () => {
    const seen = ipLink(hidden, "br0")
    expect(seen).toMatchObject({ mtu: 1450, address: "02:42:0a:41:0a:01" })
    expect(seen.flags).toContain("UP")
    expect(seen.linkinfo).toMatchObject({
      info_kind: "bridge",
      info_data: { mcast_snooping: 0, ageing_time: 12000 },
    })
    // Absent where the kernel is built without VLAN filtering; no `vlan 1` rows in either case.
    expect(seen.linkinfo?.info_data.vlan_default_pvid ?? 0).toBe(0)
    expect(hidden.run("bridge fdb show")).not.toContain("vlan 1")
  })

  test("vxlan, whose UDP socket stays in the host's namespace", () => {
    const seen = ipLink(hidden, "vxlan1")
    expect(seen).toMatchObject({ mtu: 1450, master: "br0" })
    expect(seen.linkinfo).toMatchObject({
      info_kind: "vxlan",
      info_data: { id: 256, local: "192.168.1.51", port: 4789, learning: false, proxy: true, udp_csum: true },
    })
    expect(seen.linkinfo?.info_data).not.toHaveProperty("link")
    const port = (4789).toString(16).toUpperCase()
    expect(host.run("cat /proc/thread-self/net/udp")).toContain(`:${port} `)
    expect(hidden.run("cat /proc/thread-self/net/udp")).not.toContain(`:${port} `)
    expect(host.json<IpLink[]>("ip -j link").map((one) => one.ifname)).toEqual(["lo"])
  })

  test("veth, both ends where they belong", () => {
    expect(ipLink(hidden, "veth0")).toMatchObject({ mtu: 1450, master: "br0", address: "02:00:00:00:00:77" })
    const seen = ipLink(workload, "eth0")
    expect(seen).toMatchObject({
      mtu: 1450,
      address: "02:42:0a:41:0a:02",
      ifalias: "ovl endpoint namespace_01",
      altnames: ["ovl-0123456789abcdef0123456789abcdef"],
    })
    expect(seen.flags).toContain("LOWER_UP")
  })

  test("port flags", () => {
    link.setPort(hidden.socket, veth0, { isolated: true, learning: false, locked: true })
    const [seen] = hidden.json<Record<string, unknown>[]>("bridge -j -d link show dev veth0")
    expect(seen).toMatchObject({ isolated: true, learning: false, locked: true, flood: true })
    expect(link.get(hidden.socket, veth0)?.port).toMatchObject({ isolated: true, learning: false, locked: true })
    link.setPort(hidden.socket, veth0, { isolated: false, learning: true, locked: false })
    expect(link.get(hidden.socket, veth0)?.port).toMatchObject({ isolated: false, learning: true, locked: false })
  })

  test("addresses and routes", () => {
    addr.add(workload.socket, { index: eth0.index, address: "10.65.10.2/24" })
    addr.add(workload.socket, { index: eth0.index, address: "fd00:65::2/64", nodad: true })
    route.add(workload.socket, { dst: "default", via: "10.65.10.1" })
    route.add(workload.socket, { dst: "10.99.0.0/16", via: "10.65.10.9", metric: 5 })
    route.replace(workload.socket, { dst: "10.99.0.0/16", via: "10.65.10.8", metric: 5 })
    const addresses = workload.run("ip -br address show dev eth0")
    expect(addresses).toContain("10.65.10.2/24 fd00:65::2/64")
    const routes = workload.run("ip route").trim().split("\n")
    expect(routes.map((line) => line.trim())).toEqual([
      "default via 10.65.10.1 dev eth0",
      "10.65.10.0/24 dev eth0 proto kernel scope link src 10.65.10.2",
      "10.99.0.0/16 via 10.65.10.8 dev eth0 metric 5",
    ])
    route.del(workload.socket, { dst: "10.99.0.0/16" })
    addr.del(workload.socket, { index: eth0.index, address: "fd00:65::2/64" })
    expect(workload.run("ip route show 10.99.0.0/16")).toBe("")
    expect(workload.run("ip -6 address show dev eth0 scope global")).toBe("")
  })

  test("neighbours and FDB rows", () => {
    // Else the bridge learns eth0's MAC anew from the IPv6 frames that the kernel sends by itself.
    link.setPort(hidden.socket, veth0, { learning: false })
    neigh.replace(hidden.socket, { index: vxlan1, ip: "10.65.10.3", mac: "02:42:0a:41:0a:99" })
    neigh.replace(hidden.socket, { index: vxlan1, ip: "10.65.10.3", mac: "02:42:0a:41:0a:03" })
    neigh.replace(hidden.socket, { index: br0, ip: "fd00:65::3", mac: "02:42:0a:41:0a:03" })
    neigh.replaceProxy(hidden.socket, { index: br0, ip: "10.65.10.77" })
    fdb.replace(hidden.socket, { index: vxlan1, mac: "02:42:0a:41:0a:03", dst: "192.168.1.99" })
    fdb.replace(hidden.socket, { index: vxlan1, mac: "02:42:0a:41:0a:03", dst: "192.168.1.52" })
    fdb.replace(hidden.socket, { index: veth0, mac: "02:42:0a:41:0a:02", on: "master" })
    const neighbours = hidden.run("ip neigh").trim().split("\n")
    expect(neighbours.map((line) => line.trim()).sort()).toEqual([
      "10.65.10.3 dev vxlan1 lladdr 02:42:0a:41:0a:03 PERMANENT",
      "fd00:65::3 dev br0 lladdr 02:42:0a:41:0a:03 PERMANENT",
    ])
    expect(hidden.run("ip neigh show proxy").trim()).toMatch(/^10\.65\.10\.77 dev br0\s+proxy$/)
    const rows = hidden.run("bridge fdb show").split("\n")
    expect(
      rows
        .filter((line) => line.startsWith("02:42:0a:41:0a:0"))
        .map((line) => line.trim())
        .sort(),
    ).toEqual([
      "02:42:0a:41:0a:01 dev br0 master br0 permanent",
      "02:42:0a:41:0a:02 dev veth0 master br0 static",
      "02:42:0a:41:0a:03 dev vxlan1 dst 192.168.1.52 link-netnsid 0 self permanent",
    ])
    neigh.del(hidden.socket, { index: vxlan1, ip: "10.65.10.3" })
    neigh.del(hidden.socket, { index: br0, ip: "fd00:65::3" })
    neigh.del(hidden.socket, { index: br0, ip: "10.65.10.77", proxy: true })
    fdb.del(hidden.socket, { index: vxlan1, mac: "02:42:0a:41:0a:03" })
    fdb.del(hidden.socket, { index: veth0, mac: "02:42:0a:41:0a:02", on: "master" })
    expect(hidden.run("ip neigh").trim()).toBe("")
    expect(hidden.run("ip neigh show proxy").trim()).toBe("")
    expect(hidden.run("bridge fdb show")).not.toMatch(/0a:0[23] dev/)
  })

  test("a vxlan made in one namespace, then moved and renamed", () => {
    link.add(host.socket, { kind: "vxlan", name: "tmp-vxlan", vni: 300, local: "192.168.1.51", port: 4789 })
    const index = link.indexOf(host.socket, "tmp-vxlan")!
    link.set(host.socket, index, { namespace: hidden.fd, name: "vxlan2", mtu: 1400 })
    expect(ipLink(hidden, "vxlan2")).toMatchObject({ mtu: 1400 })
    expect(link.indexOf(host.socket, "tmp-vxlan")).toBeNull()
    link.del(hidden.socket, "vxlan2")
  })

  test("indexes of one's own choice make one batch enough", () => {
    const batch = workload.socket.batch()
    link.add(batch, { kind: "bridge", name: "own", index: 4000 })
    link.add(batch, { kind: "veth", name: "a", index: 4001, master: 4000, peer: { name: "b", index: 4002 } })
    addr.add(batch, { index: 4000, address: "10.1.0.1/24" })
    batch.commit()
    expect(workload.json<IpLink[]>("ip -j link show master own").map((one) => [one.ifname, one.ifindex])).toEqual([
      ["a", 4001],
    ])
    link.del(workload.socket, "a")
    link.del(workload.socket, 4000)
    expect(link.get(workload.socket, "own")).toBeNull()
  })

  test("nsid", () => {
    const number = nsid.get(hidden.socket, workload.fd)
    expect(number).toBe(link.get(hidden.socket, veth0)!.linkNetnsid)
    expect(nsid.list(hidden.socket)).toContain(number!)
    expect(nsid.get(host.socket, host.fd)).toBeNull()
  })
})

describeAsRoot("what ip and bridge make, as we list it", () => {
  const box = sandbox()
  let here: TestNamespace

  beforeAll(() => {
    here = box.namespace("here")
    for (const command of [
      "ip link set lo up",
      "ip link add br1 address 02:00:00:00:00:b1 mtu 1400 up type bridge ageing_time 6000 mcast_snooping 0",
      "ip link add vx1 mtu 1400 master br1 type vxlan id 77 local 127.0.0.1 dstport 8472 l2miss l3miss noudpcsum ttl 9",
      "ip link add vx6 type vxlan id 78 local ::1 dstport 8472 dev lo",
      "ip link add va master br1 up type veth peer name vb",
      "ip link set vb up alias some-alias",
      "ip link property add dev vb altname other-name altname third-name",
      "bridge link set dev va isolated on hairpin on",
      "ip address add 10.5.0.1/24 broadcast 10.5.0.255 dev vb label vb:x",
      "ip address add fd05::1/64 dev vb nodad",
      "ip route add default via 10.5.0.254 metric 100 src 10.5.0.1",
      "ip route add blackhole 10.6.0.0/16",
      "ip route add 10.7.0.0/16 dev vb table 1234",
      "ip neigh add 10.5.0.9 lladdr 02:00:00:00:00:99 dev vb nud permanent",
      "ip neigh add 10.5.0.8 lladdr 02:00:00:00:00:98 dev vb nud stale",
      "ip neigh add proxy 10.5.0.7 dev vb",
      "bridge fdb add 02:00:00:00:00:55 dev vx1 dst 127.0.0.9 port 9999 vni 99 self permanent",
      "bridge fdb add 02:00:00:00:00:56 dev va master static",
    ]) {
      here.run(command)
    }
  })

  const indexOf = (name: string) => link.indexOf(here.socket, name)!

  test("links", () => {
    const links = link.list(here.socket)
    expect(links.map((one) => `${one.name} ${one.kind}`)).toEqual([
      "lo null",
      "br1 bridge",
      "vx1 vxlan",
      "vx6 vxlan",
      "vb veth",
      "va veth",
    ])
    const [, br1, vx1, vx6, vb, va] = links
    expect(br1).toMatchObject({ mac: "02:00:00:00:00:b1", mtu: 1400, up: true, master: null })
    expect(br1!.bridge).toMatchObject({ ageingSeconds: 60, mcastSnooping: false, vlanFiltering: false })
    expect(vx1).toMatchObject({ up: false, operState: "down", master: br1!.index })
    expect(vx1!.vxlan).toEqual({
      vni: 77,
      local: "127.0.0.1",
      port: 8472,
      device: null,
      learning: true,
      proxy: false,
      l2miss: true,
      l3miss: true,
      udpCsum: false,
      ttl: 9,
    })
    expect(vx6!.vxlan).toMatchObject({ vni: 78, local: "::1", device: 1 })
    expect(vb).toMatchObject({ alias: "some-alias", altnames: ["other-name", "third-name"], link: va!.index })
    expect(vb).toMatchObject({ linkNetnsid: null, lowerUp: true, operState: "up" })
    expect(va!.port).toMatchObject({ isolated: true, hairpin: true, learning: true, locked: false })
    expect(link.get(here.socket, "third-name")?.name).toBe("vb")
  })

  test("links by bridge and by kind", () => {
    const ports = link.list(here.socket, { master: indexOf("br1") })
    expect(ports.map((one) => one.name)).toEqual(["vx1", "va"])
    expect(link.list(here.socket, { kind: "vxlan" }).map((one) => one.name)).toEqual(["vx1", "vx6"])
    expect(link.list(here.socket, { kind: "no-such-kind" })).toEqual([])
  })

  test("addresses", () => {
    const found = addr.list(here.socket, { index: indexOf("vb"), family: 4 })
    expect(found).toMatchObject([
      { family: 4, address: "10.5.0.1", prefixLength: 24, broadcast: "10.5.0.255", label: "vb:x", permanent: true },
    ])
    const both = addr.list(here.socket, { index: indexOf("vb") }).map((one) => `${one.address}/${one.prefixLength}`)
    expect(both).toContain("fd05::1/64")
    expect(addr.list(here.socket).map((one) => one.address)).toContain("127.0.0.1")
  })

  test("routes", () => {
    const text = route
      .list(here.socket, { family: 4 })
      .map((one) => `${one.type} ${one.dst} via ${one.via} dev ${one.index} src ${one.source} metric ${one.metric}`)
    const vb = indexOf("vb")
    expect(text).toEqual([
      `unicast default via 10.5.0.254 dev ${vb} src 10.5.0.1 metric 100`,
      `unicast 10.5.0.0/24 via null dev ${vb} src 10.5.0.1 metric 0`,
      "blackhole 10.6.0.0/16 via null dev null src null metric 0",
    ])
    expect(route.list(here.socket, { table: 1234 }).map((one) => one.dst)).toEqual(["10.7.0.0/16"])
    expect(route.list(here.socket, { table: 4321 })).toEqual([])
    expect(route.list(here.socket, { index: 1 })).toEqual([])
  })

  test("neighbours and FDB rows", () => {
    const vb = indexOf("vb")
    const rows = neigh.list(here.socket, { index: vb, family: 4 }).map((one) => `${one.ip} ${one.mac} ${one.state}`)
    expect(rows.sort()).toEqual(["10.5.0.8 02:00:00:00:00:98 stale", "10.5.0.9 02:00:00:00:00:99 permanent"])
    expect(neigh.list(here.socket, { index: 1, family: 4 })).toEqual([])
    expect(neigh.list(here.socket, { proxy: true })).toMatchObject([{ index: vb, ip: "10.5.0.7", proxy: true }])
    const vx1 = indexOf("vx1")
    expect(fdb.list(here.socket, { index: vx1 }).filter((one) => one.on === "self")).toMatchObject([
      { mac: "02:00:00:00:00:55", dst: "127.0.0.9", port: 9999, vni: 99, state: "permanent" },
    ])
    const br1 = indexOf("br1")
    const bridged = fdb.list(here.socket, { bridge: br1 })
    expect(bridged.find((one) => one.mac === "02:00:00:00:00:56")).toMatchObject({
      index: indexOf("va"),
      on: "master",
      state: "static",
      master: br1,
    })
  })
})

describeAsRoot("batches and refusals", () => {
  const box = sandbox()
  let here: TestNamespace
  let vx: number

  beforeAll(() => {
    here = box.namespace("here")
    link.add(here.socket, { kind: "vxlan", name: "vx", vni: 5, local: "127.0.0.1", port: 4789, learning: false })
    vx = link.indexOf(here.socket, "vx")!
  })

  const mac = (i: number) =>
    `02:42:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`

  test("a refusal tells what, why, and in the kernel's words", () => {
    const taken = refusal(() =>
      link.add(here.socket, { kind: "vxlan", name: "vx2", vni: 5, local: "127.0.0.1", port: 4789 }),
    )
    expect(taken).toMatchObject({ errnoName: "EEXIST", kind: "conflict", index: 0 })
    expect(taken.extended).toBe("A VXLAN device with the specified VNI already exists")
    expect(taken.message).toBe(`link add vx2 type vxlan id 5 dstport 4789: EEXIST, ${taken.extended}`)
    const missing = refusal(() => link.del(here.socket, "nobody"))
    expect(missing).toMatchObject({ errnoName: "ENODEV", kind: "not_found", request: "link del nobody" })
    const long = refusal(() => link.add(here.socket, { kind: "bridge", name: "a-name-of-more-than-15" }))
    expect(long).toMatchObject({ errnoName: "ERANGE", kind: "invalid" })
    // The socket is none the worse for it.
    expect(link.list(here.socket).map((one) => one.name)).toEqual(["lo", "vx"])
  })

  test("each refused request of a batch is named, the others are done", () => {
    const batch = here.socket.batch()
    for (let i = 0; i < 1000; i++) {
      if (i === 0 || i === 255 || i === 256 || i === 999) fdb.del(batch, { index: vx, mac: "02:42:ff:ff:ff:ff" })
      else fdb.replace(batch, { index: vx, mac: mac(i), dst: "127.0.0.2" })
    }
    expect(batch.length).toBe(1000)
    const { sent, failures } = batch.send()
    expect(sent).toBe(1000)
    expect(failures.map((one) => `${one.index} ${one.errnoName} ${one.request}`)).toEqual(
      [0, 255, 256, 999].map((i) => `${i} ENOENT fdb del 02:42:ff:ff:ff:ff dev if${vx} self`),
    )
    expect(batch.length).toBe(0)
    expect(fdb.list(here.socket, { index: vx })).toHaveLength(996)
  })

  test("a batch in which everything is refused", () => {
    const batch = here.socket.batch()
    for (let i = 0; i < 3000; i++) neigh.del(batch, { index: vx, ip: "10.1.1.1" })
    expect(batch.send().failures).toHaveLength(3000)
    neigh.del(batch, { index: vx, ip: "10.1.1.1" })
    expect(() => batch.commit()).toThrow("neigh del 10.1.1.1")
    neigh.del(batch, { index: vx, ip: "10.1.1.1" })
    batch.commit(["ENOENT"])
    batch.commit()
  })

  test("ten thousand peers, listed back whole", () => {
    const batch = here.socket.batch()
    for (let i = 0; i < 10_000; i++) {
      fdb.replace(batch, { index: vx, mac: mac(i), dst: "127.0.0.3" })
      neigh.replace(batch, { index: vx, ip: `10.9.${i >> 8}.${i & 255}`, mac: mac(i) })
    }
    batch.commit()
    const rows = fdb.list(here.socket, { index: vx })
    expect(rows).toHaveLength(10_000)
    expect(new Set(rows.map((one) => one.mac)).size).toBe(10_000)
    expect(rows.every((one) => one.dst === "127.0.0.3")).toBe(true)
    const neighbours = neigh.list(here.socket, { index: vx, family: 4 })
    expect(new Set(neighbours.map((one) => one.ip)).size).toBe(10_000)
    expect(here.run("ip -4 neigh show dev vx").trim().split("\n")).toHaveLength(10_000)
  })

  test("an encoder that throws leaves the batch as it was", () => {
    const batch = here.socket.batch()
    neigh.replace(batch, { index: vx, ip: "10.1.2.3", mac: mac(1) })
    expect(() => neigh.replace(batch, { index: vx, ip: "10.1.2.4", mac: "rubbish" })).toThrow("not a MAC address")
    neigh.replace(batch, { index: vx, ip: "10.1.2.5", mac: mac(1) })
    expect(batch.length).toBe(2)
    batch.commit()
    const found = neigh.list(here.socket, { index: vx }).filter((one) => one.ip.startsWith("10.1.2."))
    expect(found.map((one) => one.ip).sort()).toEqual(["10.1.2.3", "10.1.2.5"])
  })

  test("a socket stays in its namespace, wherever the thread goes, and after its path is gone", () => {
    const other = box.namespace("other")
    using socket = NetlinkSocket.open({ namespace: here.fd })
    expect(link.indexOf(socket, "vx")).toBe(vx)
    expect(link.indexOf(other.socket, "vx")).toBeNull()
    expect(link.list(NetlinkSocket.open()).some((one) => one.name === "vx")).toBe(false)
    expect(() => NetlinkSocket.open({ namespace: "/nowhere" })).toThrow("open /nowhere: ENOENT")
    expect(() => NetlinkSocket.open({ namespace: "/etc/passwd" })).toThrow("not a network namespace")
  })
})
