/** What a command is given to work with: its values, the daemon's client, and the ways to speak to the caller. */
import type { Client } from "../client/client.ts"
import type { LabView } from "../lab/state.ts"
import type { ArgumentTable, ArgumentValues, Command, OptionTable, OptionValues } from "./command.ts"
import type { Io } from "./io.ts"
import type { Origin } from "./parse.ts"
import type { Style } from "./render/style.ts"
import { errorText } from "./report.ts"
import type { GivenOption } from "./words.ts"

/** The global options, with the socket's path worked out. */
export interface Settings {
  socket: string
  runDir: string
  /** The configuration file that was read, or would have been. */
  config: string
  json: boolean
  quiet: boolean
  verbose: boolean
  noColor: boolean
}

/** The outer world of a run of the command line: the real one in `run.ts`, a made one in tests. */
export interface World {
  io: Io
  now(): number
  sleep(ms: number): Promise<void>
  openClient(socket: string): Promise<Client>
  /** The labs of this machine, for root. Errors: lab_inside. */
  labs(): Promise<readonly LabView[]>
}

export interface ContextParts<O extends OptionTable, A extends ArgumentTable> {
  command: Command
  options: OptionValues<O>
  /** Where each option's value came from. */
  origins: Readonly<Record<string, Origin>>
  /** The options that stood on the line, as they stood there. */
  given: ReadonlyMap<string, GivenOption>
  arguments: ArgumentValues<A>
  settings: Settings
  world: World
  /** Style of stdout and of stderr: one may be a terminal and the other not. */
  style: Style
  errorStyle: Style
}

export class Context<O extends OptionTable = OptionTable, A extends ArgumentTable = ArgumentTable> {
  readonly command: Command
  readonly options: OptionValues<O>
  readonly origins: Readonly<Record<string, Origin>>
  readonly given: ReadonlyMap<string, GivenOption>
  readonly arguments: ArgumentValues<A>
  readonly settings: Settings
  readonly style: Style
  readonly errorStyle: Style
  readonly io: Io
  readonly #world: World
  #client: Promise<Client> | undefined

  constructor(parts: ContextParts<O, A>) {
    this.command = parts.command
    this.options = parts.options
    this.origins = parts.origins
    this.given = parts.given
    this.arguments = parts.arguments
    this.settings = parts.settings
    this.style = parts.style
    this.errorStyle = parts.errorStyle
    this.io = parts.world.io
    this.#world = parts.world
  }

  /** The client of the daemon that `--socket` names; made at the first use. */
  client(): Promise<Client> {
    this.#client ??= this.#world.openClient(this.settings.socket)
    return this.#client
  }

  /** The present, in milliseconds since the epoch. */
  now(): number {
    return this.#world.now()
  }

  sleep(ms: number): Promise<void> {
    return this.#world.sleep(ms)
  }

  /** Data, as it is. */
  write(chunk: string | Uint8Array): void {
    this.io.stdout(chunk)
  }

  /** Data, one line of it. */
  line(text: string): void {
    this.io.stdout(`${text}\n`)
  }

  /** Data, as one JSON document. */
  document(value: unknown): void {
    this.io.stdout(`${JSON.stringify(value, null, 2)}\n`)
  }

  /** With `--json` the document, without it the text. */
  answer(value: unknown, text: () => string): void {
    if (this.settings.json) this.document(value)
    else this.write(text())
  }

  /** Something for people, on stderr; nothing with `--quiet`. */
  remark(text: string): void {
    if (!this.settings.quiet) this.io.stderr(`${text}\n`)
  }

  /** Reports an error without ending the command. */
  report(thrown: unknown): void {
    const { json, verbose } = this.settings
    this.io.stderr(errorText(thrown, json, verbose, this.errorStyle))
  }
}
