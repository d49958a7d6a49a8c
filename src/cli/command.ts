/**
 * What a command is: data, from which parsing, help, completion and the reference pages are all derived. A verb's file
 * says its path, its options and arguments, two examples and what it does; nothing about it is written anywhere else.
 * The types of `context.options` and `context.arguments` follow from what the command declares.
 */
import type { Context } from "./context.ts"

/**
 * What a value stands for, where there is a rule for it (`checks.ts`). `new network` is a name to be given; `network`
 * one that was given before, or an id.
 */
export type Held =
  | `new ${"network" | "workload" | "node"}`
  | ("network" | "workload" | "endpoint" | "node" | "token" | "lab" | "host")
  | ("address" | "ipv6" | "mac" | "ifname" | "ports" | "key" | "uint64" | "code")

interface OptionCommon {
  /** One letter: `d` for `-d`. */
  short?: string
  description: string
  /** Key in the configuration file, "" for none; by default the verb's path and the option's name. */
  config?: string
  /** Named in the contract, not built yet: giving it is refused, never ignored. */
  unavailable?: boolean
  /** Has neither a variable nor a key: `--help`. */
  lineOnly?: boolean
  /** Whoever has the value may do something with it: it is never shown. */
  secret?: boolean
  holds?: Held
  /** What completion offers where the value may be something else too: it is not checked. */
  suggests?: Held | readonly string[]
}

/** On or off; `--no-<name>` turns off what a variable or the configuration file turned on. */
export interface FlagOption extends OptionCommon {
  kind: "flag"
}

export interface TextOption extends OptionCommon {
  kind: "text"
  /** Placeholder of the value in help: `PATH`. */
  value: string
  default?: string
  choices?: readonly string[]
}

/** A whole number, or a duration (`90s`, `24h`, `1h30m`), which becomes milliseconds. */
export interface NumberOption extends OptionCommon {
  kind: "integer" | "duration"
  value: string
  default?: number
  min?: number
  max?: number
}

/** May be given several times, and holds several values separated by commas. */
export interface ListOption extends OptionCommon {
  kind: "list"
  value: string
}

/** `KEY=VALUE`, may be given several times. */
export interface PairOption extends OptionCommon {
  kind: "pair"
  value: string
  /** A bare `KEY` takes its value from the caller's environment, as docker's `-e` does. */
  inherit?: boolean
}

export type Option = FlagOption | TextOption | NumberOption | ListOption | PairOption
export type OptionTable = Readonly<Record<string, Option>>

export interface Argument {
  /** As help shows it: `NAME`. */
  name: string
  description: string
  required: boolean
  /** `one`, `many` (all that follow), or `command`: the rest of the line, options and all, untouched. */
  takes: "one" | "many" | "command"
  holds?: Held
  /** As of an option. */
  suggests?: Held | readonly string[]
  /** The only words that it may be. */
  choices?: readonly string[]
}
export type ArgumentTable = Readonly<Record<string, Argument>>

type ValueOf<O extends Option> = O extends FlagOption
  ? boolean
  : O extends ListOption | PairOption
    ? string[]
    : O extends { kind: "integer" | "duration" }
      ? O extends { default: number }
        ? number
        : number | undefined
      : O extends { default: string }
        ? string
        : string | undefined
export type OptionValues<O extends OptionTable> = { [K in keyof O]: ValueOf<O[K]> }

export type ArgumentValues<A extends ArgumentTable> = {
  [K in keyof A]: A[K]["takes"] extends "one" ? (A[K]["required"] extends true ? string : string | undefined) : string[]
}

export interface Example {
  what: string
  line: string
}

/** The tasks by which the first help page groups commands, in its order. */
export const TASKS = [
  "See it work",
  "Run a node",
  "Networks",
  "Workloads on this node",
  "Keys and values",
  "Look closer",
] as const
export type Task = (typeof TASKS)[number]

export interface Command<O extends OptionTable = OptionTable, A extends ArgumentTable = ArgumentTable> {
  path: readonly string[]
  /** Further paths: `network list` for `network ls`. */
  aliases?: readonly (readonly string[])[]
  task: Task
  /** One line, no full stop. */
  summary: string
  /** More, in whole sentences, for the verb's own page. */
  details?: string
  examples: readonly Example[]
  options: O
  arguments: A
  /** Named in the contract, not built yet. */
  unavailable?: boolean
  /** Resolves to the exit status. */
  run(context: Context<O, A>): Promise<number>
}

/** Gives a command its types; at run time it is the command itself. */
export function defineCommand<const O extends OptionTable, const A extends ArgumentTable>(
  command: Command<O, A>,
): Command {
  // A table holds commands of every shape: each run() is only ever called with what its own declaration produced.
  return command as unknown as Command
}

/** The environment variable of an option: `OVL_DATA_DIR` for `data-dir`. */
export function variableOf(optionName: string): string {
  return `OVL_${optionName.toUpperCase().replaceAll("-", "_")}`
}

/** Where an option stands in the configuration file, level by level; null where it cannot stand there. */
export function configKeyOf(command: Command | null, name: string, option: Option): string | null {
  if (option.lineOnly) return null
  if (option.config !== undefined) return option.config === "" ? null : option.config
  return [...(command?.path ?? []), name].join(".")
}

/** How errors name a command: `network create`. */
export function nameOf(command: Command): string {
  return command.path.join(" ")
}

/** How a command is called: `ovl network create`. */
export function callOf(command: Command): string {
  return `ovl ${nameOf(command)}`
}
