/** The hidden program behind the completion scripts: the words of the line so far in, candidates out. */
import type { Client } from "../../client/client.ts"
import { loadConfiguration } from "../config.ts"
import type { World } from "../context.ts"
import { GLOBAL_OPTIONS, type GlobalValues, socketOf } from "../globals.ts"
import { resolveOptions } from "../parse.ts"
import { configKeys } from "../registry.ts"
import { type GivenOption, isOption, takeOption } from "../words.ts"
import { completionText } from "./candidate.ts"
import { complete } from "./complete.ts"
import { liveNames, type LiveSources } from "./live.ts"

/** Resolves to the exit status, which is 0 whatever happens: a half-written line is no mistake. */
export async function completionProgram(words: readonly string[], world: World): Promise<number> {
  const sources: LiveSources = {
    client: () => clientOf(words, world),
    sleep: world.sleep,
    labs: labsHere,
  }
  const completion = await complete(words, (held, typed) => liveNames(held, typed, sources))
  world.io.stdout(completionText(completion))
  return 0
}

/** Of the daemon that the line, the environment or the configuration file names. */
async function clientOf(words: readonly string[], world: World): Promise<Client> {
  const { env } = world.io
  const given = globalsIn(words.slice(0, -1))
  const { config } = resolveOptions({ config: GLOBAL_OPTIONS.config }, null, given, env, new Map()).values
  const configuration = await loadConfiguration(config as string, configKeys())
  const { values } = resolveOptions(GLOBAL_OPTIONS, null, given, env, configuration)
  return world.openClient(socketOf(values as GlobalValues))
}

/** The global options that can be read; all the rest of the line is passed over. */
function globalsIn(words: readonly string[]): Map<string, GivenOption> {
  const given = new Map<string, GivenOption>()
  for (let at = 0; at < words.length && words[at] !== "--"; at++) {
    if (!isOption(words[at]!)) continue
    try {
      at += takeOption(given, words[at]!, words[at + 1], [GLOBAL_OPTIONS], "ovl")
    } catch {
      // An option of the verb, or one without its value yet.
    }
  }
  return given
}

async function labsHere(): Promise<{ name: string; hosts: readonly string[] }[]> {
  const { labList } = await import("../../lab/state.ts")
  return labList().map(({ name, hosts }) => ({ name, hosts: hosts.map((host) => host.name) }))
}
