/** The options of every command: where the daemon is, and how ovl speaks. They may stand before or after the verb. */
import { join } from "node:path"
import type { OptionTable, OptionValues } from "./command.ts"

export const DEFAULT_RUN_DIR = "/run/ovl"
export const DEFAULT_DATA_DIR = "/var/lib/ovl"
export const DEFAULT_CONFIG = "/etc/ovl/config.yaml"

export const GLOBAL_OPTIONS = {
  socket: {
    kind: "text",
    value: "PATH",
    config: "socket",
    description: "The daemon's socket (default: ovl.sock in the run directory)",
  },
  "run-dir": {
    kind: "text",
    value: "DIR",
    config: "run-dir",
    default: DEFAULT_RUN_DIR,
    description: "What does not outlive a reboot, the socket too",
  },
  config: {
    kind: "text",
    value: "FILE",
    config: "",
    default: DEFAULT_CONFIG,
    description: "Configuration file",
  },
  json: { kind: "flag", config: "json", description: "One JSON document on stdout; errors as JSON on stderr" },
  quiet: { kind: "flag", short: "q", config: "quiet", description: "Say less: no progress, no remarks" },
  verbose: { kind: "flag", short: "v", config: "verbose", description: "Say more" },
  "no-color": { kind: "flag", config: "no-color", description: "No colour (also NO_COLOR)" },
  help: { kind: "flag", short: "h", lineOnly: true, description: "Show help" },
  version: { kind: "flag", lineOnly: true, description: "Show the version" },
} as const satisfies OptionTable

export type GlobalValues = OptionValues<typeof GLOBAL_OPTIONS>

/** Where the daemon's socket is, by these options. */
export function socketOf(globals: GlobalValues): string {
  return globals.socket ?? join(globals["run-dir"], "ovl.sock")
}
