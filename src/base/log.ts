/** The daemon's log: one line an event on stderr, a level, a message and fields. Data never goes here. */
export type LogLevel = "debug" | "info" | "warn" | "error"
/** The names that every line has already cannot be a field's. */
export type LogFields = Record<string, string | number | boolean | null | undefined> & {
  [reserved in "time" | "level" | "message"]?: never
}

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

const ORDER: LogLevel[] = ["debug", "info", "warn", "error"]

/** What one event looks like as a line, without the line's end. */
type LineOf = (time: string, level: LogLevel, message: string, fields: LogFields) => string

/** A log that writes lines such as `2026-01-31T12:00:00.000Z info  peer joined node=swarm-02`; `now` gives the time stamp. */
export function lineLog(write: (line: string) => void, least: LogLevel, now: () => string): Log {
  return logOf(write, least, now, (time, level, message, fields) => {
    const rest = Object.entries(fields)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => ` ${k}=${quote(String(v))}`)
      .join("")
    return `${time} ${level.padEnd(5)} ${message}${rest}`
  })
}

/** The same for programs: one JSON object a line, with `time`, `level` and `message`, and the fields beside them. */
export function jsonLog(write: (line: string) => void, least: LogLevel, now: () => string): Log {
  return logOf(write, least, now, (time, level, message, fields) => JSON.stringify({ time, level, message, ...fields }))
}

function logOf(write: (line: string) => void, least: LogLevel, now: () => string, lineOf: LineOf): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (ORDER.indexOf(level) >= ORDER.indexOf(least)) write(`${lineOf(now(), level, message, fields)}\n`)
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
