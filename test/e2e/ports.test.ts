/** Published ports: who reaches them, by which address, and what stays shut. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { resolve } from "node:path"
import { OUTSIDE_UNDERLAY, TestCluster, type TestNode } from "../support/cluster.ts"
import { type Machine, until } from "../support/machine.ts"
import { describeAsRoot } from "../support/netns.ts"

/** Answers each connection, and each datagram, with a word and the address of who asks. */
const SERVER = `
const port = Number(process.argv.at(-2)), word = process.argv.at(-1)
const from = (address) => word + " to " + String(address).replace("::ffff:", "")
require("net").createServer((s) => s.on("error", () => {}).end(from(s.remoteAddress))).listen(port, "0.0.0.0")
const udp = require("dgram").createSocket("udp4")
udp.on("message", (_, who) => udp.send(from(who.address), who.port, who.address))
udp.bind(port)
`

/** Asks by UDP for as long as it lives, always from the same port, and prints each answer. */
const ASKER = `
const [address, port] = process.argv.slice(-2)
const udp = require("dgram").createSocket("udp4")
udp.on("message", (answer) => console.log(String(answer)))
udp.on("error", () => {})
udp.bind(45000)
setInterval(() => udp.send("?", Number(port), address), 20)
`

const FLUSH_RULESET = `${process.execPath} ${resolve(import.meta.dir, "../support/flush-ruleset.ts")}`

describeAsRoot("published ports", () => {
  let cluster: TestCluster
  let one: TestNode
  let two: TestNode
  beforeAll(async () => {
    cluster = await TestCluster.start({ nodes: ["n1", "n2"] })
    one = cluster.node("n1")
    two = cluster.node("n2")
    one.ovl("network create red --subnet 10.65.10.0/24")
    one.ovl("network create inner --subnet 10.65.30.0/24 --internal")
    serve(one, "web", "-p 8080:80,5300:53/udp,9000-9009:7000-7009,127.0.0.1:8081:80")
    one.ovl("run -d --network red --name neighbour")
    two.ovl("run -d --network red --name far")
    for (const port of [80, 53, 7004]) listen(one, "web", port)
  })
  afterAll(() => cluster.close())

  const listen = (node: TestNode, workload: string, port: number) => {
    node.machine.start(["ip", "netns", "exec", `ovl-${workload}`, process.execPath, "-e", SERVER, String(port), "web"])
    soon(() => node.machine.run(`ip netns exec ovl-${workload} ss -Hltn sport = ${port}`).includes(String(port)))
  }
  const serve = (node: TestNode, name: string, ports: string) =>
    node.ovl(`run -d --network red --name ${name} ${ports}`)

  const fromMachine = (machine: Machine, address: string, port: number) =>
    machine.try(["bash", "-c", ask(address, port)]).stdout
  const fromWorkload = (node: TestNode, workload: string, address: string, port: number) =>
    node.try(["exec", workload, "bash", "-c", ask(address, port)]).stdout

  test("from outside, and the workload sees who asks", () => {
    expect(fromMachine(cluster.outside, one.address, 8080)).toBe(`web to ${OUTSIDE_UNDERLAY}`)
    expect(fromMachine(cluster.outside, one.address, 9004)).toBe(`web to ${OUTSIDE_UNDERLAY}`)
    expect(cluster.outside.run(["bash", "-c", askUdp(one.address, 5300)])).toBe(`web to ${OUTSIDE_UNDERLAY}`)
    // What is published on 127.0.0.1 alone is not for the outside.
    expect(fromMachine(cluster.outside, one.address, 8081)).toBe("")
    expect(fromMachine(cluster.outside, one.address, 9010)).toBe("")
  })

  test("from the host itself, by any address of it", () => {
    expect(fromMachine(one.machine, one.address, 8080)).toBe(`web to ${one.address}`)
    expect(fromMachine(one.machine, "127.0.0.1", 8080)).toBe("web to 172.18.0.1")
    expect(fromMachine(one.machine, "127.0.0.1", 8081)).toBe("web to 172.18.0.1")
    expect(fromMachine(one.machine, "172.18.0.1", 8080)).toBe("web to 172.18.0.1")
    expect(one.machine.run(["bash", "-c", askUdp("127.0.0.1", 5300)])).toBe("web to 172.18.0.1")
  })

  test("from workloads: a neighbour, the workload itself, one of another node (pain 41)", () => {
    expect(fromWorkload(one, "neighbour", one.address, 8080)).toBe("web to 172.18.0.1")
    expect(fromWorkload(one, "neighbour", "172.18.0.1", 8080)).toBe("web to 172.18.0.1")
    expect(fromWorkload(one, "web", one.address, 8080)).toBe("web to 172.18.0.1")
    expect(fromWorkload(two, "far", one.address, 8080)).toBe(`web to ${two.address}`)
    // Not a second time by a shorter way, which a redirect would have told of and the ports do not let through.
    expect(fromWorkload(one, "neighbour", one.address, 8080)).toBe("web to 172.18.0.1")
    // What is not published stays shut.
    expect(fromWorkload(one, "neighbour", one.address, 8081)).toBe("")
    expect(fromWorkload(one, "neighbour", "172.18.0.2", 80)).toBe("")
  })

  test("a neighbour reaches it whether or not bridged frames pass the rules of the host (pain 41)", async () => {
    const isolated = (wanted: boolean) => () => {
      const device = `ovl${one.endpoint("web").id.slice(0, 12)}`
      return one.machine.run(`ip -d link show ${device}`).includes(wanted ? "isolated on" : "hairpin on")
    }
    for (const on of [false, true]) {
      one.machine.run(`sysctl -qw net.bridge.bridge-nf-call-iptables=${on ? 1 : 0}`)
      await until(isolated(!on), `bridged frames pass the rules: ${on}`, 15_000)
      expect(fromWorkload(one, "neighbour", one.address, 8080)).toBe("web to 172.18.0.1")
      expect(fromWorkload(one, "neighbour", one.address, 8080)).toBe("web to 172.18.0.1")
      expect(fromWorkload(one, "web", one.address, 8080)).toBe("web to 172.18.0.1")
      expect(fromWorkload(one, "neighbour", "172.18.0.2", 80)).toBe("")
    }
  })

  test("a port that somebody has is refused, with exit status 4, and nothing is left behind", () => {
    const refused = (ports: string) => {
      const done = one.try(`run -d --network red --name late ${ports} --json`)
      return [done.status, (JSON.parse(done.stderr) as { error: { code: string } }).error.code]
    }
    expect(refused("-p 8080:81")).toEqual([4, "port_taken"])
    expect(refused(`-p ${one.address}:9009:81`)).toEqual([4, "port_taken"])
    expect(refused("-p 8500:80")).toEqual([4, "port_taken"])
    expect(refused("-p 8300:80")).toEqual([4, "port_taken"])
    expect(refused("-p 81:81 -p 81:82")).toEqual([4, "port_taken"])
    expect(refused("-p 192.168.1.99:81:81")).toEqual([2, "address_not_here"])
    expect(refused("-p 4789:4789/udp")).toEqual([2, "port_mapping_invalid"])
    expect(one.try("run -d --network inner --name late -p 81:81").status).toBe(2)
    expect(one.json<{ name: string }[]>("ps").map((each) => each.name)).toEqual(["web", "neighbour"])
    // On another node, on another address, by the other protocol it is free.
    two.ovl("run -d --network red --name other -p 8080:80")
    two.ovl("rm --force other")
  })

  test("what is published is shown", () => {
    expect(one.endpoint("web").ports).toContainEqual({
      protocol: "tcp",
      address: null,
      hostPort: 9000,
      port: 7000,
      count: 10,
    })
    expect(one.ovl("ps")).toContain("0.0.0.0:8080->80/tcp, 0.0.0.0:5300->53/udp, 0.0.0.0:9000-9009->7000-7009/tcp")
    expect(one.endpoint("neighbour").ports).toEqual([])
  })

  test("the API on 127.0.0.1 stays shut to the network and to workloads, though such addresses pass on the bridge", () => {
    expect(one.machine.run("sysctl -n net.ipv4.conf.ovl_gwbridge.route_localnet").trim()).toBe("1")
    expect(one.machine.run("sysctl -n net.ipv4.conf.eth0.route_localnet").trim()).toBe("0")
    expect(fromMachine(one.machine, "127.0.0.1", 8500)).not.toBe("")
    const asks = (prefix: string[], device: string, gateway: string) => {
      // A namespace whose own 127.0.0.1 is a way to the node.
      one.machine.run([...prefix, "sysctl", "-qw", `net.ipv4.conf.${device}.route_localnet=1`])
      one.machine.run([...prefix, "ip", "addr", "flush", "dev", "lo"])
      one.machine.run([...prefix, "ip", "route", "add", "127.0.0.1", "via", gateway, "dev", device])
      return one.machine.try([...prefix, "bash", "-c", ask("127.0.0.1", 8500)]).stdout
    }
    const inside = ["ip", "netns", "exec", "ovl-neighbour"]
    expect(asks(inside, "eth1", "172.18.0.1")).toBe("")
    // With every other lock open, it is the first rule that keeps it out: and without that, it is open.
    one.machine.run("iptables -A OVL-USER -i ovl_gwbridge -j ACCEPT")
    const again = () => one.machine.try([...inside, "bash", "-c", ask("127.0.0.1", 8500)]).stdout
    expect(again()).toBe("")
    one.machine.run("iptables -t raw -I OVL-PREROUTING -j RETURN")
    expect(again()).toContain("400")
    one.machine.try("iptables -t raw -D OVL-PREROUTING -j RETURN")
    one.machine.run("iptables -F OVL-USER")
    const out = cluster.outside
    out.run("sysctl -qw net.ipv4.conf.eth0.route_localnet=1")
    out.run("ip addr del 127.0.0.1/8 dev lo")
    out.run(`ip route add 127.0.0.1 via ${one.address}`)
    expect(fromMachine(out, "127.0.0.1", 8500)).toBe("")
    expect(fromMachine(out, "127.0.0.1", 8081)).toBe("")
    out.run("ip route del 127.0.0.1")
    out.run("ip addr add 127.0.0.1/8 dev lo")
  })

  test("OVL-USER decides first", () => {
    one.machine.run(`iptables -A OVL-USER -s ${OUTSIDE_UNDERLAY} -p tcp --dport 80 -j DROP`)
    expect(fromMachine(cluster.outside, one.address, 8080)).toBe("")
    expect(fromMachine(one.machine, "127.0.0.1", 8080)).toBe("web to 172.18.0.1")
    one.machine.run("iptables -F OVL-USER")
    expect(fromMachine(cluster.outside, one.address, 8080)).not.toBe("")
  })

  test("a policy of DROP, Docker on the same host, and rules that somebody flushes do no harm", async () => {
    const reaches = () => fromMachine(cluster.outside, one.address, 8080) !== ""
    one.machine.sh("iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER")
    expect(reaches()).toBe(true)
    // As it stands after Docker has started again: its own chains come first, and drop what they do not know.
    one.machine.sh("iptables -A DOCKER-USER -j RETURN; iptables -I FORWARD 2 -i eth0 -j DROP")
    await until(() => one.machine.run("iptables -S DOCKER-USER").includes("OVL-FORWARD"), "the jump from DOCKER-USER")
    expect(reaches()).toBe(true)
    one.machine.run("iptables -F")
    await until(reaches, "it is reached again after iptables -F")
    one.machine.run(FLUSH_RULESET)
    await until(reaches, "it is reached again after nft flush ruleset")
    expect(fromMachine(one.machine, "127.0.0.1", 8080)).toBe("web to 172.18.0.1")
    one.machine.sh("iptables -P FORWARD ACCEPT")
  })

  test("a stream of UDP that never pauses follows the port: published, withdrawn, another workload's, made again", async () => {
    const asker = cluster.outside.start([process.execPath, "-e", ASKER, one.address, "5301"])
    const answers = () => asker.stdout.split("\n").slice(-2)[0] ?? ""
    // The kernel has begun to keep in mind that nobody answers there.
    await Bun.sleep(200)
    for (const name of ["first", "second"]) {
      serve(one, name, "-p 5301:53/udp")
      one.machine.start(["ip", "netns", "exec", `ovl-${name}`, process.execPath, "-e", SERVER, "53", name])
      const said = `${name} to ${OUTSIDE_UNDERLAY}`
      await until(
        () => answers() === said,
        () => `${name} is asked: ${answers()} ${asker.stderr}`,
      )
      one.machine.run(FLUSH_RULESET)
      await Bun.sleep(100)
      const before = asker.stdout.length
      await until(
        () => asker.stdout.slice(before).includes(said),
        () => `${name} is asked again after nft flush ruleset`,
      )
      // Nothing of it stays: the address of the workload may be another one's soon.
      one.ovl(`rm --force ${name}`)
      expect(one.machine.run("cat /proc/net/nf_conntrack")).not.toMatch(/dport=5301 .*src=172\.18\./)
    }
    asker.signal("SIGKILL")
  }, 60_000)

  test("a restart of the daemon keeps them; with the workload they go", async () => {
    await one.stop()
    expect(fromMachine(cluster.outside, one.address, 8080)).toBe(`web to ${OUTSIDE_UNDERLAY}`)
    await one.resume()
    expect(fromMachine(cluster.outside, one.address, 8080)).toBe(`web to ${OUTSIDE_UNDERLAY}`)
    one.ovl("rm --force web")
    expect(fromMachine(cluster.outside, one.address, 8080)).toBe("")
    expect(one.machine.run("iptables-save")).not.toMatch(/OVL-PORTS|OVL-OUTPUT|DNAT/)
    await until(
      () => one.machine.run("sysctl -n net.ipv4.conf.ovl_gwbridge.route_localnet").trim() === "0",
      "127.0.0.1 is no longer let through",
      15_000,
    )
    one.ovl("run -d --network red --name web -p 8080:80")
    one.ovl("rm --force web neighbour")
    expect(one.machine.run("iptables-save")).not.toContain("OVL-PREROUTING")
  })
})

/** A line of bash that prints what a TCP server says. */
function ask(address: string, port: number): string {
  return `timeout 1 bash -c 'exec 3<>/dev/tcp/${address}/${port}; printf "x\\r\\n\\r\\n" >&3; cat <&3' 2>/dev/null`
}

function askUdp(address: string, port: number): string {
  return `exec 3<>/dev/udp/${address}/${port}; printf x >&3; timeout 2 dd bs=100 count=1 status=none <&3 || true`
}

function soon(holds: () => boolean): void {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 200) throw new Error("did not come true")
    Bun.sleepSync(20)
  }
}
