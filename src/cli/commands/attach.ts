import { resolve } from "node:path"
import { PID_MAX } from "../../base/limits.ts"
import type { AttachSpec } from "../../model/endpoint.ts"
import { defineCommand, type OptionTable } from "../command.ts"
import { patiently } from "../render/progress.ts"
import type { Context } from "../context.ts"
import { optionMissing, usageError } from "../usage.ts"

/** Of the interface that a namespace gets, also by `network connect`. With `--no-egress` no other one comes with it. */
export const INTERFACE_OPTIONS = {
  ifname: {
    kind: "text",
    value: "NAME",
    description: "The interface's name inside (default: the next free ethN)",
    holds: "ifname",
  },
  ip: { kind: "text", value: "ADDR", description: "Address (default: the next free)", holds: "address" },
  ip6: { kind: "text", value: "ADDR", description: "IPv6 address beside an IPv4 one", holds: "ipv6" },
  mac: { kind: "text", value: "MAC", description: "MAC (default: 02:42 and the address)", holds: "mac" },
  egress: { kind: "flag", description: "An egress interface and the default route, even where there is one" },
} as const satisfies OptionTable

/** Left out, the node decides by what the namespace has. */
export function egressWish({ options, origins }: { options: { egress: boolean }; origins: Context["origins"] }) {
  return origins.egress === "default" ? undefined : options.egress
}

export const attach = defineCommand({
  path: ["attach"],
  task: "Workloads on this node",
  summary: "Give an interface on a network to a namespace that somebody else made",
  details:
    "It becomes the first free ethN unless --ifname names it. A namespace that has a default route keeps it, and gets no egress interface, unless --egress asks for one; --no-egress asks for none in any case. Prints the endpoint's name, with which `ovl detach` takes it away.",
  examples: [
    {
      what: "A namespace of ip netns",
      line: "ip netns add h1\n  ovl attach --network red --netns /run/netns/h1 --name h1",
    },
    {
      what: "A container that runs",
      line: "ovl attach --network red --pid $(docker inspect -f '{{.State.Pid}}' web) --name web",
    },
  ],
  arguments: {},
  options: {
    network: { kind: "text", value: "NET", description: "Network to be on", holds: "network" },
    netns: { kind: "text", value: "PATH", description: "Path of the network namespace" },
    pid: { kind: "integer", value: "PID", min: 1, max: PID_MAX, description: "A process in it" },
    name: {
      kind: "text",
      value: "NAME",
      description: "The endpoint's name (default: one is made up)",
      holds: "new workload",
    },
    ...INTERFACE_OPTIONS,
  },
  async run(context) {
    const { options } = context
    const { netns, pid, network } = options
    if (network === undefined) throw optionMissing("attach", "--network", "name a network; `ovl network ls` lists them")
    if (netns === undefined && pid === undefined)
      throw optionMissing(
        "attach",
        "--netns or --pid",
        "say which namespace: --netns /run/netns/h1, or --pid of a process in it",
      )
    if (netns !== undefined && pid !== undefined)
      throw usageError("netns_and_pid", "attach: --netns and --pid: only one can be used", "leave one of them out")
    const spec: AttachSpec = {
      network,
      // A bare word is a name that `ip netns` knows.
      netns: netns?.includes("/") ? resolve(context.io.cwd(), netns) : netns,
      pid,
      name: options.name,
      ifname: options.ifname,
      ip: options.ip,
      ip6: options.ip6,
      mac: options.mac,
      egress: egressWish(context),
    }
    const client = await context.client()
    const endpoint = await patiently(context, client.attach(spec), `attaching to ${network}`)
    context.answer(endpoint, () => `${endpoint.name}\n`)
    return 0
  },
})
