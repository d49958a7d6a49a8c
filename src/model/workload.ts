/** A workload that `ovl run` made: a namespace of its own on networks, with or without a command in it. */
import { z } from "zod"
import { NETWORKS_PER_WORKLOAD_MAX, PORT_MAPPINGS_PER_WORKLOAD_MAX } from "../base/limits.ts"
import { nameSchema } from "./names.ts"
import { portMappingSchema } from "./port-mapping.ts"

/** What `POST /api/v1/workloads` takes. */
export const runSpecSchema = z.strictObject({
  networks: z.array(z.string()).min(1).max(NETWORKS_PER_WORKLOAD_MAX),
  name: nameSchema.optional(),
  hostname: nameSchema.optional(),
  ip: z.string().optional(),
  ip6: z.string().optional(),
  mac: z.string().optional(),
  /** As `-p` takes them: `[ADDR:]HOST:PORT[/udp|tcp]`. */
  publish: z.array(z.string()).max(PORT_MAPPINGS_PER_WORKLOAD_MAX).optional(),
  env: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  /** True: the daemon starts the command behind a supervisor (`-d`). False: the caller starts it and reports its pid. */
  detach: z.boolean(),
  /** In the foreground: the process that asks, so that the workload ends with it even if it dies without a word. */
  pid: z.int().positive().optional(),
  /** Working directory of the command; the caller's. */
  cwd: z.string().optional(),
})
export type RunSpec = z.infer<typeof runSpecSchema>

export const workloadViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  node: z.string(),
  pid: z.int().nullable(),
  command: z.array(z.string()),
  status: z.enum(["running", "exited"]),
  exitCode: z.int().nullable(),
  networks: z.array(z.string()),
  ports: z.array(portMappingSchema),
  created: z.string(),
})
export type WorkloadView = z.infer<typeof workloadViewSchema>

/** What a program needs to put itself into a workload: `ovl run` in the foreground, `ovl exec`, the supervisor. */
export const enterSpecSchema = z.object({
  name: z.string(),
  /** Path of the network namespace. */
  netns: z.string(),
  hostname: z.string(),
  /** Files to bind over /etc/hosts, /etc/hostname, /etc/resolv.conf. */
  hosts: z.string(),
  hostnameFile: z.string(),
  resolvConf: z.string(),
  /** Directories that must not be seen inside. */
  hide: z.array(z.string()),
  /** A live process of the workload whose mount and UTS namespaces are to be joined; null: make new ones. */
  pid: z.int().nullable(),
  env: z.array(z.string()),
})
export type EnterSpec = z.infer<typeof enterSpecSchema>
