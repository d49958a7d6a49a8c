/** The daemon's log: one line an event on stderr, a level, a message and fields. Data never goes here. */
export type LogLevel = "debug" | "info" | "warn" | "error"
export type LogFields = Record<string, string | number | boolean | null | undefined>

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

const ORDER: LogLevel[] = ["debug", "info", "warn", "error"]

/** A log that writes lines such as `2026-01-31T12:00:00.000Z info  peer joined node=swarm-02`; `now` gives the time stamp. */
export function lineLog(write: (line: string) => void, least: LogLevel, now: () => string): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (ORDER.indexOf(level) < ORDER.indexOf(least)) return
      const rest = Object.entries(fields)
        .filter(([, v]) => v !== undefined)
        .map(([k, v]) => ` ${k}=${quote(String(v))}`)
        .join("")
      write(`${now()} ${level.padEnd(5)} ${message}${rest}\n`)
    }
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }
}

function quote(text: string): string {
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(text)
}

export const silentLog: Log = lineLog(
  () => {},
  "error",
  () => "",
)
