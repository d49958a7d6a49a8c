/**
 * One run of the command line: finds the verb, reads its options, runs it, and turns whatever comes of it into an exit
 * status. Arguments are checked completely before anything is opened or changed.
 */
import { asOvlError, notAvailable } from "../base/errors.ts"
import { callOf, type Command, nameOf, type OptionTable } from "./command.ts"
import { type Configuration, loadConfiguration } from "./config.ts"
import { Context, type Settings, type World } from "./context.ts"
import { GLOBAL_OPTIONS, type GlobalValues, socketOf } from "./globals.ts"
import { helpPage, verbPage } from "./help.ts"
import { BrokenPipe } from "./io.ts"
import { insteadOfLabs, isOwnDaemonMissing, withLabHint } from "./lab-hint.ts"
import { type BoundArguments, bindArguments, resolveOptions } from "./parse.ts"
import { configKeys, findVerb, VERSION_COMMAND } from "./registry.ts"
import { styleFor } from "./render/style.ts"
import { errorText } from "./report.ts"
import { type GivenOption, positionalsBeforeCommand, type SplitLine, splitLine, tablesOf } from "./words.ts"

const HELP = ["-h", "--help"]

/** Runs `argv` (without the program's own name) and resolves to the exit status. Never throws. */
export async function runCommandLine(argv: readonly string[], world: World): Promise<number> {
  try {
    return await dispatch(argv, world)
  } catch (thrown) {
    if (thrown instanceof BrokenPipe) return 0
    const { io } = world
    const asked = { json: asksFor(argv, ["--json"]), noColor: asksFor(argv, ["--no-color"]) }
    const json = asked.json || isTrue(io.env.OVL_JSON)
    const style = styleFor(io.stderrIsTerminal, asked.noColor, io.env)
    io.stderr(errorText(thrown, json, asksFor(argv, ["-v", "--verbose"]), style))
    return asOvlError(thrown).exitStatus
  }
}

async function dispatch(argv: readonly string[], world: World): Promise<number> {
  const found = findVerb(argv)
  const style = styleFor(world.io.stdoutIsTerminal, asksFor(argv, ["--no-color"]), world.io.env)
  if (found.type === "help") {
    world.io.stdout(helpPage(found.path, style))
    return 0
  }
  const { command } = found
  const showHelp = () => {
    world.io.stdout(verbPage(command, style))
    return 0
  }
  if (isOn(found.before, "help") || asksFor(found.rest, HELP, positionalsBeforeCommand(command))) return showHelp()
  if (command.unavailable) throw notAvailable(nameOf(command))
  const line = splitLine(found.rest, tablesOf(command), positionalsBeforeCommand(command), callOf(command))
  const options = merged(found.before, line.options)
  if (isOn(options, "help")) return showHelp()
  if (isOn(options, "version")) return runVerb(VERSION_COMMAND, { options, positionals: [], command: null }, world)
  return runVerb(command, { ...line, options }, world)
}

async function runVerb(command: Command, line: SplitLine, world: World): Promise<number> {
  const { env } = world.io
  const configuration = await readConfiguration(line.options, env)
  const globals = resolveOptions(GLOBAL_OPTIONS, null, line.options, env, configuration)
  const own = resolveOptions(command.options, command, line.options, env, configuration)
  refuseUnavailable(command, own.values)
  const args = bindArguments(command, line)
  await refuseWrong(command, own.values, args)
  const settings = settingsOf(globals.values as GlobalValues)
  const context = new Context<OptionTable>({
    command,
    options: own.values as Context["options"],
    origins: { ...globals.origins, ...own.origins },
    given: line.options,
    arguments: args as Context["arguments"],
    settings,
    world,
    style: styleFor(world.io.stdoutIsTerminal, settings.noColor, env),
    errorStyle: styleFor(world.io.stderrIsTerminal, settings.noColor, env),
  })
  try {
    return await command.run(context)
  } catch (thrown) {
    if (thrown instanceof BrokenPipe) return 0
    const mayBeLabs = world.io.isRoot && isOwnDaemonMissing(thrown, settings.socket)
    context.report(mayBeLabs ? withLabHint(thrown, await world.labs().catch(insteadOfLabs)) : thrown)
    return asOvlError(thrown).exitStatus
  }
}

function settingsOf(globals: GlobalValues): Settings {
  return {
    socket: socketOf(globals),
    runDir: globals["run-dir"],
    config: globals.config,
    json: globals.json,
    quiet: globals.quiet,
    verbose: globals.verbose,
    noColor: globals["no-color"],
  }
}

async function readConfiguration(
  line: ReadonlyMap<string, GivenOption>,
  env: World["io"]["env"],
): Promise<Configuration> {
  const { values } = resolveOptions({ config: GLOBAL_OPTIONS.config }, null, line, env, new Map())
  return loadConfiguration(values.config as string, configKeys())
}

/** What the contract names and this version has not is refused, wherever it was asked for. */
function refuseUnavailable(command: Command, options: Record<string, unknown>): void {
  for (const [name, option] of Object.entries(command.options)) {
    if (!option.unavailable) continue
    const value = options[name]
    const given = Array.isArray(value) ? value.length > 0 : value !== false && value !== undefined
    if (given) throw notAvailable(`${nameOf(command)} --${name}`)
  }
}

/** Values that are wrong in themselves, where the verb says what they hold. */
async function refuseWrong(command: Command, options: Record<string, unknown>, args: BoundArguments): Promise<void> {
  const tables = [command.options, command.arguments]
  if (!tables.some((table) => Object.values(table).some((each) => each.holds !== undefined))) return
  const { checkValues } = await import("./checks.ts")
  checkValues(command.arguments, args)
  checkValues(command.options, options)
}

/** Options before the verb and after it; of the same one, the later counts. */
function merged(before: ReadonlyMap<string, GivenOption>, after: Map<string, GivenOption>): Map<string, GivenOption> {
  return new Map([...before, ...after])
}

function isOn(options: ReadonlyMap<string, GivenOption>, name: string): boolean {
  return options.get(name)?.texts.at(-1) === "true"
}

function isTrue(text: string | undefined): boolean {
  return text === "1" || text?.toLowerCase() === "true"
}

/**
 * Whether one of the words stands in the line, looked for before the line has been understood: help is wanted most
 * where the rest is wrong, and an error must know its form. Words of somebody else's command do not count.
 */
function asksFor(words: readonly string[], wanted: readonly string[], positionals: number | null = null): boolean {
  let seen = 0
  for (const word of words) {
    if (word === "--" || (positionals !== null && seen > positionals)) return false
    if (wanted.includes(word)) return true
    if (!word.startsWith("-")) seen++
  }
  return false
}
