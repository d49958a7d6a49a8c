/** Prometheus' text format (exposition format 0.0.4), taken apart as far as a daemon writes it. */

export interface Metric {
  name: string
  type: string
  help: string
  values: { labels: Record<string, string>; value: number }[]
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

export function parseMetrics(text: string): Metric[] {
  const metrics = new Map<string, Metric>()
  const named = (name: string): Metric => {
    const metric = metrics.get(name) ?? { name, type: "untyped", help: "", values: [] }
    metrics.set(name, metric)
    return metric
  }
  for (const line of text.split("\n")) {
    const [, what, about, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (what === "HELP") named(about!).help = rest!
    else if (what === "TYPE") named(about!).type = rest!
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? []
    if (name === undefined) continue
    const pairs = [...labels.matchAll(LABEL)].map(([, key, text]) => [key!, unescaped(text!)])
    named(name).values.push({ labels: Object.fromEntries(pairs), value: Number(value) })
  }
  return [...metrics.values()]
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character))
}
